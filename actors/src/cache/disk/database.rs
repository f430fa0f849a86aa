//! Opening, laying out anew, compacting: what concerns the folder as a whole.

use std::any::Any;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::DiskStore;
use super::load::tree_names;
use crate::cache::codec::read_chunk_key;
use crate::cache::error::CacheError;
use crate::cache::limits::{Bound, Limits};
use crate::cache::settings::Settings;
use crate::cache::store::{Backend, MessageStore, Opened, Recovery};
use crate::clock;

/// A folder with one sled database, two trees for each shard.
#[derive(Debug)]
pub(in crate::cache) struct DiskBackend {
    settings: Settings,
}

impl DiskBackend {
    pub(in crate::cache) fn new(settings: Settings) -> Self {
        Self { settings }
    }

    fn path(&self) -> &Path {
        &self.settings.path
    }

    fn open_stores(&self) -> Result<Opened, CacheError> {
        let path: Arc<Path> = self.path().into();
        let database = self.open_database(self.path())?;
        self.check_format(&database)?;
        let mut stores: Vec<Box<dyn MessageStore>> = Vec::new();
        let mut recovery = Recovery::default();
        for shard in 0..self.settings.shards {
            let store = DiskStore::load(&path, &database, &self.settings, shard)?;
            recovery.channels += store.channels.len() as u64;
            recovery.messages += store.totals.messages;
            recovery.bytes += store.totals.bytes;
            stores.push(Box::new(store));
        }
        Ok(Opened { recovery, stores })
    }

    /// Opens the database. The engine's own threads hold the lock for some milliseconds after the last handle is gone, and so may
    /// a process that is about to end: that is waited for.
    fn open_database(&self, path: &Path) -> Result<sled::Db, CacheError> {
        for _ in 0..LOCK_ATTEMPTS {
            match self.open_at_once(path) {
                Err(CacheError::Locked { .. }) => thread::park_timeout(LOCK_PAUSE),
                other => return other,
            }
        }
        self.open_at_once(path)
    }

    fn open_at_once(&self, path: &Path) -> Result<sled::Db, CacheError> {
        let period = u64::try_from(self.settings.flush_every.as_millis()).unwrap_or(u64::MAX);
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(self.settings.cache_capacity)
            .flush_every_ms((period > 0).then_some(period));
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        match opened.map_err(|panic| damaged(path, text(panic.as_ref())))? {
            Ok(database) => Ok(database),
            Err(sled::Error::Io(source)) => Err(self.classify(path, source)),
            Err(error) => Err(damaged(path, error.to_string())),
        }
    }

    fn classify(&self, path: &Path, source: std::io::Error) -> CacheError {
        if source.to_string().contains("could not acquire lock") {
            return CacheError::Locked {
                path: path.to_owned(),
            };
        }
        match source.kind() {
            ErrorKind::InvalidData
            | ErrorKind::InvalidInput
            | ErrorKind::Other
            | ErrorKind::UnexpectedEof => damaged(path, source.to_string()),
            _ => failed("open", path, source),
        }
    }

    fn check_format(&self, database: &sled::Db) -> Result<(), CacheError> {
        let path = self.path();
        let meta = guard(path, "open", || database.open_tree(META))?;
        let number = |key: &str| {
            let value = guard(path, "read", || meta.get(key))?;
            let value = value.and_then(|value| <[u8; 4]>::try_from(value.as_ref()).ok());
            Ok(value.map(u32::from_be_bytes))
        };
        let ours = |name: &sled::IVec| {
            [META, "__sled__default", "chunks-", "journal-"]
                .iter()
                .any(|ours| name.starts_with(ours.as_bytes()))
        };
        let found = match number("format")? {
            Some(found) => found,
            None if database.tree_names().iter().all(ours) => FORMAT,
            None => 0,
        };
        if found != FORMAT {
            return Err(CacheError::Format {
                found,
                path: path.to_owned(),
                supported: FORMAT,
            });
        }
        let shards = u32::try_from(self.settings.shards).unwrap_or(u32::MAX);
        let before = number("shards")?;
        if let Some(before) = before.filter(|before| *before != shards) {
            self.lay_out_anew(database, usize::try_from(before).unwrap_or(1))?;
        }
        if before != Some(shards) {
            let put = |key: &str, value: u32| {
                guard(path, "write", || meta.insert(key, &value.to_be_bytes()))
            };
            put("format", FORMAT)?;
            put("shards", shards)?;
            guard(path, "flush", || database.flush())?;
        }
        self.drop_trees(database, |name| !self.is_current(name))
    }

    /// Moves all messages to the trees of another number of shards. Broken off, it begins again at the next open.
    fn lay_out_anew(&self, database: &sled::Db, before: usize) -> Result<(), CacheError> {
        let path: Arc<Path> = self.path().into();
        let shards = self.settings.shards.max(1) as u64;
        let unbounded = Limits::default()
            .per_channel(Bound::NONE)
            .total(Bound::NONE);
        let old = self.settings.clone().shards(before).limits(unbounded);
        self.drop_trees(database, |name| self.is_current(name))?;
        for shard in 0..before {
            let mut store = DiskStore::load(&path, database, &old, shard)?;
            let keys: Vec<_> = store.channels.keys().cloned().collect();
            for key in keys {
                store.settle(&key)?;
            }
            for entry in &store.chunks {
                let (key, value) = guard(&path, "read", || entry)?;
                let Some((channel, _)) = read_chunk_key(&key) else {
                    return Err(damaged(&path, "a key is unreadable"));
                };
                let shard = usize::try_from(channel.partition() % shards).unwrap_or_default();
                let (name, _) = tree_names(self.settings.shards, shard);
                let tree = guard(&path, "open", || database.open_tree(name))?;
                guard(&path, "write", || tree.insert(key, value))?;
            }
        }
        Ok(())
    }

    fn is_current(&self, name: &[u8]) -> bool {
        (0..self.settings.shards).any(|shard| {
            let (chunks, journal) = tree_names(self.settings.shards, shard);
            name == chunks.as_bytes() || name == journal.as_bytes()
        })
    }

    fn drop_trees(
        &self,
        database: &sled::Db,
        unwanted: impl Fn(&[u8]) -> bool,
    ) -> Result<(), CacheError> {
        for name in database.tree_names() {
            let shard = name.starts_with(b"chunks-") || name.starts_with(b"journal-");
            if shard && unwanted(&name) {
                guard(self.path(), "write", || database.drop_tree(&name))?;
            }
        }
        Ok(())
    }

    fn move_aside(&self) -> Result<PathBuf, CacheError> {
        let stamp = clock::unix_seconds();
        let mut aside = beside(self.path(), &format!("corrupt-{stamp}"));
        let mut number = 1;
        while aside.exists() {
            aside = beside(self.path(), &format!("corrupt-{stamp}-{number}"));
            number += 1;
        }
        fs::rename(self.path(), &aside)
            .map_err(|source| failed("move aside", self.path(), source))?;
        Ok(aside)
    }

    fn finish_compaction(&self) -> Result<(), CacheError> {
        let (copy, old) = self.compaction_paths();
        if !self.path().exists() && old.exists() {
            let whole = if copy.exists() { &copy } else { &old };
            fs::rename(whole, self.path()).map_err(|source| failed("rename", whole, source))?;
        }
        Ok(())
    }

    fn remove_leftovers(&self) -> Result<(), CacheError> {
        let (copy, old) = self.compaction_paths();
        for path in [copy, old].into_iter().filter(|path| path.exists()) {
            fs::remove_dir_all(&path).map_err(|source| failed("remove", &path, source))?;
        }
        Ok(())
    }

    fn compaction_paths(&self) -> (PathBuf, PathBuf) {
        (beside(self.path(), "compact"), beside(self.path(), "old"))
    }

    fn copy_to(&self, path: &Path) -> Result<(), CacheError> {
        let from = self.open_database(self.path())?;
        self.remove_leftovers()?;
        let to = self.open_database(path)?;
        for name in from.tree_names() {
            let source = guard(path, "read", || from.open_tree(&name))?;
            let target = guard(path, "write", || to.open_tree(&name))?;
            for entry in &source {
                let (key, value) = guard(path, "read", || entry)?;
                guard(path, "write", || target.insert(key, value))?;
            }
        }
        guard(path, "flush", || to.flush()).map(|_| ())
    }
}

impl Backend for DiskBackend {
    fn open(&self) -> Result<Opened, CacheError> {
        self.finish_compaction()?;
        let attempt = || {
            catch_unwind(AssertUnwindSafe(|| self.open_stores()))
                .unwrap_or_else(|panic| Err(damaged(self.path(), text(panic.as_ref()))))
        };
        let opened = match attempt() {
            Err(CacheError::Damaged { reason, .. }) => {
                let aside = self.move_aside()?;
                tracing::error!(path = %self.path().display(), aside = %aside.display(), reason, "moved a damaged cache aside");
                let mut opened = attempt()?;
                opened.recovery.moved_aside = Some(aside);
                opened.recovery.reason = Some(reason);
                opened
            }
            other => other?,
        };
        self.remove_leftovers()?;
        Ok(opened)
    }

    fn compact(&self) -> Result<(), CacheError> {
        if !self.path().exists() {
            return Ok(());
        }
        let (copy, old) = self.compaction_paths();
        self.copy_to(&copy)?;
        fs::rename(self.path(), &old).map_err(|source| failed("rename", self.path(), source))?;
        fs::rename(&copy, self.path()).map_err(|source| failed("rename", &copy, source))?;
        self.remove_leftovers()
    }

    fn shards(&self) -> usize {
        self.settings.shards
    }
}

/// Calls the engine: its errors and panics become ours.
pub(super) fn guard<T>(
    path: &Path,
    action: &'static str,
    call: impl FnOnce() -> sled::Result<T>,
) -> Result<T, CacheError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error @ sled::Error::Io(_))) => Err(CacheError::Engine {
            action,
            path: path.to_owned(),
            source: error.into(),
        }),
        Ok(Err(error)) => Err(damaged(path, error.to_string())),
        Err(panic) => Err(damaged(path, text(panic.as_ref()))),
    }
}

fn damaged(path: &Path, reason: impl Into<String>) -> CacheError {
    CacheError::Damaged {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> CacheError {
    CacheError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the engine panicked".to_owned())
}

/// The path with `.suffix` after its last part.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

const FORMAT: u32 = 1;
const LOCK_ATTEMPTS: usize = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(5);
const META: &str = "meta";
