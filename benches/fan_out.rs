//! Delivery of one event to 1, 4 and 16 handlers: through the router with order per channel, an event counting as handled when its
//! handler says so, beside bare actix `do_send` of an `Arc` to as many actors, in one run, by turns.
//!
//! `cargo bench -p greenroom-actors --bench fan_out`; figures are in `benches/README.md`.

mod measure;

use std::hint::black_box;
use std::sync::Arc;

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message};
use greenroom_actors::clock;
use greenroom_actors::event::{ChannelKey, Event, Origin};
use greenroom_actors::router::{Outcome, Registration, Router};
use greenroom_actors::supervisor::{Root, Strategy, Supervisor};
use measure::{median, nanos};
use serde::{Deserialize, Serialize};

const EVENTS: u32 = 50_000;
const BATCH: u32 = 500;
const CHANNELS: i64 = 50;
const ROUNDS: usize = 7;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Said {
    text: String,
}

impl Said {
    fn new(number: u32) -> Self {
        Self {
            text: format!("this is what somebody says for the {number}th time"),
        }
    }
}

/// Adds up what it hears.
#[derive(Default)]
struct Ear(usize);

impl Actor for Ear {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "()")]
struct Bare(Arc<Said>);

impl Handler<Bare> for Ear {
    type Result = ();

    fn handle(&mut self, Bare(said): Bare, _: &mut Self::Context) {
        self.0 += said.text.len();
    }
}

#[derive(Message)]
#[rtype(result = "usize")]
struct Sum;

impl Handler<Sum> for Ear {
    type Result = usize;

    fn handle(&mut self, Sum: Sum, _: &mut Self::Context) -> usize {
        self.0
    }
}

impl Handler<Event<Said>> for Ear {
    type Result = Outcome;

    fn handle(&mut self, event: Event<Said>, _: &mut Self::Context) -> Outcome {
        self.0 += event.text.len();
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "it is what is compared with")]
async fn bare(ears: &[Addr<Ear>]) -> f64 {
    let start = clock::now();
    for batch in 0..EVENTS / BATCH {
        for number in 0..BATCH {
            let said = Arc::new(Said::new(batch * BATCH + number));
            for ear in ears {
                ear.do_send(Bare(Arc::clone(&said)));
            }
        }
        for ear in ears {
            black_box(ear.send(Sum).await.unwrap_or_default());
        }
    }
    nanos(start, EVENTS)
}

async fn routed(router: &Router, origin: &Arc<Origin>, root: &Root, handled: &mut u64) -> f64 {
    let topic = router.topic::<Said>();
    let start = clock::now();
    for batch in 0..EVENTS / BATCH {
        for number in 0..BATCH {
            let number = batch * BATCH + number;
            let channel = ChannelKey::new(0, i64::from(number) % CHANNELS);
            let event = Event::new(origin, i64::from(number), channel, Said::new(number));
            topic.publish(event).await;
        }
        *handled += u64::from(BATCH);
        while root
            .snapshot()
            .children
            .iter()
            .any(|ear| ear.figures.handled < *handled)
        {
            tokio::task::yield_now().await;
        }
    }
    nanos(start, EVENTS)
}

fn main() {
    actix::System::new().block_on(async {
        for count in [1_usize, 4, 16] {
            let ears: Vec<_> = (0..count)
                .map(|_| {
                    Ear::create(|ctx| {
                        ctx.address();
                        Ear::default()
                    })
                })
                .collect();
            let router = Router::default();
            let origin = Origin::new("bench", "bench", &router);
            let mut handlers = Supervisor::new("handlers", Strategy::OneForOne);
            for number in 0..count {
                let ear = Registration::new(&format!("ear {number}"), Ear::default).on::<Said>();
                handlers = handlers.child(ear.register(&router));
            }
            let root = Root::start(handlers);
            let (mut bare_times, mut routed_times, mut handled) = (Vec::new(), Vec::new(), 0);
            for _ in 0..ROUNDS {
                bare_times.push(bare(&ears).await);
                routed_times.push(routed(&router, &origin, &root, &mut handled).await);
            }
            let (bare, routed) = (median(bare_times), median(routed_times));
            println!(
                "{count:>2} handlers: bare {bare:.0} ns an event, routed {routed:.0} ns, {:.0} ns a delivery, ratio {:.2}",
                routed / count as f64,
                routed / bare
            );
            root.shutdown().await;
        }
    });
}
