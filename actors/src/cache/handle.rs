//! The cache as its users see it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::prelude::*;
use bytes::Bytes;
use tokio::sync::watch;

use super::batch::Batch;
use super::disk::DiskBackend;
use super::error::CacheError;
use super::message::*;
use super::query::Query;
use super::record::{ChannelInfo, Record};
use super::settings::Settings;
use super::shard::CacheShard;
use super::shared::Shared;
use super::store::{Backend, Recovery, StoreStats};
use crate::event::{ChannelKey, Id};

/// A handle to all shards of a message cache; clones are handles to the same cache.
///
/// Nothing is on the disk before the first use. What is not kept is what the [limits](super::Limits) took away, oldest first.
///
/// # Examples
///
/// ```
/// # #[actix_rt::main] async fn main() -> Result<(), greenroom_actors::cache::CacheError> {
/// use greenroom_actors::cache::{Cache, Query, Record, Settings};
/// use greenroom_actors::event::{ChannelKey, Id};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("greenroom-cache");
/// let cache = Cache::new(Settings::new(path));
/// cache.start();
/// let channel = ChannelKey::new(7, 42);
/// cache.save(vec![Record { channel: channel.clone(), id: Id::from(1), at: 0, format: 1, body: "hello".into() }]).await?;
/// let latest = cache.list(Query::latest(channel, 50)).await?;
/// assert_eq!(latest[0].body, "hello");
/// cache.close().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Cache {
    shared: Arc<Shared>,
    doors: Arc<Doors>,
    write_every: Duration,
    expires: bool,
}

/// The addresses of the incarnations that run now.
#[derive(Debug)]
pub(super) struct Doors(Vec<Mutex<Option<Addr<CacheShard>>>>);

impl Doors {
    pub(super) fn register(&self, shard: usize, address: Addr<CacheShard>) {
        if let Some(door) = self.0.get(shard) {
            *door.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
        }
    }

    fn address(&self, shard: usize) -> Result<Addr<CacheShard>, CacheError> {
        let door = self.0.get(shard).ok_or(CacheError::Unavailable)?;
        let door = door.lock().unwrap_or_else(PoisonError::into_inner);
        door.clone().ok_or(CacheError::Unavailable)
    }
}

impl Cache {
    /// Creates a cache on sled; its shards are to be started.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let write_every = settings.write_every;
        let expires = settings.limits.age().is_some();
        Self::with_backend(Box::new(DiskBackend::new(settings)), write_every, expires)
    }

    /// Creates a cache on another engine. What waits is handed to it after `write_every`; if `expires`, it is asked each second to
    /// remove what is too old.
    #[must_use]
    pub fn with_backend(backend: Box<dyn Backend>, write_every: Duration, expires: bool) -> Self {
        let shared = Shared::new(backend);
        let doors = (0..shared.shards()).map(|_| Mutex::new(None)).collect();
        Self {
            shared: Arc::new(shared),
            doors: Arc::new(Doors(doors)),
            write_every,
            expires,
        }
    }

    /// Returns the number of shards.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.shared.shards()
    }

    /// Returns the shard that keeps `channel`.
    #[must_use]
    pub fn shard_of(&self, channel: &ChannelKey) -> usize {
        let shard = channel.partition() % self.shards() as u64;
        usize::try_from(shard).unwrap_or_default()
    }

    /// Creates a new value of the shard actor number `shard`, for a supervisor to start. It takes over all that the one before it
    /// left behind.
    #[must_use]
    pub fn shard(&self, shard: usize) -> CacheShard {
        CacheShard::new(
            Arc::clone(&self.shared),
            Arc::downgrade(&self.doors),
            shard,
            self.write_every,
            self.expires,
        )
    }

    /// Starts all shards on the current arbiter, unsupervised.
    pub fn start(&self) {
        for shard in 0..self.shards() {
            self.doors.register(shard, self.shard(shard).start());
        }
    }

    /// Starts all shards, unsupervised, by turns on `arbiters`, so that the disk makes nobody else wait.
    pub fn start_on(&self, arbiters: &[ArbiterHandle]) {
        for (shard, arbiter) in (0..self.shards()).zip(arbiters.iter().cycle()) {
            let value = self.shard(shard);
            let address = CacheShard::start_in_arbiter(arbiter, move |_| value);
            self.doors.register(shard, address);
        }
    }

    /// Keeps messages, each in place of what has its channel and id.
    ///
    /// # Errors
    ///
    /// If a shard does not run or its engine cannot write. Some of the messages may have been kept; saving them again is safe.
    pub async fn save(&self, records: Vec<Record>) -> Result<(), CacheError> {
        for (shard, records) in self.split(records) {
            self.ask(shard, Save(records)).await?;
        }
        Ok(())
    }

    /// Keeps the messages of a batch, each in place of what has its channel and id. Unlike those of [`save`](Self::save), their bodies
    /// are not copied again.
    ///
    /// # Errors
    ///
    /// As [`save`](Self::save).
    pub async fn save_batch(&self, batch: Batch) -> Result<(), CacheError> {
        let parts = batch.split(self.shards(), |channel| self.shard_of(channel));
        for (shard, part) in parts.into_iter().enumerate() {
            if !part.is_empty() {
                self.ask(shard, SaveBatch(part)).await?;
            }
        }
        Ok(())
    }

    /// Hands messages over without waiting; what has no room in a shard's mailbox comes back.
    ///
    /// # Errors
    ///
    /// The messages that were not taken, because a shard is behind or does not run.
    pub fn offer(&self, records: Vec<Record>) -> Result<(), Vec<Record>> {
        let mut refused = Vec::new();
        for (shard, records) in self.split(records) {
            let Ok(address) = self.doors.address(shard) else {
                refused.extend(records);
                continue;
            };
            if let Err(SendError::Full(Save(records)) | SendError::Closed(Save(records))) =
                address.try_send(Save(records))
            {
                refused.extend(records);
            }
        }
        match refused.is_empty() {
            true => Ok(()),
            false => Err(refused),
        }
    }

    /// Finds one message.
    ///
    /// # Errors
    ///
    /// If the shard does not run or its engine cannot read.
    pub async fn get(
        &self,
        channel: &ChannelKey,
        id: impl Into<Id>,
    ) -> Result<Option<Record>, CacheError> {
        let (channel, id) = (channel.clone(), id.into());
        self.ask(self.shard_of(&channel), Get { channel, id }).await
    }

    /// Finds a part of a channel. The latest messages are mostly in memory: then they are found here and now, without a way to the
    /// shard's thread and back.
    ///
    /// # Errors
    ///
    /// If the shard does not run or its engine cannot read.
    pub async fn list(&self, query: Query) -> Result<Vec<Record>, CacheError> {
        let shard = self.shard_of(&query.channel);
        match self.shared.recent(shard, &query) {
            Some(records) => Ok(records),
            None => self.ask(shard, List(query)).await,
        }
    }

    /// Counts all messages.
    ///
    /// # Errors
    ///
    /// If a shard does not run or its engine cannot read.
    pub async fn count(&self) -> Result<u64, CacheError> {
        let mut messages = 0;
        for shard in 0..self.shards() {
            messages += self.ask(shard, Count(None)).await?;
        }
        Ok(messages)
    }

    /// Counts the messages of one channel.
    ///
    /// # Errors
    ///
    /// If the shard does not run or its engine cannot read.
    pub async fn count_in(&self, channel: &ChannelKey) -> Result<u64, CacheError> {
        self.ask(self.shard_of(channel), Count(Some(channel.clone())))
            .await
    }

    /// Lists the channels in the order of their keys, with the number of their messages.
    ///
    /// # Errors
    ///
    /// If a shard does not run or its engine cannot read.
    pub async fn channels(&self) -> Result<Vec<ChannelInfo>, CacheError> {
        let mut channels = Vec::new();
        for shard in 0..self.shards() {
            channels.extend(self.ask(shard, Channels).await?);
        }
        channels.sort_by(|a, b| a.channel.cmp(&b.channel));
        Ok(channels)
    }

    /// Replaces the body of a message, which keeps its time; returns false if it is not there.
    ///
    /// # Errors
    ///
    /// If the shard does not run or its engine cannot read or write.
    pub async fn update(
        &self,
        channel: &ChannelKey,
        id: impl Into<Id>,
        format: u8,
        body: Bytes,
    ) -> Result<bool, CacheError> {
        let update = Update {
            channel: channel.clone(),
            id: id.into(),
            format,
            body,
        };
        self.ask(self.shard_of(channel), update).await
    }

    /// Removes a message; returns false if it is not there.
    ///
    /// # Errors
    ///
    /// If the shard does not run or its engine cannot read or write.
    pub async fn delete(
        &self,
        channel: &ChannelKey,
        id: impl Into<Id>,
    ) -> Result<bool, CacheError> {
        let (channel, id) = (channel.clone(), id.into());
        self.ask(self.shard_of(&channel), Delete { channel, id })
            .await
    }

    /// Removes a channel; returns how many messages it had.
    ///
    /// # Errors
    ///
    /// If the shard does not run or its engine cannot write.
    pub async fn clear(&self, channel: &ChannelKey) -> Result<u64, CacheError> {
        self.ask(self.shard_of(channel), Clear(channel.clone()))
            .await
    }

    /// Makes everything durable that was saved before.
    ///
    /// # Errors
    ///
    /// If a shard does not run or its engine cannot write.
    pub async fn flush_now(&self) -> Result<(), CacheError> {
        for shard in 0..self.shards() {
            self.ask(shard, Flush).await?;
        }
        Ok(())
    }

    /// Adds up the figures of all shards; does not open the files.
    ///
    /// # Errors
    ///
    /// If a shard does not run.
    pub async fn stats(&self) -> Result<StoreStats, CacheError> {
        let mut sum = StoreStats::default();
        for shard in 0..self.shards() {
            sum = sum.plus(self.ask(shard, Stats).await?);
        }
        Ok(sum)
    }

    /// Opens the files now rather than at first use, and says what was found.
    ///
    /// # Errors
    ///
    /// If another process has them, or they cannot be made.
    pub async fn open(&self) -> Result<Recovery, CacheError> {
        self.ask(0, Open).await
    }

    /// Tells whether the files are open, and when that changes.
    #[must_use]
    pub fn opened(&self) -> watch::Receiver<bool> {
        self.shared.opened()
    }

    /// Flushes and closes the files; the next use opens them again.
    ///
    /// # Errors
    ///
    /// If the engine cannot write; the files are then still open.
    pub async fn close(&self) -> Result<(), CacheError> {
        self.ask(0, Close).await
    }

    /// Gives the space of removed messages back to the system, by copying what is kept. All shards wait meanwhile.
    ///
    /// # Errors
    ///
    /// If there is no room for the copy; nothing has changed then.
    pub async fn compact(&self) -> Result<(), CacheError> {
        self.ask(0, Compact).await
    }

    async fn ask<M, R>(&self, shard: usize, message: M) -> Result<R, CacheError>
    where
        CacheShard: Handler<M>,
        Context<CacheShard>: ToEnvelope<CacheShard, M>,
        M: Message<Result = Result<R, CacheError>> + Send + 'static,
        R: Send + 'static,
    {
        let answer = self.doors.address(shard)?.send(message).await;
        answer.unwrap_or(Err(CacheError::Unavailable))
    }

    fn split(&self, records: Vec<Record>) -> BTreeMap<usize, Vec<Record>> {
        let first = records.first().map(|record| self.shard_of(&record.channel));
        let mut parts: BTreeMap<usize, Vec<Record>> = BTreeMap::new();
        if let Some(first) = first.filter(|_| self.shards() == 1) {
            parts.insert(first, records);
            return parts;
        }
        for record in records {
            parts
                .entry(self.shard_of(&record.channel))
                .or_default()
                .push(record);
        }
        parts
    }
}
