//! What holds for every supervisor, whatever its children do: found by trial, under paused time.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use greenroom_actors::clock::{self, Instant};
use greenroom_actors::entropy::Entropy;
use greenroom_actors::supervisor::{
    Backoff, ChildSpec, Exit, Restart, Root, Strategy, Supervised, Supervisor,
};
use proptest::prelude::{Just, ProptestConfig, any, prop_assert, prop_assert_eq, prop_oneof};
use proptest::proptest;
use proptest::strategy::Strategy as _;
use stage::{Lines, later, simulated};

/// Ends in one way or another, when it is told.
struct Mortal {
    name: &'static str,
    lines: Lines,
}

impl Actor for Mortal {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.lines.add(format!("+{}", self.name));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.lines.add(format!("-{}", self.name));
    }
}

#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
enum Fault {
    Error,
    Panic,
    Stop,
}

impl Handler<Fault> for Mortal {
    type Result = ();

    fn handle(&mut self, fault: Fault, ctx: &mut Self::Context) {
        match fault {
            Fault::Error => ctx.fail("on purpose"),
            Fault::Panic => panic!("on purpose"),
            Fault::Stop => ctx.stop(),
        }
    }
}

#[derive(Clone, Debug)]
struct Case {
    strategy: Strategy,
    allowed: usize,
    period: u64,
    backoff: (u64, u64, u8),
    seed: u64,
    /// Pause before, child, fault.
    faults: Vec<(u64, usize, Fault)>,
}

fn cases() -> impl proptest::strategy::Strategy<Value = Case> {
    let strategies = [
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    ];
    let fault = prop_oneof![Just(Fault::Error), Just(Fault::Panic), Just(Fault::Stop)];
    let pause = prop_oneof![Just(0_u64), 0_u64..50, 0_u64..3_000];
    let faults = proptest::collection::vec((pause, 0_usize..3, fault), 1..60);
    let backoff = (0_u64..50, 1_u64..500, 0_u8..=100);
    (
        0_usize..3,
        0_usize..6,
        1_u64..5_000,
        backoff,
        any::<u64>(),
        faults,
    )
        .prop_map(
            move |(strategy, allowed, period, backoff, seed, faults)| Case {
                strategy: strategies[strategy],
                allowed,
                period,
                backoff,
                seed,
                faults,
            },
        )
}

/// What happened: when restarts were decided upon and with what delay; all starts and stops; and the end.
#[derive(Debug, PartialEq)]
struct Run {
    restarts: Vec<(Duration, u64)>,
    lines: Vec<String>,
    ended: Option<Exit>,
}

fn run(case: &Case) -> Run {
    simulated(async {
        let (start, lines) = (clock::now(), Lines::default());
        let restarts: Arc<Mutex<Vec<(Instant, u64)>>> = Arc::default();
        let seen = Arc::clone(&restarts);
        let (first, cap, floor) = case.backoff;
        let backoff =
            Backoff::exponential(Duration::from_millis(first), Duration::from_millis(cap))
                .floor_percent(floor);
        let mut supervisor = Supervisor::new("root", case.strategy)
            .intensity(case.allowed, Duration::from_millis(case.period))
            .backoff(backoff)
            .entropy(Entropy::seeded(case.seed))
            .observer(Arc::new(move |restarted| {
                seen.lock()
                    .unwrap()
                    .push((clock::now(), restarted.delay_ms));
            }));
        let mut addresses = Vec::new();
        let types = [Restart::Permanent, Restart::Transient, Restart::Permanent];
        for (name, restart) in ["a", "b", "c"].into_iter().zip(types) {
            let lines = lines.clone();
            let spec = ChildSpec::new(name, move || Mortal {
                name,
                lines: lines.clone(),
            });
            addresses.push(spec.address());
            supervisor = supervisor.child(spec.restart(restart));
        }
        let root = Root::start(supervisor);
        for (pause, child, fault) in &case.faults {
            later(*pause).await;
            // A stopped one takes no more.
            let _ = addresses[*child].tell(*fault);
        }
        later(1).await;
        let ended = futures::FutureExt::now_or_never(root.ended());
        root.shutdown().await;
        let restarts = restarts
            .lock()
            .unwrap()
            .iter()
            .map(|(at, delay)| (*at - start, *delay))
            .collect();
        Run {
            restarts,
            lines: lines.take(),
            ended,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_supervisor_never_restarts_more_often_than_it_may_in_any_window(case in cases()) {
        let run = run(&case);
        let period = Duration::from_millis(case.period);
        for (first, _) in &run.restarts {
            let inside = run.restarts.iter().filter(|(at, _)| at >= first && *at - *first < period);
            prop_assert!(inside.count() <= case.allowed);
        }
        // It fails only when it must: after as many restarts as it may make.
        if let Some(ended) = &run.ended {
            prop_assert!(ended.to_string().contains("was restarted too often"));
            let last = run.restarts.iter().rev().take(case.allowed);
            prop_assert_eq!(last.count(), case.allowed);
        }
    }

    #[test]
    fn delays_of_a_supervisor_stay_within_bounds(case in cases()) {
        let (first, cap, floor) = case.backoff;
        for (_, delay) in run(&case).restarts {
            prop_assert!(delay <= cap);
            prop_assert!(delay >= first.min(cap) * u64::from(floor) / 100);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_delays_and_the_same_run(case in cases()) {
        prop_assert_eq!(run(&case), run(&case));
    }
}
