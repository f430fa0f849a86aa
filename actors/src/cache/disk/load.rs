//! Building the state in memory from what is on the disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::flush::Flusher;
use super::gate::Gate;
use super::index::{Item, Value};
use super::log::Journal;
use super::values::Values;
use super::write::Put;
use super::{DiskStore, Totals, database};
use crate::cache::chunk::{MAX_ROWS, Row};
use crate::cache::codec::{Reader, chunk_key, read_chunk_key};
use crate::cache::error::CacheError;
use crate::cache::journal::{self, Operation};
use crate::cache::settings::Settings;
use crate::event::{ChannelKey, Id};

/// What the journal says of one channel: the last word on each message.
#[derive(Debug, Default)]
struct Changes {
    /// Whether nothing that was there before is left.
    is_cleared: bool,
    /// Up to which id nothing that was there before is left.
    through: Option<Id>,
    rows: BTreeMap<Id, Option<(Row, u32)>>,
}

impl Changes {
    fn add(&mut self, file: u32, operation: Operation) {
        match operation {
            Operation::Clear => {
                *self = Self {
                    is_cleared: true,
                    ..Self::default()
                }
            }
            Operation::Delete(id) => drop(self.rows.insert(id, None)),
            Operation::Forget(through) => {
                self.rows = self.rows.split_off(&through);
                self.rows.remove(&through);
                self.through = self.through.take().max(Some(through));
            }
            Operation::Save(id, row) => drop(self.rows.insert(id, Some((row, file)))),
        }
    }
}

impl DiskStore {
    /// Opens the tree and the files of one shard and reads them.
    pub(super) fn load(
        gate: &Gate,
        database: &sled::Db,
        settings: &Settings,
        shard: usize,
        flusher: &Arc<Flusher>,
        is_unclean: bool,
    ) -> Result<Self, CacheError> {
        let shards = settings.shards.max(1);
        let journal_bytes = settings.journal_bytes / shards;
        let mut store = Self {
            gate: gate.clone(),
            database: database.clone(),
            index: gate.call("open", || database.open_tree(tree_name(shards, shard)))?,
            shard,
            settings: Settings {
                limits: settings.limits.share(shards),
                ..settings.clone()
            },
            values: Values::open(gate, shards, shard)?,
            journal: Journal::new(gate, shards, shard, journal_bytes),
            flusher: Arc::clone(flusher),
            unflushed: flusher.register(mark_name(shards, shard)),
            channels: HashMap::new(),
            by_age: Default::default(),
            unsettled: Default::default(),
            full: Vec::new(),
            moving: Vec::new(),
            kept: Default::default(),
            totals: Totals::default(),
        };
        store.read_index()?;
        if is_unclean {
            store.drop_unwritten()?;
        }
        let changes = store.read_journal(is_unclean)?;
        store.redo(changes)?;
        // What was done again is in the journal already.
        store.journal.pending.clear();
        store.start()?;
        store.write_journal()?;
        Ok(store)
    }

    /// Builds everything anew, and keeps what was not written yet.
    pub(super) fn reload(&mut self) -> Result<(), CacheError> {
        let pending = std::mem::take(&mut self.journal.pending);
        let totals = std::mem::take(&mut self.totals);
        self.channels.clear();
        self.by_age.clear();
        self.unsettled.clear();
        self.full.clear();
        self.moving.clear();
        self.kept = Default::default();
        self.values.forget();
        self.read_index()?;
        let mut changes = self.read_journal(false)?;
        let file = self.journal.current();
        match journal::decode(pending.batch()) {
            Some(operations) => {
                for (key, operation) in operations {
                    changes.entry(key).or_default().add(file, operation);
                }
            }
            None => self.totals.lost += pending.operations as u64,
        }
        self.redo(changes)?;
        self.journal.pending = pending;
        self.totals.saved += totals.saved;
        self.totals.evicted += totals.evicted;
        self.totals.lost += totals.lost;
        self.start()
    }

    fn read_index(&mut self) -> Result<(), CacheError> {
        let mut entries = self.index.iter();
        while let Some((key, entry)) = self.gate.call("read", || entries.next().transpose())? {
            let parts = read_chunk_key(&key).zip(Value::decode(&entry));
            let Some(((key, first), value)) = parts else {
                return Err(self.damaged("a value is unreadable"));
            };
            let channel = self.channels.entry(key).or_default();
            if channel.settled().is_some_and(|last| *last >= first) {
                return Err(self.damaged("values overlap"));
            }
            channel.messages += value.span.rows;
            channel.bytes += value.span.bytes;
            self.totals.messages += value.span.rows;
            self.totals.bytes += value.span.bytes;
            self.values.need(&value.place);
            channel.chunks.insert(first, value);
        }
        Ok(())
    }

    /// Removes from the index what the machine had not written when it crashed. The journal has it.
    fn drop_unwritten(&mut self) -> Result<(), CacheError> {
        let mark = database::read_mark(&self.gate, &self.database, &self.mark_name())?;
        let mut gone = Vec::new();
        for (key, channel) in &self.channels {
            for (first, value) in channel.chunks.iter() {
                let place = (value.place.file, value.place.offset);
                if mark.is_none_or(|mark| place >= mark) {
                    match self.values.read(&value.place) {
                        Err(CacheError::Damaged { .. }) => gone.push((key.clone(), first.clone())),
                        read => drop(read?),
                    }
                }
            }
        }
        if !gone.is_empty() {
            tracing::warn!(
                values = gone.len(),
                "values were not written before a crash"
            );
        }
        for (key, first) in gone {
            let at = chunk_key(&key, &first);
            self.gate.call("write", || self.index.remove(at))?;
            let Some(channel) = self.channels.get_mut(&key) else {
                continue;
            };
            if let Some(value) = channel.chunks.remove(&first) {
                channel.messages -= value.span.rows;
                channel.bytes -= value.span.bytes;
                self.totals.messages -= value.span.rows;
                self.totals.bytes -= value.span.bytes;
                self.values.free(&value.place);
            }
        }
        Ok(())
    }

    fn mark_name(&self) -> String {
        mark_name(self.settings.shards.max(1), self.shard)
    }

    fn read_journal(
        &mut self,
        is_unclean: bool,
    ) -> Result<HashMap<ChannelKey, Changes>, CacheError> {
        let mut changes: HashMap<ChannelKey, Changes> = HashMap::new();
        self.journal.read(is_unclean, |file, key, operation| {
            changes.entry(key).or_default().add(file, operation);
        })?;
        Ok(changes)
    }

    /// Does what the journal says. Most of it is done already.
    fn redo(&mut self, changes: HashMap<ChannelKey, Changes>) -> Result<(), CacheError> {
        for (key, changes) in changes {
            if changes.is_cleared {
                self.drop_values(&key)?;
            }
            if let Some(through) = &changes.through {
                self.forget_again(&key, through)?;
            }
            let mut edits = BTreeMap::new();
            for (id, row) in changes.rows {
                let Some((row, since)) = row else {
                    edits.insert(id, None);
                    continue;
                };
                if let Put::Belongs(item) = self.put_in_tail(&key, Item { id, row, since }) {
                    edits.insert(item.id, Some(item.row));
                }
            }
            self.edit(&key, edits)?;
            self.tidy(&key);
        }
        Ok(())
    }

    /// Brings what was read into the bounds that hold now.
    fn start(&mut self) -> Result<(), CacheError> {
        let keys: Vec<ChannelKey> = self.channels.keys().cloned().collect();
        for key in keys {
            self.note_age(&key);
            let tail = self.channels.get(&key).map_or(0, |one| one.tail.len());
            if tail >= MAX_ROWS {
                self.settle(&key, tail / MAX_ROWS * MAX_ROWS)?;
            }
            self.enforce(&key)?;
        }
        self.full.clear();
        Ok(())
    }
}

/// The name of the tree that has the index of a shard.
pub(super) fn tree_name(shards: usize, shard: usize) -> String {
    format!("chunks-{shards}-{shard}")
}

/// Where it is noted up to which place the values of a shard are on the disk.
pub(super) fn mark_name(shards: usize, shard: usize) -> String {
    format!("mark-{shards}-{shard}")
}

/// Reads a place that was noted there.
pub(super) fn mark(bytes: &[u8]) -> Option<(u32, u64)> {
    let mut reader = Reader(bytes);
    Some((reader.u32()?, reader.u64()?))
}
