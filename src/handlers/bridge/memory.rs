//! What a bridge remembers: which messages are the same one in several rooms, and what it has said lately.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greenroom_actors::clock::{self, Instant};
use greenroom_actors::event::Id;

/// A message: the number of its room, and its id there.
pub(super) type Place = (usize, Id);

/// The memory of one bridge, shared by all that carry for it. It outlives their restarts, and ends with the process.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    /// By original: its copies, by room. An edit may be here before the first of them.
    copies: Bounded<Place, Vec<Copies>>,
    /// By copy: its original.
    originals: Bounded<Place, Place>,
    lines: VecDeque<Line>,
}

/// What became of a message in one room.
#[derive(Clone, Debug, Default)]
struct Copies {
    room: usize,
    /// The messages that it was cut into.
    ids: Vec<Id>,
    amendment: Option<Amendment>,
}

/// What happened to a message before it was carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Amendment {
    /// It was changed, and is this now.
    Changed(String),
    /// It was taken back.
    Withdrawn,
}

/// Something that was said for somebody.
#[derive(Debug)]
struct Line {
    text: String,
    from: usize,
    author: Id,
    at: Instant,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what `original` is in `room`, as far as it was said there.
    pub(super) fn copies(&self, original: &Place, room: usize) -> Vec<Id> {
        let kept = self.lock();
        let all = kept.copies.get(original).into_iter().flatten();
        let mut here = all.filter(|copies| copies.room == room);
        here.next()
            .map_or_else(Vec::new, |copies| copies.ids.clone())
    }

    /// Notes that a part of `original` was said in `room`.
    pub(super) fn said(&self, original: &Place, room: usize, id: Id) {
        let mut kept = self.lock();
        if !id.is_none() {
            kept.originals.insert((room, id.clone()), original.clone());
        }
        kept.copies_in(original, room).ids.push(id);
    }

    /// Forgets the copies in `room`.
    pub(super) fn forget(&self, original: &Place, room: usize) {
        self.lock().copies_in(original, room).ids.clear();
    }

    /// Returns what the message `place` is in `room`: the original of a copy, or a copy of an original, or another copy of the same one.
    pub(super) fn counterpart(&self, place: &Place, room: usize) -> Option<Id> {
        let original = self.lock().originals.get(place).cloned();
        let original = original.unwrap_or_else(|| place.clone());
        match original.0 == room {
            true => Some(original.1).filter(|_| place.0 != room),
            false => self.copies(&original, room).into_iter().next(),
        }
    }

    /// Notes what happened to a message that is not in `room` yet, or is being said there.
    pub(super) fn amend(&self, original: &Place, room: usize, amendment: Amendment) {
        self.lock().copies_in(original, room).amendment = Some(amendment);
    }

    /// Takes what has happened to a message meanwhile.
    pub(super) fn amendment(&self, original: &Place, room: usize) -> Option<Amendment> {
        let mut kept = self.lock();
        let all = kept.copies.get_mut(original)?;
        let here = all.iter_mut().find(|copies| copies.room == room)?;
        here.amendment.take()
    }

    /// Notes what is said for `author`, who is in room `from`.
    pub(super) fn spoke(&self, text: &str, from: usize, author: &Id) {
        let mut kept = self.lock();
        if kept.lines.len() >= LINES {
            kept.lines.pop_front();
        }
        kept.lines.push_back(Line {
            text: text.to_owned(),
            from,
            author: author.clone(),
            at: clock::now(),
        });
    }

    /// Says whether a message is what this bridge has carried out of its very room, come back by another bridge.
    pub(super) fn is_echo(&self, text: &str, room: usize, author: &Id) -> bool {
        let now = clock::now();
        let kept = self.lock();
        kept.lines.iter().rev().any(|line| {
            line.from == room
                && line.author != *author
                && now.saturating_duration_since(line.at) < ECHO
                && text.contains(&line.text)
        })
    }
}

impl Kept {
    fn copies_in(&mut self, original: &Place, room: usize) -> &mut Copies {
        let all = self.copies.entry(original);
        let at = all.iter().position(|copies| copies.room == room);
        let at = at.unwrap_or_else(|| {
            all.push(Copies {
                room,
                ..Copies::default()
            });
            all.len() - 1
        });
        &mut all[at]
    }
}

/// A map that forgets what came first.
#[derive(Debug)]
struct Bounded<K, V> {
    map: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Self {
            map: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<K: Clone + Eq + std::hash::Hash, V> Bounded<K, V> {
    fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.map.get_mut(key)
    }

    fn make_room_for(&mut self, key: &K) {
        if self.map.contains_key(key) {
            return;
        }
        if self.order.len() >= MESSAGES
            && let Some(oldest) = self.order.pop_front()
        {
            self.map.remove(&oldest);
        }
        self.order.push_back(key.clone());
    }

    fn insert(&mut self, key: K, value: V) {
        self.make_room_for(&key);
        self.map.insert(key, value);
    }

    fn entry(&mut self, key: &K) -> &mut V
    where
        V: Default,
    {
        self.make_room_for(key);
        self.map.entry(key.clone()).or_default()
    }
}

/// So many messages can still be changed, taken back and reacted to in the other rooms.
const MESSAGES: usize = 10_000;
/// So many lines are known again when they come back,
const LINES: usize = 1_000;
/// within this time.
const ECHO: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_copy_leads_to_all_others() {
        let memory = Memory::default();
        let original = (0, Id::from(7));
        memory.said(&original, 1, Id::from("a"));
        memory.said(&original, 1, Id::from("b"));
        memory.said(&original, 2, Id::from("c"));
        assert_eq!(memory.copies(&original, 1), [Id::from("a"), Id::from("b")]);
        assert_eq!(
            memory.counterpart(&(1, Id::from("b")), 0),
            Some(Id::from(7))
        );
        assert_eq!(
            memory.counterpart(&(1, Id::from("b")), 2),
            Some(Id::from("c"))
        );
        assert_eq!(memory.counterpart(&original, 2), Some(Id::from("c")));
        assert_eq!(
            memory.counterpart(&original, 0),
            None,
            "that is where it is"
        );
        assert_eq!(memory.counterpart(&(1, Id::from("x")), 0), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_back_is_known_for_a_while_and_quoting_is_not_coming_back() {
        let memory = Memory::default();
        let (alice, other) = (Id::from("alice"), Id::from("other bridge"));
        memory.spoke("alice: hi", 0, &alice);
        assert!(memory.is_echo("bridge: alice: hi", 0, &other));
        assert!(
            !memory.is_echo("bridge: alice: hi", 1, &other),
            "a quote where it was carried to"
        );
        assert!(!memory.is_echo("alice: hi", 0, &alice), "her own words");
        tokio::time::advance(ECHO).await;
        assert!(!memory.is_echo("bridge: alice: hi", 0, &other));
    }

    #[test]
    fn it_does_not_grow() {
        let memory = Memory::default();
        for id in 0..25_000_i64 {
            memory.said(&(0, Id::from(id)), 1, Id::from(id));
            memory.spoke("x", 0, &Id::NONE);
        }
        let kept = memory.lock();
        assert_eq!(
            (kept.copies.map.len(), kept.originals.map.len()),
            (MESSAGES, MESSAGES)
        );
        assert_eq!(
            (kept.copies.order.len(), kept.lines.len()),
            (MESSAGES, LINES)
        );
    }
}
