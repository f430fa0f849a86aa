//! A random tree of 500 actors in a chaos of faults: whatever happens, the promises of supervision hold.
//!
//! Each seed makes a tree and 10,000 steps in virtual time. All is checked while it happens: how often each supervisor restarts, who
//! starts and stops before whom, what becomes of every message, who is alive. A seed always gives the same run.
//!
//! `cargo test -p greenroom-actors --test chaos_tree` runs a few seeds. `CHAOS_SEEDS=1000` runs so many, from `CHAOS_FIRST` (0) on, as
//! `.ci/run` does with optimized code; `CHAOS_SEED=17` runs one and says what happened in it.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod run;
mod tree;
mod worker;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use run::{Outcome, run};
use world::Stats;

/// Every so many seeds, one is run twice.
const AGAIN: u64 = 16;

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {value}")),
    )
}

#[test]
fn every_promise_holds_in_a_chaos_of_faults() {
    std::panic::set_hook(Box::new(|panic| {
        // What the actors do on purpose is not worth a line; nor is what panics with no text.
        let text = panic.payload_as_str().unwrap_or("chaos");
        if !text.contains("chaos") {
            eprintln!("{panic}");
        }
    }));
    let seeds = match setting("CHAOS_SEED") {
        Some(seed) => seed..seed + 1,
        None => {
            let first = setting("CHAOS_FIRST").unwrap_or(0);
            first..first + setting("CHAOS_SEEDS").unwrap_or(4)
        }
    };
    let (next, sum) = (AtomicU64::new(seeds.start), Mutex::new(Stats::default()));
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || failures.lock().unwrap().len() >= 5 {
                        return;
                    }
                    let Outcome {
                        stats,
                        trace,
                        mut broken,
                    } = run(seed);
                    if (seed.is_multiple_of(AGAIN) || seeds.end - seeds.start == 1)
                        && run(seed).trace != trace
                    {
                        broken.get_or_insert("the same seed gave another trace".to_owned());
                    }
                    match broken {
                        None => sum.lock().unwrap().add(&stats),
                        Some(broken) => failures.lock().unwrap().push((seed, broken)),
                    }
                }
            });
        }
    });
    println!("seeds {seeds:?}: {}", sum.into_inner().unwrap());
    for (seed, broken) in failures.lock().unwrap().iter() {
        eprintln!("seed {seed}: {broken}");
        eprintln!(
            "    CHAOS_SEED={seed} cargo test -p greenroom-actors --test chaos_tree -- --nocapture"
        );
    }
    assert!(
        failures.into_inner().unwrap().is_empty(),
        "promises were broken"
    );
}
