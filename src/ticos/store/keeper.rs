//! Gives messages their numbers and dates on their way into a store.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use greenroom_actors::clock;

use super::{Memory, MemoryType, Message, MessageRole, NOBODY, StorageService, local};
use crate::ticos::error::StorageError;

/// A number and a date that are taken before the text is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ticos) struct Place {
    pub(in crate::ticos) id: u64,
    pub(in crate::ticos) datetime: String,
}

/// A store with what belongs to every engine.
pub(in crate::ticos) struct Keeper {
    service: Arc<dyn StorageService>,
    last: AtomicU64,
    /// The second that was written last, since the next date is mostly the same.
    second: RwLock<(u64, String)>,
    failures: AtomicU64,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

impl Keeper {
    pub(in crate::ticos) fn new(service: Arc<dyn StorageService>) -> Self {
        Self {
            service,
            last: AtomicU64::new(0),
            second: RwLock::default(),
            failures: AtomicU64::new(0),
        }
    }

    /// Opens the store, and goes on counting where the last run has stopped.
    pub(in crate::ticos) fn open(
        &self,
        root: &Path,
        db_filename: Option<&str>,
    ) -> Result<(), StorageError> {
        self.service.set_store_root_dir(root, db_filename);
        self.service.initialize()?;
        let last = self.service.last_message_id();
        self.last.fetch_max(last, Ordering::Relaxed);
        Ok(())
    }

    pub(in crate::ticos) fn close(&self) {
        self.service.close();
    }

    pub(in crate::ticos) fn service(&self) -> &dyn StorageService {
        &*self.service
    }

    /// Takes the next number: never one that is in use, whatever the clock says.
    pub(in crate::ticos) fn place(&self) -> Place {
        let now = clock::unix_seconds();
        let next = |last: u64| Some(last.saturating_add(1).max(now));
        let before = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let before = before.unwrap_or_else(|before| before);
        Place {
            id: before.saturating_add(1).max(now),
            datetime: self.date(now),
        }
    }

    fn date(&self, now: u64) -> String {
        let known = self.second.read().unwrap_or_else(PoisonError::into_inner);
        if known.0 == now {
            return known.1.clone();
        }
        drop(known);
        let date = local(now);
        *self.second.write().unwrap_or_else(PoisonError::into_inner) = (now, date.clone());
        date
    }

    /// Adds a message; says whether it is stored.
    pub(in crate::ticos) fn add(
        &self,
        place: &Place,
        role: MessageRole,
        item: Option<&str>,
        content: &str,
    ) -> bool {
        let message = Message {
            id: place.id.to_string(),
            role,
            content: content.to_owned(),
            item_id: item.map(str::to_owned),
            user_id: NOBODY.to_owned(),
            datetime: place.datetime.clone(),
        };
        self.judged(self.service.save_message(&message), "saved")
    }

    pub(in crate::ticos) fn find(&self, item: &str) -> Option<Message> {
        self.service.get_message_by_item_id(item)
    }

    /// Sets the text of a stored message.
    pub(in crate::ticos) fn set_text(&self, mut message: Message, text: &str) -> bool {
        text.clone_into(&mut message.content);
        let id = message.id.clone();
        self.judged(self.service.update_message(&id, &message), "changed")
    }

    /// Returns the last messages, oldest first.
    pub(in crate::ticos) fn tail(&self, count: i64) -> Vec<Message> {
        let mut tail = self.service.get_messages(0, count, true);
        tail.reverse();
        tail
    }

    pub(in crate::ticos) fn remember(&self, content: &str) -> bool {
        let memory = Memory {
            id: 0,
            kind: MemoryType::LongTerm,
            content: content.to_owned(),
            user_id: NOBODY.to_owned(),
            datetime: self.date(clock::unix_seconds()),
        };
        self.judged(self.service.save_memory(&memory), "saved")
    }

    fn judged(&self, worked: bool, what: &'static str) -> bool {
        if !worked {
            let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::error!(failures, "a row could not be {what}");
        }
        worked
    }
}
