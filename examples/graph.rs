//! A bot as a graph: one handler emits events of its own type, another handles them. Runs on the simulator, by itself.

use std::collections::BTreeMap;

use actix::{Actor, Context, Handler, ResponseFuture};
use greenroom::mezon::Settings;
use greenroom::prelude::*;
use greenroom::simulator::Simulator;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// An event of our own: any plain data that serde can read and write.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Vote {
    dish: String,
    voter: String,
}

/// A handler actor with state: made anew by its factory whenever it fails.
#[derive(Default)]
struct Poll {
    votes: BTreeMap<String, u32>,
}

impl Actor for Poll {
    type Context = Context<Self>;
}

impl Handler<Event<Vote>> for Poll {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, vote: Event<Vote>, _: &mut Self::Context) -> Self::Result {
        let votes = self.votes.entry(vote.dish.clone()).or_default();
        *votes += 1;
        let text = format!(
            "{} votes for {}, which makes {votes}",
            vote.voter, vote.dish
        );
        Box::pin(async move {
            println!("{text}");
            // An emitted event knows the conversation of the message that led to it.
            vote.say(text).await?;
            Ok(())
        })
    }
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = Simulator::builder().start().await?;
    let url = simulator.url("mezon").ok_or("no Mezon in the simulator")?;
    let mut settings = Settings::new("1000000000000000001", "sim-mezon-key");
    settings.base_url = url.parse()?;
    let bot = Bot::builder("canteen")
        .platform(Mezon::new(settings))
        .on("votes", async |message: Event<ChatMessage>| {
            if let Some(dish) = message.command("!vote") {
                let (dish, voter) = (dish.to_owned(), message.author.display.clone());
                message.emit(Vote { dish, voter }).await;
            }
            Ok(())
        })
        .handler(
            Registration::new("poll", Poll::default)
                .order(Order::Serial)
                .on::<Vote>(),
        )
        .build()?
        .start();
    bot.connected().await?;

    let people = simulator
        .platform("mezon")
        .ok_or("no Mezon in the simulator")?;
    for (from, dish) in [("alice", "soup"), ("bob", "soup"), ("alice", "pie")] {
        let words = json!({"from": from, "channel": "general", "text": format!("!vote {dish}")});
        people.say(words.as_object().cloned().unwrap_or_default())?;
    }
    // Shutting down in order: what was said is handled, and the answers leave, before anything stops.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    println!("\n{}", bot.graph().to_text());
    bot.shutdown().await;
    simulator.stop().await;
    Ok(())
}
