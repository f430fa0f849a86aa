//! A bot that lives for 24 virtual hours while one request or message in a hundred meets a fault.
//!
//! What the platform can replay is handled exactly once, and nothing is said twice. What the bot said and nobody can tell whether it
//! arrived is a dead letter, so that somebody knows.

use std::collections::BTreeMap;
use std::time::Duration;

use greenroom::testing::{Stage, TestBot};

use crate::platform::{Platform, SECOND};

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Users speak this often, each time in another conversation.
const PAUSE: Duration = Duration::from_secs(15);

/// Lives for a while under faults, then a little without.
async fn live(platform: &Platform, stage: &Stage, time: Duration) -> TestBot {
    let bot = stage.start(platform.answering(stage)).await;
    let server = stage.platform(platform.name);
    server.chaos(0.01);
    let times = (time.as_secs() / PAUSE.as_secs()) as usize;
    for number in 0..times {
        platform.say(stage, number);
        stage.advance(PAUSE).await;
        bot.assert_bounded(100);
    }
    server.chaos(0.0);
    stage.advance(600 * SECOND).await;
    println!("{}: {}", platform.name, summary(platform, stage, &bot));
    bot
}

fn summary(platform: &Platform, stage: &Stage, bot: &TestBot) -> String {
    let losses = bot.losses();
    format!(
        "{} said, {} lost, {} doubled, {} replies, {} dead letters, {} faults, {} reconnects, {} restarts",
        losses.said,
        losses.lost.len(),
        losses.duplicated.len(),
        bot.replies().len(),
        bot.running().router().dead_letters().total(),
        stage.platform(platform.name).health()["faults"],
        bot.reconnects(),
        bot.restarts(),
    )
}

/// Checks that nothing is said twice, and that what is not said is told as a dead letter.
fn check_replies(platform: &Platform, bot: &TestBot) {
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
        // What is said by a request of its own can be refused at each attempt; over a connection, it waits.
        let refused = platform.speaks_over_http && reason.contains("(code 5");
        assert!(
            refused || reason.contains("carried out is unknown"),
            "{reason}"
        );
    }
}

pub(crate) fn a_day_of_faults(platform: &Platform) {
    let run = |seed| {
        platform.stage(seed).run(async |stage: Stage| {
            let bot = live(platform, &stage, DAY).await;
            check_replies(platform, &bot);
            let losses = bot.losses();
            assert!(losses.duplicated.is_empty(), "{:?}", losses.duplicated);
            match platform.replays {
                true => bot.assert_nothing_lost(),
                // What is said while the bot is away is a small part of a day.
                false => assert!(losses.lost.len() * 20 < losses.said, "{:?}", losses.lost),
            }
            assert!(bot.reconnects() > 50);
            bot.assert_restarts(0);
            stage.trace().text()
        })
    };
    let (first, second) = (run(1), run(1));
    let differs = first
        .lines()
        .zip(second.lines())
        .find(|(one, two)| one != two);
    assert_eq!(differs, None, "the same seed gives the same trace");
    assert_eq!(first.len(), second.len());
}
