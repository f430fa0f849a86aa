//! What tests of bots can rely on: a stage in memory, under stopped time and one seed.
#![cfg(all(feature = "mezon", feature = "testing"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[cfg(feature = "cli")]
mod chaos;
mod faults;
mod repeats;
mod stage;

use std::time::Duration;

use greenroom::bot::BotBuilder;
use greenroom::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// A bot that answers every message once.
fn answers(name: &str) -> BotBuilder {
    Bot::builder(name).on("answer", async |message: Event<ChatMessage>| {
        if !message.is_own {
            message.reply(format!("re {}", message.text)).await?;
        }
        Ok(())
    })
}
