//! The dead letters of a bot, and what a shutdown left over.

use std::any::TypeId;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::letter::{DeadLetter, Reason, Ticket};
use super::selection::Selection;
use crate::event::{Event, Payload};
use crate::router::HandlerFailed;
use crate::store::{Bounds, Shelf, Store, StoreError};

/// Keeps the newest dead letters, and counts all of them. Clones are the same.
///
/// They are in memory until [`keep_in`](Self::keep_in) gives them a store. Beyond 10,000 letters or 64 MiB the oldest go, counted.
/// Adding one never waits for the disk.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    shelves: Mutex<Shelves>,
    by_reason: [AtomicU64; Reason::KINDS.len()],
    evicted: AtomicU64,
    unkept: AtomicU64,
    stopping: AtomicBool,
}

#[derive(Debug)]
struct Shelves {
    dead: Shelf<DeadLetter>,
    left: Shelf<DeadLetter>,
    next: u64,
    /// The dead letters that are on their way once more.
    replaying: BTreeSet<u64>,
    is_durable: bool,
}

/// How many letters are kept, and what could not be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Kept {
    /// Dead letters that are kept.
    pub letters: u64,
    /// The length of them.
    pub bytes: u64,
    /// Events that a shutdown left over and that no registration has taken yet.
    pub leftovers: u64,
    /// Dead letters since the start, those that died again included.
    pub total: u64,
    /// Dead letters that made room for newer ones since the start.
    pub evicted: u64,
    /// Letters that the store did not take since the start: they are in the log only, without their payload.
    pub unkept: u64,
}

impl Default for DeadLetters {
    /// Keeps them in memory.
    fn default() -> Self {
        let store = Store::temporary();
        // A store in memory has no disk to fail.
        match Shelves::open(&store) {
            Ok(shelves) => Self::new(shelves),
            Err(error) => unreachable!("{error}"),
        }
    }
}

impl Shelves {
    fn open(store: &Store) -> Result<Self, StoreError> {
        let bounds = Bounds::default();
        let dead = store.shelf("dead-letters", bounds)?;
        let left = store.shelf("leftovers", bounds.entries(100_000))?;
        let last = dead.last_key()?.max(left.last_key()?);
        let last = last.and_then(|key| <[u8; 8]>::try_from(key).ok());
        Ok(Self {
            dead,
            left,
            next: last.map_or(1, |key| u64::from_be_bytes(key).saturating_add(1)),
            replaying: BTreeSet::new(),
            is_durable: store.path().is_some(),
        })
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Puts a letter among the dead; returns how many made room for it.
    fn bury(&mut self, letter: &mut DeadLetter) -> Result<u64, StoreError> {
        let mut evicted = 0;
        loop {
            match self.dead.put(letter.number.to_be_bytes(), letter) {
                Err(StoreError::Oversized { length, .. }) if letter.omitted_bytes.is_none() => {
                    letter.omitted_bytes = Some(length as u64);
                    letter.payload = serde_json::Value::Null;
                }
                Err(StoreError::Full { .. }) if self.evict()? => evicted += 1,
                other => return other.map(|()| evicted),
            }
        }
    }

    fn evict(&mut self) -> Result<bool, StoreError> {
        match self.dead.first_key()? {
            Some(key) => self.dead.remove(key),
            None => Ok(false),
        }
    }
}

/// Tells that a handler has given up an event, but for events that tell just that.
fn tell<T: Payload>(handler: &str, event: &Event<T>, attempts: u32, reason: &str) {
    let topic = event.envelope().origin.router().topic::<HandlerFailed>();
    if !topic.is_wanted() || TypeId::of::<T>() == TypeId::of::<HandlerFailed>() {
        return;
    }
    // Whoever has no room for it misses it, which is logged and counted: a handler that fails waits for nobody.
    drop(event.emit(HandlerFailed {
        handler: handler.to_owned(),
        event: Event::<T>::name().to_owned(),
        attempts,
        reason: reason.to_owned(),
    }));
}

impl DeadLetters {
    fn new(shelves: Shelves) -> Self {
        Self {
            shared: Arc::new(Shared {
                shelves: Mutex::new(shelves),
                by_reason: Default::default(),
                evicted: AtomicU64::new(0),
                unkept: AtomicU64::new(0),
                stopping: AtomicBool::new(false),
            }),
        }
    }

    /// Opens those that `store` keeps.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn open(store: &Store) -> Result<Self, StoreError> {
        Shelves::open(store).map(Self::new)
    }

    /// Keeps them in `store` from now on, those included that were in memory until now.
    ///
    /// # Errors
    ///
    /// If the store cannot be read or written.
    pub fn keep_in(&self, store: &Store) -> Result<(), StoreError> {
        let mut shelves = Shelves::open(store)?;
        let current = &mut *self.shelves();
        for (_, mut letter) in current.dead.range(Bound::Unbounded, usize::MAX)? {
            letter.number = shelves.number();
            shelves.bury(&mut letter)?;
        }
        *current = shelves;
        Ok(())
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shared
            .shelves
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, what a handler cannot take any more is left for the next start, if there is a store.
    pub(crate) fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.shared.stopping.load(Ordering::Relaxed)
    }

    /// An event has died; a letter that was replayed stays the one letter that it was.
    pub(crate) fn bury<T: Payload>(
        &self,
        handler: &str,
        event: &Event<T>,
        attempts: u32,
        reason: Reason,
    ) {
        let mut letter = DeadLetter::new(handler, event, attempts, reason);
        tracing::error!(
            handler, event = letter.event, id = %letter.id, channel = %letter.channel, attempts,
            reason = ?letter.reason, "dead letter"
        );
        self.shared.by_reason[letter.reason.place()].fetch_add(1, Ordering::Relaxed);
        if let Reason::Failed(reason) = &letter.reason {
            tell(handler, event, attempts, reason);
        }
        let shelves = &mut *self.shelves();
        let before = match event.ticket() {
            Some(Ticket::Dead(number)) => {
                shelves.replaying.remove(&number);
                self.checked(shelves.dead.get(number.to_be_bytes()))
                    .flatten()
            }
            Some(Ticket::Left(number)) => {
                self.checked(shelves.left.remove(number.to_be_bytes()));
                None
            }
            None => None,
        };
        match before {
            Some(before) => {
                letter.number = before.number;
                letter.replays = before.replays.saturating_add(1);
            }
            None => letter.number = shelves.number(),
        }
        let evicted = self.checked(shelves.bury(&mut letter)).unwrap_or_default();
        self.shared.evicted.fetch_add(evicted, Ordering::Relaxed);
    }

    /// A handler will not take this event any more; returns whether it is left for the next start instead of dead.
    pub(crate) fn leave<T: Payload>(&self, handler: &str, event: &Event<T>, attempts: u32) -> bool {
        if !self.is_stopping() {
            self.bury(handler, event, attempts, Reason::Stopped);
            return false;
        }
        let kept = {
            let shelves = &mut *self.shelves();
            match event.ticket() {
                _ if !shelves.is_durable => false,
                Some(Ticket::Dead(number)) => {
                    shelves.replaying.remove(&number);
                    let change = |letter: &mut DeadLetter| letter.requested = true;
                    self.checked(update(&shelves.dead, number, change)) == Some(true)
                }
                ticket => {
                    let mut letter = DeadLetter::new(handler, event, attempts, Reason::Stopped);
                    letter.number = match ticket {
                        Some(Ticket::Left(number)) => number,
                        _ => shelves.number(),
                    };
                    let key = letter.number.to_be_bytes();
                    match shelves.left.put(key, &letter) {
                        Ok(()) => true,
                        Err(error) => {
                            tracing::error!(handler, %error, "an event cannot be kept for the next start");
                            false
                        }
                    }
                }
            }
        };
        if !kept {
            self.bury(handler, event, attempts, Reason::Stopped);
        }
        kept
    }

    /// What was delivered once more is done with.
    pub(crate) fn settled(&self, ticket: Ticket) {
        let shelves = &mut *self.shelves();
        match ticket {
            Ticket::Dead(number) => {
                shelves.replaying.remove(&number);
                self.checked(shelves.dead.remove(number.to_be_bytes()));
            }
            Ticket::Left(number) => {
                self.checked(shelves.left.remove(number.to_be_bytes()));
            }
        }
    }

    /// What was delivered once more was skipped: a dead letter stays, with a note.
    pub(crate) fn skipped(&self, ticket: Ticket, why: &str) {
        match ticket {
            Ticket::Left(_) => self.settled(ticket),
            Ticket::Dead(number) => self.not_replayed(number, format!("skipped: {why}"), 1),
        }
    }

    /// Notes why a replay came to nothing.
    pub(crate) fn not_replayed(&self, number: u64, note: String, replays: u32) {
        let shelves = &mut *self.shelves();
        shelves.replaying.remove(&number);
        let change = |letter: &mut DeadLetter| {
            letter.note = Some(note);
            letter.replays = letter.replays.saturating_add(replays);
            letter.requested = false;
        };
        self.checked(update(&shelves.dead, number, change));
    }

    /// Takes a letter for a replay; `None` if it is on its way already.
    pub(crate) fn begin_replay(&self, number: u64) -> bool {
        self.shelves().replaying.insert(number)
    }

    /// Returns what a shutdown left over, in order.
    pub(crate) fn leftovers(&self) -> Result<Vec<DeadLetter>, StoreError> {
        let found = self.shelves().left.range(Bound::Unbounded, usize::MAX)?;
        Ok(found.into_iter().map(|(_, letter)| letter).collect())
    }

    /// Counts a letter that the store did not take.
    fn checked<R>(&self, outcome: Result<R, StoreError>) -> Option<R> {
        if let Err(error) = &outcome {
            self.shared.unkept.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, "a dead letter could not be kept");
        }
        outcome.ok()
    }

    /// Returns the letters that are meant, oldest first.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn select(&self, selection: &Selection) -> Result<Vec<DeadLetter>, StoreError> {
        let dead = self.shelves().dead.clone();
        select(&dead, selection)
    }

    /// Returns those events that are meant of what a shutdown left over, oldest first. Their numbers are of the same row as those of
    /// the dead letters.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn select_leftovers(&self, selection: &Selection) -> Result<Vec<DeadLetter>, StoreError> {
        let left = self.shelves().left.clone();
        select(&left, selection)
    }

    /// Removes for good what a shutdown left over, as far as it is meant; returns how many.
    ///
    /// # Errors
    ///
    /// If the store cannot be read or written; some may have been removed.
    pub fn purge_leftovers(&self, selection: &Selection) -> Result<u64, StoreError> {
        let mut purged = 0;
        for letter in self.select_leftovers(selection)? {
            purged += u64::from(self.shelves().left.remove(letter.number.to_be_bytes())?);
        }
        Ok(purged)
    }

    /// Returns all that are kept, oldest first; none if the store cannot be read.
    #[must_use]
    pub fn list(&self) -> Vec<DeadLetter> {
        let all = self.select(&Selection::default());
        all.inspect_err(|error| tracing::error!(%error, "cannot list the dead letters"))
            .unwrap_or_default()
    }

    /// Returns one.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn show(&self, number: u64) -> Result<Option<DeadLetter>, StoreError> {
        self.shelves().dead.get(number.to_be_bytes())
    }

    /// Removes letters for good; returns how many.
    ///
    /// # Errors
    ///
    /// If the store cannot be read or written; some may have been removed.
    pub fn purge(&self, selection: &Selection) -> Result<u64, StoreError> {
        let mut purged = 0;
        for letter in self.select(selection)? {
            purged += u64::from(self.shelves().dead.remove(letter.number.to_be_bytes())?);
        }
        Ok(purged)
    }

    /// Asks for letters to be replayed when the bot starts the next time; returns how many.
    ///
    /// # Errors
    ///
    /// If the store cannot be read or written; some may have been marked.
    pub fn request_replay(&self, selection: &Selection) -> Result<u64, StoreError> {
        let mut marked = 0;
        for letter in self.select(selection)? {
            let change = |letter: &mut DeadLetter| {
                letter.requested = true;
                letter.note = None;
            };
            marked += u64::from(update(&self.shelves().dead, letter.number, change)?);
        }
        Ok(marked)
    }

    /// Returns how many events have died since the start, those that died again included.
    #[must_use]
    pub fn total(&self) -> u64 {
        let by_reason = self.shared.by_reason.iter();
        by_reason.map(|number| number.load(Ordering::Relaxed)).sum()
    }

    /// Returns how many events have died since the start, by the kind of the reason.
    #[must_use]
    pub fn by_reason(&self) -> [(&'static str, u64); Reason::KINDS.len()] {
        let mut place = 0;
        Reason::KINDS.map(|kind| {
            let number = self.shared.by_reason[place].load(Ordering::Relaxed);
            place += 1;
            (kind, number)
        })
    }

    /// Reports figures.
    #[must_use]
    pub fn kept(&self) -> Kept {
        let shelves = self.shelves();
        Kept {
            letters: shelves.dead.len(),
            bytes: shelves.dead.bytes(),
            leftovers: shelves.left.len(),
            total: self.total(),
            evicted: self.shared.evicted.load(Ordering::Relaxed),
            unkept: self.shared.unkept.load(Ordering::Relaxed),
        }
    }
}

fn select(shelf: &Shelf<DeadLetter>, selection: &Selection) -> Result<Vec<DeadLetter>, StoreError> {
    let (mut meant, mut skipped, mut last) = (Vec::new(), 0, None::<Vec<u8>>);
    let limit = selection.limit.unwrap_or(usize::MAX);
    while meant.len() < limit {
        let start = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        // Page by page, so that nobody who adds one waits for long.
        let page = shelf.range(start, PAGE)?;
        let Some((key, _)) = page.last() else { break };
        last = Some(key.clone());
        for (_, letter) in page.into_iter().filter(|(_, one)| selection.matches(one)) {
            if skipped < selection.offset {
                skipped += 1;
            } else if meant.len() < limit {
                meant.push(letter);
            }
        }
    }
    Ok(meant)
}

/// Changes one letter; returns whether it is there.
fn update(
    shelf: &Shelf<DeadLetter>,
    number: u64,
    change: impl FnOnce(&mut DeadLetter),
) -> Result<bool, StoreError> {
    let key = number.to_be_bytes();
    let Some(mut letter) = shelf.get(key)? else {
        return Ok(false);
    };
    change(&mut letter);
    shelf.put(key, &letter).map(|()| true)
}

const PAGE: usize = 256;
