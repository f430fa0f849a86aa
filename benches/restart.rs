//! What a restart costs: from the message that crashes an actor to the answer of the next incarnation, without backoff.
//!
//! `cargo bench -p greenroom-actors --bench restart`; figures are in `benches/README.md`.

mod measure;

use std::hint::black_box;
use std::time::Duration;

use actix::{Actor, Context, Handler, Message};
use greenroom_actors::clock;
use greenroom_actors::mailbox::ActorRef;
use greenroom_actors::supervisor::{Backoff, ChildSpec, Root, Strategy, Supervised, Supervisor};
use measure::{median, nanos};

const RESTARTS: u32 = 2_000;
const ROUNDS: usize = 9;

struct Fragile;

impl Actor for Fragile {
    type Context = Context<Self>;
}

#[derive(Clone, Copy, Message)]
#[rtype(result = "()")]
enum Ask {
    Error,
    Panic,
    Nothing,
}

impl Handler<Ask> for Fragile {
    type Result = ();

    fn handle(&mut self, ask: Ask, ctx: &mut Self::Context) {
        match ask {
            Ask::Error => ctx.fail("on purpose"),
            Ask::Panic => panic!("on purpose"),
            Ask::Nothing => {}
        }
    }
}

fn supervisor(strategy: Strategy) -> Supervisor {
    Supervisor::new("root", strategy)
        .intensity(usize::MAX, Duration::from_nanos(1))
        .backoff(Backoff::exponential(Duration::ZERO, Duration::ZERO))
}

async fn time(address: &ActorRef<Fragile>, fault: Ask) -> f64 {
    let start = clock::now();
    for _ in 0..RESTARTS {
        black_box(address.tell(fault).is_ok());
        black_box(address.ask(Ask::Nothing).await.is_ok());
    }
    nanos(start, RESTARTS)
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    actix::System::new().block_on(async {
        let alone = ChildSpec::new("alone", || Fragile);
        let address = alone.address();
        let root = Root::start(supervisor(Strategy::OneForOne).child(alone));
        let group = (0..10).map(|number| ChildSpec::new(number.to_string(), || Fragile));
        let group: Vec<_> = group.collect();
        let first = group[0].address();
        let group = group
            .into_iter()
            .fold(supervisor(Strategy::OneForAll), Supervisor::child);
        let ten = Root::start(group);
        let [mut plain, mut error, mut panic, mut all] = [(); 4].map(|()| Vec::new());
        for _ in 0..ROUNDS {
            plain.push(time(&address, Ask::Nothing).await);
            error.push(time(&address, Ask::Error).await);
            panic.push(time(&address, Ask::Panic).await);
            all.push(time(&first, Ask::Error).await);
        }
        let [plain, error, panic, all] = [plain, error, panic, all].map(median);
        println!(
            "a message and an answer without a crash: {:.1} µs",
            plain / 1e3
        );
        println!(
            "with a restart after an error {:.1} µs, after a panic {:.1} µs",
            error / 1e3,
            panic / 1e3
        );
        println!("with a restart of a group of ten {:.1} µs", all / 1e3);
        root.shutdown().await;
        ten.shutdown().await;
    });
}
