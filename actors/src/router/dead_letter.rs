//! Events that could not be handled.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::clock;
use crate::event::{ChannelKey, Event, Id, Payload};

/// Why an event was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The handler failed at every attempt, or said that trying again is useless; its last words.
    Failed(String),
    /// The queue was full and the policy dropped it.
    Overflow,
    /// The handler was stopped for good while it waited.
    Stopped,
}

/// An event that could not be handled by one registration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeadLetter {
    /// Which registration gave it up.
    pub handler: String,
    /// The type of its payload.
    pub event: &'static str,
    /// The platform's id of it.
    pub id: Id,
    /// Its conversation.
    pub channel: ChannelKey,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it was given up.
    pub reason: Reason,
    /// When, in seconds since 1970.
    pub at: u64,
    /// Its payload.
    pub payload: serde_json::Value,
}

impl DeadLetter {
    pub(crate) fn new<T: Payload>(
        handler: &str,
        event: &Event<T>,
        attempts: u32,
        reason: Reason,
    ) -> Self {
        Self {
            handler: handler.to_owned(),
            event: Event::<T>::name(),
            id: event.envelope().id.clone(),
            channel: event.envelope().channel.clone(),
            attempts,
            reason,
            at: clock::unix_seconds(),
            payload: serde_json::to_value(event.payload())
                .unwrap_or_else(|error| error.to_string().into()),
        }
    }
}

/// Keeps the newest dead letters in memory, and counts all of them.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    inner: Arc<Mutex<Inner>>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Inner {
    letters: VecDeque<DeadLetter>,
    total: u64,
}

impl Default for DeadLetters {
    /// Keeps 1,000.
    fn default() -> Self {
        Self {
            inner: Arc::default(),
            capacity: 1_000,
        }
    }
}

impl DeadLetters {
    /// Adds one; beyond the capacity the oldest goes, and stays counted.
    pub(crate) fn add(&self, letter: DeadLetter) {
        tracing::error!(
            handler = letter.handler, event = letter.event, id = %letter.id, channel = %letter.channel,
            attempts = letter.attempts, reason = ?letter.reason, "dead letter"
        );
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.total += 1;
        inner.letters.push_back(letter);
        if inner.letters.len() > self.capacity {
            inner.letters.pop_front();
        }
    }

    /// Returns those that are kept, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<DeadLetter> {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .letters
            .iter()
            .cloned()
            .collect()
    }

    /// Returns how many there were in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .total
    }
}
