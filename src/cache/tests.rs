//! What the log of messages promises, whatever they say.

use std::sync::{Arc, Condvar, Mutex};

use greenroom_actors::cache::{self, Cache, CacheError, Record};
use greenroom_actors::event::{ChannelKey, Id};

use super::{CacheOptions, Key, MessageLog, News, Noted};

/// Notes a message of one channel.
fn note(log: &MessageLog, news: News, id: i64, text: &str) -> Noted {
    let key = Key {
        channel: ChannelKey::new(2, 3),
        id: Id::from(id),
        at: 100,
        format: 1,
    };
    log.note(news, key, text.as_bytes())
}

async fn settle(log: &MessageLog, messages: &[(News, i64, &str)]) {
    for (news, id, text) in messages {
        match note(log, *news, *id, text) {
            Noted::Hold(held) => held.await,
            Noted::Later => {}
            Noted::Write(write) => drop(actix_rt::spawn(write)),
        }
    }
    while log.lock().has_writer {
        tokio::task::yield_now().await;
    }
}

#[actix_rt::test]
async fn a_writer_that_is_dropped_leaves_its_work_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let options = CacheOptions::new(folder.path());
    let cache = Cache::new(options.settings.clone());
    cache.start();
    let log = MessageLog::new(cache.clone(), Arc::default(), &options);
    drop(note(&log, News::Said, 1, "a"));
    settle(&log, &[(News::Said, 2, "b")]).await;
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
            (News::Said, 1, "a"),
            (News::Said, 2, "b"),
            (News::Changed, 1, "c"),
            (News::Removed, 2, ""),
            (News::Changed, 3, "d"),
            (News::Said, 4, "e"),
        ];
        settle(&log, &messages).await;
        let channel = ChannelKey::new(2, 3);
        let kept = cache.list(cache::Query::latest(channel, 10)).await.unwrap();
        let read: Vec<_> = kept
            .iter()
            .rev()
            .map(|record| (record.id.number().unwrap(), record.body.as_ref()))
            .collect();
        let expected: [(_, &[u8]); 3] = [(1, b"c"), (3, b"d"), (4, b"e")];
        assert_eq!(read, expected, "queue {queue}");
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
        match note(&log, News::Said, id, "a") {
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
