//! The thread that hands changes to the engine.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use super::engine::{Gate, failed};
use super::error::StoreError;
use super::table::Table;

/// All shelves of a store, by name.
pub(super) type Tables = Mutex<BTreeMap<String, Arc<Table>>>;

/// A store's way to its disk.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) gate: Gate<StoreError>,
    wishes: Mutex<Wishes>,
    woken: Condvar,
    pub(super) written: AtomicU64,
    pub(super) failures: AtomicU64,
}

#[derive(Debug, Default)]
struct Wishes {
    dirty: bool,
    flushes: Vec<oneshot::Sender<Result<(), StoreError>>>,
    closing: bool,
}

impl Writer {
    /// Starts the thread. It ends after [`close`](Self::close), and the database with it.
    pub(super) fn start(
        gate: &Gate<StoreError>,
        database: sled::Db,
        tables: Arc<Tables>,
    ) -> Result<Arc<Self>, StoreError> {
        let writer = Arc::new(Self {
            gate: gate.clone(),
            wishes: Mutex::default(),
            woken: Condvar::new(),
            written: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        });
        let own = Arc::clone(&writer);
        thread::Builder::new()
            .name("greenroom-store".to_owned())
            .spawn(move || own.work(&database, &tables))
            .map_err(|error| failed("start a thread for", gate.path(), error))?;
        Ok(writer)
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something has changed.
    pub(super) fn dirty(&self) {
        if !std::mem::replace(&mut self.wishes().dirty, true) {
            self.woken.notify_one();
        }
    }

    /// Asks for what was written until now to be made durable.
    pub(super) fn flush(&self) -> oneshot::Receiver<Result<(), StoreError>> {
        let (answer, done) = oneshot::channel();
        self.wishes().flushes.push(answer);
        self.woken.notify_one();
        done
    }

    pub(super) fn close(&self) {
        self.wishes().closing = true;
        self.woken.notify_one();
    }

    fn work(&self, database: &sled::Db, tables: &Tables) {
        loop {
            let wishes = {
                let idle = |wishes: &mut Wishes| {
                    !wishes.dirty && wishes.flushes.is_empty() && !wishes.closing
                };
                let waited = self.woken.wait_while(self.wishes(), idle);
                std::mem::take(&mut *waited.unwrap_or_else(PoisonError::into_inner))
            };
            let written = self.write(tables);
            if !wishes.flushes.is_empty() || wishes.closing {
                let flushed = written.and_then(|()| self.sync(database));
                let mut flushed = Some(flushed);
                for answer in wishes.flushes {
                    let outcome = flushed.take().unwrap_or_else(|| self.repeat());
                    // Whoever asked may have gone.
                    let _ = answer.send(outcome);
                }
            }
            if wishes.closing {
                break;
            }
        }
        let tables = std::mem::take(&mut *tables.lock().unwrap_or_else(PoisonError::into_inner));
        for table in tables.values() {
            if let Some((gate, tree)) = &table.disk {
                gate.keep(tree);
            }
        }
        self.gate.keep(database);
    }

    fn write(&self, tables: &Tables) -> Result<(), StoreError> {
        let all: Vec<_> = {
            let tables = tables.lock().unwrap_or_else(PoisonError::into_inner);
            tables.values().map(Arc::clone).collect()
        };
        for table in all {
            match table.write(&table.batch()) {
                Ok(number) => self.written.fetch_add(number, Ordering::Relaxed),
                Err(error) => return Err(self.failed(error)),
            };
        }
        Ok(())
    }

    fn sync(&self, database: &sled::Db) -> Result<(), StoreError> {
        self.gate
            .call("flush", || database.flush())
            .map(drop)
            .map_err(|error| self.failed(error))
    }

    fn failed(&self, error: StoreError) -> StoreError {
        if self.failures.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!(%error, "a store could not write");
        }
        error
    }

    /// What a second caller of one flush learns.
    fn repeat(&self) -> Result<(), StoreError> {
        match self.gate.is_broken() {
            true => Err(StoreError::Broken {
                path: self.gate.path().to_owned(),
            }),
            false => Ok(()),
        }
    }
}
