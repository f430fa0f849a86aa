//! What the Mezon adapter promises, against the simulated platform on both wires.
#![cfg(all(feature = "mezon", feature = "simulator"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod events;
mod life;
mod noise;
#[path = "../stage/mod.rs"]
mod stage;
mod startup;
mod talk;
mod tls;

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
