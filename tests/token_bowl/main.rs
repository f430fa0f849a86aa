//! What the Token Bowl adapter promises, against the simulated platform under stopped time.
#![cfg(all(feature = "token-bowl", feature = "testing"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod cache;
mod catch_up;
mod centrifugo;
#[cfg(all(feature = "cli", unix))]
mod command;
mod defects;
mod handlers;
mod life;
mod messages;
mod rest;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::bot::{BotBuilder, BotError};
use greenroom::prelude::*;
use greenroom::simulator::Direction;
use greenroom::testing::{Stage, TestBot, TestPlatform};
use greenroom::token_bowl::model::{Message, Unread};
use greenroom::token_bowl::{
    Problem, ReadReceipt, Settings, TokenBowl, TokenBowlClient, TokenBowlEvents, Typing,
};
use serde_json::Value;

const SECOND: Duration = Duration::from_secs(1);

/// The settings of a user of the default world.
fn settings(stage: &Stage, user: &str) -> Settings {
    let key = format!("sim-{user}-key");
    Settings {
        base_url: stage.platform("token_bowl").url().parse().unwrap(),
        ..Settings::new(key)
    }
}

/// What a user has heard.
#[derive(Clone, Debug, Default)]
struct Heard {
    messages: Arc<Mutex<Vec<Message>>>,
    /// Everything else, in the order in which it came.
    rest: Arc<Mutex<Vec<String>>>,
}

impl Heard {
    fn texts(&self) -> Vec<String> {
        let messages = self.messages.lock().unwrap();
        messages
            .iter()
            .map(|message| message.content.clone())
            .collect()
    }

    fn message(&self, place: usize) -> Message {
        self.messages.lock().unwrap()[place].clone()
    }

    fn rest(&self) -> Vec<String> {
        self.rest.lock().unwrap().clone()
    }

    fn note(&self, what: String) {
        self.rest.lock().unwrap().push(what);
    }

    /// Listens to everything.
    fn on(&self, bot: BotBuilder) -> BotBuilder {
        let heard = || self.clone();
        let (a, b, c, d, e, f, g) = (
            heard(),
            heard(),
            heard(),
            heard(),
            heard(),
            heard(),
            heard(),
        );
        bot.on_message("messages", async move |event| {
            a.messages.lock().unwrap().push(event.payload().clone());
            Ok(())
        })
        .on_connect("connects", async move |_| {
            b.note("connected".to_owned());
            Ok(())
        })
        .on_disconnect("disconnects", async move |_| {
            c.note("disconnected".to_owned());
            Ok(())
        })
        .on_error("errors", async move |problem: Event<Problem>| {
            d.note(format!("{:?}: {}", problem.kind, problem.text));
            Ok(())
        })
        .on_read_receipt("receipts", async move |receipt: Event<ReadReceipt>| {
            e.note(format!("{} read {}", receipt.read_by, receipt.message_id));
            Ok(())
        })
        .on_typing("typing", async move |typing: Event<Typing>| {
            f.note(format!(
                "{} types to {:?}",
                typing.username, typing.to_username
            ));
            Ok(())
        })
        .on_unread_count("unread", async move |unread: Event<Unread>| {
            g.note(format!("{} unread", unread.total_unread));
            Ok(())
        })
    }
}

/// A user that is connected.
struct User {
    bot: TestBot,
    client: TokenBowlClient,
    heard: Heard,
}

impl User {
    async fn new(stage: &Stage, name: &str) -> Self {
        Self::with(stage, name, settings(stage, name)).await
    }

    async fn with(stage: &Stage, name: &str, settings: Settings) -> Self {
        Self::try_with(stage, name, settings).await.unwrap()
    }

    async fn try_with(stage: &Stage, name: &str, settings: Settings) -> Result<Self, BotError> {
        let platform = TokenBowl::new(settings);
        let client = platform.client();
        let heard = Heard::default();
        let bot = heard.on(Bot::builder(name).platform(platform));
        let bot = stage.try_start(bot).await?;
        let user = Self { bot, client, heard };
        stage
            .until("the connection", 10 * SECOND, || user.client.is_connected())
            .await;
        Ok(user)
    }

    async fn hears(&self, stage: &Stage, number: usize) {
        let what = format!("{number} messages");
        stage
            .until(&what, 60 * SECOND, || self.heard.texts().len() >= number)
            .await;
    }

    async fn notes(&self, stage: &Stage, what: &str) {
        stage
            .until(what, 120 * SECOND, || {
                self.heard.rest().iter().any(|note| note.contains(what))
            })
            .await;
    }

    fn count(&self, what: &str) -> usize {
        let rest = self.heard.rest();
        rest.iter().filter(|note| note.contains(what)).count()
    }
}

/// What clients have sent over websockets, as JSON.
fn sent(platform: &TestPlatform) -> Vec<Value> {
    let journal = platform.journal();
    let frames = journal
        .iter()
        .filter(|entry| entry.http.is_none() && entry.direction == Direction::In);
    frames.map(|entry| entry.body.to_json()).collect()
}

/// The targets of the requests over HTTP, upgrades included.
fn requests(platform: &TestPlatform) -> Vec<String> {
    let journal = platform.journal();
    let requests = journal
        .iter()
        .filter(|entry| entry.direction == Direction::In)
        .filter_map(|entry| entry.http.as_ref());
    requests.map(|http| http.path.clone()).collect()
}
