//! The store against a model, and what a reopened folder says.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;

use super::DiskBackend;
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
