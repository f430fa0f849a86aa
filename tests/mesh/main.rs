//! What the Mesh adapter promises.
#![cfg(all(feature = "cli", feature = "mesh", feature = "testing"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::needless_pass_by_value, reason = "literals are passed")]

mod actors;
mod browser;
mod chat;
mod command;
mod connections;
mod errors;
mod global;
#[cfg(unix)]
mod keyring;
mod keys;
mod login;
mod rig;
mod script;
mod secrets;
#[cfg(target_os = "linux")]
mod terminal;
mod tokens;

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use greenroom::actors::clock;
use greenroom::mesh::{MeshClient, Settings, TokenStore};
use greenroom::testing::{self, Stage, TestPlatform};
use serde_json::{Value, json};

const USER: &str = "auth0|sim-user";
const PROFILE: &str = "/api/v1/auth/profile";
const CHAT: &str = "/api/v1/chat/completions";
const SECOND: Duration = Duration::from_secs(1);

/// Runs a test on a stage in memory, under stopped time.
fn on_stage<F, T>(test: F)
where
    F: FnOnce(Stage) -> T,
    T: Future<Output = ()>,
{
    secrets::log_everything();
    testing::run(test);
}

/// A token of a user as the simulator takes it: good for a day.
fn token_of(user: &str) -> String {
    let claims = json!({"sub": user, "exp": clock::unix_seconds() + 86_400});
    format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// Settings for the stage, with a token of the default user.
fn settings() -> Settings {
    unauthenticated().auth_token(token_of(USER))
}

/// Settings for the stage, without a login.
fn unauthenticated() -> Settings {
    let mut settings = Settings::new("http://mesh.test");
    settings.auth0_domain = Some("http://auth0.test".to_owned());
    settings.token_store = TokenStore::Memory;
    settings.headless = true;
    settings
}

/// Settings that keep the login in this file.
fn stored(file: &Path) -> Settings {
    let mut settings = unauthenticated();
    settings.token_store = TokenStore::File;
    settings.token_file = Some(file.to_owned());
    settings
}

fn client(stage: &Stage, settings: Settings) -> MeshClient {
    let client = MeshClient::connect_over(settings, stage.network()).unwrap();
    client.on_prompt(|_| {});
    client
}

/// Returns the requests that have come in, as `METHOD path`.
fn asked(platform: TestPlatform) -> Vec<String> {
    let ways = requests(platform).into_iter().map(|entry| {
        let target = entry["path"].as_str().unwrap_or_default().to_owned();
        let path = target.split('?').next().unwrap_or_default();
        format!("{} {path}", entry["method"].as_str().unwrap_or_default())
    });
    ways.collect()
}

fn requests(platform: TestPlatform) -> Vec<Value> {
    let entries = platform.journal();
    let entries = entries.iter().map(greenroom::simulator::Entry::to_json);
    entries.filter(|entry| entry["direction"] == "in").collect()
}

/// A token file whose token ends in so many seconds; its refresh token is one that the simulator knows.
async fn token_file(stage: &Stage, folder: &Path, left: i64) -> PathBuf {
    let file = folder.join("token.json");
    let mut settings = stored(&file);
    settings.interactive = true;
    let first = client(stage, settings);
    first.authenticate().await.unwrap();
    first.close().await;
    let mut token: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    token["expires_at"] = json!(clock::unix_seconds() as i64 + left);
    std::fs::write(&file, token.to_string()).unwrap();
    file
}
