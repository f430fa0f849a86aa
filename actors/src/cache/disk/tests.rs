//! The store against a model, and what a reopened folder says.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;

use super::DiskBackend;
use crate::cache::chunk::{self, Row, Span};
use crate::cache::codec::chunk_key;
use crate::cache::journal::Pending;
use crate::cache::{Backend, Bound, Limits, MessageStore, Opened, Order, Query, Record, Settings};
use crate::event::{ChannelKey, Id};

fn open(settings: &Settings) -> Opened {
    DiskBackend::new(settings.clone()).open().expect("opens")
}

fn one(settings: &Settings) -> Box<dyn MessageStore> {
    open(settings).stores.pop().expect("a store")
}

fn settings(path: &Path) -> Settings {
    Settings::new(path.join("cache"))
        .shards(1)
        .cache_capacity(1 << 20)
}

fn record(channel: u8, id: i64, size: usize) -> Record {
    Record {
        channel: ChannelKey::new(1, i64::from(channel)),
        id: Id::from(id),
        at: id.unsigned_abs(),
        format: 1,
        body: Bytes::from(vec![id.to_le_bytes()[0]; size]),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Clear(u8),
    Delete(u8, i64),
    Flush,
    List(u8, Option<i64>, Option<i64>, usize, usize, bool),
    Reload,
    Reopen,
    Save(Vec<(u8, i64, usize)>),
    Series(u8, i64, i64),
    Update(u8, i64, usize),
    Write,
}

fn step() -> impl Strategy<Value = Step> {
    let channel = 0..3_u8;
    let id = -20..400_i64;
    let bound = || prop::option::of(-20..400_i64);
    prop_oneof![
        1 => channel.clone().prop_map(Step::Clear),
        3 => (channel.clone(), id.clone()).prop_map(|(c, i)| Step::Delete(c, i)),
        1 => Just(Step::Flush),
        4 => (channel.clone(), bound(), bound(), 0..90_usize, 0..150_usize, any::<bool>())
            .prop_map(|(c, a, b, l, o, n)| Step::List(c, a, b, l, o, n)),
        1 => Just(Step::Reload),
        1 => Just(Step::Reopen),
        6 => prop::collection::vec((channel.clone(), id.clone(), 0..9_usize), 1..20).prop_map(Step::Save),
        5 => (channel.clone(), id.clone(), 1..120_i64).prop_map(|(c, i, n)| Step::Series(c, i, n)),
        2 => (channel, id, 0..9_usize).prop_map(|(c, i, s)| Step::Update(c, i, s)),
        2 => Just(Step::Write),
    ]
}

#[derive(Default)]
struct Model(BTreeMap<ChannelKey, BTreeMap<Id, Record>>);

impl Model {
    fn save(&mut self, record: Record, most: Option<u64>) {
        let channel = self.0.entry(record.channel.clone()).or_default();
        channel.insert(record.id.clone(), record);
        while most.is_some_and(|most| channel.len() as u64 > most) {
            channel.pop_first();
        }
    }

    fn list(&self, query: &Query) -> Vec<Record> {
        let rows = self
            .0
            .get(&query.channel)
            .into_iter()
            .flat_map(BTreeMap::values);
        let mut rows: Vec<_> = rows.filter(|row| query.covers(&row.id)).cloned().collect();
        if query.order == Order::NewestFirst {
            rows.reverse();
        }
        rows.into_iter()
            .skip(query.offset)
            .take(query.limit)
            .collect()
    }
}

fn agrees(steps: Vec<Step>, most: Option<u64>, journal: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bound = Bound::NONE;
    bound.messages = most;
    let settings = settings(folder.path())
        .limits(Limits::default().per_channel(bound))
        .journal_bytes(journal);
    let mut store = one(&settings);
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Clear(channel) => {
                let key = ChannelKey::new(1, i64::from(channel));
                let gone = model.0.remove(&key).map_or(0, |rows| rows.len() as u64);
                assert_eq!(store.clear(&key).expect("clears"), gone);
            }
            Step::Delete(channel, id) => {
                let key = ChannelKey::new(1, i64::from(channel));
                let rows = model.0.entry(key.clone()).or_default();
                let gone = rows.remove(&Id::from(id)).is_some();
                assert_eq!(store.delete(&key, &Id::from(id)).expect("deletes"), gone);
            }
            Step::Flush => store.flush().expect("flushes"),
            Step::List(channel, after, before, limit, offset, newest) => {
                let mut query =
                    Query::latest(ChannelKey::new(1, i64::from(channel)), limit).offset(offset);
                query.after = after.map(Id::from);
                query.before = before.map(Id::from);
                if !newest {
                    query = query.oldest_first();
                }
                assert_eq!(
                    store.list(&query).expect("lists"),
                    model.list(&query),
                    "{query:?}"
                );
            }
            Step::Reload => store.recover().expect("recovers"),
            Step::Reopen => {
                store.write_behind().expect("writes");
                drop(store);
                store = one(&settings);
            }
            Step::Save(rows) => {
                for (channel, id, size) in &rows {
                    model.save(record(*channel, *id, *size), most);
                }
                let rows = rows
                    .into_iter()
                    .map(|(channel, id, size)| record(channel, id, size));
                store.save(rows.collect()).expect("saves");
            }
            Step::Series(channel, from, count) => {
                let rows = (from..from + count).map(|id| record(channel, id, 3));
                rows.clone().for_each(|row| model.save(row, most));
                store.save(rows.collect()).expect("saves");
            }
            Step::Update(channel, id, size) => {
                let Record {
                    channel, id, body, ..
                } = record(channel, id, size);
                let rows = model.0.entry(channel.clone()).or_default();
                let known = rows.get_mut(&id);
                let there = known.is_some();
                if let Some(known) = known {
                    known.body = body.clone();
                    known.format = 9;
                }
                assert_eq!(
                    store.update(&channel, &id, 9, body).expect("updates"),
                    there
                );
            }
            Step::Write => store.write_behind().expect("writes"),
        }
        model.0.retain(|_, rows| !rows.is_empty());
        check(store.as_mut(), &model);
    }
}

fn check(store: &mut dyn MessageStore, model: &Model) {
    let channels = store.channels().expect("lists");
    let expected: Vec<_> = model.0.iter().collect();
    assert_eq!(channels.len(), expected.len());
    for (info, (key, rows)) in channels.iter().zip(expected) {
        assert_eq!(&info.channel, key);
        assert_eq!(info.messages, rows.len() as u64, "{key}");
        assert_eq!(
            info.bytes,
            rows.values().map(|row| row.body.len() as u64).sum::<u64>()
        );
        assert_eq!(Some(&info.oldest), rows.keys().next());
        assert_eq!(Some(&info.newest), rows.keys().next_back());
        for id in [&info.oldest, &info.newest] {
            assert_eq!(store.get(key, id).expect("reads").as_ref(), rows.get(id));
        }
        assert_eq!(store.count(Some(key)).expect("counts"), rows.len() as u64);
    }
    let all = model.0.values().map(|rows| rows.len() as u64).sum::<u64>();
    assert_eq!(store.count(None).expect("counts"), all);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn does_what_a_map_does(steps in prop::collection::vec(step(), 1..40)) {
        agrees(steps, None, 1 << 20);
    }

    #[test]
    fn does_what_a_map_does_with_a_short_journal(steps in prop::collection::vec(step(), 1..40)) {
        agrees(steps, None, 200);
    }

    #[test]
    fn does_what_a_bounded_map_does(
        steps in prop::collection::vec(step(), 1..40),
        most in 1..200_u64,
    ) {
        agrees(steps, Some(most), 1 << 20);
    }
}

#[test]
fn a_value_that_is_split_keeps_the_piece_that_begins_where_it_did() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path());
    let mut store = one(&settings);
    let series = |ids: std::ops::Range<i64>| ids.map(|id| record(1, id, 3)).collect();
    store.save(series(248..312)).expect("saves");
    store.save(series(197..198)).expect("saves");
    store.save(series(0..33)).expect("saves");
    store.flush().expect("flushes");
    drop(store);
    assert_eq!(open(&settings).recovery.messages, 98);
}

#[test]
fn what_is_in_the_journal_only_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path());
    let mut store = one(&settings);
    let general = ChannelKey::new(1, 1);
    store
        .save((0..70).map(|id| record(1, id, 3)).collect())
        .expect("saves");
    store
        .save((0..5).map(|id| record(2, id, 3)).collect())
        .expect("saves");
    store.write_behind().expect("writes");
    assert!(store.delete(&general, &Id::from(63)).expect("deletes"));
    assert!(store.delete(&general, &Id::from(69)).expect("deletes"));
    store.save(vec![record(1, 70, 3)]).expect("saves");
    drop(store);
    let mut store = one(&settings);
    let kept = store.list(&Query::latest(general, 4)).expect("lists");
    let kept: Vec<_> = kept
        .iter()
        .filter_map(|record| record.id.number())
        .collect();
    assert_eq!(
        kept,
        [68, 67, 66, 65],
        "what was not handed over is lost, nothing else"
    );
    assert_eq!(store.count(None).expect("counts"), 73);
}

#[test]
fn a_full_journal_makes_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path()).journal_bytes(20_000);
    let mut store = one(&settings);
    for id in 0..2_000 {
        store
            .save((0..30).map(|channel| record(channel, id, 20)).collect())
            .expect("saves");
        assert!(store.stats().journal_bytes <= 40_000);
    }
    assert_eq!(store.count(None).expect("counts"), 60_000);
}

#[test]
fn limits_that_bite_in_the_middle_of_a_batch_leave_the_newest() {
    agrees(
        vec![Step::Save(vec![(1, 398, 0)]), Step::Series(1, 346, 84)],
        Some(31),
        1 << 20,
    );
}

fn files(folder: &Path, kind: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder.join("cache")).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let ours = |path: &std::path::PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(kind))
    };
    let mut paths: Vec<_> = paths.filter(ours).collect();
    paths.sort();
    paths
}

/// A folder of the format before this one, as a crash left it: rows 0 to 31 in a value, 20 to 39 in the journal, 35 deleted.
fn write_format_1(folder: &Path, shards: usize) {
    let database = sled::open(folder.join("cache")).expect("opens");
    let meta = database.open_tree("meta").expect("a tree");
    meta.insert("format", &1_u32.to_be_bytes()).expect("writes");
    let number = u32::try_from(shards).expect("a number").to_be_bytes();
    meta.insert("shards", &number).expect("writes");
    let key = ChannelKey::new(1, 1);
    let shard = usize::try_from(key.partition()).expect("a number") % shards;
    let rows = |ids: std::ops::Range<i64>, size| {
        let rows = ids.map(|id| record(1, id, size));
        let rows = rows.map(
            |Record {
                 id,
                 at,
                 format,
                 body,
                 ..
             }| (id, Row { at, format, body }),
        );
        rows.collect::<Vec<_>>()
    };
    let settled = rows(0..32, 9);
    let value = chunk::encode(&settled, &Span::of(&settled).expect("rows"));
    let chunks = database.open_tree(format!("chunks-{shards}-{shard}"));
    let at = chunk_key(&key, &Id::from(0));
    chunks.expect("a tree").insert(at, value).expect("writes");
    let log = database.open_tree(format!("journal-{shards}-{shard}"));
    let log = log.expect("a tree");
    for (number, rows) in (5_u64..).zip([rows(20..30, 3), rows(30..40, 3)]) {
        let mut pending = Pending::default();
        rows.iter()
            .for_each(|(id, row)| pending.save(&key, id, row));
        pending.delete(&key, &Id::from(35));
        log.insert(number.to_be_bytes(), pending.batch())
            .expect("writes");
    }
    database.flush().expect("flushes");
}

#[test]
fn the_format_before_this_one_is_read() {
    for (before, now) in [(1, 1), (2, 2), (3, 1), (1, 4)] {
        let folder = tempfile::tempdir().expect("a folder");
        write_format_1(folder.path(), before);
        let settings = settings(folder.path()).shards(now);
        for _ in 0..2 {
            let mut opened = open(&settings);
            assert_eq!(opened.recovery.messages, 39, "{before} {now}");
            assert_eq!(opened.recovery.moved_aside, None);
            let key = ChannelKey::new(1, 1);
            let shard = usize::try_from(key.partition()).expect("a number") % now;
            let store = opened.stores.get_mut(shard).expect("a store");
            let kept = store.list(&Query::latest(key, 100)).expect("lists");
            let expected = (0..40).rev().filter(|id| *id != 35);
            let expected: Vec<_> = expected
                .map(|id| record(1, id, if id < 32 { 9 } else { 3 }))
                .collect();
            assert_eq!(
                kept, expected,
                "what lies in a value is newer than the journal"
            );
        }
    }
}

#[test]
fn what_a_crash_cut_off_is_left_out() {
    for cut in [1, 40, 5_000] {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings(folder.path());
        let mut store = one(&settings);
        for id in 0..600 {
            store.save(vec![record(1, id, 100)]).expect("saves");
        }
        store.write_behind().expect("writes");
        // A crash closes nothing.
        store.save(vec![record(1, 600, 100)]).expect("saves");
        drop(store);
        let journal = files(folder.path(), "journal").pop().expect("a journal");
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(journal)
            .expect("opens");
        let length = file.metadata().expect("a length").len();
        file.set_len(length - cut).expect("cuts");
        for _ in 0..2 {
            let mut opened = open(&settings);
            assert_eq!(opened.recovery.moved_aside, None);
            let left = opened.recovery.messages;
            assert!((500..600).contains(&left), "{left}");
            let store = opened.stores.first_mut().expect("a store");
            let rows = Query::latest(ChannelKey::new(1, 1), 1_000).oldest_first();
            let rows = store.list(&rows).expect("lists");
            assert!(
                rows.iter()
                    .map(|row| row.id.clone())
                    .eq((0..).map(Id::from).take(rows.len()))
            );
        }
    }
}

#[test]
fn values_that_a_crash_did_not_leave_come_from_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path()).flush_every(std::time::Duration::from_secs(3_600));
    let mut store = one(&settings);
    store
        .save((0..640).map(|id| record(1, id, 100)).collect())
        .expect("saves");
    store.write_behind().expect("writes");
    store.save(vec![record(1, 640, 100)]).expect("saves");
    drop(store);
    let values = files(folder.path(), "values").pop().expect("values");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(values)
        .expect("opens");
    let length = file.metadata().expect("a length").len();
    file.set_len(length / 2).expect("cuts");
    let mut opened = open(&settings);
    assert!(opened.recovery.unclean);
    assert_eq!(
        (opened.recovery.messages, opened.recovery.moved_aside),
        (640, None)
    );
    let store = opened.stores.first_mut().expect("a store");
    let rows = store
        .list(&Query::latest(ChannelKey::new(1, 1), 1_000))
        .expect("lists");
    assert!(
        rows.iter().eq((0..640)
            .rev()
            .map(|id| record(1, id, 100))
            .collect::<Vec<_>>()
            .iter())
    );
}

#[test]
fn space_that_nobody_needs_is_given_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let bound = Bound::NONE.messages(500);
    let settings = settings(folder.path()).limits(Limits::default().per_channel(bound));
    let mut store = one(&settings);
    for id in 0..4_000 {
        let rows = (0..4).map(|channel| record(channel, id * 4 + i64::from(channel), 8_000));
        store.save(rows.collect()).expect("saves");
        if id % 100 == 0 {
            store.write_behind().expect("writes");
        }
        if id % 1_000 == 500 {
            // One that is quiet keeps its place in a file that all others have left.
            store.save(vec![record(9, id, 8_000)]).expect("saves");
        }
    }
    store.flush().expect("flushes");
    drop(store);
    let mut store = one(&settings);
    assert_eq!(store.count(None).expect("counts"), 2_004);
    assert_eq!(
        store
            .list(&Query::latest(ChannelKey::new(1, 9), 9))
            .expect("lists")
            .len(),
        4
    );
    let bytes: u64 = ["values", "journal"]
        .iter()
        .flat_map(|kind| files(folder.path(), kind))
        .map(|path| path.metadata().expect("a length").len())
        .sum();
    assert!(
        bytes < 100 << 20,
        "{bytes} for 128 MB written and 16 MB kept"
    );
}

#[test]
fn latest_messages_are_in_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path());
    let mut store = one(&settings);
    store
        .save((0..1_000).map(|id| record(1, id, 50)).collect())
        .expect("saves");
    store.write_behind().expect("writes");
    let latest = Query::latest(ChannelKey::new(1, 1), 50);
    let early = latest.clone().before(300);
    let there = store.list(&latest).expect("lists");
    assert_eq!(store.recent(&latest), Some(there.clone()));
    assert_eq!(store.recent(&early), None);
    store.save(vec![record(1, 1_000, 50)]).expect("saves");
    assert_eq!(
        store.recent(&latest).map(|rows| rows.len()),
        Some(50),
        "what waits to be written is seen"
    );
    store
        .delete(&ChannelKey::new(1, 1), &Id::from(1_000))
        .expect("deletes");
    assert_eq!(store.recent(&latest), Some(there.clone()));
    drop(store);
    let mut store = one(&settings);
    assert_eq!(store.recent(&latest), None);
    assert_eq!(store.list(&latest).expect("lists"), there);
    assert_eq!(store.recent(&latest), Some(there), "what was read is kept");
}
