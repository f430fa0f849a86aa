//! What becomes of events that cannot be handled, and of what a shutdown leaves over: each promise one test.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use greenroom_actors::clock;
use greenroom_actors::event::{ChannelKey, Event, Origin};
use greenroom_actors::router::{
    Delivery, HandlerError, HandlerFailed, HandlerReport, Order, Reason, ReplayError, Router,
    Selection, closure,
};
use greenroom_actors::store::Store;
use greenroom_actors::supervisor::{Root, Strategy, Supervisor};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tip {
    number: u64,
    nap_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Other;

/// A bot with one handler, `tips`, that fails as long as it is told to, and writes down what it has handled.
struct Bot {
    router: Router,
    origin: Arc<Origin>,
    root: Root,
    fails: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Seen {
    number: u64,
    attempt: u32,
    id: i64,
    channel: ChannelKey,
    trace: u64,
    door: bool,
}

impl Bot {
    fn start(store: Option<&Store>, delivery: Delivery) -> Self {
        let router = Router::default();
        if let Some(store) = store {
            router.keep_in(store).unwrap();
        }
        let origin = Origin::with_door("stage", "bot", &router, "the way back".to_owned());
        let (fails, seen) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (failing, log) = (Arc::clone(&fails), Arc::clone(&seen));
        let handler = closure("tips", async move |tip: Event<Tip>| {
            tokio::time::sleep(Duration::from_millis(tip.nap_ms)).await;
            if failing.load(Ordering::Relaxed) {
                return Err(HandlerError::permanent("on purpose"));
            }
            let envelope = tip.envelope();
            let log: &Mutex<Vec<Seen>> = &log;
            log.lock().unwrap().push(Seen {
                number: tip.number,
                attempt: tip.attempt(),
                id: envelope.id.number().unwrap(),
                channel: envelope.channel.clone(),
                trace: envelope.trace,
                door: envelope.origin.door::<String>().is_some(),
            });
            Ok(())
        });
        let other = closure("others", async |_: Event<Tip>| Ok(()));
        let supervisor = Supervisor::new("handlers", Strategy::OneForOne)
            .child(handler.delivery(delivery).register(&router))
            .child(other.register(&router));
        router.restore().unwrap();
        Self {
            root: Root::start(supervisor),
            router,
            origin,
            fails,
            seen,
        }
    }

    async fn publish(&self, number: u64, channel: i64, nap_ms: u64) {
        let key = ChannelKey::new(7, channel);
        let tip = Tip { number, nap_ms };
        let id = 1_000 + i64::try_from(number).unwrap();
        let event = Event::new(&self.origin, id, key, tip);
        self.router.topic().publish(event).await;
    }

    fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
    }

    fn handled(&self) -> Vec<u64> {
        self.seen
            .lock()
            .unwrap()
            .iter()
            .map(|seen| seen.number)
            .collect()
    }

    fn report(&self) -> HandlerReport {
        let all = self.router.handlers();
        all.into_iter().find(|one| one.handler == "tips").unwrap()
    }

    async fn stop(self) -> Vec<u64> {
        self.router.stop();
        self.root.shutdown().await;
        self.router.give_up();
        self.handled()
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

/// Opens the store; the one before it may still be closing on its thread.
fn open(path: &Path) -> Store {
    Store::open(path).unwrap()
}

#[test]
fn a_letter_says_all_that_is_known_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    paused(|| async {
        let store = open(&path);
        let bot = Bot::start(Some(&store), Delivery::default());
        bot.fail(true);
        bot.publish(5, 42, 0).await;
        later(1).await;
        assert_eq!(
            (bot.report().dead, bot.router.dead_letters().total()),
            (1, 1)
        );
        store.flush().await.unwrap();
    });
    paused(|| async {
        let letters = greenroom_actors::router::DeadLetters::open(&open(&path)).unwrap();
        let all = letters.list();
        assert_eq!(all.len(), 1);
        let letter = &all[0];
        assert_eq!(letters.show(letter.number).unwrap().as_ref(), Some(letter));
        assert_eq!(
            (letter.handler.as_str(), letter.event.as_str()),
            ("tips", "Tip")
        );
        assert_eq!(
            (letter.platform.as_str(), letter.bot.as_str()),
            ("stage", "bot")
        );
        assert_eq!(
            (letter.id.number(), &letter.channel),
            (Some(1_005), &ChannelKey::new(7, 42))
        );
        assert_eq!((letter.attempts, letter.sequence), (1, 1));
        assert_eq!(letter.reason, Reason::Failed("on purpose".to_owned()));
        assert_eq!(letter.payload["number"], 5);
        assert!(letter.at.abs_diff(clock::unix_seconds()) < 100 && letter.received_ms > 0);
    });
}

#[test]
fn letters_are_selected_and_purged_by_what_they_say() {
    paused(|| async {
        let bot = Bot::start(None, Delivery::default());
        bot.fail(true);
        for number in 1..=4 {
            bot.publish(number, 1, 0).await;
            later(10).await;
        }
        let letters = bot.router.dead_letters();
        let numbers = |selection: &Selection| -> Vec<u64> {
            let found = letters.select(selection).unwrap();
            found
                .iter()
                .map(|letter| letter.payload["number"].as_u64().unwrap())
                .collect()
        };
        let all = Selection::default;
        let times: Vec<_> = letters.list().iter().map(|letter| letter.at).collect();
        assert_eq!(numbers(&all()), [1, 2, 3, 4]);
        assert_eq!(numbers(&all().offset(1).limit(2)), [2, 3]);
        assert_eq!(numbers(&all().since(times[2])), [3, 4]);
        assert_eq!(numbers(&all().before(times[1])), [1]);
        assert_eq!(
            numbers(&all().handler("tips").event("Tip").reason("failed")).len(),
            4
        );
        assert_eq!(numbers(&all().reason("ON PURPOSE")).len(), 4);
        for none in [
            all().handler("others"),
            all().event("Other"),
            all().reason("overflow"),
        ] {
            assert_eq!(numbers(&none), [0; 0]);
        }
        assert_eq!(letters.purge(&all().before(times[1])).unwrap(), 1);
        assert_eq!(
            letters
                .purge(&Selection::one(letters.list()[0].number))
                .unwrap(),
            1
        );
        assert_eq!(numbers(&all()), [3, 4]);
        assert_eq!(
            letters.total(),
            4,
            "what is purged was a dead letter all the same"
        );
    });
}

#[test]
fn a_replay_reaches_one_handler_with_the_old_envelope_and_a_fresh_count() {
    paused(|| async {
        let bot = Bot::start(None, Delivery::default());
        bot.fail(true);
        bot.publish(5, 42, 0).await;
        later(1).await;
        let before = bot.router.dead_letters().list().remove(0);
        bot.fail(false);
        let others = bot.router.handlers()[1].handled;
        bot.router.replay(before.number).unwrap();
        assert_eq!(
            bot.router.dead_letters().kept().letters,
            1,
            "until it is handled"
        );
        let busy = bot.router.replay(before.number).unwrap_err();
        assert!(matches!(busy, ReplayError::Busy(_)), "{busy}");
        later(1).await;
        let seen = bot.seen.lock().unwrap().clone();
        let expected = Seen {
            number: 5,
            attempt: 1,
            id: 1_005,
            channel: ChannelKey::new(7, 42),
            trace: before.trace,
            door: true,
        };
        assert_eq!(seen, [expected]);
        assert_eq!(bot.router.dead_letters().kept().letters, 0);
        assert_eq!(
            bot.router.handlers()[1].handled,
            others,
            "nobody else gets it again"
        );
        let unknown = bot.router.replay(before.number).unwrap_err();
        assert!(matches!(unknown, ReplayError::Unknown(_)), "{unknown}");
    });
}

#[test]
fn a_letter_that_dies_again_is_one_letter() {
    paused(|| async {
        let bot = Bot::start(None, Delivery::default());
        bot.fail(true);
        bot.publish(5, 42, 0).await;
        later(1).await;
        let first = bot.router.dead_letters().list().remove(0);
        for replays in 1..=3 {
            later(10).await;
            bot.router.replay(first.number).unwrap();
            later(1).await;
            let all = bot.router.dead_letters().list();
            assert_eq!(all.len(), 1);
            assert_eq!((all[0].number, all[0].replays), (first.number, replays));
            assert!(all[0].at > first.at);
        }
    });
}

#[test]
fn what_cannot_be_replayed_stays_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    paused(|| async {
        let store = open(&path);
        let bot = Bot::start(Some(&store), Delivery::default());
        bot.fail(true);
        bot.publish(5, 42, 0).await;
        later(1).await;
        store.flush().await.unwrap();
        bot.stop().await;
    });
    paused(|| async {
        let store = open(&path);
        let router = Router::default();
        router.keep_in(&store).unwrap();
        let number = router.dead_letters().list()[0].number;
        let error = router.replay(number).unwrap_err();
        assert!(matches!(error, ReplayError::NoHandler { .. }), "{error}");
        let _other = closure("tips", async |_: Event<Other>| Ok(())).register(&router);
        assert!(router.replay(number).is_err(), "another type");
        let _tips = closure("tips", async |_: Event<Tip>| Ok(())).register(&router);
        let error = router.replay(number).unwrap_err();
        assert!(matches!(error, ReplayError::NoOrigin { .. }), "{error}");
        let _elsewhere = Origin::new("stage", "another", &router);
        assert!(router.replay(number).is_err());
        let letter = router.dead_letters().show(number).unwrap().unwrap();
        assert!(letter.note.unwrap().contains("not on the platform stage"));
        assert_eq!(letter.replays, 0);
        let all = router
            .replay_all(&Selection::default().numbers([number, 99]))
            .unwrap();
        assert_eq!((all.replayed.len(), all.refused.len()), (0, 2));
        let _origin = Origin::new("stage", "bot", &router);
        router.replay(number).unwrap();
    });
}

#[test]
fn a_replay_that_was_asked_for_meanwhile_happens_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    paused(|| async {
        let store = open(&path);
        let bot = Bot::start(Some(&store), Delivery::default());
        bot.fail(true);
        for number in 1..=3 {
            bot.publish(number, 1, 0).await;
        }
        later(1).await;
        bot.stop().await;
        store.flush().await.unwrap();
    });
    paused(|| async {
        let letters = greenroom_actors::router::DeadLetters::open(&open(&path)).unwrap();
        let second = letters.list()[1].number;
        assert_eq!(letters.request_replay(&Selection::one(second)).unwrap(), 1);
    });
    paused(|| async {
        let bot = Bot::start(Some(&open(&path)), Delivery::default());
        assert_eq!(bot.router.replay_requested().unwrap().replayed.len(), 1);
        later(1).await;
        assert_eq!(bot.handled(), [2]);
        assert_eq!(bot.router.dead_letters().kept().letters, 2);
    });
}

#[test]
fn beyond_their_bound_the_oldest_letters_go_and_stay_counted() {
    paused(|| async {
        let bot = Bot::start(None, Delivery::default());
        bot.fail(true);
        for number in 0..10_050 {
            bot.publish(number, (number % 50) as i64, 0).await;
        }
        later(10).await;
        let kept = bot.router.dead_letters().kept();
        assert_eq!(
            (kept.letters, kept.evicted, kept.total),
            (10_000, 50, 10_050)
        );
        assert_eq!(kept.unkept, 0);
    });
}

#[test]
fn a_payload_that_is_too_long_leaves_a_letter_without_it() {
    paused(|| async {
        let router = Router::default();
        let origin = Origin::new("stage", "bot", &router);
        let handler = closure("long", async |_: Event<String>| {
            Err(HandlerError::permanent("on purpose"))
        });
        let supervisor = Supervisor::new("handlers", Strategy::OneForOne);
        let _root = Root::start(supervisor.child(handler.register(&router)));
        let event = Event::new(&origin, 1, ChannelKey::default(), "x".repeat(2 << 20));
        router.topic().publish(event).await;
        later(1).await;
        let letter = router.dead_letters().list().remove(0);
        assert!(letter.payload.is_null() && letter.omitted_bytes.unwrap() > 2 << 20);
        let error = router.replay(letter.number).unwrap_err();
        assert!(matches!(error, ReplayError::Omitted { .. }), "{error}");
    });
}

#[test]
fn what_a_shutdown_leaves_over_is_delivered_once_in_order_before_what_is_new() {
    for order in [Order::PerChannel, Order::Serial] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let delivery = Delivery {
            order,
            ..Delivery::default()
        };
        let mut handled = Vec::new();
        let first = &mut handled;
        paused(|| async move {
            let store = open(&path);
            let bot = Bot::start(Some(&store), delivery);
            for number in 0..30 {
                bot.publish(number, 1, 1_000).await;
            }
            let router = bot.router.clone();
            *first = bot.stop().await;
            let report = &router.handlers()[0];
            assert_eq!(report.handled as usize, first.len());
            assert_eq!(
                report.left as usize,
                30 - first.len(),
                "{order:?}: {report:?}"
            );
            assert_eq!((report.dead, report.waiting), (0, 0));
            assert_eq!(router.dead_letters().kept().letters, 0);
            store.flush().await.unwrap();
        });
        assert!(!handled.is_empty() && handled.len() < 30);
        let path = folder.path().join("store");
        let second = &mut handled;
        paused(|| async move {
            let store = open(&path);
            let bot = Bot::start(Some(&store), delivery);
            bot.publish(100, 1, 0).await;
            later(60).await;
            second.extend(bot.handled());
            let mut expected: Vec<_> = (0..30).collect();
            expected.push(100);
            assert_eq!(*second, expected, "{order:?}");
            let seen = bot.seen.lock().unwrap().clone();
            assert!(
                seen.iter()
                    .all(|seen| seen.door && seen.id == 1_000 + seen.number as i64)
            );
            assert_eq!(bot.router.dead_letters().kept().leftovers, 0);
            store.flush().await.unwrap();
        });
        let path = folder.path().join("store");
        paused(|| async move {
            let bot = Bot::start(Some(&open(&path)), delivery);
            later(60).await;
            assert_eq!(bot.handled(), [0; 0], "only once");
        });
    }
}

#[test]
fn a_leftover_without_a_handler_waits_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    paused(|| async {
        let store = open(&path);
        let bot = Bot::start(Some(&store), Delivery::default());
        for number in 0..10 {
            bot.publish(number, 1, 5_000).await;
        }
        bot.stop().await;
        store.flush().await.unwrap();
    });
    let mut left = 0;
    let left = &mut left;
    paused(|| async {
        let store = open(&path);
        let router = Router::default();
        router.keep_in(&store).unwrap();
        let restored = router.restore().unwrap();
        assert!(restored.replayed.is_empty() && !restored.refused.is_empty());
        *left = router.dead_letters().kept().leftovers;
        assert_eq!(*left as usize, restored.refused.len());
    });
    paused(|| async {
        let bot = Bot::start(Some(&open(&path)), Delivery::default());
        later(100).await;
        assert_eq!(bot.handled().len() as u64, *left);
    });
}

#[test]
fn without_a_store_what_is_left_is_a_dead_letter() {
    paused(|| async {
        let bot = Bot::start(None, Delivery::default());
        for number in 0..10 {
            bot.publish(number, 1, 5_000).await;
        }
        let router = bot.router.clone();
        let handled = bot.stop().await.len() as u64;
        let report = &router.handlers()[0];
        assert_eq!(
            (report.handled, report.dead, report.left),
            (handled, 10 - handled, 0)
        );
        let letters = router.dead_letters().list();
        assert!(
            letters
                .iter()
                .all(|letter| letter.reason == Reason::Stopped)
        );
        assert_eq!(letters.len() as u64, report.dead);
    });
}

#[test]
fn an_event_whose_publisher_gives_up_is_counted() {
    paused(|| async {
        let narrow = Delivery {
            queue: 1,
            concurrency: 1,
            ..Delivery::default()
        };
        let bot = Bot::start(None, narrow);
        for number in 0..6 {
            let wait = Duration::from_millis(10);
            let _ = tokio::time::timeout(wait, bot.publish(number, 1, 1_000)).await;
        }
        later(60).await;
        let report = bot.report();
        assert!(report.abandoned > 0, "{report:?}");
        assert_eq!(report.handled + report.abandoned, 6);
    });
}

#[test]
fn a_handler_that_gives_up_is_told_of_but_not_of_those_who_are_told() {
    paused(|| async {
        let router = Router::default();
        let origin = Origin::new("stage", "bot", &router);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heard);
        let handlers = Supervisor::new("handlers", Strategy::OneForOne)
            .child(closure("panics", async |_: Event<Tip>| panic!("on purpose")).register(&router))
            .child(
                closure("hears", async move |failed: Event<HandlerFailed>| {
                    let key = failed.envelope().channel.clone();
                    log.lock().unwrap().push((failed.payload().clone(), key));
                    Err(HandlerError::permanent("nor can this one"))
                })
                .register(&router),
            );
        let root = Root::start(handlers);
        let tip = Tip {
            number: 1,
            nap_ms: 0,
        };
        let event = Event::new(&origin, 1, ChannelKey::new(1, 2), tip);
        router.topic().publish(event).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let heard = heard.lock().unwrap().clone();
        let [(failed, key)] = heard.as_slice() else {
            panic!("{heard:?}")
        };
        assert_eq!(
            (
                failed.handler.as_str(),
                failed.event.as_str(),
                failed.attempts
            ),
            ("panics", "Tip", 3)
        );
        assert!(failed.reason.contains("on purpose"), "{}", failed.reason);
        assert_eq!(*key, ChannelKey::new(1, 2));
        assert_eq!(router.dead_letters().total(), 2);
        root.shutdown().await;
    });
}
