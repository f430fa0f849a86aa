//! The open dialogues: what the store keeps of them, and when they expire.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::error::DialogueError;
use super::outcome::DialogueFigures;
use crate::clock::{self, Instant};
use crate::event::{ChannelKey, Event, Id, Origin};
use crate::store::{Bounds, Shelf, Store};
use crate::utterance::Utterance;

/// One open dialogue as the store keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) state: serde_json::Value,
    pub(super) platform: String,
    pub(super) bot: String,
    pub(super) channel: ChannelKey,
    pub(super) user: Id,
    /// The last message that it has taken: one is never taken twice.
    pub(super) message: Id,
    /// In milliseconds since 1970, as are the others.
    pub(super) begun_at: u64,
    pub(super) expires_at: u64,
}

/// How long dialogues live, and how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Without a message.
    pub(super) idle: Duration,
    /// In all.
    pub(super) total: Duration,
    pub(super) open: usize,
}

/// All open dialogues of one kind; the incarnations of the actor and all references share it.
pub(super) struct Book {
    store: Store,
    shelf: Shelf<Record>,
    limits: Limits,
    index: Mutex<Index>,
    /// Wakes whoever waits for the next dialogue to expire.
    pub(super) changed: Notify,
}

#[derive(Default)]
struct Index {
    open: BTreeMap<Vec<u8>, Entry>,
    /// When those expire whose platform is there, in order.
    due: BTreeSet<(u64, Vec<u8>)>,
    origins: BTreeMap<(String, String), Arc<Origin>>,
    figures: DialogueFigures,
}

struct Entry {
    expires_at: u64,
    /// The platform and the bot.
    origin: (String, String),
    /// The sequence number of the message that began it; earlier ones are none of its business.
    since: u64,
}

impl Book {
    pub(super) fn open(name: &str, store: Store, limits: Limits) -> Result<Self, DialogueError> {
        let bounds = Bounds::default().entries(limits.open as u64);
        let shelf: Shelf<Record> = store.shelf(&format!("dialogue-{name}"), bounds)?;
        let mut index = Index::default();
        for (key, record) in shelf.range(Bound::Unbounded, usize::MAX)? {
            let entry = Entry {
                expires_at: record.expires_at,
                origin: (record.platform, record.bot),
                since: 0,
            };
            index.open.insert(key, entry);
        }
        Ok(Self {
            store,
            shelf,
            limits,
            index: Mutex::new(index),
            changed: Notify::new(),
        })
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn figures(&self) -> DialogueFigures {
        let index = self.index();
        DialogueFigures {
            open: index.open.len() as u64,
            ..index.figures
        }
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut DialogueFigures)) {
        count(&mut self.index().figures);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.index().open.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.index().open.len() >= self.limits.open
    }

    pub(super) fn has(&self, key: &[u8]) -> bool {
        self.index().open.contains_key(key)
    }

    /// Says whether a message was said before the dialogue began, and is only now looked at.
    pub(super) fn is_older<T: Utterance>(&self, key: &[u8], event: &Event<T>) -> bool {
        let index = self.index();
        let entry = index.open.get(key);
        entry.is_some_and(|entry| event.envelope().sequence < entry.since)
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Record>, DialogueError> {
        Ok(self.shelf.get(key)?)
    }

    /// Keeps a state, and waits until it is on the disk; `before` is what was kept until now.
    ///
    /// # Errors
    ///
    /// [`DialogueError::Full`] if it would be one too many; others if it cannot be kept.
    pub(super) async fn put<T: Utterance>(
        &self,
        key: &[u8],
        event: &Event<T>,
        before: Option<&Record>,
        state: serde_json::Value,
        idle: Option<Duration>,
    ) -> Result<(), DialogueError> {
        let (envelope, now) = (event.envelope(), clock::unix_millis());
        let begun_at = before.map_or(now, |before| before.begun_at);
        let idle = clock::millis(idle.unwrap_or(self.limits.idle));
        let last = begun_at.saturating_add(clock::millis(self.limits.total));
        let record = Record {
            state,
            platform: envelope.origin.platform().to_owned(),
            bot: envelope.origin.bot().to_owned(),
            channel: envelope.channel.clone(),
            user: event.speaker().clone(),
            message: envelope.id.clone(),
            begun_at,
            expires_at: now.saturating_add(idle).min(last),
        };
        {
            let index = &mut *self.index();
            if !index.open.contains_key(key) && index.open.len() >= self.limits.open {
                return Err(DialogueError::Full(index.open.len()));
            }
            self.shelf.put(key, &record)?;
            let since = match (before, index.close(key)) {
                (Some(_), Some(entry)) => entry.since,
                _ => envelope.sequence,
            };
            index.figures.begun += u64::from(before.is_none());
            index.learn(&envelope.origin);
            index.due.insert((record.expires_at, key.to_owned()));
            let entry = Entry {
                expires_at: record.expires_at,
                origin: (record.platform, record.bot),
                since,
            };
            index.open.insert(key.to_owned(), entry);
        }
        self.changed.notify_one();
        Ok(self.store.flush().await?)
    }

    /// Ends a dialogue, and waits until that is on the disk.
    pub(super) async fn remove(&self, key: &[u8]) -> Result<(), DialogueError> {
        self.shelf.remove(key)?;
        self.index().close(key);
        Ok(self.store.flush().await?)
    }

    /// Notes that a platform is there: its dialogues can be told that they have expired.
    pub(super) fn learn(&self, origin: &Arc<Origin>) {
        if self.index().learn(origin) {
            self.changed.notify_one();
        }
    }

    pub(super) fn origin(&self, record: &Record) -> Option<Arc<Origin>> {
        let key = (record.platform.clone(), record.bot.clone());
        self.index().origins.get(&key).cloned()
    }

    /// Returns when the next dialogue expires.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let due = self.index().due.first().map(|(due, _)| *due)?;
        let left = due.saturating_sub(clock::unix_millis());
        Some(clock::now() + Duration::from_millis(left))
    }

    /// Returns a dialogue whose time is over.
    pub(super) fn pop_due(&self) -> Option<Vec<u8>> {
        let index = &mut *self.index();
        index
            .due
            .first()
            .filter(|(due, _)| *due <= clock::unix_millis())?;
        index.due.pop_first().map(|(_, key)| key)
    }

    /// Looks at a dialogue again a little later.
    pub(super) fn postpone(&self, key: Vec<u8>) {
        let later = clock::unix_millis() + clock::millis(LATER);
        self.index().due.insert((later, key));
    }
}

impl Index {
    fn close(&mut self, key: &[u8]) -> Option<Entry> {
        let entry = self.open.remove(key)?;
        self.due.remove(&(entry.expires_at, key.to_owned()));
        Some(entry)
    }

    fn learn(&mut self, origin: &Arc<Origin>) -> bool {
        let name = (origin.platform().to_owned(), origin.bot().to_owned());
        match self.origins.insert(name.clone(), Arc::clone(origin)) {
            Some(known) if Arc::ptr_eq(&known, origin) => return false,
            _ => {}
        }
        let own = self.open.iter().filter(|(_, entry)| entry.origin == name);
        self.due
            .extend(own.map(|(key, entry)| (entry.expires_at, key.clone())));
        true
    }
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Book")
            .field("shelf", &self.shelf)
            .finish_non_exhaustive()
    }
}

const LATER: Duration = Duration::from_secs(1);
