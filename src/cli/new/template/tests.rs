//! The bot of `greenroom.toml` on simulated platforms: in memory, under stopped time, from one seed.

use std::time::Duration;

use greenroom::bot::BotBuilder;
use greenroom::compose;
use greenroom::config::{Purpose, Sources};
use greenroom::simulator::{Fault, FaultKind};

use {{crate}}::kinds;

/// The bot, on no platform yet: a test puts it on the simulated ones.
fn bot() -> BotBuilder {
    let sources = Sources::none().file("greenroom.toml").kinds(&kinds());
    compose::without_platforms(&sources.load(Purpose::Offline).unwrap())
}

#[test]
fn cheers_are_counted() {
    greenroom::testing::run(async |world| {
        let bot = world.start(bot()).await;
        world.{{stage}}().say("alice", "{{channel}}", "!cheer");
        bot.expect_reply("Hooray number 1!").await;
        world.{{stage}}().say("bob", "{{channel}}", "!cheer");
        bot.expect_reply("Hooray number 2!").await;
        world.{{stage}}().say("bob", "{{channel}}", "cheerio");
        bot.expect_no_reply(Duration::from_secs(5)).await;
    });
}

#[test]
fn a_cheer_during_an_outage_counts() {
    greenroom::testing::run(async |world| {
        let bot = world.start(bot()).await;
        let outage = Fault::new(FaultKind::Maintenance).lasting(Duration::from_secs(20));
        world.{{stage}}().fault(outage);
        world.{{stage}}().say("alice", "{{channel}}", "!cheer");
        bot.expect_reply("Hooray number 1!").await;
        bot.assert_reconnects(1);
        bot.assert_nothing_lost();
    });
}
