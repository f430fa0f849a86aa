//! What a supervised actor costs beside a bare one: nanoseconds to start it, and bytes while it idles.
//!
//! `cargo bench -p greenroom-actors --bench spawn`; figures are in `benches/README.md`.

mod measure;

use actix::{Actor, Addr, Context};
use greenroom_actors::clock;
use greenroom_actors::supervisor::{ChildSpec, Root, Strategy, Supervisor, SupervisorRef};
use measure::{median, nanos, resident, settle};

const ACTORS: u32 = 20_000;
const ROUNDS: usize = 9;

struct Idle;

impl Actor for Idle {
    type Context = Context<Self>;
}

/// Starts bare actors; all have run once when it returns.
async fn bare() -> Vec<Addr<Idle>> {
    let actors = (0..ACTORS).map(|_| Idle.start()).collect();
    tokio::task::yield_now().await;
    actors
}

/// Starts children that are known from the beginning.
async fn fixed() -> Root {
    let mut supervisor = Supervisor::new("root", Strategy::OneForOne);
    for number in 0..ACTORS {
        supervisor = supervisor.child(ChildSpec::new(number.to_string(), || Idle));
    }
    let root = Root::start(supervisor);
    tokio::task::yield_now().await;
    root
}

/// Adds children to a running supervisor.
async fn added(supervisor: &SupervisorRef) {
    for number in 0..ACTORS {
        let child = ChildSpec::new(number.to_string(), || Idle);
        if supervisor.start(child).await.is_err() {
            println!("the supervisor has ended");
        }
    }
    tokio::task::yield_now().await;
}

fn main() {
    actix::System::new().block_on(async {
        let [mut bare_times, mut fixed_times, mut added_times] = [(); 3].map(|()| Vec::new());
        // Memory first: what is freed later is used again, and hides the next.
        let before = resident();
        let actors = bare().await;
        let bare_bytes = (resident() - before) as f64 / f64::from(ACTORS);
        let before = resident();
        let root = fixed().await;
        let fixed_bytes = (resident() - before) as f64 / f64::from(ACTORS);
        root.kill().await;
        drop((actors, root));
        settle().await;
        for _ in 0..ROUNDS {
            let start = clock::now();
            let actors = bare().await;
            bare_times.push(nanos(start, ACTORS));
            drop(actors);
            settle().await;

            let start = clock::now();
            let root = fixed().await;
            fixed_times.push(nanos(start, ACTORS));
            root.kill().await;
            drop(root);

            let supervisor = Supervisor::new("root", Strategy::OneForOne);
            let handle = supervisor.handle();
            let root = Root::start(supervisor);
            let start = clock::now();
            added(&handle).await;
            added_times.push(nanos(start, ACTORS));
            root.kill().await;
        }
        let [bare, fixed, added] = [bare_times, fixed_times, added_times].map(median);
        println!("start: bare {bare:.0} ns, supervised {fixed:.0} ns, added later {added:.0} ns");
        println!("above bare: {:.0} ns, {:.0} ns", fixed - bare, added - bare);
        println!(
            "idle: bare {bare_bytes:.0} B, supervised {fixed_bytes:.0} B, above bare {:.0} B",
            fixed_bytes - bare_bytes
        );
    });
}
