//! Keeps messages as they come: off the path of the events, in order, in batches.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use greenroom_actors::cache::{self, Cache, CacheError, Record};
use greenroom_actors::event::{ChannelKey, Id};
use greenroom_actors::telemetry::Counters;
use greenroom_proto::mezon::{self, FrameError, Wire, api};
use tokio::sync::Notify;

use super::limits::{REMOVED, UPDATED};
use super::scan::Heading;

/// Where messages are kept, and what happens if that is too slow.
#[derive(Clone, Debug)]
pub struct CacheOptions {
    /// The files and their bounds.
    pub settings: cache::Settings,
    /// Whether the connection waits for the disk rather than leave a message out; true by default.
    pub lossless: bool,
    /// How many messages may wait to be written; 8,192 by default.
    pub queue: usize,
}

impl CacheOptions {
    /// Keeps messages in the folder `path`, everything else as by default.
    #[must_use]
    pub fn new(path: impl Into<std::path::PathBuf>) -> Self {
        Self {
            settings: cache::Settings::new(path),
            lossless: true,
            queue: 8_192,
        }
    }
}

#[cfg(feature = "cli")]
impl CacheOptions {
    /// Reads the section of the configuration; `None` if it switches the cache off.
    pub(super) fn configured(section: &crate::config::Cache) -> Option<Self> {
        section.enabled.then(|| Self {
            settings: section.into(),
            lossless: section.overflow == crate::config::CacheOverflow::Block,
            queue: section.queue,
        })
    }
}

/// Writes the messages of one connection into the cache. Clones write into the same queue.
#[derive(Clone, Debug)]
pub(super) struct MessageLog {
    cache: Cache,
    counters: Arc<Counters>,
    lossless: bool,
    queue: usize,
    waiting: Arc<Mutex<Waiting>>,
    written: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Waiting {
    changes: VecDeque<Change>,
    /// How many changes are being written.
    in_hand: usize,
    has_writer: bool,
}

impl Waiting {
    fn len(&self) -> usize {
        self.changes.len() + self.in_hand
    }
}

#[derive(Debug)]
enum Change {
    Delete(ChannelKey, Id),
    Save(Record),
    Update(Record),
}

/// What the caller has to do after a message was noted.
pub(super) enum Noted {
    /// Hold back further messages until this is done.
    Hold(BoxFuture<'static, ()>),
    /// Nothing: it will be written with others.
    Later,
    /// Run this beside other work.
    Write(BoxFuture<'static, ()>),
}

impl MessageLog {
    pub(super) fn new(cache: Cache, counters: Arc<Counters>, options: &CacheOptions) -> Self {
        Self {
            cache,
            counters,
            lossless: options.lossless,
            queue: options.queue.max(1),
            waiting: Arc::default(),
            written: Arc::default(),
        }
    }

    /// Notes a message as it was received.
    pub(super) fn note(&self, wire: Wire, body: &[u8], heading: &Heading) -> Noted {
        let change = change(wire, body, heading);
        let mut waiting = self.lock();
        waiting.changes.push_back(change);
        if !waiting.has_writer {
            waiting.has_writer = true;
            drop(waiting);
            return Noted::Write(Writer::new(self.clone()).write().boxed());
        }
        if waiting.len() <= self.queue {
            return Noted::Later;
        }
        if self.lossless {
            drop(waiting);
            return Noted::Hold(self.clone().wait_for_room().boxed());
        }
        waiting.changes.pop_front();
        self.counters.cache_dropped.add(1);
        Noted::Later
    }

    async fn wait_for_room(self) {
        loop {
            let written = self.written.notified();
            if self.lock().len() <= self.queue {
                return;
            }
            written.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write_all(&self, changes: VecDeque<Change>) {
        let mut batch = Vec::new();
        for change in changes {
            let other = match change {
                Change::Save(record) => {
                    batch.push(record);
                    if batch.len() < BATCH {
                        continue;
                    }
                    None
                }
                other => Some(other),
            };
            self.save(std::mem::take(&mut batch)).await;
            let outcome = match other {
                None | Some(Change::Save(_)) => continue,
                Some(Change::Delete(channel, id)) => {
                    self.cache.delete(&channel, id).await.map(drop)
                }
                Some(Change::Update(record)) => self.update(record).await,
            };
            self.count(1, outcome);
        }
        self.save(batch).await;
    }

    async fn save(&self, records: Vec<Record>) {
        if !records.is_empty() {
            let number = records.len() as u64;
            self.count(number, self.cache.save(records).await);
        }
    }

    /// Changes a message that is kept; one that is not is kept as it is now.
    async fn update(&self, record: Record) -> Result<(), CacheError> {
        let (channel, id) = (&record.channel, record.id.clone());
        let body = record.body.clone();
        match self.cache.update(channel, id, record.format, body).await? {
            true => Ok(()),
            false => self.cache.save(vec![record]).await,
        }
    }

    fn count(&self, number: u64, outcome: Result<(), CacheError>) {
        match outcome {
            Ok(()) => self.counters.cached.add(number),
            Err(error) => {
                self.counters.cache_dropped.add(number);
                tracing::warn!(%error, number, "messages could not be kept");
            }
        }
    }
}

/// The one who writes. Whoever drops it half-way, such as a connection that dies, leaves the rest to the next.
struct Writer {
    log: MessageLog,
    is_done: bool,
}

impl Writer {
    fn new(log: MessageLog) -> Self {
        Self {
            log,
            is_done: false,
        }
    }

    /// Writes until nothing waits.
    async fn write(mut self) {
        // Whatever else came with the same read goes along.
        tokio::task::yield_now().await;
        loop {
            let changes = {
                let mut waiting = self.log.lock();
                let changes = std::mem::take(&mut waiting.changes);
                waiting.in_hand = changes.len();
                waiting.has_writer = !changes.is_empty();
                changes
            };
            self.log.written.notify_waiters();
            if changes.is_empty() {
                self.is_done = true;
                return;
            }
            self.log.write_all(changes).await;
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut waiting = self.log.lock();
        let lost = std::mem::take(&mut waiting.in_hand);
        waiting.has_writer = false;
        drop(waiting);
        self.log.counters.cache_dropped.add(lost as u64);
        self.log.written.notify_waiters();
    }
}

fn change(wire: Wire, body: &[u8], heading: &Heading) -> Change {
    let channel = ChannelKey::new(heading.clan_id, heading.channel_id);
    let id = Id::from(heading.message_id);
    if heading.code == REMOVED {
        return Change::Delete(channel, id);
    }
    let record = Record {
        channel,
        id,
        at: heading.at,
        format: format_of(wire),
        // A copy, so that the block in which it was read is not kept alive.
        body: Bytes::copy_from_slice(body),
    };
    match heading.code {
        UPDATED => Change::Update(record),
        _ => Change::Save(record),
    }
}

/// Decodes a message that was kept.
///
/// # Errors
///
/// If the record is not a message of this platform.
pub fn read_record(record: &Record) -> Result<api::ChannelMessage, FrameError> {
    let wire = wire_of(record.format).unwrap_or(Wire::V2);
    let mut message: api::ChannelMessage = mezon::decode(wire, record.body.clone())?;
    // A changed message is kept as a whole; that it was changed once is of no interest.
    if message.code == UPDATED {
        message.code = 0;
    }
    Ok(message)
}

/// Returns the wire in whose form bodies of this format are, if they are messages of this platform.
pub(crate) fn wire_of(format: u8) -> Option<Wire> {
    match format {
        FORMAT_V1 => Some(Wire::V1),
        FORMAT_V2 => Some(Wire::V2),
        _ => None,
    }
}

fn format_of(wire: Wire) -> u8 {
    match wire {
        Wire::V1 => FORMAT_V1,
        Wire::V2 => FORMAT_V2,
    }
}

const FORMAT_V1: u8 = 1;
/// The format of bodies of the newer wire.
pub(crate) const FORMAT_V2: u8 = 2;
const BATCH: usize = 64;

#[cfg(test)]
mod tests {
    use std::sync::Condvar;

    use super::*;

    async fn settle(log: &MessageLog, messages: &[api::ChannelMessage]) {
        for message in messages {
            let body = mezon::encode(Wire::V1, message);
            let heading = Heading::read(Wire::V1, &body).unwrap();
            match log.note(Wire::V1, &body, &heading) {
                Noted::Hold(held) => held.await,
                Noted::Later => {}
                Noted::Write(write) => drop(actix_rt::spawn(write)),
            }
        }
        while log.lock().has_writer {
            tokio::task::yield_now().await;
        }
    }

    fn message(message_id: i64, code: i32, content: &str) -> api::ChannelMessage {
        api::ChannelMessage {
            clan_id: 2,
            channel_id: 3,
            message_id,
            code,
            content: content.to_owned(),
            create_time_seconds: 100,
            ..Default::default()
        }
    }

    #[actix_rt::test]
    async fn a_writer_that_is_dropped_leaves_its_work_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let options = CacheOptions::new(folder.path());
        let cache = Cache::new(options.settings.clone());
        cache.start();
        let log = MessageLog::new(cache.clone(), Arc::default(), &options);
        let first = message(1, 0, "a");
        let body = mezon::encode(Wire::V1, &first);
        let heading = Heading::read(Wire::V1, &body).unwrap();
        drop(log.note(Wire::V1, &body, &heading));
        settle(&log, &[message(2, 0, "b")]).await;
        assert_eq!(cache.count().await.unwrap(), 2);
        cache.close().await.unwrap();
    }

    #[actix_rt::test]
    async fn messages_are_kept_changed_and_removed_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for queue in [1, 3, 8_192] {
            let mut options = CacheOptions::new(folder.path().join(queue.to_string()));
            options.queue = queue;
            let cache = Cache::new(options.settings.clone());
            cache.start();
            let log = MessageLog::new(cache.clone(), Arc::default(), &options);
            let messages = [
                message(1, 0, "a"),
                message(2, 0, "b"),
                message(1, UPDATED, "c"),
                message(2, REMOVED, ""),
                message(3, UPDATED, "d"),
                message(4, 0, "e"),
            ];
            settle(&log, &messages).await;
            let channel = ChannelKey::new(2, 3);
            let kept = cache.list(cache::Query::latest(channel, 10)).await.unwrap();
            let mut read: Vec<_> = kept
                .iter()
                .map(|record| read_record(record).unwrap())
                .collect();
            read.sort_by_key(|message| message.message_id);
            let read: Vec<_> = read
                .iter()
                .map(|message| (message.message_id, message.content.as_str(), message.code))
                .collect();
            assert_eq!(
                read,
                [(1, "c", 0), (3, "d", 0), (4, "e", 0)],
                "queue {queue}"
            );
            cache.close().await.unwrap();
        }
    }

    /// Opened once, for good.
    #[derive(Debug, Default)]
    struct Gate {
        is_open: Mutex<bool>,
        opened: Condvar,
    }

    impl Gate {
        fn pass(&self) {
            let mut is_open = self.is_open.lock().unwrap();
            while !*is_open {
                is_open = self.opened.wait(is_open).unwrap();
            }
        }

        fn open(&self) {
            *self.is_open.lock().unwrap() = true;
            self.opened.notify_all();
        }
    }

    /// A store whose disk stands still until it is released.
    #[derive(Debug)]
    struct StoppedDisk {
        disk: cache::DiskBackend,
        gate: Arc<Gate>,
    }

    struct StoppedStore {
        store: Box<dyn cache::MessageStore>,
        gate: Arc<Gate>,
    }

    impl cache::Backend for StoppedDisk {
        fn open(&self) -> Result<cache::Opened, CacheError> {
            let opened = self.disk.open()?;
            let gated = opened.stores.into_iter().map(|store| {
                let gate = Arc::clone(&self.gate);
                Box::new(StoppedStore { store, gate }) as Box<dyn cache::MessageStore>
            });
            Ok(cache::Opened {
                recovery: opened.recovery,
                stores: gated.collect(),
            })
        }

        fn compact(&self) -> Result<(), CacheError> {
            self.disk.compact()
        }

        fn shards(&self) -> usize {
            self.disk.shards()
        }
    }

    impl cache::MessageStore for StoppedStore {
        fn save(&mut self, records: Vec<Record>) -> Result<(), CacheError> {
            self.gate.pass();
            self.store.save(records)
        }

        fn get(&mut self, channel: &ChannelKey, id: &Id) -> Result<Option<Record>, CacheError> {
            self.store.get(channel, id)
        }

        fn list(&mut self, query: &cache::Query) -> Result<Vec<Record>, CacheError> {
            self.store.list(query)
        }

        fn count(&mut self, channel: Option<&ChannelKey>) -> Result<u64, CacheError> {
            self.store.count(channel)
        }

        fn channels(&mut self) -> Result<Vec<cache::ChannelInfo>, CacheError> {
            self.store.channels()
        }

        fn delete(&mut self, channel: &ChannelKey, id: &Id) -> Result<bool, CacheError> {
            self.store.delete(channel, id)
        }

        fn clear(&mut self, channel: &ChannelKey) -> Result<u64, CacheError> {
            self.store.clear(channel)
        }

        fn write_behind(&mut self) -> Result<(), CacheError> {
            self.store.write_behind()
        }

        fn expire(&mut self, now: u64) -> Result<u64, CacheError> {
            self.store.expire(now)
        }

        fn flush(&mut self) -> Result<(), CacheError> {
            self.store.flush()
        }

        fn recover(&mut self) -> Result<(), CacheError> {
            self.store.recover()
        }

        fn stats(&self) -> cache::StoreStats {
            self.store.stats()
        }
    }

    /// Others commit each message on the thread that reads the socket. Here that thread goes on while the disk stands still.
    #[actix_rt::test]
    async fn d20_reading_never_waits_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let options = CacheOptions::new(folder.path().join("cache"));
        let gate = Arc::new(Gate::default());
        let disk = cache::DiskBackend::new(options.settings.clone());
        let stopped = StoppedDisk {
            disk,
            gate: Arc::clone(&gate),
        };
        let cache = Cache::with_backend(Box::new(stopped), options.settings.write_every, false);
        let thread = actix::Arbiter::new();
        cache.start_on(&[thread.handle()]);
        let log = MessageLog::new(cache.clone(), Arc::default(), &options);
        for id in 1..=1_000 {
            let body = mezon::encode(Wire::V2, &message(id, 0, "a"));
            let heading = Heading::read(Wire::V2, &body).unwrap();
            match log.note(Wire::V2, &body, &heading) {
                Noted::Hold(_) => panic!("there is room for 8,192"),
                Noted::Later => {}
                Noted::Write(write) => drop(actix_rt::spawn(write)),
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(
            log.counters.cached.get(),
            0,
            "nothing was written, all of it was taken"
        );
        gate.open();
        while log.counters.cached.get() < 1_000 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        assert_eq!(cache.count().await.unwrap(), 1_000);
        cache.close().await.unwrap();
        thread.stop();
    }
}
