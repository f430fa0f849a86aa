//! Filters and middleware: who is served, how often, and how long it takes, without touching the handler. Runs on the simulator, by
//! itself.

use std::time::Duration;

use greenroom::actors::router::closure;
use greenroom::actors::router::middleware::{Call, Cooldown, End, Metrics, Middleware, Permission};
use greenroom::chat::author;
use greenroom::mezon::Settings;
use greenroom::prelude::*;
use greenroom::simulator::Simulator;
use serde_json::json;

/// A layer of our own: tells what became of each attempt.
struct Teller;

impl Middleware for Teller {
    fn after(&self, call: &Call<'_>, end: &End<'_>, _: Duration) {
        println!(
            "{} at event {}: {end:?}",
            call.handler(),
            call.envelope().id
        );
    }
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = Simulator::builder().start().await?;
    let people = simulator
        .platform("mezon")
        .ok_or("no Mezon in the simulator")?;
    let mut settings = Settings::new("1000000000000000001", "sim-mezon-key");
    settings.base_url = people.url().parse()?;

    let metrics = Metrics::default();
    let cake = closure("cake", async |message: Event<ChatMessage>| {
        message.reply("Here is your cake.").await?;
        Ok(())
    })
    // What is not wanted never waits in the queue.
    .filter(|message: &Event<ChatMessage>| message.command("!cake").is_some() && !message.is_own)
    // A look-up may take its time; only this channel waits for it.
    .layer(Permission::look_up(|call| {
        let name = author(call).map(|author| author.name.clone());
        async move { Ok(name.as_deref() != Some("bob")) }
    }))
    .layer(Cooldown::keyed(Duration::from_secs(10), |call| {
        author(call).map(|author| author.id.to_string())
    }));
    let bot = Bot::builder("bakery")
        .platform(Mezon::new(settings))
        .layer(Teller)
        .layer(metrics.clone())
        .handler(cake)
        .build()?
        .start();
    bot.connected().await?;

    for (from, text) in [
        ("alice", "!cake"),
        ("alice", "!cake"),
        ("bob", "!cake"),
        ("bob", "hm"),
    ] {
        let words = json!({"from": from, "channel": "general", "text": text});
        people.say(words.as_object().cloned().unwrap_or_default())?;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for latency in metrics.snapshot() {
        println!(
            "{}: {} handled in {:.6} s",
            latency.handler, latency.times.count, latency.times.sum_s
        );
    }
    let report = bot.shutdown().await;
    println!("{} filtered or skipped", report.handlers[0].filtered);
    simulator.stop().await;
    Ok(())
}
