//! What has been done for a message before it is tried again.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::event::{Event, Payload};

/// Remembers, for the messages that are worked on, whether their cooldowns were taken and whether they were answered; outlives the
/// actor's incarnations.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<BTreeMap<Key, Entry>>);

/// An origin and the sequence number of a message.
type Key = (usize, u64);

#[derive(Clone, Debug, Default)]
struct Entry {
    is_admitted: bool,
    answers: Arc<AtomicU32>,
}

impl Progress {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<Key, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of answers that a message has got; the first attempt begins anew.
    pub(super) fn begin<T: Payload>(&self, event: &Event<T>) -> Arc<AtomicU32> {
        let entries = &mut *self.entries();
        if event.attempt() == 1 {
            entries.remove(&key(event));
        }
        if entries.len() >= CAPACITY {
            entries.pop_first();
        }
        Arc::clone(&entries.entry(key(event)).or_default().answers)
    }

    /// Says whether an earlier attempt has taken the cooldowns.
    pub(super) fn is_admitted<T: Payload>(&self, event: &Event<T>) -> bool {
        let found = self
            .entries()
            .get(&key(event))
            .map(|entry| entry.is_admitted);
        found.unwrap_or_default()
    }

    /// Notes that the cooldowns are taken.
    pub(super) fn admit<T: Payload>(&self, event: &Event<T>) {
        if let Some(entry) = self.entries().get_mut(&key(event)) {
            entry.is_admitted = true;
        }
    }

    /// Forgets a message that will not be tried again.
    pub(super) fn end<T: Payload>(&self, event: &Event<T>) {
        self.entries().remove(&key(event));
    }
}

fn key<T: Payload>(event: &Event<T>) -> Key {
    let envelope = event.envelope();
    (Arc::as_ptr(&envelope.origin).addr(), envelope.sequence)
}

/// How many messages may be worked on; more than any handler's concurrency.
const CAPACITY: usize = 4_096;
