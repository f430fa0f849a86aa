//! A simulated Mezon and a bot on it, over real sockets, for the tests of promises.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use greenroom::actors::supervisor::Backoff;
use greenroom::bot::{BotBuilder, Running};
use greenroom::mezon::{Mezon, Settings};
use greenroom::prelude::*;
use greenroom::simulator::{Fault, Platform, Simulator};
use greenroom_proto::mezon::Wire;
use serde_json::{Map, Value, json};

pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) mezon: Arc<dyn Platform>,
    pub(crate) bot: Running,
    /// What the bot has said, up to this number of the journal.
    said: RefCell<(u64, BTreeMap<String, usize>)>,
}

/// The settings of the default world's bot.
pub(crate) fn settings(url: &str, wire: Wire) -> Settings {
    let mut settings = Settings::new("1000000000000000001", "sim-mezon-key");
    settings.base_url = url.parse().unwrap();
    settings.wire = Some(wire);
    // These servers come back at once, and tests are in a hurry.
    settings.backoff = Backoff::exponential(Duration::from_millis(20), Duration::from_millis(200));
    settings
}

impl Stage {
    /// Puts together what was started one by one.
    pub(crate) fn new(simulator: Simulator, mezon: Arc<dyn Platform>, bot: Running) -> Self {
        Self {
            simulator,
            mezon,
            bot,
            said: RefCell::default(),
        }
    }

    /// Starts a bot with the handlers that `compose` gives it, and waits until it is connected.
    pub(crate) async fn open(wire: Wire, compose: impl FnOnce(BotBuilder) -> BotBuilder) -> Self {
        let simulator = Simulator::builder().seed(1).start().await.unwrap();
        let mezon = simulator.platform("mezon").unwrap();
        let builder = Bot::builder("test")
            .seed(1)
            .platform(Mezon::new(settings(&mezon.url(), wire)));
        let bot = compose(builder).build().unwrap().start();
        bot.connected().await.unwrap();
        Self::new(simulator, mezon, bot)
    }

    pub(crate) fn say(&self, text: &str) -> Value {
        let words = json!({"from": "alice", "channel": "general", "text": text});
        self.mezon.say(object(words)).unwrap()
    }

    /// Says something that mentions users: each name with its id and where it begins in the text.
    pub(crate) fn mention(&self, text: &str, users: &[(&str, &str, usize)]) -> Value {
        let mentions = users.iter().map(|(name, id, start)| {
            json!({"user_id": id.parse::<i64>().unwrap(), "username": name, "s": start, "e": start + name.len() + 1})
        });
        let mentions: Vec<_> = mentions.collect();
        let words =
            json!({"from": "alice", "channel": "general", "text": text, "mentions": mentions});
        self.mezon.say(object(words)).unwrap()
    }

    pub(crate) fn fault(&self, fault: Value) {
        let fault = Fault::parse(object(fault), self.mezon.faults()).unwrap();
        self.mezon.fault(fault).unwrap();
    }

    /// Counts what the bot has said, by text.
    pub(crate) fn said(&self) -> BTreeMap<String, usize> {
        let (seen, said) = &mut *self.said.borrow_mut();
        for entry in self.mezon.journal(*seen) {
            *seen = entry.seq;
            let entry = entry.to_json();
            let content = entry["body"]["channel_message_send"]["content"].as_str();
            if let (Some("in"), Some(content)) = (entry["direction"].as_str(), content) {
                let content: Value = serde_json::from_str(content).unwrap();
                *said
                    .entry(content["t"].as_str().unwrap().to_owned())
                    .or_default() += 1;
            }
        }
        said.clone()
    }

    /// Waits until `done` holds; fails after `seconds`.
    pub(crate) async fn until(&self, seconds: u64, what: &str, done: impl Fn(&Self) -> bool) {
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

    pub(crate) async fn close(self) {
        self.bot.shutdown().await;
        self.simulator.stop().await;
    }
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other} is no object"),
    }
}
