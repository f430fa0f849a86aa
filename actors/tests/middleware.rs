//! What filters and middleware promise, each promise one test.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use greenroom_actors::event::{ChannelKey, Event, Origin};
use greenroom_actors::router::middleware::{
    Call, Cooldown, End, Logging, Metrics, Middleware, Permission, Verdict,
};
use greenroom_actors::router::{
    Delivery, HandlerError, HandlerReport, Order, Outcome, Registration, Router, closure, filter,
};
use greenroom_actors::supervisor::{Root, Strategy, Supervisor, TreeSnapshot};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Said {
    user: String,
    text: String,
}

type Log = Arc<Mutex<Vec<String>>>;

struct Stage {
    router: Router,
    origin: Arc<Origin>,
    root: Option<Root>,
    log: Log,
}

impl Stage {
    fn new() -> Self {
        let router = Router::default();
        Self {
            origin: Origin::new("stage", "bot", &router),
            root: None,
            log: Log::default(),
            router,
        }
    }

    /// A handler that notes what it hears; it fails, panics or naps when it is told so.
    fn ear(&self) -> Registration<greenroom_actors::router::Closure<Said>> {
        let log = Arc::clone(&self.log);
        closure("ear", async move |said: Event<Said>| {
            match said.text.as_str() {
                "fail" => return Err(HandlerError::transient("on purpose")),
                "nap" => tokio::time::sleep(Duration::from_secs(2)).await,
                _ => {}
            }
            log.lock().unwrap().push(said.text.clone());
            Ok(())
        })
    }

    fn start(&mut self, ear: Registration<greenroom_actors::router::Closure<Said>>) {
        let supervisor = Supervisor::new("handlers", Strategy::OneForOne);
        self.root = Some(Root::start(supervisor.child(ear.register(&self.router))));
    }

    async fn say(&self, channel: i64, user: &str, text: &str) {
        let said = Said {
            user: user.to_owned(),
            text: text.to_owned(),
        };
        let event = Event::new(&self.origin, 1, ChannelKey::new(0, channel), said);
        self.router.topic().publish(event).await;
    }

    fn heard(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn report(&self) -> HandlerReport {
        self.router.handlers().remove(0)
    }

    fn tree(&self) -> TreeSnapshot {
        self.root.as_ref().unwrap().snapshot()
    }
}

fn paused<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    System::new().block_on(async {
        tokio::time::pause();
        test().await;
    });
}

async fn later(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[test]
fn filters_keep_away_what_is_not_wanted_and_it_is_counted() {
    paused(|| async {
        let mut stage = Stage::new();
        let ear = stage
            .ear()
            .filter(filter::or(
                filter::in_channels([ChannelKey::new(0, 1)]),
                filter::and(
                    |said: &Event<Said>| said.user == "alice",
                    filter::not(|said: &Event<Said>| said.text.is_empty()),
                ),
            ))
            .filter_envelope(|envelope| envelope.channel.channel != 9);
        stage.start(ear);
        stage.say(1, "bob", "one").await;
        stage.say(2, "bob", "two").await;
        stage.say(2, "alice", "three").await;
        stage.say(2, "alice", "").await;
        stage.say(9, "alice", "four").await;
        later(1).await;
        assert_eq!(stage.heard(), ["one", "three"]);
        let report = stage.report();
        assert_eq!((report.handled, report.filtered, report.dead), (2, 3, 0));
        let tree = stage.tree();
        assert_eq!(tree.find("ear").unwrap().figures.filtered, 3);
        assert!(tree.to_string().contains("filtered 3"), "{tree}");
    });
}

#[test]
fn a_filter_takes_no_room_in_a_full_queue() {
    paused(|| async {
        let mut stage = Stage::new();
        let narrow = Delivery {
            queue: 1,
            concurrency: 1,
            ..Delivery::default()
        };
        let ear = stage.ear().delivery(narrow);
        stage.start(ear.filter(|said: &Event<Said>| said.user == "alice"));
        for _ in 0..3 {
            stage.say(1, "alice", "nap").await;
        }
        for _ in 0..100 {
            let said = tokio::time::timeout(Duration::ZERO, stage.say(1, "bob", "noise"));
            said.await.expect("nobody waits for what is not wanted");
        }
        assert_eq!(stage.report().filtered, 100);
    });
}

#[test]
fn a_filter_that_panics_makes_a_dead_letter_and_harms_nobody() {
    paused(|| async {
        let mut stage = Stage::new();
        let ear = stage.ear().filter(|said: &Event<Said>| {
            assert!(said.text != "panic", "on purpose");
            true
        });
        stage.start(ear);
        stage.say(1, "bob", "panic").await;
        stage.say(1, "bob", "well").await;
        later(1).await;
        assert_eq!(
            (stage.heard(), stage.report().dead),
            (vec!["well".to_owned()], 1)
        );
        let letter = stage.router.dead_letters().list().remove(0);
        assert!(
            letter
                .reason
                .to_string()
                .contains("a filter panicked: on purpose")
        );
        assert_eq!(stage.tree().total_restarts(), 0);
    });
}

/// Says a verdict for each text, and notes everything.
struct Layer {
    name: &'static str,
    log: Log,
}

impl Middleware for Layer {
    fn before(&self, call: &Call<'_>) -> Verdict {
        let text = call.payload::<Said>().unwrap().text.clone();
        self.note(format!("{} before {text}", self.name));
        let waits = self
            .log
            .lock()
            .unwrap()
            .iter()
            .any(|line| line.contains("Waiting"));
        match text.strip_prefix(self.name).unwrap_or_default() {
            " skip" => Verdict::skip("not today"),
            " fail" => Verdict::Fail(HandlerError::permanent("no")),
            " wait" if !waits => Verdict::Wait(Duration::from_secs(5)),
            " panic" => panic!("on purpose"),
            " ask" => Verdict::ask(async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Verdict::Pass
            }),
            " ask skip" => Verdict::ask(async { Verdict::skip("looked up") }),
            " ask for ever" => Verdict::ask(std::future::pending()),
            " ask panic" => Verdict::ask(async { panic!("on purpose") }),
            _ => Verdict::Pass,
        }
    }

    fn after(&self, _: &Call<'_>, end: &End<'_>, elapsed: Duration) {
        let end = match end {
            End::Failed(error) => format!("Failed({error})"),
            other => format!("{other:?}"),
        };
        self.note(format!("{} {end} {}", self.name, elapsed.as_secs()));
    }
}

impl Layer {
    fn note(&self, line: String) {
        self.log.lock().unwrap().push(line);
    }
}

fn layered() -> (Stage, Log) {
    let (mut stage, log) = (Stage::new(), Log::default());
    let layer = |name| Layer {
        name,
        log: Arc::clone(&log),
    };
    stage.router.layer(layer("bot"));
    let ear = stage.ear().attempts(2).layer(layer("own"));
    stage.start(ear);
    (stage, log)
}

#[test]
fn layers_are_asked_from_the_outside_in_and_told_from_the_inside_out() {
    paused(|| async {
        let (stage, log) = layered();
        stage.say(1, "bob", "nap").await;
        later(5).await;
        let expected = [
            "bot before nap",
            "own before nap",
            "own Handled 2",
            "bot Handled 2",
        ];
        assert_eq!(*log.lock().unwrap(), expected);
    });
}

#[test]
fn a_layer_may_skip_fail_wait_or_ask() {
    for (text, heard, (handled, filtered, dead), lines) in [
        (
            "own skip",
            0,
            (0, 1, 0),
            &["bot Skipped(\"not today\") 0"][..],
        ),
        ("bot skip", 0, (0, 1, 0), &["bot before bot skip"]),
        ("own fail", 0, (0, 0, 1), &["bot Failed(no) 0"]),
        (
            "own wait",
            1,
            (1, 0, 0),
            &["bot Waiting(5s) 0", "own Handled 0"],
        ),
        ("own ask", 1, (1, 0, 0), &["own Handled 0", "bot Handled 0"]),
        ("bot ask", 1, (1, 0, 0), &["own Handled 0"]),
        (
            "own ask skip",
            0,
            (0, 1, 0),
            &["bot Skipped(\"looked up\") 0"],
        ),
        (
            "own ask for ever",
            0,
            (0, 0, 1),
            &["bot Failed(a middleware took longer than 30s) 0"],
        ),
        (
            "own panic",
            0,
            (0, 0, 1),
            &["bot Failed(a middleware panicked: on purpose) 0"],
        ),
        ("bot ask panic", 0, (0, 0, 1), &["bot before bot ask panic"]),
        ("fail", 0, (0, 0, 1), &["own Failed(on purpose) 0"]),
    ] {
        paused(|| async move {
            let (stage, log) = layered();
            stage.say(1, "bob", text).await;
            stage.say(1, "bob", "next").await;
            later(300).await;
            let log = log.lock().unwrap().clone();
            let own: Vec<_> = stage
                .heard()
                .into_iter()
                .filter(|said| said == text)
                .collect();
            assert_eq!(own.len(), heard, "{text}: {log:?}");
            assert_eq!(
                stage.heard().last().unwrap(),
                "next",
                "{text}: the rest goes on"
            );
            let report = stage.report();
            let figures = (report.handled - 1, report.filtered, report.dead);
            assert_eq!(figures, (handled, filtered, dead), "{text}: {log:?}");
            for line in lines {
                assert!(log.contains(&(*line).to_owned()), "{text}: {log:?}");
            }
            assert_eq!(report.waiting, 0);
            assert_eq!(stage.tree().total_restarts(), 0, "{text}");
        });
    }
}

#[test]
fn the_order_of_a_channel_holds_through_slow_layers_and_other_channels_go_on() {
    for order in [Order::PerChannel, Order::Serial] {
        paused(|| async move {
            let mut stage = Stage::new();
            let asks = Permission::look_up(|call: &Call<'_>| {
                let slow = call.payload::<Said>().unwrap().user == "slow";
                async move {
                    tokio::time::sleep(Duration::from_secs(u64::from(slow) * 5)).await;
                    Ok(true)
                }
            });
            let ear = stage.ear().order(order).layer(asks);
            stage.start(ear);
            stage.say(1, "slow", "a1").await;
            stage.say(1, "quick", "a2").await;
            stage.say(2, "quick", "b1").await;
            later(60).await;
            let expected = match order {
                Order::Serial => ["a1", "a2", "b1"],
                _ => ["b1", "a1", "a2"],
            };
            assert_eq!(stage.heard(), expected, "{order:?}");
        });
    }
}

#[test]
fn a_permission_that_cannot_be_looked_up_is_a_failed_attempt() {
    paused(|| async {
        let mut stage = Stage::new();
        let times = Arc::new(Mutex::new(0));
        let asked = Arc::clone(&times);
        let permission = Permission::look_up(move |call| {
            *asked.lock().unwrap() += 1;
            let first = call.attempt() == 1;
            async move {
                match first {
                    true => Err(HandlerError::transient("the server is away")),
                    false => Ok(true),
                }
            }
        });
        let ear = stage.ear().layer(permission);
        stage.start(ear.layer(Permission::check(|call| {
            call.payload::<Said>()
                .is_none_or(|said| said.user != "mallory")
        })));
        stage.say(1, "bob", "hello").await;
        stage.say(1, "mallory", "let me in").await;
        later(30).await;
        let report = stage.report();
        assert_eq!((report.handled, report.failed, report.filtered), (1, 2, 1));
        assert_eq!(
            (stage.heard(), *times.lock().unwrap()),
            (vec!["hello".to_owned()], 4)
        );
    });
}

#[test]
fn a_cooldown_skips_what_comes_too_soon_or_puts_it_off() {
    paused(|| async {
        let mut stage = Stage::new();
        let period = Duration::from_secs(10);
        let by_user = Cooldown::keyed(period, |call| Some(call.payload::<Said>()?.user.clone()));
        let ear = stage.ear().layer(by_user.uses(2));
        stage.start(ear);
        for (seconds, user, text) in [
            (0, "alice", "a1"),
            (1, "alice", "a2"),
            (1, "alice", "too soon"),
            (1, "bob", "b1"),
            (7, "alice", "a3"),
            (0, "alice", "too soon again"),
        ] {
            later(seconds).await;
            stage.say(1, user, text).await;
        }
        later(1).await;
        assert_eq!(stage.heard(), ["a1", "a2", "b1", "a3"]);
        assert_eq!((stage.report().filtered, stage.report().dead), (2, 0));
    });
    paused(|| async {
        let mut stage = Stage::new();
        let ear = stage.ear();
        stage.start(ear.layer(Cooldown::per_channel(Duration::from_secs(10)).waits()));
        for text in ["1", "2", "3"] {
            stage.say(1, "alice", text).await;
        }
        stage.say(2, "alice", "elsewhere").await;
        later(1).await;
        assert_eq!(stage.heard(), ["1", "elsewhere"]);
        later(10).await;
        assert_eq!(stage.heard(), ["1", "elsewhere", "2"]);
        later(10).await;
        assert_eq!(stage.heard(), ["1", "elsewhere", "2", "3"]);
        assert_eq!(stage.report().failed, 0, "waiting is no failure");
    });
    paused(|| async {
        let mut stage = Stage::new();
        let ear = stage.ear().attempts(3);
        stage.start(ear.layer(Cooldown::global(Duration::from_secs(60))));
        stage.say(1, "alice", "fail").await;
        later(30).await;
        let report = stage.report();
        assert_eq!(
            (report.failed, report.dead),
            (3, 1),
            "further attempts are free"
        );
    });
}

#[test]
fn a_replay_is_not_held_up_by_a_cooldown() {
    paused(|| async {
        let mut stage = Stage::new();
        let works = Arc::new(AtomicBool::new(false));
        let (log, repaired) = (Arc::clone(&stage.log), Arc::clone(&works));
        let ear = closure("ear", async move |said: Event<Said>| {
            if !repaired.load(Ordering::Relaxed) {
                return Err(HandlerError::permanent("on purpose"));
            }
            log.lock().unwrap().push(said.text.clone());
            Ok(())
        });
        stage.start(ear.layer(Cooldown::global(Duration::from_secs(3_600))));
        stage.say(1, "alice", "first").await;
        later(1).await;
        works.store(true, Ordering::Relaxed);
        let letter = stage.router.dead_letters().list().remove(0);
        stage.router.replay(letter.number).unwrap();
        stage.say(1, "alice", "too soon").await;
        later(1).await;
        assert_eq!(stage.heard(), ["first"]);
        assert_eq!(stage.report().filtered, 1);
        assert!(stage.router.dead_letters().list().is_empty());
    });
}

#[test]
fn metrics_and_logging_see_every_attempt() {
    paused(|| async {
        let mut stage = Stage::new();
        let metrics = Metrics::default();
        stage.router.layer(metrics.clone());
        stage.router.layer(Logging::default());
        let ear = stage.ear().attempts(2);
        stage.start(ear);
        for text in ["nap", "fail", "quick"] {
            stage.say(1, "bob", text).await;
        }
        later(60).await;
        let all = metrics.snapshot();
        assert_eq!(
            (all.len(), all[0].handler.as_str(), all[0].event),
            (1, "ear", "Said")
        );
        let times = &all[0].times;
        assert_eq!(times.count, 4);
        assert!((times.sum_s - 2.0).abs() < 0.01, "{times:?}");
        let below = |bound: f64| {
            times
                .buckets
                .iter()
                .find(|bucket| bucket.0 == bound)
                .unwrap()
                .1
        };
        assert_eq!((below(1.0), below(5.0)), (3, 4));
    });
}

#[test]
fn layers_fit_around_actors_as_well() {
    struct Ear(Log);
    impl Actor for Ear {
        type Context = Context<Self>;
    }
    impl Handler<Event<Said>> for Ear {
        type Result = Outcome;
        fn handle(&mut self, said: Event<Said>, _: &mut Self::Context) -> Outcome {
            self.0.lock().unwrap().push(said.text.clone());
            Ok(())
        }
    }
    paused(|| async {
        let (stage, log) = (Stage::new(), Log::default());
        let shared = Arc::clone(&log);
        let ear = Registration::new("ear", move || Ear(Arc::clone(&shared)))
            .on::<Said>()
            .layer(Permission::check(|call| {
                call.handler() == "ear" && call.event() == "Said"
            }))
            .filter(|said: &Event<Said>| said.user == "bob");
        let supervisor = Supervisor::new("handlers", Strategy::OneForOne);
        let _root = Root::start(supervisor.child(ear.register(&stage.router)));
        stage.say(1, "bob", "hello").await;
        stage.say(1, "alice", "hello?").await;
        later(1).await;
        assert_eq!(*log.lock().unwrap(), ["hello"]);
    });
}
