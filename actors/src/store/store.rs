//! Opening a store, and what concerns it as a whole.

use std::fmt;
use std::fs::{self, DirBuilder};
use std::marker::PhantomData;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::engine::{self, FILES, Gate, damaged, failed, protect, text};
use super::error::StoreError;
use super::shelf::Shelf;
use super::table::{Bounds, Table};
use super::writer::{Tables, Writer};

/// Where a store is, and how much memory it uses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreSettings {
    /// The folder.
    pub path: PathBuf,
    /// The most memory that the engine uses for its own cache, in bytes; 8 MiB.
    pub cache_capacity: u64,
    /// How often what was written is made to survive a crash of the process or of the machine; 500 ms.
    pub flush_every: Duration,
    /// How much of one shelf may wait to be written, in bytes; 16 MiB.
    pub waiting: usize,
}

impl StoreSettings {
    /// Creates the default settings for the folder `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            cache_capacity: 8 << 20,
            flush_every: Duration::from_millis(500),
            waiting: 16 << 20,
        }
    }

    /// Sets the memory of the engine's own cache in bytes (default: 8 MiB).
    #[must_use]
    pub fn cache_capacity(mut self, bytes: u64) -> Self {
        self.cache_capacity = bytes;
        self
    }

    /// Sets how often what was written is made durable (default: 500 ms).
    #[must_use]
    pub fn flush_every(mut self, period: Duration) -> Self {
        self.flush_every = period.max(Duration::from_millis(1));
        self
    }

    /// Sets how much of one shelf may wait to be written, in bytes (default: 16 MiB).
    #[must_use]
    pub fn waiting(mut self, bytes: usize) -> Self {
        self.waiting = bytes;
        self
    }
}

/// Small durable state of one bot: typed shelves in one folder. Clones are handles to the same store.
///
/// The store is closed, and what waits is written, when the last handle is gone; that happens on a thread of its own, so whoever ends
/// the process awaits [`flush`](Self::flush) before.
///
/// # Examples
///
/// ```
/// # #[actix_rt::main] async fn main() -> Result<(), greenroom_actors::store::StoreError> {
/// use greenroom_actors::store::{Bounds, Store};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("greenroom-store");
/// let store = Store::open(path)?;
/// let scores = store.shelf::<u64>("scores", Bounds::default().entries(1_000))?;
/// scores.put("alice", &3)?;
/// assert_eq!(scores.get("alice")?, Some(3));
/// store.flush().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    tables: Arc<Tables>,
    disk: Option<Disk>,
}

struct Disk {
    settings: StoreSettings,
    database: sled::Db,
    writer: Arc<Writer>,
    moved_aside: Option<PathBuf>,
}

/// Figures of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreStats {
    /// Entries of all shelves that are in use.
    pub entries: u64,
    /// The length of their keys and values.
    pub bytes: u64,
    /// The length of what the disk does not have yet.
    pub waiting: u64,
    /// Changes that the disk has taken since the opening.
    pub written: u64,
    /// Writes that failed since the opening.
    pub failures: u64,
    /// Entries that were left out because they could not be read.
    pub unreadable: u64,
}

impl Store {
    /// Opens the store in the folder `path`, with default settings.
    ///
    /// The folder is made if it does not exist, for its owner only. This blocks: for milliseconds, or for half a second if another
    /// process has the store. A folder that cannot be read is moved aside, and a new one begun; see
    /// [`moved_aside`](Self::moved_aside).
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] if another process has it, [`StoreError::Foreign`] if the folder holds something else,
    /// [`StoreError::Io`] if it cannot be made or opened.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::open_with(StoreSettings::new(path))
    }

    /// As [`open`](Self::open), with settings of one's own.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with(settings: StoreSettings) -> Result<Self, StoreError> {
        let path = &settings.path;
        prepare(path)?;
        let (database, moved_aside) = match attempt(&settings) {
            Err(StoreError::Damaged { reason, .. }) => {
                let aside = engine::move_aside(path)?;
                tracing::error!(path = %path.display(), aside = %aside.display(), reason, "moved a damaged store aside");
                prepare(path)?;
                (attempt(&settings)?, Some(aside))
            }
            other => (other?, None),
        };
        Self::start(settings, database, moved_aside)
    }

    /// Opens the store that is in the folder `path`, for a look: a folder that is not there is not made, and one that cannot be read
    /// stays where it is.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`StoreError::Missing`] if there is none, [`StoreError::Damaged`] if it cannot be read.
    pub fn open_existing(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let settings = StoreSettings::new(path);
        let path = &settings.path;
        if !is_store(path) {
            // A folder of other files is told as such.
            if path.is_dir() {
                prepare(path)?;
            }
            return Err(StoreError::Missing { path: path.clone() });
        }
        let database = attempt(&settings)?;
        Self::start(settings, database, None)
    }

    fn start(
        settings: StoreSettings,
        database: sled::Db,
        moved_aside: Option<PathBuf>,
    ) -> Result<Self, StoreError> {
        let path = &settings.path;
        protect(path)?;
        let (gate, tables) = (Gate::new(path), Arc::new(Tables::default()));
        let writer = Writer::start(&gate, database.clone(), Arc::clone(&tables))?;
        Ok(Self {
            inner: Arc::new(Inner {
                tables,
                disk: Some(Disk {
                    settings,
                    database,
                    writer,
                    moved_aside,
                }),
            }),
        })
    }

    /// Makes a store in memory: for tests, and for bots that keep nothing. It ends with its last handle.
    #[must_use]
    pub fn temporary() -> Self {
        Self {
            inner: Arc::new(Inner {
                tables: Arc::default(),
                disk: None,
            }),
        }
    }

    /// Says whether there is a store in this folder, without opening it.
    #[must_use]
    pub fn exists(path: &Path) -> bool {
        is_store(path)
    }

    /// Returns the folder; none if the store is in memory.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        Some(&self.inner.disk.as_ref()?.settings.path)
    }

    /// Returns where the folder went that could not be read at the opening.
    #[must_use]
    pub fn moved_aside(&self) -> Option<&Path> {
        self.inner.disk.as_ref()?.moved_aside.as_deref()
    }

    /// Returns the shelf `name`, which is made if it does not exist. The bounds of the first call hold; the type of the values is up
    /// to the callers.
    ///
    /// # Errors
    ///
    /// If the disk cannot be read.
    pub fn shelf<V: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        bounds: Bounds,
    ) -> Result<Shelf<V>, StoreError> {
        let tables = &mut *self
            .inner
            .tables
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let table = match tables.get(name) {
            Some(table) => Arc::clone(table),
            None => {
                let disk = self.inner.disk.as_ref();
                let tree = disk.map(|disk| disk.tree(name)).transpose()?;
                let table = Arc::new(Table::load(name, bounds, tree)?);
                tables.insert(name.to_owned(), Arc::clone(&table));
                table
            }
        };
        Ok(Shelf {
            store: Arc::clone(&self.inner),
            table,
            _type: PhantomData,
        })
    }

    /// Waits until all that was written before this call survives a crash of the process and of the machine.
    ///
    /// # Errors
    ///
    /// If the disk fails, now or before. Trying again does not help.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let Some(disk) = &self.inner.disk else {
            return Ok(());
        };
        let flushed = disk.writer.flush();
        // Waited for on a thread that tokio knows: paused time stands still meanwhile.
        let waited = tokio::task::spawn_blocking(move || flushed.blocking_recv()).await;
        // The store's thread only ends when all handles are gone, and this is one; or it has panicked.
        let broken = || StoreError::Broken {
            path: disk.settings.path.clone(),
        };
        waited.map_err(|_| broken())?.map_err(|_| broken())?
    }

    /// Reports figures.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        let tables = self
            .inner
            .tables
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut stats = StoreStats::default();
        for table in tables.values() {
            stats.entries += table.entries();
            stats.bytes += table.bytes();
            stats.waiting += table.waiting() as u64;
            stats.unreadable += table.unreadable.load(Ordering::Relaxed);
        }
        if let Some(disk) = &self.inner.disk {
            stats.written = disk.writer.written.load(Ordering::Relaxed);
            stats.failures = disk.writer.failures.load(Ordering::Relaxed);
        }
        stats
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

impl Disk {
    fn tree(&self, name: &str) -> Result<(Gate<StoreError>, sled::Tree), StoreError> {
        let gate = self.writer.gate.clone();
        let tree = gate.call("open", || self.database.open_tree(name))?;
        Ok((gate, tree))
    }
}

impl Inner {
    /// Refuses if the disk has failed.
    pub(super) fn may_write(&self) -> Result<(), StoreError> {
        match &self.disk {
            Some(disk) if disk.writer.gate.is_broken() => Err(StoreError::Broken {
                path: disk.settings.path.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Says whether this much of one shelf may wait.
    pub(super) fn may_wait(&self, waiting: usize) -> Result<(), StoreError> {
        match &self.disk {
            Some(disk) if waiting > disk.settings.waiting => Err(StoreError::Behind {
                path: disk.settings.path.clone(),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn changed(&self) {
        if let Some(disk) = &self.disk {
            disk.writer.dirty();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(disk) = &self.disk {
            disk.writer.gate.keep(&disk.database);
            disk.writer.close();
        }
    }
}

/// Opens the database; a panic of the engine is damage.
fn attempt(settings: &StoreSettings) -> Result<sled::Db, StoreError> {
    catch_unwind(AssertUnwindSafe(|| open_checked(settings)))
        .unwrap_or_else(|panic| Err(damaged(&settings.path, text(panic.as_ref()))))
}

fn open_checked(settings: &StoreSettings) -> Result<sled::Db, StoreError> {
    let path = &settings.path;
    let database = engine::open(path, settings.cache_capacity, settings.flush_every)?;
    let gate: Gate<StoreError> = Gate::new(path);
    let check = || {
        let meta = gate.call("open", || database.open_tree(META))?;
        let found = gate.call("read", || meta.get("format"))?;
        let found = found.and_then(|value| <[u8; 4]>::try_from(value.as_ref()).ok());
        match found.map(u32::from_be_bytes) {
            Some(FORMAT) => Ok(()),
            None if database.tree_names().iter().all(is_own) => {
                let format = FORMAT.to_be_bytes();
                gate.call("write", || meta.insert("format", &format))
                    .map(drop)
            }
            found => Err(StoreError::Format {
                found: found.unwrap_or(0),
                path: path.clone(),
                supported: FORMAT,
            }),
        }
    };
    let checked = check();
    gate.keep(&database);
    checked.map(|()| database)
}

/// Says whether this tree may be there before the format was written.
fn is_own(tree: &sled::IVec) -> bool {
    [META, "__sled__default"]
        .iter()
        .any(|own| tree == own.as_bytes())
}

/// Makes the folder, and checks that it is not somebody else's.
fn prepare(path: &Path) -> Result<(), StoreError> {
    let unable = |error| failed("make the folder", path, error);
    if path.is_dir() {
        let mut entries = fs::read_dir(path).map_err(|error| failed("read", path, error))?;
        if entries.next().is_some() && !is_store(path) {
            return Err(StoreError::Foreign {
                path: path.to_owned(),
            });
        }
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(unable)
}

fn is_store(path: &Path) -> bool {
    FILES.iter().any(|file| path.join(file).is_file())
}

const FORMAT: u32 = 1;
const META: &str = "meta";
