//! What a message to an actor costs, one thousand at a time: bare, through a stable address, and asked for an answer.
//!
//! `cargo bench -p greenroom-actors --bench mailbox`; the ratio that is a goal is measured by `--bench tell`, by turns.

use std::time::Duration;

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use greenroom_actors::clock;
use greenroom_actors::mailbox::{ActorRef, Overflow};
use greenroom_actors::supervisor::{ChildSpec, Root, Strategy, Supervisor};

const BATCH: u64 = 1_000;

/// Adds up numbers.
#[derive(Default)]
struct Sum(u64);

impl Actor for Sum {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "u64")]
struct Add(Box<u64>);

impl Handler<Add> for Sum {
    type Result = u64;

    fn handle(&mut self, Add(number): Add, _: &mut Self::Context) -> u64 {
        self.0 += *number;
        self.0
    }
}

#[expect(clippy::disallowed_methods, reason = "it is what is compared with")]
fn send_bare(address: &Addr<Sum>, number: u64) {
    address.do_send(Add(Box::new(number)));
}

fn supervised() -> (ActorRef<Sum>, Root) {
    let spec = ChildSpec::new("sum", Sum::default).mailbox(2 * BATCH as usize, Overflow::Block);
    let address = spec.address();
    (
        address,
        Root::start(Supervisor::new("bench", Strategy::OneForOne).child(spec)),
    )
}

/// Runs `batch` so many times inside a system, and returns how long that took.
async fn time<F: Future<Output = ()>>(times: u64, batch: impl Fn() -> F) -> Duration {
    let start = clock::now();
    for _ in 0..times {
        batch().await;
    }
    start.elapsed()
}

fn mailbox(criterion: &mut Criterion) {
    let system = actix::System::new();
    let mut group = criterion.benchmark_group("mailbox");
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("bare do_send", |bench| {
        bench.iter_custom(|times| {
            system.block_on(async {
                let address = Sum::create(|ctx| {
                    ctx.address();
                    Sum::default()
                });
                time(times, || async {
                    (1..BATCH).for_each(|number| send_bare(&address, number));
                    let _ = address.send(Add(Box::default())).await;
                })
                .await
            })
        });
    });
    group.bench_function("tell", |bench| {
        bench.iter_custom(|times| {
            system.block_on(async {
                let (address, root) = supervised();
                let took = time(times, || async {
                    for number in 1..BATCH {
                        let _ = address.tell(Add(Box::new(number)));
                    }
                    let _ = address.ask(Add(Box::default())).await;
                })
                .await;
                root.shutdown().await;
                took
            })
        });
    });
    group.bench_function("ask", |bench| {
        bench.iter_custom(|times| {
            system.block_on(async {
                let (address, root) = supervised();
                let took = time(times, || async {
                    for number in 0..BATCH {
                        let _ = address.ask(Add(Box::new(number))).await;
                    }
                })
                .await;
                root.shutdown().await;
                took
            })
        });
    });
    group.finish();
}

criterion_group!(benches, mailbox);
criterion_main!(benches);
