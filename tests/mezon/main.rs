//! What the Mezon adapter promises, against the simulated platform on both wires.
#![cfg(all(feature = "mezon", feature = "simulator"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

/// Makes tests of functions that take the wire: `name::v1` and `name::v2`.
macro_rules! on_both_wires {
    ($($name:ident),* $(,)?) => {
        $(mod $name {
            use super::Wire;

            #[actix_rt::test]
            async fn v1() {
                super::$name(Wire::V1).await;
            }

            #[actix_rt::test]
            async fn v2() {
                super::$name(Wire::V2).await;
            }
        })*
    };
}

mod agent;
mod defects;
mod defects_cache;
mod defects_link;
mod events;
mod life;
mod noise;
mod objects;
mod socket;
#[path = "../stage/mod.rs"]
mod stage;
mod startup;
mod talk;
mod tls;
mod tokens;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::mezon::{
    AnyEvent, ApiError, Attachment, CacheOptions, Mezon, MezonClient, MezonMessage, NewMessage,
    OnMezon, proto,
};
use greenroom::prelude::*;
use greenroom::simulator::{Platform, Simulator};
use greenroom_proto::mezon::{Wire, api, realtime};
use serde_json::{Value, json};
use stage::{Stage, object, settings};

const BOT: i64 = 1_000_000_000_000_000_001;
const CLAN: i64 = 2_000_000_000_000_000_001;
const GENERAL: i64 = 3_000_000_000_000_000_001;
const ALICE: i64 = 4_000_000_000_000_000_001;
const BOB: i64 = 4_000_000_000_000_000_002;
const DM: i64 = 5_000_000_000_000_000_001;

fn general() -> ChannelKey {
    ChannelKey::new(CLAN, GENERAL)
}

/// Starts a bot and returns the client of its adapter.
async fn open(
    wire: Wire,
    compose: impl FnOnce(greenroom::bot::BotBuilder) -> greenroom::bot::BotBuilder,
) -> (Stage, MezonClient) {
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let mezon = simulator.platform("mezon").unwrap();
    let adapter = Mezon::new(settings(&mezon.url(), wire));
    let client = adapter.client();
    let bot = compose(Bot::builder("test").seed(1).platform(adapter));
    let bot = bot.build().unwrap().start();
    bot.connected().await.unwrap();
    (Stage::new(simulator, mezon, bot), client)
}

/// Starts a bot whose messages are written down as they are handled.
async fn listening(
    wire: Wire,
    settings: greenroom::mezon::Settings,
    simulator: Simulator,
) -> Scene {
    let mezon = simulator.platform("mezon").unwrap();
    let adapter = Mezon::new(settings);
    let client = adapter.client();
    let heard = Heard::default();
    let log = Arc::clone(&heard);
    let bot = Bot::builder("test").seed(1).platform(adapter).on(
        "heard",
        async move |event: Event<api::ChannelMessage>| {
            log.lock().unwrap().push(event.payload().clone());
            Ok(())
        },
    );
    let bot = bot.build().unwrap().start();
    bot.connected().await.unwrap();
    assert_eq!(client.wire(), wire);
    let stage = Stage::new(simulator, mezon, bot);
    Scene {
        stage,
        client,
        heard,
    }
}

/// A bot on the simulated platform, and what it has heard.
struct Scene {
    stage: Stage,
    client: MezonClient,
    heard: Heard,
}

type Heard = Arc<Mutex<Vec<api::ChannelMessage>>>;

impl Scene {
    async fn open(wire: Wire) -> Self {
        Self::with(wire, |_| ()).await
    }

    async fn with(wire: Wire, change: impl FnOnce(&mut greenroom::mezon::Settings)) -> Self {
        let simulator = Simulator::builder().seed(1).start().await.unwrap();
        let url = simulator.url("mezon").unwrap();
        let mut settings = settings(&url, wire);
        change(&mut settings);
        listening(wire, settings, simulator).await
    }

    fn emit(&self, name: &str, data: impl Into<Value>) -> Value {
        let event = json!({"event": name, "data": data.into()});
        self.stage.mezon.emit(object(event)).unwrap()
    }

    fn texts(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard
            .iter()
            .map(|message| MezonMessage::new(message).text())
            .collect()
    }

    async fn hears(&self, text: &str) {
        let all = || self.texts().iter().any(|heard| heard == text);
        self.stage.until(20, text, |_| all()).await;
    }

    fn calls(&self) -> Vec<String> {
        called(&self.stage.mezon)
    }

    fn sent(&self, name: &str) -> Vec<Value> {
        sent(&self.stage.mezon, name)
    }
}

/// Lists what the bot has sent under this name, each as the body of its envelope.
fn sent(platform: &Arc<dyn Platform>, name: &str) -> Vec<Value> {
    let entries = platform.journal(0).into_iter().map(|entry| entry.to_json());
    let from_bot = entries.filter(|entry| entry["direction"] == "in" && entry["kind"] == "ws");
    from_bot
        .map(|entry| entry["body"][name].clone())
        .filter(|body| !body.is_null())
        .collect()
}

/// Lists the requests over HTTP, each as method and path.
fn called(platform: &Arc<dyn Platform>) -> Vec<String> {
    let entries = platform.journal(0).into_iter().map(|entry| entry.to_json());
    let calls = entries.filter(|entry| entry["direction"] == "in" && entry["kind"] == "http");
    calls
        .map(|entry| {
            format!(
                "{} {}",
                entry["method"].as_str().unwrap_or_default(),
                entry["path"].as_str().unwrap_or_default()
            )
        })
        .collect()
}
