//! What a command costs: splitting a text into words, and a whole call, from the published message to the handler with its arguments.
//!
//! `cargo bench -p greenroom-actors --bench command`

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::future::BoxFuture;
use greenroom_actors::clock;
use greenroom_actors::command::{Call, Command, Commands, Rest, Words};
use greenroom_actors::connection::RequestError;
use greenroom_actors::event::{ChannelKey, Event, Id, Origin};
use greenroom_actors::router::Router;
use greenroom_actors::supervisor::{Root, Strategy, Supervisor};
use greenroom_actors::utterance::{Mention, Utterance};
use serde::{Deserialize, Serialize};

const BATCH: u64 = 1_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Said(String);

const SOMEBODY: Id = Id::NONE;

impl Utterance for Said {
    fn text(&self) -> &str {
        &self.0
    }

    fn speaker(&self) -> &Id {
        &SOMEBODY
    }

    fn is_own(&self) -> bool {
        false
    }

    fn is_direct(&self) -> bool {
        false
    }

    fn mentions(&self) -> &[Mention] {
        &[]
    }

    fn answer(_: &Event<Self>, _: String) -> BoxFuture<'static, Result<(), RequestError>> {
        Box::pin(async { Ok(()) })
    }
}

#[derive(Deserialize)]
struct Tip {
    who: Mention,
    amount: u64,
    note: Option<Rest>,
}

/// Lets somebody say `text` so many times a thousand times.
async fn say(text: &str, batches: u64) -> Duration {
    let tip = Command::new("tip", async |_: Call<Said>, tip: Tip| {
        black_box((tip.who, tip.amount, tip.note));
        Ok(())
    });
    let router = Router::default();
    let registration = Commands::new("!").command(tip).register("commands");
    let registration = registration.unwrap_or_else(|faults| panic!("{faults}"));
    let supervisor = Supervisor::new("handlers", Strategy::OneForOne);
    let root = Root::start(supervisor.child(registration.register(&router)));
    let origin = Origin::new("bench", "bench", &router);
    let topic = router.topic::<Said>();
    let start = clock::now();
    for batch in 1..=batches {
        for number in 0..BATCH.cast_signed() {
            let channel = ChannelKey::new(0, number % 64);
            topic
                .publish(Event::new(&origin, number, channel, Said(text.to_owned())))
                .await;
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

fn command(criterion: &mut Criterion) {
    let text = r#"@bob 10 for "the two soups" and it\ is enough"#;
    criterion.bench_function("command/words", |bench| {
        bench.iter(|| Words::new(black_box(text)).count());
    });
    let system = actix::System::new();
    let mut group = criterion.benchmark_group("command");
    group.throughput(Throughput::Elements(BATCH));
    for (name, text) in [
        ("call", format!("!tip {text}")),
        ("no command", text.to_owned()),
    ] {
        group.bench_function(name, |bench| {
            bench.iter_custom(|times| system.block_on(say(&text, times)));
        });
    }
    group.finish();
}

criterion_group!(benches, command);
criterion_main!(benches);
