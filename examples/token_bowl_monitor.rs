//! Watches Token Bowl Chat as several users at once: a connection for each key that is given.
//!
//! ```sh
//! cargo run -- sim --ports token_bowl=4001
//! TOKEN_BOWL_CHAT_BASE_URL=http://127.0.0.1:4001 \
//!     KEYS="alice=sim-alice-key bob=sim-bob-key" cargo run --example token_bowl_monitor
//! ```
//!
//! The same without a program: `[[token_bowl.accounts]]` and `kind = "monitor"` in `greenroom.toml`.

use std::error::Error;

use greenroom::prelude::*;
use greenroom::token_bowl::model::Message;
use greenroom::token_bowl::{Monitor, Settings, TokenBowl};

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let keys =
        std::env::var("KEYS").map_err(|_| "KEYS is not set: label=key, one after another")?;
    let base = std::env::var("TOKEN_BOWL_CHAT_BASE_URL").unwrap_or_default();
    let mut accounts = Vec::new();
    for pair in keys.split_whitespace() {
        let (label, key) = pair.split_once('=').ok_or("KEYS: expected label=key")?;
        let mut settings = Settings::new(key);
        if !base.is_empty() {
            settings.base_url = base.parse()?;
        }
        accounts.push((label, settings));
    }
    let monitor = Registration::new("monitor", Monitor::new)
        .on::<Message>()
        .on::<Connected>()
        .on::<Disconnected>();
    Bot::builder("monitor")
        .platform(TokenBowl::accounts(accounts))
        .handler(monitor)
        .run()
        .await?;
    Ok(())
}
