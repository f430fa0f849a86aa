//! What the Payman adapter and its simulator promise.
#![cfg(all(feature = "cli", feature = "payman", feature = "testing"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::needless_pass_by_value, reason = "literals are passed")]

mod actors;
mod ask;
mod command;
mod defects;
mod errors;
mod script;
mod secrets;
mod simulator;
mod streams;
mod tokens;
mod wallet;
mod wire;

use std::time::Duration;

use greenroom::payman::{ErrorKind, PaymanClient, PaymanError, Settings};
use greenroom::testing::{self, Stage};
use serde_json::{Value, json};

const CLIENT: &str = "sim-payman-client";
const SECRET: &str = "sim-payman-secret";
const CODE: &str = "sim-auth-code";
const TOKEN: &str = "/api/oauth2/token";
const TASKS: &str = "/api/a2a/tasks/";
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

/// The settings of the default world's application.
fn settings() -> Settings {
    Settings::new(CLIENT, SECRET).base_url("http://payman.test".parse().unwrap())
}

/// Makes a client of a stage.
async fn client(stage: &Stage, settings: Settings) -> PaymanClient {
    PaymanClient::connect_over(settings, stage.network())
        .await
        .unwrap()
}

/// Returns the requests that have come in whose target begins so.
fn requests(stage: &Stage, target: &str) -> Vec<Value> {
    let entries = stage.payman().journal();
    let entries = entries.iter().map(greenroom::simulator::Entry::to_json);
    let ours = |entry: &Value| {
        entry["direction"] == "in"
            && entry["path"]
                .as_str()
                .is_some_and(|path| path.starts_with(target))
    };
    entries.filter(ours).collect()
}

/// What an error is, in short.
fn facts(error: &PaymanError) -> (ErrorKind, Option<u16>, bool) {
    (error.kind(), error.status(), error.may_have_run())
}

/// A task as a server answers it.
fn completed(text: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": "req-x", "result": {
        "id": "tsk-x", "sessionId": "ses-x",
        "status": {"state": "completed", "timestamp": "2026-01-02T03:04:05Z"},
        "artifacts": [{"name": "response", "parts": [{"type": "text", "text": text}], "index": 0}],
    }})
}
