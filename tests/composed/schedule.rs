//! `kind = "schedule"`: messages at set times.

use greenroom::actors::clock;
use greenroom::actors::store::Store;
use greenroom::testing::{TestBot, run};

use super::*;

/// The stage begins on Thursday, 1 January 2026, at midnight in UTC.
const HOUR: Duration = Duration::from_secs(3_600);

fn schedule(options: &str) -> BotBuilder {
    bot(&format!(
        "[[handlers]]\nkind = \"schedule\"\nplatform = \"mezon\"\nchannel = \"general\"\ntext = \"tick\"\n{options}\n"
    ))
}

/// Returns how many hours after the beginning the bot has spoken, as the journal of the platform dates it.
fn count(bot: &TestBot) -> usize {
    said(bot, "mezon").len()
}

#[test]
fn each_time_has_exactly_one_message() {
    run(async |stage: Stage| {
        let start = clock::unix_seconds();
        let bot = stage.start(schedule("every = \"1h\"")).await;
        stage.advance(HOUR / 2).await;
        assert_eq!(count(&bot), 0, "not at the start");
        stage.advance(HOUR / 2 + SECOND).await;
        assert_eq!(count(&bot), 1);
        stage.advance(23 * HOUR).await;
        assert_eq!(count(&bot), 24);
        assert!(clock::unix_seconds() - start < 86_410);
        assert!(said(&bot, "token_bowl").is_empty());
        bot.assert_no_dead_letters();
    });
}

#[test]
fn times_of_day_are_those_of_the_zone_on_the_days() {
    Stage::builder().frames(false).run(async |stage: Stage| {
        let options = "at = [\"09:00\", \"18:30\"]\ndays = [\"fri\", \"mon\"]\n\
                       time_zone = \"CET-1CEST,M3.5.0,M10.5.0/3\"";
        let bot = stage.start(schedule(options)).await;
        stage.advance(32 * HOUR - 10 * SECOND).await;
        assert_eq!(count(&bot), 0, "Friday, before nine in central Europe");
        stage.advance(20 * SECOND).await;
        assert_eq!(count(&bot), 1);
        stage.advance(10 * HOUR).await;
        assert_eq!(count(&bot), 2, "and in the evening");
    });
}

#[test]
fn a_restart_neither_repeats_nor_forgets_a_time() {
    for (missed, expected) in [("skip", 2), ("once", 3)] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        run(async |stage: Stage| {
            let options = format!("every = \"1h\"\nmissed = \"{missed}\"");
            let first = stage.start(schedule(&options).open_store(&store)).await;
            stage.advance(HOUR + SECOND).await;
            assert_eq!(count(&first), 1);
            first.stop().await;
            // At once again: that time was had.
            let second = stage.start(schedule(&options).open_store(&store)).await;
            stage.advance(10 * SECOND).await;
            assert_eq!(count(&second), 0);
            second.stop().await;
            // Three hours and a half: three times are missed.
            stage.advance(3 * HOUR + HOUR / 2).await;
            let third = stage.start(schedule(&options).open_store(&store)).await;
            stage.advance(SECOND).await;
            assert_eq!(count(&third), expected - 2, "{missed}");
            stage.advance(HOUR).await;
            assert_eq!(1 + count(&third), expected, "{missed}");
        });
    }
}

#[test]
fn a_platform_that_is_down_gets_the_last_time_once_it_is_back() {
    for (missed, length, expected) in [("once", 150, 1), ("skip", 150, 0), ("skip", 65, 1)] {
        run(async |stage: Stage| {
            let bot = stage
                .start(schedule(&format!("every = \"1h\"\nmissed = \"{missed}\"")))
                .await;
            stage.advance(SECOND).await;
            outage(&stage.mezon(), length * MINUTE);
            stage.advance(length * MINUTE + 5 * MINUTE).await;
            assert_eq!(count(&bot), expected, "{missed} after {length} minutes");
            stage.advance(HOUR).await;
            assert_eq!(count(&bot), expected + 1);
            bot.assert_no_dead_letters();
        });
    }
}

#[test]
fn what_waits_at_a_shutdown_is_said_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    run(async |stage: Stage| {
        let bot = stage
            .start(schedule("every = \"1h\"").open_store(&store))
            .await;
        stage.advance(59 * MINUTE).await;
        outage(&stage.mezon(), 3 * MINUTE);
        stage.advance(2 * MINUTE).await;
        assert_eq!(count(&bot), 0);
        let left = bot.stop().await;
        assert_eq!(left.shutdown.unwrap().left.lost(), 0);
        stage.advance(5 * MINUTE).await;
        let bot = stage
            .start(schedule("every = \"1h\"").open_store(&store))
            .await;
        stage.advance(10 * SECOND).await;
        assert_eq!(count(&bot), 1);
        stage.advance(HOUR).await;
        assert_eq!(count(&bot), 2);
    });
}

#[test]
fn what_is_wrong_with_a_schedule_is_told() {
    let faults = |options: &str| {
        let text = format!(
            "[token_bowl]\napi_key = \"k\"\n[[handlers]]\nkind = \"schedule\"\nplatform = \"token_bowl\"\n{options}\n"
        );
        read(&text).unwrap_err()
    };
    assert_eq!(
        faults("days = [\"someday\"]\nchannels = [\"room\"]\non = \"message\""),
        [
            "handlers[0].every: is required, or `at`",
            "handlers[0].text: is required",
            "handlers[0].days: says nothing without `at`",
            "handlers[0].days[0]: must be one of mon, tue, wed, thu, fri, sat, sun",
            "handlers[0].channels: says nothing here: `schedule` listens to nobody",
            "handlers[0].on: `schedule` knows itself what it handles",
        ]
    );
    assert_eq!(
        faults("text = \"x\"\nevery = \"often\"\nat = \"nine\"\ntime_zone = \"Narnia\""),
        [
            "handlers[0].every: says when, and `at` does, too: one of them is enough",
            "handlers[0].every: must be a time of whole seconds, such as 90s, 15m, 1h or 1d",
            "handlers[0].at: must be times of the day, such as 09:00",
            "handlers[0].time_zone: is no time zone that this machine knows, such as Europe/Berlin or UTC, and not `local`",
        ]
    );
}

#[test]
fn it_is_drawn_as_what_gives_itself_its_times() {
    let graph = schedule("every = \"1h\"").build().unwrap().graph();
    assert!(graph.to_text().contains("schedule"), "{}", graph.to_text());
    assert!(graph.to_mermaid().contains("Due"), "{}", graph.to_mermaid());
    assert!(graph.to_svg().contains("Due"));
}
