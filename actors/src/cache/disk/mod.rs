//! The store on sled.
//!
//! ```text
//! save ──> tail of the channel (memory) ──32 messages──> one value:  channel ++ first id -> chunk
//!     └──> pending (memory) ──256 changes or 50 ms────> one value:  sequence number  -> batch of changes
//! ```
//!
//! The invariant: every id in a channel's tail is larger than every id in its values. So the tail is the end of the channel, and
//! what comes later with a smaller id is written into its value at once. A batch in the journal is removed when every channel that
//! it touched has settled its tail. Opening reads the headers of all values and replays the journal.

mod database;
mod evict;
mod gate;
mod index;
mod load;
mod read;
mod write;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::error::CacheError;
use super::journal::Pending;
use super::query::Query;
use super::record::{ChannelInfo, Record};
use super::settings::Settings;
use super::store::{MessageStore, StoreStats};
use crate::event::{ChannelKey, Id};

pub use database::DiskBackend;

/// The messages of one shard on sled.
pub(super) struct DiskStore {
    gate: gate::Gate,
    database: sled::Db,
    chunks: sled::Tree,
    log: sled::Tree,
    shard: usize,
    settings: Settings,
    channels: BTreeMap<ChannelKey, index::Channel>,
    /// The time of the oldest message of each channel.
    by_age: BTreeSet<(u64, ChannelKey)>,
    /// The first journal batch that a channel's tail needs.
    unsettled: BTreeSet<(u64, ChannelKey)>,
    journal: Journal,
    totals: Totals,
}

/// The journal's state: what is written, and what waits.
#[derive(Debug, Default)]
struct Journal {
    batches: VecDeque<(u64, usize)>,
    bytes: usize,
    next: u64,
    pending: Pending,
}

#[derive(Debug, Default)]
struct Totals {
    bytes: u64,
    evicted: u64,
    lost: u64,
    messages: u64,
    saved: u64,
}

impl Drop for DiskStore {
    fn drop(&mut self) {
        if self.journal.pending.operations == 0 && !std::thread::panicking() {
            let closed = database::mark_closed(&self.gate, &self.database, self.shard);
            if let Err(error) = closed {
                tracing::debug!(%error, "the cache could not be closed in order");
            }
        }
        self.gate.keep(&self.database);
        self.gate.keep(&self.chunks);
        self.gate.keep(&self.log);
    }
}

impl MessageStore for DiskStore {
    fn save(&mut self, records: Vec<Record>) -> Result<(), CacheError> {
        self.save_all(records)
    }

    fn get(&mut self, channel: &ChannelKey, id: &Id) -> Result<Option<Record>, CacheError> {
        self.find(channel, id)
    }

    fn list(&mut self, query: &Query) -> Result<Vec<Record>, CacheError> {
        self.select(query)
    }

    fn count(&mut self, channel: Option<&ChannelKey>) -> Result<u64, CacheError> {
        Ok(match channel {
            Some(key) => self.channels.get(key).map_or(0, |channel| channel.messages),
            None => self.totals.messages,
        })
    }

    fn channels(&mut self) -> Result<Vec<ChannelInfo>, CacheError> {
        let infos = self
            .channels
            .iter()
            .filter_map(|(key, channel)| channel.info(key));
        Ok(infos.collect())
    }

    fn delete(&mut self, channel: &ChannelKey, id: &Id) -> Result<bool, CacheError> {
        self.remove(channel, id)
    }

    fn clear(&mut self, channel: &ChannelKey) -> Result<u64, CacheError> {
        self.remove_channel(channel)
    }

    fn write_behind(&mut self) -> Result<(), CacheError> {
        self.write_journal()
    }

    fn expire(&mut self, now: u64) -> Result<u64, CacheError> {
        self.expire_at(now)
    }

    fn flush(&mut self) -> Result<(), CacheError> {
        self.write_journal()?;
        self.sync()
    }

    fn recover(&mut self) -> Result<(), CacheError> {
        self.reload()
    }

    fn stats(&self) -> StoreStats {
        StoreStats {
            channels: self.channels.len() as u64,
            messages: self.totals.messages,
            bytes: self.totals.bytes,
            waiting: self.journal.pending.operations as u64,
            tail: self
                .channels
                .values()
                .map(|channel| channel.tail.len() as u64)
                .sum(),
            journal_bytes: self.journal.bytes as u64,
            saved: self.totals.saved,
            evicted: self.totals.evicted,
            lost: self.totals.lost,
            disk_bytes: self.database.size_on_disk().unwrap_or_default(),
        }
    }
}
