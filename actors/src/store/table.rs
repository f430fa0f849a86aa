//! One shelf without its type: what is on disk, and over it what is not there yet.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::engine::Gate;
use super::error::StoreError;

/// How much a shelf may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounds {
    /// How many entries; 10,000.
    pub entries: u64,
    /// How long all keys and values may be together; 64 MiB.
    pub bytes: u64,
    /// How long one value may be; 1 MiB.
    pub value: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            entries: 10_000,
            bytes: 64 << 20,
            value: 1 << 20,
        }
    }
}

impl Bounds {
    /// Sets how many entries the shelf may hold (default: 10,000).
    #[must_use]
    pub fn entries(mut self, entries: u64) -> Self {
        self.entries = entries;
        self
    }

    /// Sets how long all keys and values may be together (default: 64 MiB).
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets how long one value may be (default: 1 MiB).
    #[must_use]
    pub fn value(mut self, bytes: usize) -> Self {
        self.value = bytes;
        self
    }
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) bounds: Bounds,
    /// None if the store is in memory: then the overlay is all there is.
    pub(super) disk: Option<(Gate<StoreError>, sled::Tree)>,
    state: Mutex<State>,
    pub(super) unreadable: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// What the disk does not have yet; a value of `None` is a removal.
    overlay: BTreeMap<Box<[u8]>, Change>,
    /// The length of what is in the overlay.
    waiting: usize,
    generation: u64,
    entries: u64,
    bytes: u64,
}

#[derive(Clone, Debug)]
struct Change {
    generation: u64,
    value: Option<Arc<[u8]>>,
}

/// Changes on their way to the disk.
#[derive(Debug)]
pub(super) struct Batch(Vec<(Box<[u8]>, Change)>);

impl Table {
    /// Counts what is there.
    pub(super) fn load(
        name: &str,
        bounds: Bounds,
        disk: Option<(Gate<StoreError>, sled::Tree)>,
    ) -> Result<Self, StoreError> {
        let mut state = State::default();
        if let Some((gate, tree)) = &disk {
            for entry in tree {
                let (key, value) = gate.call("read", || entry)?;
                state.entries += 1;
                state.bytes += size(&key, &value);
            }
        }
        Ok(Self {
            name: name.to_owned(),
            bounds,
            disk,
            state: Mutex::new(state),
            unreadable: AtomicU64::new(0),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn entries(&self) -> u64 {
        self.state().entries
    }

    pub(super) fn bytes(&self) -> u64 {
        self.state().bytes
    }

    /// Returns the length of what the disk does not have yet.
    pub(super) fn waiting(&self) -> usize {
        match self.disk {
            Some(_) => self.state().waiting,
            None => 0,
        }
    }

    pub(super) fn count_unreadable(&self) {
        self.unreadable.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.find(&self.state(), key)
    }

    fn find(&self, state: &State, key: &[u8]) -> Result<Option<Arc<[u8]>>, StoreError> {
        if let Some(change) = state.overlay.get(key) {
            return Ok(change.value.clone());
        }
        let Some((gate, tree)) = &self.disk else {
            return Ok(None);
        };
        let found = gate.call("read", || tree.get(key))?;
        Ok(found.map(|value| Arc::from(value.as_ref())))
    }

    pub(super) fn put(&self, key: &[u8], value: Vec<u8>) -> Result<(), StoreError> {
        if value.len() > self.bounds.value {
            return Err(StoreError::Oversized {
                shelf: self.name.clone(),
                length: value.len(),
                limit: self.bounds.value,
            });
        }
        let state = &mut *self.state();
        let old = self.find(state, key)?.map(|old| size(key, &old));
        let entries = state.entries + u64::from(old.is_none());
        let bytes = state.bytes - old.unwrap_or(0) + size(key, &value);
        // What only shrinks is taken even if the bounds were once wider.
        let grows = old.is_none_or(|old| size(key, &value) > old);
        if grows && (entries > self.bounds.entries || bytes > self.bounds.bytes) {
            return Err(StoreError::Full {
                shelf: self.name.clone(),
                entries: state.entries,
                bytes: state.bytes,
            });
        }
        (state.entries, state.bytes) = (entries, bytes);
        state.change(key, Some(value.into()), self.disk.is_some());
        Ok(())
    }

    /// Returns whether it was there.
    pub(super) fn remove(&self, key: &[u8]) -> Result<bool, StoreError> {
        let state = &mut *self.state();
        let Some(old) = self.find(state, key)? else {
            return Ok(false);
        };
        state.entries -= 1;
        state.bytes -= size(key, &old);
        state.change(key, None, self.disk.is_some());
        Ok(true)
    }

    /// Shows the entries from `start` on, in the order of their keys, until `visit` breaks.
    pub(super) fn scan(
        &self,
        start: Bound<&[u8]>,
        mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let state = self.state();
        let range = (start, Bound::Unbounded);
        let mut over = state.overlay.range::<[u8], _>(range).peekable();
        if let Some((gate, tree)) = &self.disk {
            for entry in tree.range::<&[u8], _>(range) {
                let (key, value) = gate.call("read", || entry)?;
                while let Some((first, change)) = over.next_if(|(first, _)| ***first < *key) {
                    if shown(&mut visit, first, change).is_break() {
                        return Ok(());
                    }
                }
                let newer = over.next_if(|(first, _)| ***first == *key);
                let flow = match newer {
                    Some((first, change)) => shown(&mut visit, first, change),
                    None => visit(&key, &value),
                };
                if flow.is_break() {
                    return Ok(());
                }
            }
        }
        for (key, change) in over {
            if shown(&mut visit, key, change).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Returns the largest key.
    pub(super) fn last_key(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let state = self.state();
        let living = state.overlay.iter().rev();
        let in_memory = living
            .filter(|(_, change)| change.value.is_some())
            .map(|(key, _)| key.to_vec())
            .next();
        let Some((gate, tree)) = &self.disk else {
            return Ok(in_memory);
        };
        for entry in tree.iter().rev() {
            let (key, _) = gate.call("read", || entry)?;
            let removed = state.overlay.get(key.as_ref());
            if removed.is_none_or(|change| change.value.is_some()) {
                return Ok(in_memory.max(Some(key.to_vec())));
            }
        }
        Ok(in_memory)
    }

    /// Returns what the disk does not have yet.
    pub(super) fn batch(&self) -> Batch {
        let state = self.state();
        let changes = state.overlay.iter();
        Batch(
            changes
                .map(|(key, change)| (key.clone(), change.clone()))
                .collect(),
        )
    }

    /// Hands a batch to the engine, and forgets it here.
    pub(super) fn write(&self, batch: &Batch) -> Result<u64, StoreError> {
        let Some((gate, tree)) = &self.disk else {
            return Ok(0);
        };
        if batch.0.is_empty() {
            return Ok(0);
        }
        gate.call("write", || {
            let mut changes = sled::Batch::default();
            for (key, change) in &batch.0 {
                match &change.value {
                    Some(value) => changes.insert(&**key, &**value),
                    None => changes.remove(&**key),
                }
            }
            tree.apply_batch(changes)
        })?;
        let state = &mut *self.state();
        for (key, written) in &batch.0 {
            let current = state.overlay.get(key).map(|change| change.generation);
            if current == Some(written.generation) {
                state.overlay.remove(key);
                state.waiting -= written.length(key);
            }
        }
        Ok(batch.0.len() as u64)
    }
}

impl State {
    fn change(&mut self, key: &[u8], value: Option<Arc<[u8]>>, on_disk: bool) {
        if value.is_none() && !on_disk {
            self.overlay.remove(key);
            return;
        }
        self.generation += 1;
        let change = Change {
            generation: self.generation,
            value,
        };
        self.waiting += change.length(key);
        if let Some(old) = self.overlay.insert(key.into(), change) {
            self.waiting -= old.length(key);
        }
    }
}

impl Change {
    fn length(&self, key: &[u8]) -> usize {
        key.len() + self.value.as_ref().map_or(0, |value| value.len())
    }
}

fn shown(
    visit: &mut impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    key: &[u8],
    change: &Change,
) -> ControlFlow<()> {
    match &change.value {
        Some(value) => visit(key, value),
        None => ControlFlow::Continue(()),
    }
}

fn size(key: &[u8], value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64
}
