//! What supervision costs a message: `tell` through a stable address beside bare actix `do_send`, in one run, by turns.
//!
//! `cargo bench -p greenroom-actors --bench tell`; figures are in `benches/README.md`.

use std::hint::black_box;

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message};
use greenroom_actors::clock;
use greenroom_actors::mailbox::{ActorRef, Overflow};
use greenroom_actors::supervisor::{ChildSpec, Root, Strategy, Supervisor};
use tokio::sync::oneshot;

const MESSAGES: u64 = 200_000;
const BATCH: u64 = 1_000;
const ROUNDS: usize = 7;

/// Adds up numbers, and says so after the last one.
#[derive(Default)]
struct Sum {
    sum: u64,
}

impl Actor for Sum {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "()")]
struct Number(Box<u64>, Option<oneshot::Sender<u64>>);

impl Handler<Number> for Sum {
    type Result = ();

    fn handle(&mut self, Number(number, done): Number, _: &mut Self::Context) {
        self.sum += *number;
        if let Some(done) = done {
            // The bench waits for it.
            let _ = done.send(self.sum);
        }
    }
}

/// Sends all messages in batches, waiting for each batch, and returns nanoseconds a message.
async fn time(send: impl Fn(Number)) -> f64 {
    let start = clock::now();
    for batch in 0..MESSAGES / BATCH {
        for number in 1..BATCH {
            send(Number(Box::new(batch + number), None));
        }
        let (done, sum) = oneshot::channel();
        send(Number(Box::new(0), Some(done)));
        black_box(sum.await.unwrap_or_default());
    }
    start.elapsed().as_secs_f64() * 1e9 / MESSAGES as f64
}

#[expect(clippy::disallowed_methods, reason = "it is what is compared with")]
fn bare(address: &Addr<Sum>, number: Number) {
    address.do_send(number);
}

fn supervised(address: &ActorRef<Sum>, number: Number) {
    if address.tell(number).is_err() {
        black_box("the mailbox holds a batch");
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    actix::System::new().block_on(async {
        let plain = Sum::create(|ctx| {
            ctx.address();
            Sum::default()
        });
        let spec = ChildSpec::new("sum", Sum::default).mailbox(BATCH as usize * 2, Overflow::Block);
        let stable = spec.address();
        let root = Root::start(Supervisor::new("bench", Strategy::OneForOne).child(spec));
        let (mut bare_times, mut tell_times) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bare_times.push(time(|number| bare(&plain, number)).await);
            tell_times.push(time(|number| supervised(&stable, number)).await);
        }
        let (bare, tell) = (median(bare_times), median(tell_times));
        println!(
            "bare do_send {bare:.0} ns, supervised tell {tell:.0} ns, ratio {:.2}",
            tell / bare
        );
        root.shutdown().await;
    });
}
