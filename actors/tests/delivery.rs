//! What delivery promises, each promise one test.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use greenroom_actors::entropy::Entropy;
use greenroom_actors::event::{ChannelKey, Event, Origin};
use greenroom_actors::mailbox::Overflow;
use greenroom_actors::router::{
    Delivery, HandlerError, Order, Outcome, Reason, Registration, Router, closure,
};
use greenroom_actors::supervisor::{Child, Root, Strategy, Supervisor};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Work {
    number: u32,
    task: Task,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Task {
    Fail,
    Forget,
    Hang,
    Nap(u64),
    Now,
    Panic,
    PanicLater,
    /// Begins to say something, and runs out of time before it is known whether that has arrived.
    SayAndHang,
    /// Says something, and then runs out of time.
    SayThenHang,
}

type Log = Arc<Mutex<Vec<(u32, u32, usize)>>>;

/// Does what it is told, and writes down what it has done: number, attempt, life.
struct Worker {
    log: Log,
    life: usize,
}

impl Actor for Worker {
    type Context = Context<Self>;
}

impl Handler<Event<Work>> for Worker {
    type Result = ResponseActFuture<Self, Outcome>;

    fn handle(&mut self, event: Event<Work>, _: &mut Self::Context) -> Self::Result {
        assert!(event.task != Task::Panic, "on purpose");
        let task = event.task;
        let saying = event.clone();
        let work = async move {
            match task {
                Task::Fail => return Err(HandlerError::transient("on purpose")),
                Task::Forget => return Err(HandlerError::permanent("useless to repeat")),
                Task::Hang => std::future::pending().await,
                Task::Nap(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
                Task::PanicLater => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    panic!("on purpose");
                }
                Task::SayAndHang => saying.saying(std::future::pending()).await?,
                Task::SayThenHang => {
                    saying.saying(std::future::ready(Ok(()))).await?;
                    std::future::pending::<()>().await;
                }
                Task::Now | Task::Panic => {}
            }
            Ok(())
        };
        Box::pin(work.into_actor(self).map(move |outcome, actor, _| {
            if outcome.is_ok() {
                actor
                    .log
                    .lock()
                    .unwrap()
                    .push((event.number, event.attempt(), actor.life));
            }
            outcome
        }))
    }
}

struct Stage {
    log: Log,
    origin: Arc<Origin>,
    router: Router,
    root: Root,
}

impl Stage {
    fn new(delivery: Delivery) -> Self {
        Self::with(delivery, |_| Vec::new())
    }

    fn with(delivery: Delivery, others: impl FnOnce(&Router) -> Vec<Child>) -> Self {
        let (router, log) = (Router::default(), Log::default());
        let (lives, shared) = (Mutex::new(0), Arc::clone(&log));
        let registration = Registration::new("worker", move || {
            let mut lives = lives.lock().unwrap();
            *lives += 1;
            Worker {
                log: Arc::clone(&shared),
                life: *lives,
            }
        })
        .delivery(delivery)
        .entropy(&Entropy::seeded(1))
        .on::<Work>();
        let supervisor = Supervisor::new("handlers", Strategy::OneForOne)
            .intensity(1_000, Duration::from_secs(30))
            .entropy(Entropy::seeded(2))
            .child(registration.register(&router));
        let supervisor = others(&router)
            .into_iter()
            .fold(supervisor, Supervisor::child);
        Self {
            log,
            origin: Origin::new("test", "bot", &router),
            root: Root::start(supervisor),
            router,
        }
    }

    async fn publish(&self, channel: i64, number: u32, task: Task) {
        let event = Event::new(
            &self.origin,
            i64::from(number),
            ChannelKey::new(0, channel),
            Work { number, task },
        );
        self.router.topic().publish(event).await;
    }

    fn done(&self) -> Vec<u32> {
        self.log
            .lock()
            .unwrap()
            .iter()
            .map(|(number, _, _)| *number)
            .collect()
    }
}

fn paused<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.to_string();
        if !text.contains("on purpose") {
            eprintln!("{text}");
        }
    }));
    System::new().block_on(async {
        tokio::time::pause();
        test().await;
    });
}

async fn later(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[test]
fn an_event_whose_handler_panics_is_handled_by_the_next_incarnation() {
    struct Clumsy(Log, usize);
    impl Actor for Clumsy {
        type Context = Context<Self>;
    }
    impl Handler<Event<Work>> for Clumsy {
        type Result = Outcome;
        fn handle(&mut self, event: Event<Work>, _: &mut Self::Context) -> Outcome {
            assert!(self.1 > 1, "on purpose");
            self.0
                .lock()
                .unwrap()
                .push((event.number, event.attempt(), self.1));
            Ok(())
        }
    }
    paused(|| async {
        let log = Log::default();
        let (lives, shared) = (Mutex::new(0), Arc::clone(&log));
        let stage = Stage::with(Delivery::default(), |router| {
            let clumsy = Registration::new("clumsy", move || {
                let mut lives = lives.lock().unwrap();
                *lives += 1;
                Clumsy(Arc::clone(&shared), *lives)
            });
            vec![clumsy.on::<Work>().register(router)]
        });
        stage.publish(1, 7, Task::Now).await;
        stage.publish(1, 8, Task::Now).await;
        later(5).await;
        assert_eq!(*log.lock().unwrap(), [(7, 2, 2), (8, 1, 2)]);
        assert_eq!(stage.root.snapshot().find("clumsy").unwrap().restarts, 1);
    });
}

#[test]
fn events_of_a_channel_are_handled_in_order_and_channels_beside_each_other() {
    paused(|| async {
        let stage = Stage::new(Delivery::default());
        stage.publish(1, 1, Task::Nap(500)).await;
        stage.publish(1, 2, Task::Now).await;
        stage.publish(2, 3, Task::Nap(100)).await;
        stage.publish(2, 4, Task::Now).await;
        later(1).await;
        assert_eq!(stage.done(), [3, 4, 1, 2]);
    });
}

#[test]
fn serial_and_unordered_do_what_they_say() {
    for (order, expected) in [(Order::Serial, [1, 2, 3]), (Order::Unordered, [3, 2, 1])] {
        paused(|| async move {
            let stage = Stage::new(Delivery {
                order,
                ..Delivery::default()
            });
            stage.publish(1, 1, Task::Nap(500)).await;
            stage.publish(1, 2, Task::Nap(100)).await;
            stage.publish(2, 3, Task::Now).await;
            later(1).await;
            assert_eq!(stage.done(), expected, "{order:?}");
        });
    }
}

#[test]
fn a_poisonous_event_becomes_a_dead_letter_and_never_stops_the_rest() {
    for (task, attempts) in [
        (Task::Panic, 3),
        (Task::PanicLater, 3),
        (Task::Fail, 3),
        (Task::Forget, 1),
        (Task::Hang, 3),
    ] {
        paused(|| async move {
            let stage = Stage::new(Delivery::default());
            stage.publish(1, 1, Task::Nap(20)).await;
            stage.publish(2, 2, task).await;
            stage.publish(3, 3, Task::Nap(20)).await;
            stage.publish(2, 4, Task::Now).await;
            later(300).await;
            let mut done = stage.done();
            done.sort_unstable();
            assert_eq!(done, [1, 3, 4], "{task:?}");
            let letters = stage.router.dead_letters().list();
            assert_eq!(letters.len(), 1, "{task:?}");
            assert!(letters[0].attempts >= attempts, "{task:?}: {letters:?}");
            assert_eq!(letters[0].payload["number"], 2);
            assert!(matches!(letters[0].reason, Reason::Failed(_)));
        });
    }
}

#[test]
fn an_innocent_event_is_not_punished_for_the_crash_of_another() {
    paused(|| async {
        let stage = Stage::new(Delivery {
            attempts: 1,
            ..Delivery::default()
        });
        stage.publish(1, 1, Task::PanicLater).await;
        for number in 2..10 {
            stage
                .publish(i64::from(number), number, Task::Nap(50))
                .await;
        }
        later(60).await;
        let mut done = stage.done();
        done.sort_unstable();
        assert_eq!(done, (2..10).collect::<Vec<_>>());
        assert_eq!(stage.router.dead_letters().total(), 1);
    });
}

#[test]
fn a_closure_that_runs_out_of_time_is_dropped_before_the_next_attempt() {
    paused(|| async {
        let log = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&log);
        let stage = Stage::with(Delivery::default(), |router| {
            let slow = closure("slow", async move |event: Event<Work>| {
                if event.attempt() == 1 {
                    tokio::time::sleep(Duration::from_secs(31)).await;
                }
                shared.lock().unwrap().push(event.attempt());
                Ok(())
            });
            vec![slow.register(router)]
        });
        stage.publish(1, 1, Task::Now).await;
        later(120).await;
        assert_eq!(*log.lock().unwrap(), [2]);
    });
}

#[test]
fn a_slow_handler_delays_no_other() {
    paused(|| async {
        let (quick, seen) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
        let count = Arc::clone(&quick);
        let stage = Stage::with(Delivery::default(), |router| {
            let handler = closure("quick", async move |_: Event<Work>| {
                *count.lock().unwrap() += 1;
                Ok(())
            });
            vec![handler.register(router)]
        });
        for number in 0..100 {
            stage.publish(1, number, Task::Nap(1_000)).await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        *seen.lock().unwrap() = *quick.lock().unwrap();
        assert_eq!(*seen.lock().unwrap(), 100);
    });
}

#[test]
fn an_actor_that_waits_for_ever_is_replaced() {
    struct Stuck(Log, usize);
    impl Actor for Stuck {
        type Context = Context<Self>;
    }
    impl Handler<Event<Work>> for Stuck {
        type Result = AtomicResponse<Self, Outcome>;
        fn handle(&mut self, event: Event<Work>, _: &mut Self::Context) -> Self::Result {
            self.0
                .lock()
                .unwrap()
                .push((event.number, event.attempt(), self.1));
            let hangs = self.1 == 1;
            AtomicResponse::new(Box::pin(
                async move {
                    if hangs {
                        std::future::pending::<()>().await;
                    }
                    Ok(())
                }
                .into_actor(self),
            ))
        }
    }
    paused(|| async {
        let log = Log::default();
        let (lives, shared) = (Mutex::new(0), Arc::clone(&log));
        let stage = Stage::with(Delivery::default(), |router| {
            let stuck = Registration::new("stuck", move || {
                let mut lives = lives.lock().unwrap();
                *lives += 1;
                Stuck(Arc::clone(&shared), *lives)
            });
            vec![stuck.on::<Work>().register(router)]
        });
        stage.publish(1, 1, Task::Now).await;
        later(60).await;
        assert_eq!(*log.lock().unwrap(), [(1, 1, 1), (1, 2, 2)]);
    });
}

#[test]
fn a_full_queue_blocks_the_publisher_or_makes_dead_letters() {
    paused(|| async {
        let blocked = Stage::new(Delivery {
            queue: 2,
            concurrency: 1,
            ..Delivery::default()
        });
        for number in 0..6 {
            tokio::time::timeout(
                Duration::from_secs(5),
                blocked.publish(1, number, Task::Nap(100)),
            )
            .await
            .unwrap();
        }
        later(5).await;
        assert_eq!(blocked.done(), [0, 1, 2, 3, 4, 5]);

        for overflow in [Overflow::Reject, Overflow::DropOldest, Overflow::DropNewest] {
            let stage = Stage::new(Delivery {
                queue: 2,
                concurrency: 1,
                overflow,
                ..Delivery::default()
            });
            for number in 0..20 {
                stage.publish(1, number, Task::Now).await;
            }
            later(5).await;
            let (done, dead) = (
                stage.done().len() as u64,
                stage.router.dead_letters().total(),
            );
            assert_eq!(done + dead, 20, "{overflow:?}");
            assert!(dead > 0, "{overflow:?}");
            assert_eq!(
                stage
                    .root
                    .snapshot()
                    .find("worker")
                    .unwrap()
                    .figures
                    .dropped,
                dead
            );
        }
    });
}

#[test]
fn shutdown_handles_what_was_accepted() {
    paused(|| async {
        let stage = Stage::new(Delivery::default());
        for number in 0..300 {
            stage
                .publish(i64::from(number % 7), number, Task::Nap(10))
                .await;
        }
        stage.root.shutdown().await;
        assert_eq!(stage.done().len(), 300);
        assert_eq!(stage.router.dead_letters().total(), 0);
    });
}

#[test]
fn what_is_left_at_the_deadline_is_reported() {
    paused(|| async {
        let stage = Stage::new(Delivery::default());
        for number in 0..30 {
            stage.publish(1, number, Task::Nap(1_000)).await;
        }
        stage.root.shutdown().await;
        let (done, dead) = (
            stage.done().len() as u64,
            stage.router.dead_letters().total(),
        );
        assert!(dead > 0 && done > 0);
        assert_eq!(done + dead, 30);
        assert!(
            stage
                .router
                .dead_letters()
                .list()
                .iter()
                .all(|letter| letter.reason == Reason::Stopped)
        );
    });
}

#[test]
fn order_and_conservation_hold_under_random_failures() {
    for seed in 0..40 {
        paused(|| async move {
            let stage = Stage::new(Delivery {
                queue: 64,
                concurrency: 8,
                ..Delivery::default()
            });
            let entropy = Entropy::seeded(seed);
            let tasks = [
                Task::Now,
                Task::Now,
                Task::Nap(5),
                Task::Nap(40),
                Task::Fail,
                Task::Panic,
                Task::PanicLater,
            ];
            let mut channels = BTreeMap::new();
            for number in 0..200 {
                let channel = (entropy.next_u64() % 10) as i64;
                let task = tasks[(entropy.next_u64() % 7) as usize];
                channels.insert(number, channel);
                stage.publish(channel, number, task).await;
            }
            later(3_600).await;
            let mut last = BTreeMap::new();
            let done = stage.done();
            for number in &done {
                if let Some(before) = last.insert(channels[number], *number) {
                    assert!(
                        before < *number,
                        "seed {seed}: {before} was handled before {number}"
                    );
                }
            }
            let mut all = done;
            all.extend(
                stage
                    .router
                    .dead_letters()
                    .list()
                    .iter()
                    .map(|letter| letter.payload["number"].as_u64().unwrap() as u32),
            );
            all.sort_unstable();
            assert_eq!(
                all,
                (0..200).collect::<Vec<_>>(),
                "seed {seed}: each once, handled or dead"
            );
        });
    }
}

#[test]
fn what_may_have_been_said_is_not_said_again() {
    paused(|| async {
        let stage = Stage::new(Delivery {
            timeout: Duration::from_secs(4),
            ..Delivery::default()
        });
        stage.publish(1, 1, Task::SayAndHang).await;
        stage.publish(2, 2, Task::SayThenHang).await;
        later(60).await;
        let mut letters = stage.router.dead_letters().list();
        letters.sort_by_key(|letter| letter.id.clone());
        let told: Vec<_> = letters
            .iter()
            .map(|letter| (letter.attempts, format!("{:?}", letter.reason)))
            .collect();
        assert_eq!((told[0].0, told[1].0), (1, 3), "{told:?}");
        assert!(told[0].1.contains("has arrived is unknown"), "{told:?}");
        stage.root.shutdown().await;
    });
}
