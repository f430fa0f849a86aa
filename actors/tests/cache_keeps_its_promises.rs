//! What the cache promises to those who use it through its handle.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use greenroom_actors::cache::{
    Bound, Cache, CacheError, Limits, Query, Record, Settings, StoreStats,
};
use greenroom_actors::clock;
use greenroom_actors::error::Retry;
use greenroom_actors::event::{ChannelKey, Id};

fn settings(folder: &tempfile::TempDir) -> Settings {
    Settings::new(folder.path().join("cache")).cache_capacity(1 << 20)
}

fn start(settings: Settings) -> Cache {
    let cache = Cache::new(settings);
    cache.start();
    cache
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn channel(number: i64) -> ChannelKey {
    ChannelKey::new(7, number)
}

fn record(number: i64, id: i64) -> Record {
    Record {
        channel: channel(number),
        id: Id::from(id),
        at: id.unsigned_abs(),
        format: 1,
        body: Bytes::from(format!("message {id}")),
    }
}

fn records(number: i64, ids: std::ops::Range<i64>) -> Vec<Record> {
    ids.map(|id| record(number, id)).collect()
}

fn ids(records: &[Record]) -> Vec<i64> {
    records
        .iter()
        .filter_map(|record| record.id.number())
        .collect()
}

fn folders(folder: &tempfile::TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The engine may remove files meanwhile.
fn size(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[actix_rt::test]
async fn no_file_before_the_first_use() {
    let folder = folder();
    let cache = start(settings(&folder));
    assert_eq!(cache.stats().await.expect("stats"), StoreStats::default());
    cache.flush_now().await.expect("flushes");
    cache.close().await.expect("closes");
    assert!(folders(&folder).is_empty());
    cache.save(vec![record(1, 1)]).await.expect("saves");
    assert_eq!(folders(&folder), ["cache"]);
}

#[actix_rt::test]
async fn pages_counts_deletes_and_clears() {
    let folder = folder();
    let cache = start(settings(&folder).shards(3));
    for number in 0..5 {
        cache.save(records(number, 0..150)).await.expect("saves");
    }
    let latest = cache
        .list(Query::latest(channel(2), 3))
        .await
        .expect("lists");
    assert_eq!(ids(&latest), [149, 148, 147]);
    let page = cache
        .list(Query::latest(channel(2), 3).offset(100))
        .await
        .expect("lists");
    assert_eq!(ids(&page), [49, 48, 47]);
    let before = cache
        .list(Query::latest(channel(2), 2).before(64))
        .await
        .expect("lists");
    assert_eq!(ids(&before), [63, 62]);
    let after = Query::latest(channel(2), 3).after(127).oldest_first();
    assert_eq!(
        ids(&cache.list(after).await.expect("lists")),
        [128, 129, 130]
    );
    assert_eq!(cache.count().await.expect("counts"), 750);
    assert_eq!(cache.count_in(&channel(4)).await.expect("counts"), 150);
    assert_eq!(cache.channels().await.expect("channels").len(), 5);

    assert!(cache.delete(&channel(2), 100).await.expect("deletes"));
    assert!(!cache.delete(&channel(2), 100).await.expect("deletes"));
    assert_eq!(cache.get(&channel(2), 100).await.expect("reads"), None);
    assert_eq!(cache.clear(&channel(2)).await.expect("clears"), 149);
    assert_eq!(cache.clear(&channel(2)).await.expect("clears"), 0);
    assert_eq!(cache.count().await.expect("counts"), 600);
}

#[actix_rt::test]
async fn saving_again_replaces_and_updating_keeps_the_time() {
    let folder = folder();
    let cache = start(settings(&folder));
    cache.save(records(1, 0..100)).await.expect("saves");
    for id in [3, 99] {
        let again = Record {
            format: 2,
            body: Bytes::from_static(b"again"),
            ..record(1, id)
        };
        cache.save(vec![again.clone()]).await.expect("saves");
        assert_eq!(
            cache.get(&channel(1), id).await.expect("reads"),
            Some(again)
        );
        let body = Bytes::from_static(b"edited");
        assert!(
            cache
                .update(&channel(1), id, 3, body.clone())
                .await
                .expect("updates")
        );
        let found = cache
            .get(&channel(1), id)
            .await
            .expect("reads")
            .expect("there");
        assert_eq!(
            (found.at, found.format, found.body),
            (id.unsigned_abs(), 3, body)
        );
    }
    let body = Bytes::from_static(b"nobody");
    assert!(
        !cache
            .update(&channel(1), 1_000, 3, body)
            .await
            .expect("updates")
    );
    assert_eq!(cache.count().await.expect("counts"), 100);
}

#[actix_rt::test]
async fn reopening_finds_what_was_closed() {
    let folder = folder();
    let cache = start(settings(&folder));
    cache.save(records(1, 0..100)).await.expect("saves");
    cache.save(records(2, 0..10)).await.expect("saves");
    cache.close().await.expect("closes");
    drop(cache);
    let cache = start(settings(&folder));
    let recovery = cache.open().await.expect("opens");
    let bytes: u64 = (0..100)
        .chain(0..10)
        .map(|id| format!("message {id}").len() as u64)
        .sum();
    assert_eq!(
        (recovery.channels, recovery.messages, recovery.bytes),
        (2, 110, bytes)
    );
    assert_eq!(recovery.moved_aside, None);
    assert_eq!(
        cache.get(&channel(2), 9).await.expect("reads"),
        Some(record(2, 9))
    );
}

#[actix_rt::test]
async fn another_number_of_shards_finds_the_same_messages() {
    let folder = folder();
    for shards in [1, 4, 3] {
        let cache = start(settings(&folder).shards(shards));
        let known = cache.count().await.expect("counts");
        assert_eq!(known, if shards == 1 { 0 } else { 700 });
        for number in 0..10 {
            cache.save(records(number, 0..70)).await.expect("saves");
            assert_eq!(cache.count_in(&channel(number)).await.expect("counts"), 70);
        }
        cache.close().await.expect("closes");
    }
}

#[actix_rt::test]
async fn a_second_open_is_refused_clearly() {
    let folder = folder();
    let first = start(settings(&folder));
    first.save(vec![record(1, 1)]).await.expect("saves");
    let second = start(settings(&folder));
    let error = second.open().await.expect_err("in use");
    assert!(matches!(error, CacheError::Locked { .. }), "{error:?}");
    assert!(matches!(error.retry(), Retry::After(_)));
    assert_eq!(first.count().await.expect("counts"), 1);
}

#[actix_rt::test]
async fn a_damaged_folder_is_moved_aside() {
    let folder = folder();
    let path = folder.path().join("cache");
    let cache = start(settings(&folder));
    cache.save(records(1, 0..5_000)).await.expect("saves");
    cache.close().await.expect("closes");
    drop(cache);
    std::fs::write(path.join("conf"), b"this is not a configuration").expect("writes");

    let cache = start(settings(&folder));
    let recovery = cache.open().await.expect("opens");
    assert_eq!(recovery.messages, 0);
    let aside: PathBuf = recovery.moved_aside.expect("moved aside");
    assert!(
        aside
            .to_string_lossy()
            .starts_with(&format!("{}.corrupt-", path.display()))
    );
    assert!(aside.is_dir() && recovery.reason.is_some());
    cache.save(vec![record(1, 1)]).await.expect("saves");
    assert_eq!(cache.count().await.expect("counts"), 1);
}

#[actix_rt::test]
async fn a_damaged_value_is_noticed_at_the_opening() {
    let folder = folder();
    let path = folder.path().join("cache");
    let cache = start(settings(&folder));
    cache.save(records(1, 0..200)).await.expect("saves");
    cache.close().await.expect("closes");
    drop(cache);
    {
        let database = open_raw(&path).await;
        let names = database.tree_names().into_iter();
        for name in names.filter(|name| name.starts_with(b"chunks-")) {
            let tree = database.open_tree(name).expect("a tree");
            if let Some((key, _)) = tree.first().expect("reads") {
                tree.insert(key, b"garbage").expect("writes");
            }
        }
        database.flush().expect("flushes");
    }
    let cache = start(settings(&folder));
    let recovery = cache.open().await.expect("opens");
    assert!(recovery.moved_aside.is_some());
}

#[actix_rt::test]
async fn a_folder_of_another_version_is_refused_and_left_alone() {
    let folder = folder();
    let path = folder.path().join("cache");
    start(settings(&folder)).open().await.expect("opens");
    {
        let database = open_raw(&path).await;
        let meta = database.open_tree("meta").expect("a tree");
        meta.insert("format", &99_u32.to_be_bytes())
            .expect("writes");
        database.flush().expect("flushes");
    }
    let error = start(settings(&folder))
        .open()
        .await
        .expect_err("another version");
    assert!(
        matches!(error, CacheError::Format { found: 99, .. }),
        "{error:?}"
    );
    assert_eq!(folders(&folder), ["cache"]);
}

async fn open_raw(path: &Path) -> sled::Db {
    loop {
        match sled::Config::new().path(path).open() {
            Ok(database) => return database,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

#[actix_rt::test]
async fn bounds_hold_and_evictions_are_counted() {
    let folder = folder();
    let limits = Limits::default()
        .per_channel(Bound::NONE.messages(100))
        .total(Bound::NONE.messages(250));
    let cache = start(settings(&folder).shards(1).limits(limits));
    for number in 0..10 {
        for from in (0..300).step_by(30) {
            cache
                .save(records(number, from..from + 30))
                .await
                .expect("saves");
            assert!(cache.count_in(&channel(number)).await.expect("counts") <= 100);
            assert!(cache.count().await.expect("counts") <= 250);
        }
    }
    let stats = cache.stats().await.expect("stats");
    assert_eq!(
        (stats.saved, stats.messages, stats.evicted),
        (3_000, 250, 2_750)
    );
    let kept = cache
        .list(Query::latest(channel(9), 500))
        .await
        .expect("lists");
    assert_eq!(
        kept.first().map(|record| record.id.clone()),
        Some(Id::from(299))
    );
    assert!(kept.len() <= 100);
}

#[actix_rt::test]
async fn bytes_are_bounded_to_the_message() {
    let folder = folder();
    let limits = Limits::default().per_channel(Bound::NONE.bytes(1_000));
    let cache = start(settings(&folder).limits(limits));
    for id in 0..500 {
        let body = Bytes::from(vec![0; 30]);
        cache
            .save(vec![Record {
                body,
                ..record(1, id)
            }])
            .await
            .expect("saves");
        let kept = cache.channels().await.expect("channels");
        assert!(kept[0].bytes <= 1_000);
        assert_eq!(kept[0].messages, 33.min(id.unsigned_abs() + 1));
    }
}

#[actix_rt::test]
async fn what_is_too_old_goes_without_being_asked() {
    tokio::time::pause();
    let folder = folder();
    let limits = Limits::default().per_channel(Bound::NONE.age(Duration::from_secs(60)));
    let cache = start(settings(&folder).limits(limits));
    let now = clock::unix_seconds();
    let rows = (0..200).map(|id| Record {
        at: now - 55 + id / 10,
        ..record(1, id.cast_signed())
    });
    cache.save(rows.collect()).await.expect("saves");
    assert_eq!(cache.count().await.expect("counts"), 200);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let left = cache.count().await.expect("counts");
    assert!((140..160).contains(&left), "{left}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(cache.count().await.expect("counts"), 0);
    assert_eq!(cache.stats().await.expect("stats").evicted, 200);
}

#[actix_rt::test]
async fn waiting_messages_are_written_in_time() {
    tokio::time::pause();
    let folder = folder();
    let cache = start(settings(&folder).shards(1));
    cache.save(records(1, 0..10)).await.expect("saves");
    assert_eq!(cache.stats().await.expect("stats").waiting, 10);
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(cache.stats().await.expect("stats").waiting, 0);
    cache.save(records(1, 10..310)).await.expect("saves");
    assert!(cache.stats().await.expect("stats").waiting < 256);
}

#[actix_rt::test]
async fn compacting_keeps_the_messages_and_frees_space() {
    let folder = folder();
    let path = folder.path().join("cache");
    let cache = start(settings(&folder));
    let body = Bytes::from(vec![7; 400]);
    for from in (0..20_000).step_by(500) {
        let rows = (from..from + 500).map(|id| Record {
            body: body.clone(),
            ..record(id % 7, id)
        });
        cache.save(rows.collect()).await.expect("saves");
    }
    for number in 0..6 {
        cache.clear(&channel(number)).await.expect("clears");
    }
    cache.flush_now().await.expect("flushes");
    let (before, left) = (size(&path), cache.count().await.expect("counts"));
    cache.compact().await.expect("compacts");
    assert_eq!(cache.count().await.expect("counts"), left);
    assert_eq!(folders(&folder), ["cache"]);
    assert!(size(&path) < before / 2, "{} of {before}", size(&path));
    let newest = cache
        .list(Query::latest(channel(6), 1))
        .await
        .expect("lists");
    assert_eq!(newest[0].body, body);
}

#[actix_rt::test]
async fn lines_of_json_go_out_and_come_in() {
    let (from, to) = (folder(), folder());
    let cache = start(settings(&from));
    cache.save(records(1, 0..600)).await.expect("saves");
    let text = Record {
        id: Id::from("a\"b"),
        ..record(2, 1)
    };
    cache.save(vec![text.clone()]).await.expect("saves");
    let mut lines = Vec::new();
    assert_eq!(
        cache.export(&mut lines, |_| None).await.expect("exports"),
        601
    );

    let copy = start(settings(&to));
    let unreadable = |_: u8, _: &serde_json::Value| Err("unreadable".into());
    assert_eq!(
        copy.import(lines.as_slice(), unreadable)
            .await
            .expect("imports"),
        601
    );
    let mut again = Vec::new();
    copy.export(&mut again, |_| None).await.expect("exports");
    assert_eq!(again, lines);
    assert_eq!(
        copy.get(&channel(2), "a\"b").await.expect("reads"),
        Some(text)
    );

    let mut readable = Vec::new();
    let show = |record: &Record| Some(String::from_utf8_lossy(&record.body).into());
    copy.export(&mut readable, show).await.expect("exports");
    copy.clear(&channel(1)).await.expect("clears");
    let parse = |_: u8, content: &serde_json::Value| {
        let text = content.as_str().ok_or("no text")?;
        Ok(Bytes::from(text.to_owned()))
    };
    assert_eq!(
        copy.import(readable.as_slice(), parse)
            .await
            .expect("imports"),
        601
    );
    assert_eq!(
        copy.get(&channel(1), 599).await.expect("reads"),
        Some(record(1, 599))
    );

    let broken = copy
        .import(b"\n{}\n".as_slice(), unreadable)
        .await
        .expect_err("no message");
    assert!(
        matches!(broken, CacheError::Import { line: 2, .. }),
        "{broken:?}"
    );
}

#[actix_rt::test]
async fn a_message_that_is_too_long_is_refused() {
    let folder = folder();
    let cache = start(settings(&folder));
    let body = Bytes::from(vec![0; (16 << 20) + 1]);
    let error = cache
        .save(vec![Record {
            body,
            ..record(1, 1)
        }])
        .await
        .expect_err("too long");
    assert!(matches!(error, CacheError::Oversized { .. }), "{error:?}");
    assert_eq!(error.retry(), Retry::Never);
}

#[actix_rt::test]
async fn a_disk_that_fails_ends_in_errors_and_hangs_nobody() {
    let folder = folder();
    let cache = start(settings(&folder).shards(1));
    let body = Bytes::from(vec![7; 2_000]);
    let rows = |from: i64| {
        let rows = (from..from + 500).map(|id| Record {
            body: body.clone(),
            ..record(1, id)
        });
        rows.collect::<Vec<_>>()
    };
    cache.save(rows(0)).await.expect("saves");
    std::fs::remove_dir_all(folder.path().join("cache")).expect("removes");
    let mut failed = None;
    for batch in 1..200 {
        if let Err(error) = cache.save(rows(batch * 500)).await {
            failed = Some(error);
            break;
        }
    }
    let failed = failed.expect("a page that cannot be written");
    assert!(matches!(failed, CacheError::Engine { .. }), "{failed:?}");
    let error = cache.flush_now().await.expect_err("stopped");
    assert!(matches!(error, CacheError::Broken { .. }), "{error:?}");
    assert_eq!(error.retry(), Retry::Never);
    assert!(cache.get(&channel(1), 1).await.expect("reads").is_some());
}
