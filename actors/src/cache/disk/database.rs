//! Opening, laying out anew, compacting: what concerns the folder as a whole.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::DiskStore;
use super::gate::{Gate, damaged};
use super::load::tree_names;
use crate::cache::codec::read_chunk_key;
use crate::cache::error::CacheError;
use crate::cache::limits::{Bound, Limits};
use crate::cache::settings::Settings;
use crate::cache::store::{Backend, MessageStore, Opened, Recovery};
use crate::store::engine::{self, beside, text};

/// A folder with one sled database, two trees for each shard. [`Cache::new`](crate::cache::Cache::new) uses it; by itself it is of use
/// to backends that wrap it.
#[derive(Debug)]
pub struct DiskBackend {
    settings: Settings,
}

impl DiskBackend {
    /// Creates the backend; nothing is on the disk before [`Backend::open`].
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    fn path(&self) -> &Path {
        &self.settings.path
    }

    fn open_stores(&self) -> Result<Opened, CacheError> {
        let gate = Gate::new(self.path());
        let database = self.open_database(self.path())?;
        let opened = self.load_stores(&gate, &database);
        gate.keep(&database);
        opened
    }

    fn load_stores(&self, gate: &Gate, database: &sled::Db) -> Result<Opened, CacheError> {
        let mut recovery = Recovery {
            unclean: self.was_left_open(gate, database)?,
            ..Recovery::default()
        };
        self.check_format(gate, database)?;
        let mut stores: Vec<Box<dyn MessageStore>> = Vec::new();
        for shard in 0..self.settings.shards {
            mark_open(gate, database, shard)?;
            let store = DiskStore::load(gate, database, &self.settings, shard)?;
            recovery.channels += store.channels.len() as u64;
            recovery.messages += store.totals.messages;
            recovery.bytes += store.totals.bytes;
            stores.push(Box::new(store));
        }
        gate.call("flush", || database.flush())?;
        if recovery.unclean {
            tracing::warn!(
                path = %self.path().display(),
                messages = recovery.messages,
                window = ?(self.settings.write_every + self.settings.flush_every),
                "the message cache was not closed in order: what came within this window before may be missing"
            );
        }
        Ok(Opened { recovery, stores })
    }

    /// Tells whether a shard was not closed in order.
    fn was_left_open(&self, gate: &Gate, database: &sled::Db) -> Result<bool, CacheError> {
        let meta = gate.call("open", || database.open_tree(META))?;
        let left = gate.call("read", || meta.scan_prefix(OPEN).next().transpose())?;
        Ok(left.is_some())
    }

    fn open_database(&self, path: &Path) -> Result<sled::Db, CacheError> {
        let settings = &self.settings;
        engine::open(path, settings.cache_capacity, settings.flush_every).map_err(CacheError::from)
    }

    fn check_format(&self, gate: &Gate, database: &sled::Db) -> Result<(), CacheError> {
        let path = self.path();
        let meta = gate.call("open", || database.open_tree(META))?;
        let number = |key: &str| {
            let value = gate.call("read", || meta.get(key))?;
            let value = value.and_then(|value| <[u8; 4]>::try_from(value.as_ref()).ok());
            Ok::<_, CacheError>(value.map(u32::from_be_bytes))
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
            self.lay_out_anew(gate, database, usize::try_from(before).unwrap_or(1))?;
        }
        if before != Some(shards) {
            let put = |key: &str, value: u32| {
                gate.call("write", || meta.insert(key, &value.to_be_bytes()))
            };
            put("format", FORMAT)?;
            put("shards", shards)?;
            gate.call("flush", || database.flush())?;
        }
        self.drop_trees(gate, database, |name| !self.is_current(name))
    }

    /// Moves all messages to the trees of another number of shards. Broken off, it begins again at the next open.
    fn lay_out_anew(
        &self,
        gate: &Gate,
        database: &sled::Db,
        before: usize,
    ) -> Result<(), CacheError> {
        let shards = self.settings.shards.max(1) as u64;
        let unbounded = Limits::default()
            .per_channel(Bound::NONE)
            .total(Bound::NONE);
        let old = self.settings.clone().shards(before).limits(unbounded);
        self.drop_trees(gate, database, |name| self.is_current(name))?;
        for shard in 0..before {
            let mut store = DiskStore::load(gate, database, &old, shard)?;
            let keys: Vec<_> = store.channels.keys().cloned().collect();
            for key in keys {
                store.settle(&key)?;
            }
            for entry in &store.chunks {
                let (key, value) = gate.call("read", || entry)?;
                let Some((channel, _)) = read_chunk_key(&key) else {
                    return Err(damaged(self.path(), "a key is unreadable"));
                };
                let shard = usize::try_from(channel.partition() % shards).unwrap_or_default();
                let (name, _) = tree_names(self.settings.shards, shard);
                let tree = gate.call("open", || database.open_tree(name))?;
                gate.call("write", || tree.insert(key, value))?;
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
        gate: &Gate,
        database: &sled::Db,
        unwanted: impl Fn(&[u8]) -> bool,
    ) -> Result<(), CacheError> {
        for name in database.tree_names() {
            let shard = name.starts_with(b"chunks-") || name.starts_with(b"journal-");
            if shard && unwanted(&name) {
                gate.call("write", || database.drop_tree(&name))?;
            }
        }
        Ok(())
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
        let gate = Gate::new(path);
        let copied = Self::copy(&gate, &from, &to);
        gate.keep(&to);
        copied
    }

    fn copy(gate: &Gate, from: &sled::Db, to: &sled::Db) -> Result<(), CacheError> {
        for name in from.tree_names() {
            let source = gate.call("read", || from.open_tree(&name))?;
            let target = gate.call("write", || to.open_tree(&name))?;
            for entry in &source {
                let (key, value) = gate.call("read", || entry)?;
                gate.call("write", || target.insert(key, value))?;
            }
        }
        gate.call("flush", || to.flush()).map(|_| ())
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
                let aside = engine::move_aside(self.path())?;
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

/// Notes that a shard is open, until [`mark_closed`].
fn mark_open(gate: &Gate, database: &sled::Db, shard: usize) -> Result<(), CacheError> {
    let meta = gate.call("open", || database.open_tree(META))?;
    gate.call("write", || meta.insert(open_key(shard), b""))?;
    Ok(())
}

/// Notes that a shard was closed in order.
pub(super) fn mark_closed(
    gate: &Gate,
    database: &sled::Db,
    shard: usize,
) -> Result<(), CacheError> {
    let meta = gate.call("open", || database.open_tree(META))?;
    gate.call("write", || meta.remove(open_key(shard)))?;
    gate.call("flush", || database.flush()).map(|_| ())
}

fn open_key(shard: usize) -> String {
    format!("{OPEN}{shard}")
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> CacheError {
    engine::failed(action, path, source).into()
}

const FORMAT: u32 = 1;
const META: &str = "meta";
const OPEN: &str = "open-";
