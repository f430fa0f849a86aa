//! A shard that panics is started again and has lost nothing.

use std::time::Duration;

use actix::prelude::*;
use bytes::Bytes;
use greenroom_actors::cache::{
    Backend, Cache, CacheError, ChannelInfo, DiskBackend, MessageStore, Opened, Query, Record,
    Settings, StoreStats,
};
use greenroom_actors::event::{ChannelKey, Id};

/// Panics in the middle of saving a message with the body `panic`.
#[derive(Debug)]
struct Fragile(DiskBackend);

struct FragileStore(Box<dyn MessageStore>);

impl Backend for Fragile {
    fn open(&self) -> Result<Opened, CacheError> {
        let mut opened = self.0.open()?;
        let stores = opened.stores.drain(..);
        let stores = stores.map(|store| Box::new(FragileStore(store)) as Box<dyn MessageStore>);
        opened.stores = stores.collect();
        Ok(opened)
    }

    fn compact(&self) -> Result<(), CacheError> {
        self.0.compact()
    }

    fn shards(&self) -> usize {
        self.0.shards()
    }
}

impl MessageStore for FragileStore {
    fn save(&mut self, records: Vec<Record>) -> Result<(), CacheError> {
        let fatal = records.iter().any(|record| record.body == "panic");
        self.0.save(records)?;
        assert!(!fatal, "the body says so");
        Ok(())
    }

    fn get(&mut self, channel: &ChannelKey, id: &Id) -> Result<Option<Record>, CacheError> {
        self.0.get(channel, id)
    }

    fn list(&mut self, query: &Query) -> Result<Vec<Record>, CacheError> {
        self.0.list(query)
    }

    fn count(&mut self, channel: Option<&ChannelKey>) -> Result<u64, CacheError> {
        self.0.count(channel)
    }

    fn channels(&mut self) -> Result<Vec<ChannelInfo>, CacheError> {
        self.0.channels()
    }

    fn delete(&mut self, channel: &ChannelKey, id: &Id) -> Result<bool, CacheError> {
        self.0.delete(channel, id)
    }

    fn clear(&mut self, channel: &ChannelKey) -> Result<u64, CacheError> {
        self.0.clear(channel)
    }

    fn write_behind(&mut self) -> Result<(), CacheError> {
        self.0.write_behind()
    }

    fn expire(&mut self, now: u64) -> Result<u64, CacheError> {
        self.0.expire(now)
    }

    fn flush(&mut self) -> Result<(), CacheError> {
        self.0.flush()
    }

    fn recover(&mut self) -> Result<(), CacheError> {
        self.0.recover()
    }

    fn stats(&self) -> StoreStats {
        self.0.stats()
    }
}

fn record(id: i64, body: &'static str) -> Record {
    Record {
        channel: ChannelKey::new(1, 2),
        id: Id::from(id),
        at: 0,
        format: 0,
        body: Bytes::from_static(body.as_bytes()),
    }
}

#[actix_rt::test]
async fn the_next_incarnation_has_what_waited_to_be_written() {
    tokio::time::pause();
    let folder = tempfile::tempdir().expect("a folder");
    let backend = DiskBackend::new(Settings::new(folder.path().join("cache")).shards(1));
    let every = Duration::from_millis(50);
    let cache = Cache::with_backend(Box::new(Fragile(backend)), every, false);
    cache.start();

    cache
        .save((0..100).map(|id| record(id, "kept")).collect())
        .await
        .expect("saves");
    let error = cache
        .save(vec![record(100, "panic")])
        .await
        .expect_err("the shard dies");
    assert!(matches!(error, CacheError::Unavailable), "{error:?}");
    let error = cache.count().await.expect_err("nobody is there");
    assert!(matches!(error, CacheError::Unavailable), "{error:?}");

    let next = cache.shard(0).start();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(cache.count().await.expect("counts"), 101);
    tokio::time::sleep(every * 2).await;
    assert_eq!(cache.stats().await.expect("stats").waiting, 0);
    assert_eq!(cache.stats().await.expect("stats").lost, 0);
    assert!(next.connected());
}

#[actix_rt::test]
async fn a_shard_ends_and_flushes_when_nobody_holds_the_cache() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings::new(folder.path().join("cache")).shards(1);
    let cache = Cache::new(settings.clone());
    cache.start();
    cache.save(vec![record(1, "kept")]).await.expect("saves");
    drop(cache);
    let cache = Cache::new(settings);
    cache.start();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(cache.count().await.expect("the files are free"), 1);
}
