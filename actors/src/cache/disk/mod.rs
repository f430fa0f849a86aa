//! The store: sled as the index, plain files for what is indexed.
//!
//! ```text
//! save ──> tail of the channel (memory) ──32 messages──> values-* (appended)   sled: channel ++ first id -> place, summary
//!     └──> pending (memory) ──256 changes or 50 ms────> journal-* (appended): batch of changes
//! ```
//!
//! The invariant: every id in a channel's tail is larger than every id in its values. So the tail is the end of the channel, and
//! what comes later with a smaller id is written into its value at once. The journal has every change, and a change can be done
//! twice: opening reads the index, which may be some changes behind, and does again what the journal has. A file of the journal is
//! removed when every channel that it touched has settled its tail, and the engine and the values were flushed after that; a file of
//! values when nothing in it is needed, and the engine was flushed after that. What is needed of a file that is mostly not is moved.

mod database;
mod evict;
mod files;
mod flush;
mod gate;
mod index;
mod keep;
mod load;
mod log;
mod migrate;
mod read;
mod values;
mod write;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::batch::Batch;
use super::error::CacheError;
use super::query::Query;
use super::record::{ChannelInfo, Record};
use super::settings::Settings;
use super::store::{MessageStore, StoreStats};
use crate::event::{ChannelKey, Id};

pub use database::DiskBackend;

/// The messages of one shard.
pub(super) struct DiskStore {
    gate: gate::Gate,
    database: sled::Db,
    index: sled::Tree,
    shard: usize,
    settings: Settings,
    values: values::Values,
    journal: log::Journal,
    flusher: Arc<flush::Flusher>,
    unflushed: Arc<flush::Unflushed>,
    channels: HashMap<ChannelKey, index::Channel>,
    /// The time of the oldest message of each channel.
    by_age: BTreeSet<(u64, ChannelKey)>,
    /// The first file of the journal that a channel's tail needs.
    unsettled: BTreeSet<(u32, ChannelKey)>,
    /// Channels whose tail fills a value.
    full: Vec<ChannelKey>,
    /// Values that are to leave a file which is mostly not needed.
    moving: Vec<(ChannelKey, Id)>,
    kept: keep::Kept,
    totals: Totals,
}

#[derive(Debug, Default)]
struct Totals {
    bytes: u64,
    evicted: u64,
    lost: u64,
    messages: u64,
    saved: u64,
    tail: u64,
}

impl Drop for DiskStore {
    fn drop(&mut self) {
        if self.journal.pending.operations == 0 && !std::thread::panicking() {
            let closed = self
                .sync()
                .and_then(|()| database::mark_closed(&self.gate, &self.database, self.shard));
            if let Err(error) = closed {
                tracing::debug!(%error, "the cache could not be closed in order");
            }
        }
        self.gate.keep(&self.database);
        self.gate.keep(&self.index);
    }
}

impl MessageStore for DiskStore {
    fn save(&mut self, records: Vec<Record>) -> Result<(), CacheError> {
        // Copies, so that the blocks in which the bodies were received are not kept alive.
        self.save_all(records.into())
    }

    fn save_batch(&mut self, batch: Batch) -> Result<(), CacheError> {
        self.save_all(batch)
    }

    fn get(&mut self, channel: &ChannelKey, id: &Id) -> Result<Option<Record>, CacheError> {
        self.find(channel, id)
    }

    fn list(&mut self, query: &Query) -> Result<Vec<Record>, CacheError> {
        self.select_and_keep(query)
    }

    fn recent(&self, query: &Query) -> Option<Vec<Record>> {
        self.select_kept(query)
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
        let mut infos: Vec<_> = infos.collect();
        infos.sort_unstable_by(|a, b| a.channel.cmp(&b.channel));
        Ok(infos)
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
        self.journal.sync()
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
            tail: self.totals.tail,
            journal_bytes: self.journal.bytes(),
            saved: self.totals.saved,
            evicted: self.totals.evicted,
            lost: self.totals.lost,
            disk_bytes: self.database.size_on_disk().unwrap_or_default()
                + files::length(self.gate.path()),
        }
    }
}
