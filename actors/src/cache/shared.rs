//! What outlives an incarnation of a shard: the stores, with everything that was not written yet.

use std::sync::{Mutex, PoisonError, RwLock, RwLockWriteGuard, TryLockError};

use tokio::sync::watch;

use super::error::CacheError;
use super::query::Query;
use super::record::Record;
use super::store::{Backend, MessageStore, Recovery, StoreStats};

/// The stores of all shards, opened at first use.
#[derive(Debug)]
pub(super) struct Shared {
    backend: Box<dyn Backend>,
    opening: Mutex<Option<Recovery>>,
    opened: watch::Sender<bool>,
    slots: Vec<RwLock<Slot>>,
}

struct Slot(Option<Box<dyn MessageStore>>);

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "open" } else { "closed" })
    }
}

impl Shared {
    pub(super) fn new(backend: Box<dyn Backend>) -> Self {
        let slots = (0..backend.shards().max(1)).map(|_| RwLock::new(Slot(None)));
        Self {
            opening: Mutex::new(None),
            opened: watch::Sender::new(false),
            slots: slots.collect(),
            backend,
        }
    }

    /// Returns what tells whether the files are open.
    pub(super) fn opened(&self) -> watch::Receiver<bool> {
        self.opened.subscribe()
    }

    pub(super) fn shards(&self) -> usize {
        self.slots.len()
    }

    /// Uses the store of a shard, which is opened if it is not.
    pub(super) fn with<R>(
        &self,
        shard: usize,
        call: impl FnOnce(&mut dyn MessageStore) -> Result<R, CacheError>,
    ) -> Result<R, CacheError> {
        let mut slot = self.slot(shard)?;
        if slot.0.is_none() {
            drop(slot);
            self.open()?;
            slot = self.slot(shard)?;
        }
        match slot.0.as_deref_mut() {
            Some(store) => call(store),
            None => Err(CacheError::Unavailable),
        }
    }

    /// Finds what is in memory, if the store of the shard is open and nobody writes to it just now; never waits.
    pub(super) fn recent(&self, shard: usize, query: &Query) -> Option<Vec<Record>> {
        let slot = match self.slots.get(shard)?.try_read() {
            Ok(slot) => slot,
            Err(TryLockError::Poisoned(_) | TryLockError::WouldBlock) => return None,
        };
        slot.0.as_deref()?.recent(query)
    }

    /// Uses the store of a shard if it is open.
    pub(super) fn with_open<R: Default>(
        &self,
        shard: usize,
        call: impl FnOnce(&mut dyn MessageStore) -> Result<R, CacheError>,
    ) -> Result<R, CacheError> {
        match self.slot(shard)?.0.as_deref_mut() {
            Some(store) => call(store),
            None => Ok(R::default()),
        }
    }

    /// Opens the stores, if they are not, and says what was found when they were.
    pub(super) fn open(&self) -> Result<Recovery, CacheError> {
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(recovery) = opening.as_ref() {
            return Ok(recovery.clone());
        }
        let opened = self.backend.open()?;
        tracing::info!(
            channels = opened.recovery.channels,
            messages = opened.recovery.messages,
            bytes = opened.recovery.bytes,
            "opened the message cache"
        );
        for (slot, store) in self.slots.iter().zip(opened.stores) {
            lock(slot).0 = Some(store);
        }
        *opening = Some(opened.recovery.clone());
        self.opened.send_replace(true);
        Ok(opened.recovery)
    }

    /// Makes everything durable and closes the files; the next use opens them again.
    pub(super) fn close(&self) -> Result<(), CacheError> {
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        self.close_slots(&mut opening).map(|_| ())
    }

    /// Closes the files, compacts them and opens them again; other shards wait meanwhile.
    pub(super) fn compact(&self) -> Result<(), CacheError> {
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = self.close_slots(&mut opening)?;
        self.backend.compact()?;
        let opened = self.backend.open()?;
        for (mut slot, store) in slots.into_iter().zip(opened.stores) {
            slot.0 = Some(store);
        }
        *opening = Some(opened.recovery);
        self.opened.send_replace(true);
        Ok(())
    }

    pub(super) fn stats(&self, shard: usize) -> Result<StoreStats, CacheError> {
        self.with_open(shard, |store| Ok(store.stats()))
    }

    fn close_slots(
        &self,
        opening: &mut Option<Recovery>,
    ) -> Result<Vec<RwLockWriteGuard<'_, Slot>>, CacheError> {
        let slots = (0..self.slots.len()).map(|shard| self.slot(shard));
        let mut slots = slots.collect::<Result<Vec<_>, _>>()?;
        for slot in &mut slots {
            if let Some(store) = slot.0.as_mut() {
                store.flush()?;
            }
        }
        for slot in &mut slots {
            slot.0 = None;
        }
        *opening = None;
        self.opened.send_replace(false);
        Ok(slots)
    }

    /// Locks a shard's store. If a panic left it in an unknown state, that is put right first; what cannot be put right is closed.
    fn slot(&self, shard: usize) -> Result<RwLockWriteGuard<'_, Slot>, CacheError> {
        let slot = self.slots.get(shard).ok_or(CacheError::Unavailable)?;
        if !slot.is_poisoned() {
            return Ok(lock(slot));
        }
        let mut guard = lock(slot);
        slot.clear_poison();
        if let Some(store) = guard.0.as_mut() {
            store.recover()?;
            tracing::warn!(shard, "rebuilt the state of a cache shard after a panic");
        }
        Ok(guard)
    }
}

fn lock(slot: &RwLock<Slot>) -> RwLockWriteGuard<'_, Slot> {
    slot.write().unwrap_or_else(PoisonError::into_inner)
}
