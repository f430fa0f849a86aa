//! What a bot says over a reconnect.

use std::sync::{Arc, Mutex};

use futures::future::join_all;
use greenroom::prelude::*;
use greenroom::simulator::{Fault, FaultKind};
use greenroom::testing::{Stage, TestBot};

use crate::platform::{Platform, SECOND};

/// Says how often the bot has said this, as the platform has it on record.
fn times(bot: &TestBot, text: &str) -> usize {
    bot.replies()
        .iter()
        .filter(|said| said.text == text)
        .count()
}

/// Checks that it is told, once, that nobody knows what became of a message.
fn check_told(bot: &TestBot) {
    let letters = bot.running().router().dead_letters();
    assert_eq!(letters.total(), 1, "{:?}", letters.list());
    let letter = &letters.list()[0];
    let reason = format!("{:?}", letter.reason);
    assert!(
        reason.contains("whether it was carried out is unknown"),
        "{reason}"
    );
    assert_eq!(letter.attempts, 1, "it is not tried again");
}

pub(crate) fn a_message_whose_acknowledgement_is_lost_is_not_said_twice(platform: &Platform) {
    platform.with_seeds(5, async |stage: Stage| {
        let bot = stage.start(platform.answering(&stage)).await;
        let server = stage.platform(platform.name);
        let (from, channel) = platform.talks[0];
        server.say(from, channel, "before");
        bot.expect_reply("re before").await;
        stage.advance(SECOND).await;
        server.say(from, channel, "x");
        (platform.lose_acknowledgement)(&server);
        stage.advance(SECOND).await;
        assert_eq!(times(&bot, "re x"), 1, "it is there, and not acknowledged");
        server.fault(FaultKind::Disconnect);
        stage.advance(120 * SECOND).await;
        assert_eq!(times(&bot, "re x"), 1);
        // It is found among what was missed; or it came back as an event before the cut.
        let is_found = platform.replays && !platform.speaks_over_http;
        if is_found || bot.running().router().dead_letters().total() == 0 {
            bot.assert_no_dead_letters();
        } else {
            check_told(&bot);
        }
        bot.assert_restarts(0);
    });
}

/// The link breaks while the message is on its way.
pub(crate) fn a_message_that_did_not_arrive_is_said_afterwards_or_reported(platform: &Platform) {
    platform.with_seeds(5, async |stage: Stage| {
        let bot = platform
            .bot(&stage, "late")
            .on("late", async |message: Event<ChatMessage>| {
                if !message.is_own {
                    // As long as the other half of the way takes.
                    tokio::time::sleep(SECOND).await;
                    message.say("late").await?;
                }
                Ok(())
            });
        let bot = stage.start(bot).await;
        let server = stage.platform(platform.name);
        let (from, channel) = platform.talks[0];
        server.fault(Fault::new(FaultKind::Slow).bytes(1).lasting(SECOND * 4));
        server.say(from, channel, "x");
        stage.advance(SECOND * 3).await;
        server.fault(FaultKind::Disconnect);
        stage.advance(120 * SECOND).await;
        match times(&bot, "late") {
            0 => {
                assert!(!platform.settles, "it could be known");
                check_told(&bot);
            }
            times => {
                assert_eq!(times, 1);
                bot.assert_no_dead_letters();
            }
        }
    });
}

/// A server that is stuck may read a message long after its client has gone: then nobody can know, even if it is not there yet.
pub(crate) fn what_nobody_knows_is_reported_and_not_said_again(platform: &Platform) {
    platform.with_seeds(5, async |stage: Stage| {
        let errors = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&errors);
        let bot = platform.bot(&stage, "unsure").on(
            "unsure",
            async move |message: Event<ChatMessage>| {
                if message.is_own {
                    return Ok(());
                }
                tokio::time::sleep(SECOND / 2).await;
                let said = message.say("perhaps").await;
                if let Err(error) = &said {
                    told.lock().unwrap().push(error.to_string());
                }
                said?;
                Ok(())
            },
        );
        let bot = stage.start(bot).await;
        let server = stage.platform(platform.name);
        let (from, channel) = platform.talks[0];
        server.say(from, channel, "x");
        stage.advance(SECOND / 4).await;
        (platform.stick)(&server, 90 * SECOND);
        stage.advance(300 * SECOND).await;
        let errors = errors.lock().unwrap();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].contains("unknown"), "{errors:?}");
        assert!(times(&bot, "perhaps") <= 1, "nor does the bot repeat it");
        check_told(&bot);
        bot.assert_reconnects(u64::from(!platform.speaks_over_http));
    });
}

pub(crate) fn what_is_said_during_an_outage_leaves_afterwards_in_order(platform: &Platform) {
    let faults = [
        Fault::new(FaultKind::Disconnect),
        // Shorter than handlers may take.
        Fault::new(FaultKind::Maintenance).lasting(8 * SECOND),
    ];
    for fault in faults {
        platform.with_seeds(3, async |stage: Stage| {
            let bot =
                platform
                    .bot(&stage, "patient")
                    .on("count", async |message: Event<ChatMessage>| {
                        if message.is_own {
                            return Ok(());
                        }
                        tokio::time::sleep(SECOND / 5).await;
                        let said = (0..100).map(|number| message.say(format!("number {number}")));
                        for said in join_all(said).await {
                            said?;
                        }
                        Ok(())
                    });
            let bot = stage.start(bot).await;
            let server = stage.platform(platform.name);
            let (from, channel) = platform.talks[0];
            server.say(from, channel, "count");
            stage.advance(SECOND / 10).await;
            server.fault(fault.clone());
            stage.advance(SECOND / 5).await;
            if bot.reconnects() == 0 {
                assert_eq!(times(&bot, "number 0"), 0, "it waits");
            }
            stage.advance(120 * SECOND).await;
            let numbers: Vec<String> = (0..100).map(|number| format!("number {number}")).collect();
            bot.assert_order(&numbers);
            bot.assert_said(numbers);
            bot.assert_no_dead_letters();
            bot.assert_reconnects(1);
        });
    }
}
