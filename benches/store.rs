//! What the message cache costs: batches of 256 messages of 350 bytes in 64 channels, and the latest 50 of a channel.
//!
//! `cargo bench -p greenroom-actors --bench store`; the long run beside SQLite is `--bench cache`.

use actix::Arbiter;
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use greenroom_actors::cache::{Cache, Query, Record, Settings};
use greenroom_actors::clock;
use greenroom_actors::event::{ChannelKey, Id};

const BATCH: u64 = 256;
const CHANNELS: u64 = 64;

fn batch(from: u64) -> Vec<Record> {
    let record = |number: u64| Record {
        channel: ChannelKey::new(7, (number % CHANNELS).cast_signed()),
        id: Id::from(number.cast_signed() + 1),
        at: number / 100,
        format: 1,
        body: Bytes::from(vec![(number % 251) as u8; 350]),
    };
    (from..from + BATCH).map(record).collect()
}

fn store(criterion: &mut Criterion) {
    let system = actix::System::new();
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder: {error}"));
    let cache = Cache::new(Settings::new(folder.path().join("cache")).shards(1));
    system.block_on(async {
        cache.start_on(std::slice::from_ref(&Arbiter::new().handle()));
        cache
            .open()
            .await
            .unwrap_or_else(|error| panic!("the cache does not open: {error}"));
    });
    let mut group = criterion.benchmark_group("cache");
    let mut next = 0;
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("insert", |bench| {
        bench.iter_custom(|times| {
            let batches: Vec<_> = (0..times)
                .map(|number| batch(next + number * BATCH))
                .collect();
            next += times * BATCH;
            system.block_on(async {
                let start = clock::now();
                for batch in batches {
                    let _ = cache.save(batch).await;
                }
                start.elapsed()
            })
        });
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("latest 50", |bench| {
        bench.iter_custom(|times| {
            system.block_on(async {
                let start = clock::now();
                for number in 0..times {
                    let channel = ChannelKey::new(7, (number % CHANNELS).cast_signed());
                    let _ = cache.list(Query::latest(channel, 50)).await;
                }
                start.elapsed()
            })
        });
    });
    group.finish();
    let _ = system.block_on(cache.close());
}

criterion_group!(benches, store);
criterion_main!(benches);
