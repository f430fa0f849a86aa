//! Bots that `greenroom.toml` composes: what the handlers do that speak of themselves, outages included.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod alerts;
mod bridge;
mod filters;
mod schedule;

use std::time::Duration;

use greenroom::bot::BotBuilder;
use greenroom::compose;
use greenroom::config::{Config, Purpose, Sources};
use greenroom::simulator::{Fault, FaultKind};
use greenroom::testing::{Stage, TestPlatform};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Both platforms, as they are on the stage.
const PLATFORMS: &str = r#"
[mezon]
client_id = "1000000000000000001"
api_key = "sim-mezon-key"
base_url = "http://mezon.test"

[token_bowl]
api_key = "sim-greenroom-key"
base_url = "http://token_bowl.test"

[cache]
enabled = false
"#;

/// Reads a configuration; returns what is wrong with it, without the place.
fn read(text: &str) -> Result<Config, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("greenroom.toml");
    std::fs::write(&file, text).unwrap();
    let config = Sources::none().file(&file).load(Purpose::Run);
    config.map_err(|faults| {
        let faults = faults.iter();
        faults
            .map(|fault| format!("{}: {}", fault.path, fault.message))
            .collect()
    })
}

/// Composes a bot of these handlers on both platforms.
fn bot(handlers: &str) -> BotBuilder {
    compose::bot(&read(&format!("{PLATFORMS}{handlers}")).unwrap())
}

/// Takes a platform away for a while.
fn outage(platform: &TestPlatform, duration: Duration) {
    platform.fault(Fault::new(FaultKind::Maintenance).lasting(duration));
}

/// Returns what the bot has said on a platform, without what makes mentions harmless.
fn said(bot: &greenroom::testing::TestBot, platform: &str) -> Vec<String> {
    let replies = bot.replies().into_iter();
    let here = replies.filter(|said| said.platform == platform);
    here.map(|said| said.text.replace('\u{200b}', "")).collect()
}

/// Waits until the bot has said so much on a platform.
async fn until_said(
    stage: &Stage,
    bot: &greenroom::testing::TestBot,
    platform: &str,
    number: usize,
) {
    let done = || said(bot, platform).len() >= number;
    stage.until("what was to be said", MINUTE, done).await;
}
