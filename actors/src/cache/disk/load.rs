//! Building the state in memory from what is on the disk.

use super::gate::Gate;
use super::index::Channel;
use super::{DiskStore, Journal, Totals};
use crate::cache::chunk::{self, MAX_ROWS};
use crate::cache::codec::read_chunk_key;
use crate::cache::error::CacheError;
use crate::cache::journal::{self, Operation};
use crate::cache::settings::Settings;
use crate::event::ChannelKey;

impl DiskStore {
    /// Opens the trees of one shard and reads them.
    pub(super) fn load(
        gate: &Gate,
        database: &sled::Db,
        settings: &Settings,
        shard: usize,
    ) -> Result<Self, CacheError> {
        let (chunks, log) = tree_names(settings.shards, shard);
        let mut store = Self {
            gate: gate.clone(),
            database: database.clone(),
            chunks: gate.call("open", || database.open_tree(chunks))?,
            log: gate.call("open", || database.open_tree(log))?,
            shard,
            settings: Settings {
                limits: settings.limits.share(settings.shards),
                journal_bytes: settings.journal_bytes / settings.shards.max(1),
                ..settings.clone()
            },
            channels: Default::default(),
            by_age: Default::default(),
            unsettled: Default::default(),
            journal: Journal::default(),
            totals: Totals::default(),
        };
        store.read_chunks()?;
        store.read_journal()?;
        store.start()?;
        Ok(store)
    }

    /// Builds everything anew, and keeps what was not written yet.
    pub(super) fn reload(&mut self) -> Result<(), CacheError> {
        let pending = std::mem::take(&mut self.journal.pending);
        let totals = std::mem::take(&mut self.totals);
        self.channels.clear();
        self.by_age.clear();
        self.unsettled.clear();
        self.journal = Journal::default();
        self.read_chunks()?;
        self.read_journal()?;
        let batch = self.journal.next;
        match journal::decode(&pending.bytes) {
            Some(operations) => {
                for (key, operation) in operations {
                    self.replay(&key, operation, batch);
                }
                self.journal.pending = pending;
            }
            None => self.totals.lost += pending.operations as u64,
        }
        self.totals.saved += totals.saved;
        self.totals.evicted += totals.evicted;
        self.totals.lost += totals.lost;
        self.start()
    }

    fn read_chunks(&mut self) -> Result<(), CacheError> {
        let mut values = self.chunks.iter();
        while let Some((key, value)) = self.gate.call("read", || values.next().transpose())? {
            let parts = read_chunk_key(&key).zip(chunk::span(&value));
            let Some(((key, first), span)) = parts else {
                return Err(self.damaged("a value is unreadable"));
            };
            let channel = self.channels.entry(key).or_default();
            if channel.settled().is_some_and(|last| *last >= first) {
                return Err(self.damaged("values overlap"));
            }
            channel.messages += span.rows;
            channel.bytes += span.bytes;
            self.totals.messages += span.rows;
            self.totals.bytes += span.bytes;
            channel.chunks.insert(first, span);
        }
        Ok(())
    }

    fn read_journal(&mut self) -> Result<(), CacheError> {
        let mut batches = self.log.iter();
        while let Some((key, value)) = self.gate.call("read", || batches.next().transpose())? {
            let batch = <[u8; 8]>::try_from(key.as_ref()).map(u64::from_be_bytes);
            let (Ok(batch), Some(operations)) = (batch, journal::decode(&value)) else {
                return Err(self.damaged("a batch is unreadable"));
            };
            for (key, operation) in operations {
                self.replay(&key, operation, batch);
            }
            self.journal.batches.push_back((batch, value.len()));
            self.journal.bytes += value.len();
            self.journal.next = batch + 1;
        }
        Ok(())
    }

    fn replay(&mut self, key: &ChannelKey, operation: Operation, batch: u64) {
        if let Operation::Save(id, row) = operation {
            if !self
                .channels
                .get(key)
                .is_some_and(|channel| channel.settles(&id))
            {
                self.put_in_tail(key, id, row, batch);
            }
            return;
        }
        let Some(channel) = self.channels.get_mut(key) else {
            return;
        };
        let (rows, bytes) = (channel.tail.len() as u64, tail_bytes(channel));
        match operation {
            Operation::Clear => channel.tail.clear(),
            Operation::Delete(id) => drop(channel.tail.remove(&id)),
            Operation::Forget(through) => {
                channel.tail = channel.tail.split_off(&through);
                channel.tail.remove(&through);
            }
            Operation::Save(..) => {}
        }
        let rows = rows - channel.tail.len() as u64;
        let bytes = bytes - tail_bytes(channel);
        channel.messages -= rows;
        channel.bytes -= bytes;
        self.totals.messages -= rows;
        self.totals.bytes -= bytes;
        self.tidy(key);
    }

    /// Brings what was read into the bounds that hold now.
    fn start(&mut self) -> Result<(), CacheError> {
        let keys: Vec<ChannelKey> = self.channels.keys().cloned().collect();
        for key in keys {
            self.note_age(&key);
            if self
                .channels
                .get(&key)
                .is_some_and(|channel| channel.tail.len() >= MAX_ROWS)
            {
                self.settle(&key)?;
            }
            self.enforce(&key)?;
        }
        Ok(())
    }
}

/// The names of a shard's trees: one for the messages, one for the journal.
pub(super) fn tree_names(shards: usize, shard: usize) -> (String, String) {
    (
        format!("chunks-{shards}-{shard}"),
        format!("journal-{shards}-{shard}"),
    )
}

fn tail_bytes(channel: &Channel) -> u64 {
    channel.tail.values().map(|row| row.bytes()).sum()
}
