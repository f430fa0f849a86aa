//! What a shard needs of a storage engine.

use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;

use super::batch::Batch;
use super::error::CacheError;
use super::query::Query;
use super::record::{ChannelInfo, Record};
use crate::event::{ChannelKey, Id};

/// The messages of one shard, on some engine.
///
/// All calls block. Reads see every write that came before, whether it reached the engine or not. An error of a write may leave a
/// part of it done; every write can be repeated.
pub trait MessageStore: Send + Sync + 'static {
    /// Keeps `records`, each in place of what has its channel and id.
    ///
    /// # Errors
    ///
    /// If the engine cannot write, or a body is too long. What was given before the faulty record is kept.
    fn save(&mut self, records: Vec<Record>) -> Result<(), CacheError>;

    /// Keeps the messages of a batch, as [`save`](Self::save) does with records.
    ///
    /// # Errors
    ///
    /// As [`save`](Self::save).
    fn save_batch(&mut self, batch: Batch) -> Result<(), CacheError> {
        self.save(batch.into_records())
    }

    /// Finds one message.
    ///
    /// # Errors
    ///
    /// If the engine cannot read.
    fn get(&mut self, channel: &ChannelKey, id: &Id) -> Result<Option<Record>, CacheError>;

    /// Finds a part of a channel.
    ///
    /// # Errors
    ///
    /// If the engine cannot read.
    fn list(&mut self, query: &Query) -> Result<Vec<Record>, CacheError>;

    /// Finds a part of a channel if it is in memory: this is called on the thread of whoever asks, and must not block. `None` if the
    /// engine has to be asked, by [`list`](Self::list).
    fn recent(&self, query: &Query) -> Option<Vec<Record>> {
        let _ = query;
        None
    }

    /// Counts the messages of one channel, or of all.
    ///
    /// # Errors
    ///
    /// If the engine cannot read.
    fn count(&mut self, channel: Option<&ChannelKey>) -> Result<u64, CacheError>;

    /// Lists the channels in the order of their keys.
    ///
    /// # Errors
    ///
    /// If the engine cannot read.
    fn channels(&mut self) -> Result<Vec<ChannelInfo>, CacheError>;

    /// Replaces the body of a message that is there, and keeps its time; returns false if it is not there.
    ///
    /// # Errors
    ///
    /// If the engine cannot read or write.
    fn update(
        &mut self,
        channel: &ChannelKey,
        id: &Id,
        format: u8,
        body: Bytes,
    ) -> Result<bool, CacheError> {
        let Some(record) = self.get(channel, id)? else {
            return Ok(false);
        };
        self.save(vec![Record {
            format,
            body,
            ..record
        }])?;
        Ok(true)
    }

    /// Removes one message; returns false if it is not there.
    ///
    /// # Errors
    ///
    /// If the engine cannot read or write.
    fn delete(&mut self, channel: &ChannelKey, id: &Id) -> Result<bool, CacheError>;

    /// Removes a channel; returns how many messages it had.
    ///
    /// # Errors
    ///
    /// If the engine cannot write.
    fn clear(&mut self, channel: &ChannelKey) -> Result<u64, CacheError>;

    /// Hands to the engine what waits in memory.
    ///
    /// # Errors
    ///
    /// If the engine cannot write; what waits goes on waiting.
    fn write_behind(&mut self) -> Result<(), CacheError>;

    /// Removes what is older than the limits allow at `now` (seconds since 1970); returns how many messages.
    ///
    /// # Errors
    ///
    /// If the engine cannot read or write.
    fn expire(&mut self, now: u64) -> Result<u64, CacheError>;

    /// Hands over what waits and makes everything durable.
    ///
    /// # Errors
    ///
    /// If the engine cannot write.
    fn flush(&mut self) -> Result<(), CacheError>;

    /// Puts the state in memory right after a panic in one of the other calls, without losing what waited to be written.
    ///
    /// # Errors
    ///
    /// If the engine cannot read; the store must then be opened anew.
    fn recover(&mut self) -> Result<(), CacheError>;

    /// Reports figures.
    fn stats(&self) -> StoreStats;
}

/// Opens the stores of all shards together, since they share files.
pub trait Backend: Send + Sync + fmt::Debug + 'static {
    /// Opens the stores, one for each shard.
    ///
    /// # Errors
    ///
    /// If another process has the files, or they cannot be made.
    fn open(&self) -> Result<Opened, CacheError>;

    /// Gives the space of removed messages back to the system. No store is open while this runs.
    ///
    /// # Errors
    ///
    /// If there is no room for the copy; what was there before is then still there.
    fn compact(&self) -> Result<(), CacheError>;

    /// How many stores there are.
    fn shards(&self) -> usize;
}

/// What [`Backend::open`] gives.
pub struct Opened {
    /// What was found.
    pub recovery: Recovery,
    /// One store for each shard.
    pub stores: Vec<Box<dyn MessageStore>>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("recovery", &self.recovery)
            .field("stores", &self.stores.len())
            .finish()
    }
}

/// What was found at the opening of a cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// How many channels.
    pub channels: u64,
    /// How many messages.
    pub messages: u64,
    /// The length of their bodies.
    pub bytes: u64,
    /// Whether the cache was not closed in order before, such as by `kill -9`: what came within the last window may be missing.
    pub unclean: bool,
    /// Where the folder went if it could not be read; the cache began empty then.
    pub moved_aside: Option<PathBuf>,
    /// Why it could not be read.
    pub reason: Option<String>,
}

/// Figures of one store, or the sum over several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStats {
    /// Channels that have messages.
    pub channels: u64,
    /// Messages that are kept.
    pub messages: u64,
    /// The length of their bodies.
    pub bytes: u64,
    /// Changes that were not handed to the engine yet.
    pub waiting: u64,
    /// Messages in memory that do not fill a value of their own yet; they are in the journal.
    pub tail: u64,
    /// The length of the journal.
    pub journal_bytes: u64,
    /// Messages saved since the opening, replacements included.
    pub saved: u64,
    /// Messages removed by the limits since the opening.
    pub evicted: u64,
    /// Messages lost to damage since the opening.
    pub lost: u64,
    /// Space on the disk, over all shards.
    pub disk_bytes: u64,
}

impl StoreStats {
    /// Adds the figures of another store of the same cache.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            channels: self.channels + other.channels,
            messages: self.messages + other.messages,
            bytes: self.bytes + other.bytes,
            waiting: self.waiting + other.waiting,
            tail: self.tail + other.tail,
            journal_bytes: self.journal_bytes + other.journal_bytes,
            saved: self.saved + other.saved,
            evicted: self.evicted + other.evicted,
            lost: self.lost + other.lost,
            disk_bytes: self.disk_bytes.max(other.disk_bytes),
        }
    }
}
