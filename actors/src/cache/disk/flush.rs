//! The thread that makes durable what the stores of a folder have written: it flushes the engine, so that no shard waits for it.

use std::fs::File;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::gate::Gate;
use crate::cache::error::CacheError;
use crate::store::engine;

/// Flushes every now and then until it is dropped.
#[derive(Debug)]
pub(super) struct Flusher {
    common: Arc<Common>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Common {
    gate: Gate,
    database: sled::Db,
    /// The stores, and whether the thread has to end.
    stores: Mutex<(Vec<Arc<Unflushed>>, bool)>,
    ended: Condvar,
    /// One flush at a time, so that they end in order.
    flushing: Mutex<()>,
}

/// What a store has written and nobody has flushed.
#[derive(Debug, Default)]
pub(super) struct Unflushed {
    work: Mutex<Work>,
    /// The last flush that is done.
    done: AtomicU64,
    /// Where the place is noted up to which values are on the disk for sure.
    mark: String,
}

#[derive(Debug, Default)]
struct Work {
    files: Vec<Arc<File>>,
    /// The flush that will do this work; the one before it is done or under way.
    flush: u64,
    end: Option<(u32, u64)>,
    is_waiting: bool,
}

impl Unflushed {
    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over files that were written to, after all changes of the engine. The flush to come is [`Self::next`].
    pub(super) fn add<'f>(
        &self,
        files: impl IntoIterator<Item = &'f Arc<File>>,
        end: Option<(u32, u64)>,
    ) {
        let mut work = self.work();
        for file in files {
            if !work.files.iter().any(|known| Arc::ptr_eq(known, file)) {
                work.files.push(Arc::clone(file));
            }
        }
        work.end = end.or(work.end);
        work.is_waiting = true;
    }

    /// The flush that will be the first to begin from now on.
    pub(super) fn next(&self) -> u64 {
        self.work().flush + 1
    }

    /// The last flush that is done.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Acquire)
    }
}

impl Flusher {
    /// Starts the thread; it flushes each `period`.
    pub(super) fn start(
        gate: &Gate,
        database: &sled::Db,
        period: Duration,
    ) -> Result<Self, CacheError> {
        let common = Arc::new(Common {
            gate: gate.clone(),
            database: database.clone(),
            stores: Mutex::default(),
            ended: Condvar::new(),
            flushing: Mutex::default(),
        });
        let period = if period.is_zero() { PERIOD } else { period };
        let of_thread = Arc::clone(&common);
        let thread = thread::Builder::new()
            .name("cache-flush".to_owned())
            .spawn(move || of_thread.run(period))
            .map_err(|error| engine::failed("start a thread for", gate.path(), error))?;
        Ok(Self {
            common,
            thread: Some(thread),
        })
    }

    /// Takes in a store, which notes its mark in `mark`.
    pub(super) fn register(&self, mark: String) -> Arc<Unflushed> {
        let unflushed = Arc::new(Unflushed {
            mark,
            ..Unflushed::default()
        });
        self.common.stores().0.push(Arc::clone(&unflushed));
        unflushed
    }

    /// Flushes at once.
    pub(super) fn flush(&self) -> Result<(), CacheError> {
        self.common.flush()
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.common.stores().1 = true;
        self.common.ended.notify_all();
        // A broken engine may never come back from a flush.
        if let Some(thread) = self.thread.take()
            && !self.common.gate.is_broken()
            && thread.join().is_err()
        {
            tracing::error!("the thread that flushes the cache panicked");
        }
        self.common.gate.keep(&self.common.database);
    }
}

impl Common {
    fn stores(&self) -> MutexGuard<'_, (Vec<Arc<Unflushed>>, bool)> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, period: Duration) {
        let mut stores = self.stores();
        while !stores.1 {
            let waited = self.ended.wait_timeout(stores, period);
            stores = waited.unwrap_or_else(PoisonError::into_inner).0;
            if stores.1 || self.gate.is_broken() {
                return;
            }
            drop(stores);
            if let Err(error) = self.flush() {
                tracing::warn!(%error, "the cache could not be flushed");
            }
            stores = self.stores();
        }
    }

    fn flush(&self) -> Result<(), CacheError> {
        if self.gate.is_broken() {
            return self.gate.call("flush", || Ok(()));
        }
        let _one = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let stores = self.stores().0.clone();
        let taken: Vec<_> = stores.iter().filter_map(take).collect();
        if taken.is_empty() {
            return Ok(());
        }
        let flushed = self.flush_work(&taken);
        for (store, work) in taken {
            match &flushed {
                Ok(()) => drop(store.done.fetch_max(work.flush, Ordering::AcqRel)),
                Err(_) => store.add(&work.files, None),
            }
        }
        flushed
    }

    fn flush_work(&self, taken: &[(Arc<Unflushed>, Work)]) -> Result<(), CacheError> {
        for file in taken.iter().flat_map(|(_, work)| &work.files) {
            self.gate.call("flush", || Ok(file.sync_data()?))?;
        }
        self.gate.call("flush", || self.database.flush())?;
        let meta = self
            .gate
            .call("open", || self.database.open_tree(super::database::META))?;
        for (store, work) in taken {
            if let Some((file, length)) = work.end {
                let mut mark = file.to_be_bytes().to_vec();
                mark.extend_from_slice(&length.to_be_bytes());
                self.gate.call("write", || meta.insert(&store.mark, mark))?;
            }
        }
        Ok(())
    }
}

fn take(store: &Arc<Unflushed>) -> Option<(Arc<Unflushed>, Work)> {
    let mut work = store.work();
    if !mem::take(&mut work.is_waiting) {
        return None;
    }
    work.flush += 1;
    let taken = Work {
        files: mem::take(&mut work.files),
        end: work.end.take(),
        flush: work.flush,
        is_waiting: false,
    };
    drop(work);
    Some((Arc::clone(store), taken))
}

/// How often the engine is flushed where the journal is with each batch.
const PERIOD: Duration = Duration::from_millis(500);
