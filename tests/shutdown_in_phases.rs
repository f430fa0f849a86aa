//! How a bot stops: in phases, each within its deadline, and what is left is told and kept.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::actors::clock;
use greenroom::actors::event::Origin;
use greenroom::bot::{Report, Running};
use greenroom::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Work {
    number: u64,
    nap_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Done {
    number: u64,
}

type Log = Arc<Mutex<Vec<u64>>>;

/// A bot whose handler `work` emits to a handler that was registered after it, and so stops before it.
fn bot(store: Option<&Path>, total: u64, log: &Log) -> (Running, Arc<Origin>) {
    let (log, failing) = (Arc::clone(log), HandlerError::transient);
    let mut builder = Bot::builder("bot")
        .shutdown_within(Duration::from_secs(8))
        .shutdown_total(Duration::from_secs(total))
        .on("work", async move |work: Event<Work>| {
            tokio::time::sleep(Duration::from_millis(work.nap_ms)).await;
            if work.nap_ms == 1 {
                return Err(failing("not yet"));
            }
            work.emit(Done {
                number: work.number,
            })
            .await;
            Ok(())
        })
        .on("done", async move |done: Event<Done>| {
            log.lock().unwrap().push(done.number);
            Ok(())
        });
    if let Some(path) = store {
        builder = builder.store(path);
    }
    let origin = Origin::new("stage", "bot", builder.router());
    (builder.build().unwrap().start(), origin)
}

async fn publish(bot: &Running, origin: &Arc<Origin>, number: u64, nap_ms: u64) {
    let event = Event::new(origin, 1, ChannelKey::new(0, 1), Work { number, nap_ms });
    bot.router().topic().publish(event).await;
}

fn phases(report: &Report) -> Vec<(&'static str, bool)> {
    let shutdown = report.shutdown.as_ref().unwrap();
    let phases = shutdown.phases.iter();
    phases.map(|phase| (phase.name, phase.done)).collect()
}

fn paused<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    actix_rt::System::new().block_on(async {
        tokio::time::pause();
        test().await;
    });
}

#[test]
fn what_waits_is_done_and_what_it_leads_to() {
    paused(|| async {
        let log = Log::default();
        let (bot, origin) = bot(None, 60, &log);
        for number in 0..7 {
            publish(&bot, &origin, number, 1_000).await;
        }
        let begin = clock::now();
        let report = bot.shutdown().await;
        assert_eq!(
            phases(&report),
            [("sources", true), ("drain", true), ("stop", true)]
        );
        assert_eq!(*log.lock().unwrap(), [0, 1, 2, 3, 4, 5, 6]);
        let shutdown = report.shutdown.unwrap();
        assert!(shutdown.left.is_nothing(), "{:?}", shutdown.left);
        assert!(
            shutdown.phases[1].took_ms >= 7_000 && clock::now() - begin < Duration::from_secs(8)
        );
    });
}

#[test]
fn what_is_not_done_in_time_is_told_kept_and_done_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let log = Log::default();
    paused(|| async {
        let (bot, origin) = bot(Some(&path), 60, &log);
        for number in 0..20 {
            publish(&bot, &origin, number, 1_000).await;
        }
        let report = bot.shutdown().await;
        let expected = [
            ("sources", true),
            ("drain", false),
            ("stop", true),
            ("store", true),
        ];
        assert_eq!(phases(&report), expected);
        let left = report.shutdown.unwrap().left;
        let (work, done) = (&report.handlers[0], &report.handlers[1]);
        assert!(work.handled >= 8 && work.left > 0, "{work:?}");
        assert_eq!(work.handled + work.left, 20, "{work:?}");
        // What was emitted while its handler had stopped already is kept as well.
        assert_eq!(done.handled + done.left, work.handled, "{done:?}");
        assert_eq!(left.kept, work.left + done.left);
        assert_eq!(left.queued + left.tried, left.kept, "{left:?}");
        assert_eq!(report.dead_letters, 0);
        let json = serde_json::to_value(left).unwrap();
        assert_eq!(json["kept"], left.kept);
    });
    paused(|| async {
        let (bot, origin) = bot(Some(&path), 60, &log);
        publish(&bot, &origin, 99, 0).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let mut expected: Vec<_> = (0..20).collect();
        expected.push(99);
        assert_eq!(*log.lock().unwrap(), expected);
        assert!(bot.shutdown().await.shutdown.unwrap().left.is_nothing());
    });
}

#[test]
fn one_deadline_is_over_all_of_it() {
    paused(|| async {
        let log = Log::default();
        let (bot, origin) = bot(None, 4, &log);
        for number in 0..20 {
            publish(&bot, &origin, number, 1_000_000).await;
        }
        publish(&bot, &origin, 20, 1).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        let begin = clock::now();
        let report = bot.shutdown().await;
        assert!(clock::now() - begin <= Duration::from_secs(4));
        assert!(phases(&report).contains(&("drain", false)));
        let left = report.shutdown.unwrap().left;
        assert_eq!((left.queued + left.tried, left.kept), (21, 0), "{left:?}");
        assert!(left.tried >= 1, "{left:?}");
        assert_eq!(report.dead_letters, 21, "without a store");
    });
}
