//! How to test a bot: without an account, without the network, and in no time.
//!
//! ```text
//! cargo test --example testing --features testing
//! ```

use greenroom::bot::BotBuilder;
use greenroom::prelude::*;

/// The bot to be tested: it counts votes, and tells the result when it is asked.
fn bot() -> BotBuilder {
    Bot::builder("votes").handler(Registration::new("votes", Votes::default).on::<ChatMessage>())
}

#[derive(Debug, Default)]
struct Votes(u64);

impl actix::Actor for Votes {
    type Context = actix::Context<Self>;
}

impl actix::Handler<Event<ChatMessage>> for Votes {
    type Result = actix::ResponseFuture<Outcome>;

    fn handle(&mut self, message: Event<ChatMessage>, _: &mut Self::Context) -> Self::Result {
        self.0 += u64::from(message.text == "!vote");
        let votes = self.0;
        Box::pin(async move {
            if message.text == "!result" {
                message.reply(format!("{votes} votes")).await?;
            }
            Ok(())
        })
    }
}

#[actix_rt::main]
async fn main() -> Result<(), BotError> {
    bot().run().await
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use std::time::Duration;

    use greenroom::simulator::{Fault, FaultKind};
    use greenroom::testing::{self, Stage};

    use super::bot;

    #[test]
    fn votes_are_counted() {
        testing::run(async |world| {
            let bot = world.start(bot()).await;
            world.say("alice", "general", "!vote");
            world.say("bob", "general", "!vote");
            world.say("bob", "general", "!result");
            bot.expect_reply("2 votes").await;
        });
    }

    #[test]
    fn a_vote_during_an_outage_counts() {
        testing::run(async |world| {
            let bot = world.start(bot()).await;
            let outage = Fault::new(FaultKind::Maintenance).lasting(Duration::from_secs(20));
            world.mezon().fault(outage);
            world.say("alice", "general", "!vote");
            world.advance(Duration::from_secs(60)).await;
            world.say("bob", "general", "!result");
            bot.expect_reply("1 votes").await;
            bot.assert_reconnects(1);
            bot.assert_nothing_lost();
        });
    }

    #[test]
    fn an_hour_of_bad_luck() {
        for seed in 1..=3 {
            Stage::builder().seed(seed).run(async |world: Stage| {
                let bot = world.start(bot()).await;
                world.mezon().chaos(0.02);
                for _ in 0..60 {
                    world.say("alice", "general", "!vote");
                    world.advance(Duration::from_secs(60)).await;
                }
                world.mezon().chaos(0.0);
                world.advance(Duration::from_secs(120)).await;
                world.say("bob", "general", "!result");
                bot.expect_reply("60 votes").await;
            });
        }
    }
}
