//! Events over a reconnect.

use std::collections::{BTreeMap, BTreeSet};

use greenroom::simulator::{Fault, FaultKind};
use greenroom::testing::{Stage, TestBot};

use crate::platform::{Heard, Platform, SECOND};

/// Checks that in every conversation the messages below `said` came in order and once each; and all of them, if the platform can replay.
fn check(platform: &Platform, bot: &TestBot, heard: &Heard, said: usize) {
    let heard = heard.lock().unwrap();
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, text) in heard.iter() {
        let number = text.parse().unwrap();
        places.entry(place).or_default().push(number);
    }
    for numbers in places.values() {
        let wrong = numbers.windows(2).find(|pair| pair[0] >= pair[1]);
        assert_eq!(wrong, None, "out of order, or twice");
    }
    if platform.replays {
        let all: BTreeSet<usize> = places.into_values().flatten().collect();
        let missing: Vec<_> = (0..said).filter(|number| !all.contains(number)).collect();
        assert!(missing.is_empty(), "never handled: {missing:?}");
        bot.assert_nothing_lost();
    }
    bot.assert_restarts(0);
    bot.assert_no_dead_letters();
}

pub(crate) fn what_was_missed_comes_once_in_order_and_before_what_is_new(platform: &Platform) {
    let faults = [
        Fault::new(FaultKind::Disconnect),
        Fault::new(FaultKind::Disconnect).count(3),
        Fault::new(FaultKind::Close).code(1_001),
        Fault::new(FaultKind::Maintenance).lasting(20 * SECOND),
        Fault::new(FaultKind::Stall).lasting(60 * SECOND),
    ];
    for fault in faults {
        platform.with_seeds(3, async |stage: Stage| {
            let (bot, heard) = platform.listening(&stage);
            let bot = stage.start(bot).await;
            let server = stage.platform(platform.name);
            // What is fetched may come over the socket as well.
            server.fault(Fault::new(FaultKind::Duplicate).count(5));
            let mut said = 0;
            for step in 0..1_200 {
                if step == 100 {
                    server.fault(fault.clone());
                }
                platform.say(&stage, said);
                said += 1;
                stage.advance(SECOND / 20).await;
            }
            stage.advance(60 * SECOND).await;
            bot.assert_reconnects(1);
            check(platform, &bot, &heard, said);
        });
    }
}

/// More than any one answer of a platform holds.
pub(crate) fn a_long_gap_is_fetched_to_its_end(platform: &Platform) {
    platform.with_seeds(1, async |stage: Stage| {
        let (bot, heard) = platform.listening(&stage);
        let bot = stage.start(bot).await;
        let server = stage.platform(platform.name);
        let (from, channel) = platform.talks[0];
        server.fault(Fault::new(FaultKind::Maintenance).lasting(30 * SECOND));
        for number in 0..12_000 {
            server.say(from, channel, &number.to_string());
        }
        stage.advance(30 * SECOND).await;
        // Some of it comes while the rest is fetched.
        for number in 12_000..12_100 {
            server.say(from, channel, &number.to_string());
            stage.advance(SECOND / 4).await;
        }
        stage.advance(120 * SECOND).await;
        check(platform, &bot, &heard, 12_100);
    });
}

pub(crate) fn a_gap_is_fetched_although_fetching_fails_at_first(platform: &Platform) {
    for status in [429, 500, 503] {
        platform.with_seeds(2, async |stage: Stage| {
            let (bot, heard) = platform.listening(&stage);
            let bot = stage.start(bot).await;
            let server = stage.platform(platform.name);
            server.fault(FaultKind::Disconnect);
            server.fault(Fault::new(FaultKind::Http).status(status).count(6));
            server.fault(Fault::new(FaultKind::Truncate).path("/").count(3));
            for number in 0..200 {
                platform.say(&stage, number);
                stage.advance(SECOND / 10).await;
            }
            stage.advance(300 * SECOND).await;
            check(platform, &bot, &heard, 200);
        });
    }
}

/// The link is lost again before what was missed is there, while more comes than is read ahead.
pub(crate) fn a_gap_within_a_gap_is_fetched(platform: &Platform) {
    platform.with_seeds(2, async |stage: Stage| {
        let (bot, heard) = platform.listening(&stage);
        let bot = stage.start(bot).await;
        let server = stage.platform(platform.name);
        let mut said = 0;
        for step in 0..200 {
            if step % 25 == 10 {
                let late = Fault::new(FaultKind::Delay).lasting(SECOND).path("/");
                server.fault(late.count(4));
                server.fault(FaultKind::Disconnect);
            }
            let many = if (10..20).contains(&(step % 50)) {
                250
            } else {
                1
            };
            for _ in 0..many {
                platform.say(&stage, said);
                said += 1;
            }
            stage.advance(SECOND / 5).await;
        }
        stage.advance(300 * SECOND).await;
        assert!(bot.reconnects() > 3);
        check(platform, &bot, &heard, said);
    });
}
