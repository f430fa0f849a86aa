//! A bot that lives for 24 virtual hours while one request or message in a hundred meets a fault.
//!
//! What the platform can replay is handled exactly once, and nothing is said twice. What the bot said and nobody can tell whether it
//! arrived is a dead letter, so that somebody knows.
#![cfg(all(feature = "mezon", feature = "testing"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::time::Duration;

use greenroom::mezon::{Mezon, Settings};
use greenroom::prelude::*;
use greenroom::testing::{Stage, TestBot};
use greenroom_proto::mezon::Wire;

const HOUR: Duration = Duration::from_secs(3_600);
/// Users speak this often, each time in another of these conversations.
const PAUSE: Duration = Duration::from_secs(15);
const CHANNELS: [(&str, &str); 3] = [("alice", "general"), ("bob", "backstage"), ("alice", "dm")];

fn answers(stage: &Stage, wire: Wire) -> greenroom::bot::BotBuilder {
    let mut settings = Settings::new("1000000000000000001", "sim-mezon-key");
    settings.base_url = stage.mezon().url().parse().unwrap();
    settings.wire = Some(wire);
    Bot::builder("survivor").platform(Mezon::new(settings)).on(
        "answer",
        async |message: Event<ChatMessage>| {
            if !message.is_own {
                message.reply(format!("re {}", message.text)).await?;
            }
            Ok(())
        },
    )
}

/// Lives for a while under faults, then a little without, and says how it went.
async fn live(stage: &Stage, wire: Wire, hours: u32) -> TestBot {
    let bot = stage.start(answers(stage, wire)).await;
    stage.mezon().chaos(0.01);
    let times = HOUR.as_secs() * u64::from(hours) / PAUSE.as_secs();
    for number in 0..times {
        let (from, channel) = CHANNELS[number as usize % CHANNELS.len()];
        stage.mezon().say(from, channel, &number.to_string());
        stage.advance(PAUSE).await;
        bot.assert_bounded(100);
    }
    stage.mezon().chaos(0.0);
    stage.advance(Duration::from_secs(600)).await;
    println!("{}", summary(stage, &bot));
    bot
}

fn summary(stage: &Stage, bot: &TestBot) -> String {
    let losses = bot.losses();
    format!(
        "{} said, {} lost, {} doubled, {} replies, {} dead letters, {} faults, {} reconnects, {} restarts",
        losses.said,
        losses.lost.len(),
        losses.duplicated.len(),
        bot.replies().len(),
        bot.running().router().dead_letters().total(),
        stage.mezon().health()["faults"],
        bot.reconnects(),
        bot.restarts(),
    )
}

/// Checks that nothing is said twice, and that what is not said is told as a dead letter.
fn check_replies(bot: &TestBot) {
    let mut replies: BTreeMap<String, usize> = BTreeMap::new();
    for said in bot.replies() {
        *replies.entry(said.text).or_default() += 1;
    }
    let twice: Vec<_> = replies.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "said twice: {twice:?}");
    let letters = bot.running().router().dead_letters();
    let handled = bot.losses().said - bot.losses().lost.len();
    assert!(
        replies.len() as u64 + letters.total() >= handled as u64,
        "{} replies and {} dead letters for {handled} messages",
        replies.len(),
        letters.total(),
    );
    for letter in letters.list() {
        let reason = format!("{:?}", letter.reason);
        assert!(reason.contains("carried out is unknown"), "{reason}");
    }
}

#[test]
fn a_day_of_faults_loses_nothing_and_doubles_nothing() {
    Stage::builder().frames(false).run(async |stage: Stage| {
        let bot = live(&stage, Wire::V2, 24).await;
        check_replies(&bot);
        bot.assert_nothing_lost();
        assert!(bot.reconnects() > 50);
        bot.assert_restarts(0);
    });
}

/// The older wire cannot fetch what was missed, and cannot tell what became of a message: then it is not said again.
#[test]
fn on_the_older_wire_a_day_of_faults_doubles_nothing() {
    Stage::builder().frames(false).run(async |stage: Stage| {
        let bot = live(&stage, Wire::V1, 24).await;
        check_replies(&bot);
        let losses = bot.losses();
        assert!(losses.duplicated.is_empty(), "{:?}", losses.duplicated);
        // What is said while the bot is away is a small part of a day.
        assert!(
            losses.lost.len() * 20 < losses.said,
            "{} lost",
            losses.lost.len()
        );
        assert!(bot.reconnects() > 50);
        bot.assert_restarts(0);
    });
}
