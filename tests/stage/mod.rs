//! A simulated Mezon and a bot on it, over real sockets, for the tests of promises.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use greenroom::bot::{BotBuilder, Running};
use greenroom::mezon::{Mezon, Settings};
use greenroom::prelude::*;
use greenroom::simulator::{Fault, Platform, Simulator};
use greenroom_proto::mezon::Wire;
use serde_json::{Map, Value, json};

pub struct Stage {
    pub simulator: Simulator,
    pub mezon: Arc<dyn Platform>,
    pub bot: Running,
}

/// The settings of the default world's bot.
pub fn settings(url: &str, wire: Wire) -> Settings {
    let mut settings = Settings::new("1000000000000000001", "sim-mezon-key");
    settings.base_url = url.parse().unwrap();
    settings.wire = Some(wire);
    settings.backoff = greenroom::actors::supervisor::Backoff::exponential(
        Duration::from_millis(100),
        Duration::from_millis(400),
    );
    settings
}

impl Stage {
    /// Starts a bot with the handlers that `compose` gives it, and waits until it is connected.
    pub async fn open(wire: Wire, compose: impl FnOnce(BotBuilder) -> BotBuilder) -> Self {
        let simulator = Simulator::builder().seed(1).start().await.unwrap();
        let mezon = simulator.platform("mezon").unwrap();
        let builder = Bot::builder("test")
            .seed(1)
            .platform(Mezon::new(settings(&mezon.url(), wire)));
        let bot = compose(builder).build().unwrap().start();
        bot.connected().await.unwrap();
        Self {
            simulator,
            mezon,
            bot,
        }
    }

    pub fn say(&self, text: &str) -> Value {
        let words = json!({"from": "alice", "channel": "general", "text": text});
        self.mezon.say(object(words)).unwrap()
    }

    pub fn fault(&self, fault: Value) {
        let fault = Fault::parse(object(fault), self.mezon.faults()).unwrap();
        self.mezon.fault(fault).unwrap();
    }

    /// Counts what the bot has said, by text.
    pub fn said(&self) -> BTreeMap<String, usize> {
        let mut said = BTreeMap::new();
        for entry in self.mezon.journal(0) {
            let entry = entry.to_json();
            let content = entry["body"]["channel_message_send"]["content"].as_str();
            if let (Some("in"), Some(content)) = (entry["direction"].as_str(), content) {
                let content: Value = serde_json::from_str(content).unwrap();
                *said
                    .entry(content["t"].as_str().unwrap().to_owned())
                    .or_default() += 1;
            }
        }
        said
    }

    /// Waits until `done` holds; fails after `seconds`.
    pub async fn until(&self, seconds: u64, what: &str, done: impl Fn(&Self) -> bool) {
        let waited = tokio::time::timeout(Duration::from_secs(seconds), async {
            while !done(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        assert!(
            waited.await.is_ok(),
            "not within {seconds} s: {what}\n{}",
            self.bot.tree()
        );
    }

    pub async fn close(self) {
        self.bot.shutdown().await;
        self.simulator.stop().await;
    }
}

pub fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}
