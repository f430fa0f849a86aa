//! Opening, laying out anew, compacting: what concerns the folder as a whole.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::DiskStore;
use super::files::{self, Files, JOURNAL};
use super::flush::Flusher;
use super::gate::{Gate, damaged};
use super::index::Value;
use super::load::{mark, mark_name, tree_name};
use super::migrate;
use super::values::Values;
use crate::cache::codec::read_chunk_key;
use crate::cache::error::CacheError;
use crate::cache::limits::{Bound, Limits};
use crate::cache::settings::Settings;
use crate::cache::store::{Backend, MessageStore, Opened, Recovery};
use crate::store::engine::{self, beside, text};

/// A folder with one sled database, a tree and some files for each shard. [`Cache::new`](crate::cache::Cache::new) uses it; by itself it is of use
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
        let flusher = Flusher::start(gate, database, self.settings.flush_every)?;
        let flusher = Arc::new(flusher);
        self.check_format(gate, database, &flusher, recovery.unclean)?;
        let mut stores: Vec<Box<dyn MessageStore>> = Vec::new();
        for shard in 0..self.settings.shards {
            mark_open(gate, database, shard)?;
            let unclean = recovery.unclean;
            let store = DiskStore::load(gate, database, &self.settings, shard, &flusher, unclean)?;
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
        // The flusher flushes, since only it knows what has to be on the disk before.
        let memory = self.settings.cache_capacity / 4;
        let database = engine::open(path, memory, Duration::ZERO)?;
        engine::protect(path)?;
        Ok(database)
    }

    fn check_format(
        &self,
        gate: &Gate,
        database: &sled::Db,
        flusher: &Arc<Flusher>,
        is_unclean: bool,
    ) -> Result<(), CacheError> {
        let path = self.path();
        let meta = gate.call("open", || database.open_tree(META))?;
        let number = |key: &str| {
            let value = gate.call("read", || meta.get(key))?;
            let value = value.and_then(|value| <[u8; 4]>::try_from(value.as_ref()).ok());
            Ok::<_, CacheError>(value.map(u32::from_be_bytes))
        };
        let ours = |name: &sled::IVec| {
            ["__sled__default", META]
                .iter()
                .chain(&TREES)
                .any(|ours| name.starts_with(ours.as_bytes()))
        };
        let found = match number("format")? {
            Some(found) => found,
            None if database.tree_names().iter().all(ours) => FORMAT,
            None => 0,
        };
        let supported = FORMAT;
        if found != FORMAT && found != migrate::FORMAT {
            return Err(CacheError::Format {
                found,
                path: path.to_owned(),
                supported,
            });
        }
        let shards = u32::try_from(self.settings.shards).unwrap_or(u32::MAX);
        let mut before = number("shards")?;
        let put =
            |key: &str, value: u32| gate.call("write", || meta.insert(key, &value.to_be_bytes()));
        if found == migrate::FORMAT {
            let old = usize::try_from(before.unwrap_or(shards)).unwrap_or(1);
            migrate::migrate(gate, database, old)?;
            before = before.or(Some(shards));
            put("shards", before.unwrap_or(shards))?;
            put("format", FORMAT)?;
            gate.call("flush", || database.flush())?;
        }
        if let Some(before) = before.filter(|before| *before != shards) {
            let before = usize::try_from(before).unwrap_or(1);
            self.lay_out_anew(gate, database, before, flusher, is_unclean)?;
        }
        if before != Some(shards) {
            put("format", FORMAT)?;
            put("shards", shards)?;
            gate.call("flush", || database.flush())?;
        }
        drop_trees(gate, database, |name| !self.is_current(name))?;
        files::remove(gate, path, |shards| shards != self.settings.shards)
    }

    /// Moves all messages to the trees of another number of shards. Broken off, it begins again at the next open.
    fn lay_out_anew(
        &self,
        gate: &Gate,
        database: &sled::Db,
        before: usize,
        flusher: &Arc<Flusher>,
        is_unclean: bool,
    ) -> Result<(), CacheError> {
        let shards = self.settings.shards.max(1);
        let unbounded = Limits::default()
            .per_channel(Bound::NONE)
            .total(Bound::NONE);
        let old = self.settings.clone().shards(before).limits(unbounded);
        drop_trees(gate, database, |name| self.is_current(name))?;
        files::remove(gate, self.path(), |layout| layout == shards)?;
        let mut targets = Vec::new();
        for shard in 0..shards {
            let name = tree_name(shards, shard);
            let tree = gate.call("open", || database.open_tree(name))?;
            targets.push((tree, Values::open(gate, shards, shard)?));
        }
        for shard in 0..before {
            let mut store = DiskStore::load(gate, database, &old, shard, flusher, is_unclean)?;
            let keys: Vec<_> = store.channels.keys().cloned().collect();
            for key in keys {
                store.settle(&key, usize::MAX)?;
            }
            for entry in &store.index {
                let (key, entry) = gate.call("read", || entry)?;
                let parts = read_chunk_key(&key).zip(Value::decode(&entry));
                let Some(((channel, _), mut value)) = parts else {
                    return Err(damaged(self.path(), "a value is unreadable"));
                };
                let shard = usize::try_from(channel.partition() % shards as u64);
                let target = targets.get_mut(shard.unwrap_or_default());
                let Some((tree, values)) = target else {
                    continue;
                };
                value.place = values.append(&store.values.read(&value.place)?)?;
                gate.call("write", || tree.insert(key, value.encode()))?;
            }
        }
        targets.iter().try_for_each(|(_, values)| values.sync())
    }

    fn is_current(&self, name: &[u8]) -> bool {
        let shards = self.settings.shards;
        (0..shards).any(|shard| name == tree_name(shards, shard).as_bytes())
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
        let copied = self.copy(&gate, &from, &to);
        gate.keep(&to);
        copied
    }

    fn copy(&self, gate: &Gate, from: &sled::Db, to: &sled::Db) -> Result<(), CacheError> {
        let old = Gate::new(self.path());
        let shards = self.settings.shards;
        let meta = gate.call("write", || to.open_tree(META))?;
        let source = gate.call("read", || from.open_tree(META))?;
        for entry in &source {
            let (key, value) = gate.call("read", || entry)?;
            gate.call("write", || meta.insert(key, value))?;
        }
        for shard in 0..shards {
            let name = tree_name(shards, shard);
            let source = gate.call("read", || from.open_tree(&name))?;
            let target = gate.call("write", || to.open_tree(&name))?;
            let before = Values::open(&old, shards, shard)?;
            let mut after = Values::open(gate, shards, shard)?;
            for entry in &source {
                let (key, entry) = gate.call("read", || entry)?;
                let mut value = Value::decode(&entry)
                    .ok_or_else(|| damaged(self.path(), "a value is unreadable"))?;
                value.place = after.append(&before.read(&value.place)?)?;
                gate.call("write", || target.insert(key, value.encode()))?;
            }
            after.sync()?;
            let mark = mark_name(shards, shard);
            gate.call("write", || meta.remove(mark))?;
            let journal = Files::new(&old, JOURNAL, shards, shard);
            let copy = Files::new(gate, JOURNAL, shards, shard);
            for number in journal.numbers()? {
                journal.copy_to(&copy, number)?;
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
        // What is copied is then in order, and of the newest format.
        drop(self.open()?);
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

/// Reads the place up to which the values of a shard were on the disk for sure.
pub(super) fn read_mark(
    gate: &Gate,
    database: &sled::Db,
    name: &str,
) -> Result<Option<(u32, u64)>, CacheError> {
    let meta = gate.call("open", || database.open_tree(META))?;
    let bytes = gate.call("read", || meta.get(name))?;
    Ok(bytes.and_then(|bytes| mark(&bytes)))
}

/// Removes the trees of shards that are unwanted.
fn drop_trees(
    gate: &Gate,
    database: &sled::Db,
    unwanted: impl Fn(&[u8]) -> bool,
) -> Result<(), CacheError> {
    for name in database.tree_names() {
        let shard = TREES.iter().any(|tree| name.starts_with(tree.as_bytes()));
        if shard && unwanted(&name) {
            gate.call("write", || database.drop_tree(&name))?;
        }
    }
    Ok(())
}

fn open_key(shard: usize) -> String {
    format!("{OPEN}{shard}")
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> CacheError {
    engine::failed(action, path, source).into()
}

const FORMAT: u32 = 2;
/// What the names of a shard's trees begin with, now and before.
const TREES: [&str; 2] = ["chunks-", "journal-"];
pub(super) const META: &str = "meta";
const OPEN: &str = "open-";
