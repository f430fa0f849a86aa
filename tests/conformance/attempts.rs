//! Tries to connect: when, how often, and when no more.

use std::time::Duration;

use greenroom::bot::BotError;
use greenroom::prelude::*;
use greenroom::simulator::{Fault, FaultKind};
use greenroom::testing::Stage;
use serde_json::Value;

use crate::platform::{Account, Platform, SECOND, lines, moment};

const HOUR: Duration = Duration::from_secs(3_600);

/// Returns the waits of a trace, with the number of the try that each is before.
fn waits(stage: &Stage) -> Vec<(u32, Duration)> {
    let lines = lines(stage, "reconnecting").into_iter();
    let wait = |line: Value| {
        let attempt = line["attempt"].as_u64().unwrap();
        let delay = Duration::from_millis(line["delay_ms"].as_u64().unwrap());
        (u32::try_from(attempt).unwrap(), delay)
    };
    lines.map(wait).collect()
}

pub(crate) fn a_lost_connection_is_tried_again_within_a_second(platform: &Platform) {
    platform.with_seeds(20, async |stage: Stage| {
        let bot = stage.start(platform.answering(&stage)).await;
        stage.advance(90 * SECOND).await;
        let at = moment(&lines(&stage, "connected")[0]);
        let lost = stage.platform(platform.name);
        lost.fault(FaultKind::Disconnect);
        stage.advance(2 * SECOND).await;
        let [(1, wait)] = waits(&stage)[..] else {
            panic!("{:?}", waits(&stage))
        };
        assert!(wait <= SECOND && wait >= platform.least_wait, "{wait:?}");
        bot.assert_reconnects(1);
        let connected = lines(&stage, "connected");
        let down = connected[1]["down_for_ms"].as_u64().unwrap();
        assert!(Duration::from_millis(down) < 2 * SECOND, "{down} ms");
        assert!(moment(&connected[1]) > at);
    });
}

pub(crate) fn waits_grow_to_their_cap_and_use_their_whole_range(platform: &Platform) {
    let mut all: Vec<(u32, Duration)> = Vec::new();
    for seed in 1..=10 {
        let waits = platform.stage(seed).run(async |stage: Stage| {
            let bot = stage.start(platform.answering(&stage)).await;
            let away = Fault::new(FaultKind::Maintenance).lasting(HOUR);
            stage.platform(platform.name).fault(away);
            stage.advance(HOUR).await;
            bot.assert_reconnects(0);
            stage.advance(2 * platform.cap).await;
            bot.assert_reconnects(1);
            waits(&stage)
        });
        all.extend(waits);
    }
    let mut fractions = Vec::new();
    for (attempt, wait) in &all {
        let ceiling = (SECOND * 2_u32.saturating_pow(attempt - 1)).min(platform.cap);
        assert!(
            *wait <= ceiling && *wait >= platform.least_wait,
            "{attempt}: {wait:?}"
        );
        if ceiling == platform.cap {
            fractions.push(wait.as_secs_f64() / platform.cap.as_secs_f64());
        }
    }
    // Full jitter: each quarter of the range gets its share.
    assert!(fractions.len() > 500, "{}", fractions.len());
    for quarter in 0..4 {
        let from = f64::from(quarter) / 4.0;
        let there = fractions
            .iter()
            .filter(|wait| (from..from + 0.25).contains(*wait));
        let share = there.count() as f64 / fractions.len() as f64;
        assert!((0.18..0.32).contains(&share), "quarter {quarter}: {share}");
    }
}

pub(crate) fn a_server_that_asks_to_wait_is_obeyed(platform: &Platform) {
    platform.with_seeds(5, async |stage: Stage| {
        let bot = stage.start(platform.answering(&stage)).await;
        let server = stage.platform(platform.name);
        let busy = Fault::new(FaultKind::Http).status(429).lasting(40 * SECOND);
        server.fault(busy.path("/"));
        server.fault(FaultKind::Disconnect);
        stage.advance(30 * SECOND).await;
        bot.assert_reconnects(0);
        stage.advance(60 * SECOND).await;
        bot.assert_reconnects(1);
        assert!(waits(&stage).iter().any(|(_, wait)| *wait >= 40 * SECOND));
    });
}

pub(crate) fn a_silent_server_is_noticed_in_time(platform: &Platform) {
    platform.with_seeds(10, async |stage: Stage| {
        let bot = stage.start(platform.answering(&stage)).await;
        // At any moment between two heartbeats.
        stage
            .advance(SECOND * 90 + SECOND * u32::try_from(stage.seed()).unwrap())
            .await;
        let before = lines(&stage, "disconnected").len();
        let stalled = moment(&stage.trace().lines().pop().unwrap());
        let stall = Fault::new(FaultKind::Stall).lasting(platform.silence * 3);
        stage.platform(platform.name).fault(stall);
        let begun = moment(&lines(&stage, "fault").pop().unwrap());
        assert!(begun >= stalled && before == 0);
        stage.advance(platform.silence + SECOND).await;
        let lost = moment(&lines(&stage, "disconnected")[0]);
        assert!(lost - begun <= platform.silence, "{:?}", lost - begun);
        assert_eq!(lines(&stage, "heartbeat_missed").len(), 1, "it is told");
        stage.advance(5 * SECOND).await;
        bot.assert_reconnects(1);
    });
}

pub(crate) fn logins_stay_within_their_budget(platform: &Platform) {
    let Some((most, period)) = platform.logins else {
        return;
    };
    platform.with_seeds(3, async |stage: Stage| {
        let bot = stage.start(platform.answering(&stage)).await;
        let server = stage.platform(platform.name);
        // Every token is bad at once, again and again.
        for _ in 0..300 {
            (platform.spoil)(&server);
            stage.advance(SECOND).await;
        }
        let times: Vec<Duration> = lines(&stage, "http")
            .iter()
            .filter(|line| line["direction"] == "in")
            .filter(|line| (platform.is_login)(line["path"].as_str().unwrap()))
            .map(moment)
            .collect();
        assert!(times.len() > most, "{times:?}");
        for window in times.windows(most + 1) {
            assert!(window[most] - window[0] >= period, "{window:?}");
        }
        stage.advance(300 * SECOND).await;
        platform.say(&stage, 7);
        bot.expect_reply("re 7").await;
    });
}

pub(crate) fn a_wrong_key_ends_the_bot_at_once(platform: &Platform) {
    platform.with_seeds(1, async |stage: Stage| {
        let url = stage.platform(platform.name).url();
        let bot = (platform.put)(Bot::builder("stranger"), &url, Account::Stranger);
        let start = greenroom::actors::clock::now();
        let error = stage.try_start(bot).await.unwrap_err();
        let took = greenroom::actors::clock::now() - start;
        assert!(took < SECOND, "{took:?}");
        check_refusal(&error);
        stage.advance(HOUR).await;
        assert_eq!(platform.requests(&stage, platform.is_login), 1);
    });
}

pub(crate) fn a_key_that_is_refused_later_ends_the_bot_at_once(platform: &Platform) {
    platform.with_seeds(5, async |stage: Stage| {
        let bot = stage.start(platform.answering(&stage)).await;
        stage.advance(90 * SECOND).await;
        let server = stage.platform(platform.name);
        let before = platform.requests(&stage, platform.is_login);
        server.fault(Fault::new(FaultKind::Refuse).count(100));
        (platform.spoil)(&server);
        let ended = tokio::time::timeout(10 * SECOND, bot.running().ended()).await;
        check_refusal(&bot.running().failed(ended.unwrap()));
        stage.advance(HOUR).await;
        assert_eq!(platform.requests(&stage, platform.is_login), before + 1);
    });
}

fn check_refusal(error: &BotError) {
    let text = error.to_string();
    let tells = ["401", "403", "Invalid API key"];
    assert!(tells.iter().any(|why| text.contains(why)), "{text}");
}
