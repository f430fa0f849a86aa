//! What the router costs: an event that nobody wants, and events in order per channel to 1, 4 and 16 handlers, handled when `Ok`.
//!
//! `cargo bench -p greenroom-actors --bench dispatch`

use std::time::Duration;

use actix::{Actor, Context, Handler};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use greenroom_actors::clock;
use greenroom_actors::event::{ChannelKey, Event, Origin};
use greenroom_actors::router::{Outcome, Registration, Router};
use greenroom_actors::supervisor::{Root, Strategy, Supervisor};
use serde::{Deserialize, Serialize};

const BATCH: u64 = 1_000;
const CHANNELS: i64 = 64;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Said {
    text: String,
}

/// Adds up what it hears.
#[derive(Default)]
struct Ear(usize);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<Event<Said>> for Ear {
    type Result = Outcome;

    fn handle(&mut self, event: Event<Said>, _: &mut Self::Context) -> Outcome {
        self.0 += event.text.len();
        Ok(())
    }
}

/// Publishes so many batches, and waits until each was handled.
async fn publish(handlers: usize, batches: u64) -> Duration {
    let router = Router::default();
    let origin = Origin::new("bench", "bench", &router);
    let mut supervisor = Supervisor::new("handlers", Strategy::OneForOne);
    for number in 0..handlers {
        let ear = Registration::new(&format!("ear {number}"), Ear::default).on::<Said>();
        supervisor = supervisor.child(ear.register(&router));
    }
    let root = Root::start(supervisor);
    let topic = router.topic::<Said>();
    let start = clock::now();
    for batch in 1..=batches {
        for number in 0..BATCH.cast_signed() {
            if topic.is_wanted() {
                let channel = ChannelKey::new(0, number % CHANNELS);
                let text = "this is what somebody says for the first time".to_owned();
                topic
                    .publish(Event::new(&origin, number, channel, Said { text }))
                    .await;
            }
        }
        while router
            .handlers()
            .iter()
            .any(|report| report.handled < batch * BATCH)
        {
            tokio::task::yield_now().await;
        }
    }
    let took = start.elapsed();
    root.shutdown().await;
    took
}

fn dispatch(criterion: &mut Criterion) {
    let system = actix::System::new();
    let mut group = criterion.benchmark_group("dispatch");
    group.throughput(Throughput::Elements(BATCH));
    for handlers in [0_usize, 1, 4, 16] {
        group.bench_with_input(
            BenchmarkId::new("handlers", handlers),
            &handlers,
            |bench, handlers| {
                bench.iter_custom(|times| system.block_on(publish(*handlers, times)));
            },
        );
    }
    group.finish();
}

criterion_group!(benches, dispatch);
criterion_main!(benches);
