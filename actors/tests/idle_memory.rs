//! An idle supervised actor costs at most 2 kB more than a bare one. Alone in its program, since it reads the process's memory.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::time::Duration;

use actix::prelude::*;
use greenroom_actors::supervisor::{ChildSpec, Root, Strategy, Supervisor};

struct Idle;

impl Actor for Idle {
    type Context = Context<Self>;
}

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

const ACTORS: usize = 20_000;

#[test]
fn an_idle_supervised_actor_costs_at_most_2_kb_more_than_a_bare_one() {
    System::new().block_on(async {
        let settle = || tokio::time::sleep(Duration::from_millis(50));
        let before = resident();
        let bare: Vec<_> = (0..ACTORS).map(|_| Idle.start()).collect();
        settle().await;
        let bare_bytes = (resident() - before) / ACTORS;

        let before = resident();
        let mut addresses = Vec::with_capacity(ACTORS);
        let mut supervisor = Supervisor::new("root", Strategy::OneForOne);
        for number in 0..ACTORS {
            let spec = ChildSpec::new(format!("idle {number}"), || Idle);
            addresses.push(spec.address());
            supervisor = supervisor.child(spec);
        }
        let root = Root::start(supervisor);
        settle().await;
        assert_eq!(root.snapshot().children.len(), ACTORS);
        let supervised_bytes = (resident() - before) / ACTORS;

        println!("bytes an actor: bare {bare_bytes}, supervised {supervised_bytes}");
        assert!(
            supervised_bytes <= bare_bytes + 2_048,
            "bare {bare_bytes}, supervised {supervised_bytes}"
        );
        drop((bare, addresses));
    });
}
