//! Commands with typed arguments: `!tip @bob 10`, help, a check, a cooldown, and a question that waits for its answer. Runs on the
//! simulator, by itself.

use std::time::Duration;

use greenroom::mezon::Settings;
use greenroom::prelude::*;
use greenroom::simulator::Simulator;
use serde::Deserialize;
use serde_json::json;

/// The arguments: one field a word, in order.
#[derive(Deserialize)]
struct Tip {
    who: Mention,
    amount: u64,
    note: Option<Rest>,
}

fn commands() -> Commands {
    let tip = Command::new("tip", async |call: Call, tip: Tip| {
        let note = tip
            .note
            .map_or(String::new(), |note| format!(": {}", note.0));
        call.reply(format!("{} tokens for {}{note}", tip.amount, tip.who.name))
            .await?;
        Ok(())
    });
    let burn = Command::new("burn", async |call: Call, ()| {
        // Listens from here on, so no answer is too quick.
        let answer = call.next_by_speaker(Duration::from_secs(20));
        call.reply("Burn all tokens? Say yes.").await?;
        let text = match answer.await {
            Ok(answer) if answer.text == "yes" => "They are gone.",
            _ => "They stay.",
        };
        call.say(text).await?;
        Ok(())
    });
    Commands::new("!")
        .suggestions()
        .command(
            tip.about("Gives tokens to somebody")
                .argument("amount", "how many tokens")
                .example("!tip @bob 10 for the soup")
                .alias("give")
                .cooldown(Duration::from_secs(10)),
        )
        .command(burn.about("Burns all tokens").check(Check::in_space()))
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = Simulator::builder().start().await?;
    let url = simulator.url("mezon").ok_or("no Mezon in the simulator")?;
    let mut settings = Settings::new("1000000000000000001", "sim-mezon-key");
    settings.base_url = url.parse()?;
    let bot = Bot::builder("tips")
        .platform(Mezon::new(settings))
        .commands("commands", commands())
        // What the bot itself says is an event as well.
        .on("listen", async |message: Event<ChatMessage>| {
            println!("{:>10}: {}", message.author.display, message.text);
            Ok(())
        })
        .build()?
        .start();
    bot.connected().await?;

    let people = simulator
        .platform("mezon")
        .ok_or("no Mezon in the simulator")?;
    let bob =
        json!([{"user_id": 4_000_000_000_000_000_002_i64, "username": "bob", "s": 5, "e": 9}]);
    for (text, mentions) in [
        ("!help", json!([])),
        ("!help tip", json!([])),
        ("!tip @bob ten", bob.clone()),
        ("!tip @bob 10 for the soup", bob.clone()),
        ("!tip @bob 10", bob),
        ("!tpi @bob 10", json!([])),
        ("!burn", json!([])),
        ("yes", json!([])),
    ] {
        let words =
            json!({"from": "alice", "channel": "general", "text": text, "mentions": mentions});
        people.say(words.as_object().cloned().unwrap_or_default())?;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    bot.shutdown().await;
    simulator.stop().await;
    Ok(())
}
