//! Who says what: transcripts that grow, and what is stored of them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::event::Conversation;
use super::limits::{OPEN_ITEMS, SEEN_ITEMS, TRANSCRIPT};
use super::store::MessageRole;
use super::store::{Keeper, Place};

/// The items of users that were seen on any connection, so that their text can be told when nothing is stored.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<SeenItems>);

#[derive(Debug, Default)]
struct SeenItems {
    known: BTreeSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    fn add(&self, item: &str) {
        let seen = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.known.insert(item.to_owned()) {
            return;
        }
        seen.order.push_back(item.to_owned());
        if seen.order.len() > SEEN_ITEMS
            && let Some(oldest) = seen.order.pop_front()
        {
            seen.known.remove(&oldest);
        }
    }

    fn has(&self, item: &str) -> bool {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.known.contains(item)
    }
}

/// What the conversation of one agent is stored with.
#[derive(Clone, Copy)]
pub(super) struct Shelf<'a> {
    pub(super) keeper: Option<&'a Keeper>,
    pub(super) seen: &'a Seen,
}

/// What was stored on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    /// New rows.
    pub(super) rows: u64,
    /// New rows of the assistant.
    pub(super) turns: u64,
}

/// The open transcripts of one agent.
#[derive(Debug, Default)]
pub(super) struct Transcripts {
    open: Vec<Transcript>,
    /// The items of earlier turns, in case that something comes late.
    recent: VecDeque<String>,
    pub(super) stored: Stored,
}

#[derive(Debug)]
struct Transcript {
    item: String,
    text: String,
    place: Option<Place>,
    is_saved: bool,
    is_changed: bool,
}

impl Transcripts {
    pub(super) fn user_item(&mut self, item: Option<&str>, shelf: Shelf<'_>) -> Conversation {
        if let Some(keeper) = shelf.keeper {
            let is_known = item.is_some_and(|item| keeper.find(item).is_some());
            if !is_known && keeper.add(&keeper.place(), MessageRole::User, item, "") {
                self.stored.rows += 1;
            }
        }
        if let Some(item) = item {
            shelf.seen.add(item);
        }
        told(item, "user", "")
    }

    /// Returns none if nobody knows the item.
    pub(super) fn user_text(
        &self,
        item: &str,
        text: &str,
        shelf: Shelf<'_>,
    ) -> Option<Conversation> {
        let row = shelf
            .keeper
            .and_then(|keeper| Some((keeper, keeper.find(item)?)));
        match row {
            Some((keeper, row)) => {
                keeper.set_text(row, text);
            }
            None if shelf.seen.has(item) => {}
            None => {
                tracing::warn!(item, "a transcript of an item that nobody knows");
                return None;
            }
        }
        Some(told(Some(item), "user", text))
    }

    pub(super) fn delta(&mut self, item: &str, text: &str, shelf: Shelf<'_>) -> Conversation {
        let place = match self.position(item) {
            Some(place) => place,
            None => self.begin(item, shelf),
        };
        let open = &mut self.open[place];
        if shelf.keeper.is_some() {
            let room = TRANSCRIPT.saturating_sub(open.text.len());
            open.text.push_str(&text[..text.floor_char_boundary(room)]);
            open.is_changed = true;
            if open.is_saved {
                self.save(place, shelf);
            }
        }
        told(Some(item), "assistant", text)
    }

    /// Returns what is told of it: nothing if it came in parts before.
    pub(super) fn final_text(
        &mut self,
        item: &str,
        text: &str,
        shelf: Shelf<'_>,
    ) -> Option<Conversation> {
        if let Some(place) = self.position(item) {
            let open = &mut self.open[place];
            if shelf.keeper.is_some() {
                text.clone_into(&mut open.text);
                open.is_changed = true;
                if open.is_saved {
                    self.save(place, shelf);
                }
            }
            return None;
        }
        if !self.recent.iter().any(|recent| recent == item) {
            return Some(self.delta(item, text, shelf));
        }
        if let Some(keeper) = shelf.keeper
            && let Some(row) = keeper.find(item)
            && row.content != text
        {
            keeper.set_text(row, text);
        }
        None
    }

    /// Saves what is open and begins anew: the turn is over, or the agent has gone.
    pub(super) fn end(&mut self, shelf: Shelf<'_>) {
        for place in 0..self.open.len() {
            self.save(place, shelf);
        }
        let ended = self.open.drain(..).map(|open| open.item);
        self.recent.extend(ended);
        let surplus = self.recent.len().saturating_sub(OPEN_ITEMS);
        self.recent.drain(..surplus);
    }

    pub(super) fn said(
        &mut self,
        item: &str,
        role: &str,
        text: &str,
        shelf: Shelf<'_>,
    ) -> Conversation {
        if let (Some(keeper), Ok(known)) = (shelf.keeper, role.parse::<MessageRole>()) {
            match keeper.find(item) {
                Some(row) => {
                    keeper.set_text(row, text);
                }
                None if keeper.add(&keeper.place(), known, Some(item), text) => {
                    self.stored.rows += 1;
                    self.stored.turns += u64::from(known == MessageRole::Assistant);
                }
                None => {}
            }
        }
        told(Some(item), role, text)
    }

    fn position(&self, item: &str) -> Option<usize> {
        self.open.iter().position(|open| open.item == item)
    }

    /// Begins an item; those that are open are saved with what they have.
    fn begin(&mut self, item: &str, shelf: Shelf<'_>) -> usize {
        for place in 0..self.open.len() {
            self.save(place, shelf);
        }
        if self.open.len() >= OPEN_ITEMS {
            self.open.remove(0);
        }
        // What is said of an earlier turn belongs to its row.
        let late = self.recent.iter().position(|recent| recent == item);
        let late = late.and_then(|late| self.recent.remove(late));
        let row = late.and_then(|item| shelf.keeper?.find(&item));
        self.open.push(Transcript {
            item: item.to_owned(),
            is_saved: row.is_some(),
            text: row.map(|row| row.content).unwrap_or_default(),
            place: shelf.keeper.map(Keeper::place),
            is_changed: false,
        });
        self.open.len() - 1
    }

    fn save(&mut self, place: usize, shelf: Shelf<'_>) {
        let open = &mut self.open[place];
        let (Some(keeper), Some(at)) = (shelf.keeper, &open.place) else {
            return;
        };
        if !std::mem::take(&mut open.is_changed) {
            return;
        }
        // It may have come before, over another connection.
        match keeper.find(&open.item) {
            Some(row) => {
                open.is_saved = true;
                if row.content != open.text {
                    keeper.set_text(row, &open.text);
                }
            }
            None => {
                if keeper.add(at, MessageRole::Assistant, Some(&open.item), &open.text) {
                    open.is_saved = true;
                    self.stored.rows += 1;
                    self.stored.turns += 1;
                }
            }
        }
    }
}

fn told(item: Option<&str>, role: &str, content: &str) -> Conversation {
    Conversation {
        message_id: item.map(str::to_owned),
        role: role.to_owned(),
        content: content.to_owned(),
    }
}
