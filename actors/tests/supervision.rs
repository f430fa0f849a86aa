//! What supervision promises, each promise one test.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use greenroom_actors::error::Retry;
use greenroom_actors::mailbox::{Overflow, SendError};
use greenroom_actors::supervisor::{
    ChildSpec, Exit, Restart, Root, Strategy, Supervised, Supervisor,
};
use stage::{hush, later, paused};

#[derive(Clone, Default)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    lives: Arc<AtomicUsize>,
}

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.lines.lock().unwrap().push(line.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap())
    }
}

/// An actor that crashes when it is told to, in its first life only.
struct Fragile {
    log: Log,
    life: usize,
}

impl Fragile {
    fn spec(name: &str, log: &Log) -> ChildSpec<Self> {
        let log = log.clone();
        ChildSpec::new(name, move || Self {
            life: log.lives.fetch_add(1, Ordering::SeqCst),
            log: log.clone(),
        })
    }
}

impl Actor for Fragile {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "usize")]
struct Say(&'static str);

impl Handler<Say> for Fragile {
    type Result = usize;

    fn handle(&mut self, Say(text): Say, _: &mut Self::Context) -> usize {
        assert!(text != "crash" || self.life > 0, "on purpose");
        self.log.add(format!("{text} in life {}", self.life));
        self.life
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Fail(bool);

impl Handler<Fail> for Fragile {
    type Result = ();

    fn handle(&mut self, Fail(for_good): Fail, ctx: &mut Self::Context) {
        match for_good {
            true => ctx.fail_for_good("refused"),
            false => ctx.fail("lost the thread"),
        }
    }
}

#[test]
fn messages_queued_at_a_crash_reach_the_next_life_in_order() {
    paused(|| async {
        let log = Log::default();
        let spec = Fragile::spec("fragile", &log);
        let address = spec.address();
        for text in ["one", "crash", "two", "three"] {
            address.tell(Say(text)).unwrap();
        }
        let root = Root::start(Supervisor::new("root", Strategy::OneForOne).child(spec));
        later(1_000).await;
        assert_eq!(
            log.take(),
            ["one in life 0", "two in life 1", "three in life 1"]
        );
        root.shutdown().await;
    });
}

#[test]
fn a_full_mailbox_gives_the_message_back_and_a_stopped_one_too() {
    paused(|| async {
        let log = Log::default();
        let spec = Fragile::spec("fragile", &log).mailbox(1, Overflow::Block);
        let address = spec.address().narrow::<Say>();
        address.tell(Say("one")).unwrap();
        let full = address.tell(Say("two")).unwrap_err();
        assert_eq!(full.retry(), Retry::Now);
        assert_eq!(full.into_message().0, "two");
        let root = Root::start(Supervisor::new("root", Strategy::OneForOne).child(spec));
        later(1).await;
        root.shutdown().await;
        let gone = address.tell(Say("three")).unwrap_err();
        assert!(matches!(gone, SendError::Stopped(Say("three"))));
    });
}

#[test]
fn shutdown_empties_the_mailbox_first() {
    paused(|| async {
        let log = Log::default();
        let spec = Fragile::spec("fragile", &log);
        let address = spec.address();
        for _ in 0..500 {
            address.tell(Say("hello")).unwrap();
        }
        let root = Root::start(Supervisor::new("root", Strategy::OneForOne).child(spec));
        assert_eq!(root.shutdown().await, Exit::Shutdown);
        assert_eq!(log.take().len(), 500);
    });
}

#[test]
fn a_child_that_does_not_stop_is_killed_at_its_deadline() {
    struct Stubborn;
    impl Actor for Stubborn {
        type Context = Context<Self>;
        fn stopping(&mut self, _: &mut Self::Context) -> Running {
            Running::Continue
        }
    }
    paused(|| async {
        let spec =
            ChildSpec::new("stubborn", || Stubborn).shutdown_within(Duration::from_millis(50));
        let root = Root::start(Supervisor::new("root", Strategy::OneForOne).child(spec));
        later(10).await;
        let before = tokio::time::Instant::now();
        root.shutdown().await;
        assert!(before.elapsed() < Duration::from_millis(100));
        assert_eq!(root.snapshot().children[0].last_exit, Some(Exit::Killed));
    });
}

#[test]
fn strategies_take_the_right_siblings_along() {
    for (strategy, expected) in [
        (Strategy::OneForOne, [0, 1, 0]),
        (Strategy::RestForOne, [0, 1, 1]),
        (Strategy::OneForAll, [1, 1, 1]),
    ] {
        paused(|| async move {
            let logs = [Log::default(), Log::default(), Log::default()];
            let mut supervisor = Supervisor::new("root", strategy);
            let mut addresses = Vec::new();
            for (name, log) in ["a", "b", "c"].into_iter().zip(&logs) {
                let spec = Fragile::spec(name, log);
                addresses.push(spec.address());
                supervisor = supervisor.child(spec);
            }
            let root = Root::start(supervisor);
            later(1).await;
            addresses[1].tell(Fail(false)).unwrap();
            later(1_000).await;
            let mut lives = Vec::new();
            for address in &addresses {
                lives.push(address.ask(Say("which")).await.unwrap());
            }
            assert_eq!(lives, expected, "{strategy:?}");
            root.shutdown().await;
        });
    }
}

#[test]
fn too_many_restarts_escalate_and_end_the_tree() {
    paused(|| async {
        let log = Log::default();
        let spec = Fragile::spec("fragile", &log);
        let address = spec.address();
        for _ in 0..20 {
            address.tell(Fail(false)).unwrap();
        }
        let inner = Supervisor::new("inner", Strategy::OneForOne)
            .intensity(2, Duration::from_secs(30))
            .child(spec);
        let root = Root::start(
            Supervisor::new("root", Strategy::OneForOne)
                .intensity(1, Duration::from_secs(30))
                .child(inner),
        );
        let exit = root.ended().await;
        assert!(
            exit.to_string().contains("`inner` was restarted too often"),
            "{exit}"
        );
        // Three lives under the first inner supervisor, three under the second.
        assert_eq!(log.lives.load(Ordering::SeqCst), 6);
    });
}

#[test]
fn a_fatal_failure_ends_the_tree_at_once() {
    paused(|| async {
        let log = Log::default();
        let spec = Fragile::spec("fragile", &log);
        let address = spec.address();
        let inner = Supervisor::new("inner", Strategy::OneForOne).child(spec);
        let root = Root::start(Supervisor::new("root", Strategy::OneForOne).child(inner));
        address.tell(Fail(true)).unwrap();
        let exit = root.ended().await;
        assert!(exit.is_fatal());
        assert_eq!(exit.to_string(), "error: refused");
        assert_eq!(log.lives.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn children_can_be_added_and_stopped_and_leave_the_tree_when_they_end() {
    paused(|| async {
        let log = Log::default();
        let supervisor = Supervisor::new("root", Strategy::OneForOne);
        let handle = supervisor.handle();
        let root = Root::start(supervisor);
        let spec = Fragile::spec("late", &log).restart(Restart::Temporary);
        let other = Fragile::spec("other", &Log::default());
        let address = other.address();
        let late = spec.address();
        handle.start(spec).await.unwrap();
        late.tell(Say("crash")).unwrap();
        handle.start(other).await.unwrap();
        assert_eq!(address.ask(Say("hello")).await.unwrap(), 0);
        later(100).await;
        assert!(root.snapshot().find("late").is_none());
        handle.stop("other").await;
        later(1).await;
        assert!(root.snapshot().find("other").is_none());
        assert!(address.tell(Say("gone")).is_err());
        root.shutdown().await;
    });
}

#[test]
fn a_child_on_another_arbiter_is_supervised_the_same() {
    hush();
    System::new().block_on(async {
        let arbiter = Arbiter::new();
        let log = Log::default();
        let spec = Fragile::spec("far", &log).on_arbiter(arbiter.handle());
        let address = spec.address();
        let root = Root::start(Supervisor::new("root", Strategy::OneForOne).child(spec));
        assert!(address.ask(Say("crash")).await.is_err());
        assert_eq!(address.ask(Say("hello")).await.unwrap(), 1);
        root.shutdown().await;
        arbiter.stop();
        arbiter.join().unwrap();
    });
}
