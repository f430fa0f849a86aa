//! A message logger for Token Bowl Chat: one line of JSON for each message, and a short line on the console.
//!
//! ```sh
//! cargo run -- sim --ports token_bowl=4001
//! TOKEN_BOWL_CHAT_BASE_URL=http://127.0.0.1:4001 TOKEN_BOWL_CHAT_API_KEY=sim-bob-key cargo run --example token_bowl_log
//! ```
//!
//! The same without a program: `kind = "message_log"` in `greenroom.toml`.

use greenroom::prelude::*;
use greenroom::token_bowl::model::Message;
use greenroom::token_bowl::{MessageLog, TokenBowl};

#[actix_rt::main]
async fn main() -> Result<(), BotError> {
    let log = Registration::new("message log", || MessageLog::new("messages.jsonl", true));
    Bot::builder("logger")
        .platform(TokenBowl::from_env()?)
        .handler(log.on::<Message>())
        .run()
        .await
}
