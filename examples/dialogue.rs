//! A dialogue that outlives the bot: it is asked in one life and answered in the next. Runs on the simulator, by itself.

use std::time::Duration;

use greenroom::actors::store::Store;
use greenroom::bot::Running;
use greenroom::mezon::Settings;
use greenroom::prelude::*;
use greenroom::simulator::Simulator;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Where a conversation about a pizza is: any plain data that serde can read and write.
#[derive(Serialize, Deserialize)]
enum Pizza {
    Begin,
    Size,
    Address { size: String },
}

/// Takes one message, says something, and returns what comes next.
async fn step(message: Event<ChatMessage>, pizza: Pizza) -> Result<Next<Pizza>, HandlerError> {
    let answer = message.text.clone();
    Ok(match pizza {
        Pizza::Begin => {
            message.reply("Which size: small or large?").await?;
            Next::To(Pizza::Size)
        }
        Pizza::Size if !["small", "large"].contains(&answer.as_str()) => {
            message.reply("Small or large?").await?;
            Next::Stay(Pizza::Size)
        }
        Pizza::Size => {
            message.reply("Where to? You have a minute.").await?;
            Next::Within(Pizza::Address { size: answer }, Duration::from_secs(60))
        }
        Pizza::Address { size } => {
            message
                .reply(format!("A {size} one to {answer}. Enjoy!"))
                .await?;
            Next::Done
        }
    })
}

fn start(url: &str, store: &Store) -> Result<Running, Box<dyn std::error::Error>> {
    let mut settings = Settings::new("1000000000000000001", "sim-mezon-key");
    settings.base_url = url.parse()?;
    let pizza = Dialogue::new("pizza", step)
        .begins(|message| message.command("!pizza").map(|_| Pizza::Begin))
        .cancelled_by("stop", "Never mind.")
        .expires_after(Duration::from_secs(600));
    let bot = Bot::builder("pizzeria")
        .platform(Mezon::new(settings))
        .dialogue(pizza)
        .open_store(store)
        .on("expired", async |expired: Event<DialogueExpired>| {
            expired
                .say("You have thought about it for too long.")
                .await?;
            Ok(())
        })
        .on("listen", async |message: Event<ChatMessage>| {
            println!("{:>10}: {}", message.author.display, message.text);
            Ok(())
        });
    Ok(bot.build()?.start())
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = Simulator::builder().start().await?;
    let url = simulator.url("mezon").ok_or("no Mezon in the simulator")?;
    let people = simulator
        .platform("mezon")
        .ok_or("no Mezon in the simulator")?;
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path())?;
    for words in [["!pizza", "huge"], ["large", "12 Soup Street"]] {
        let bot = start(&url, &store)?;
        bot.connected().await?;
        for text in words {
            let words = json!({"from": "alice", "channel": "general", "text": text});
            people.say(words.as_object().cloned().unwrap_or_default())?;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        bot.shutdown().await;
        println!("{:>10}  (the bot has stopped)", "");
    }
    simulator.stop().await;
    store.flush().await?;
    Ok(())
}
