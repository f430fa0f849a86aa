//! A device of Ticos, and agents that dial it over real sockets.

#![cfg(feature = "ticos")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::needless_pass_by_value, reason = "tests are shorter so")]

mod agent;
mod broadcast;
mod calls;
#[cfg(feature = "simulator")]
mod cloud;
mod conversation;
mod defects;
mod frames;
mod http;
mod life;
#[cfg(feature = "cli")]
mod program;
#[cfg(feature = "cli")]
mod proxy;
mod routed;
#[cfg(feature = "testing")]
mod stage;
mod store;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::bot::{Bot, Running};
use greenroom::ticos::{Conversation, Handlers, Settings, SledStorageService, Ticos, TicosClient};
use serde_json::{Value, json};

use agent::Agent;

/// A device that runs on the test's own thread, and what its handlers were called with, in order.
struct Device {
    bot: Running,
    client: TicosClient,
    calls: Mutex<Receiver<(String, Value)>>,
    handlers: Handlers,
}

/// Settings that touch nothing of whoever runs the tests.
fn settings(home: &std::path::Path) -> Settings {
    Settings::new(0).host("127.0.0.1").home(home)
}

fn stored(home: &std::path::Path) -> Settings {
    settings(home).storage(SledStorageService::new())
}

/// Sets all five handlers.
fn record(handlers: &Handlers) -> Receiver<(String, Value)> {
    let (calls, received) = channel();
    let on = |name: &'static str, calls: &Sender<(String, Value)>| {
        let calls = calls.clone();
        move |value: &Value| {
            calls.send((name.to_owned(), value.clone())).ok();
        }
    };
    handlers.set_message_handler(on("message", &calls));
    handlers.set_motion_handler(on("motion", &calls));
    handlers.set_emotion_handler(on("emotion", &calls));
    let function = calls.clone();
    handlers.set_function_call_handler(move |name: &str, parameters: &Value| {
        let call = json!({"name": name, "parameters": parameters});
        function.send(("function_call".to_owned(), call)).ok();
    });
    handlers.set_conversation_handler(move |said: &Conversation| {
        let said = json!([said.message_id, said.role, said.content]);
        calls.send(("conversation".to_owned(), said)).ok();
    });
    received
}

impl Device {
    async fn start(settings: Settings) -> Self {
        let handlers = Handlers::default();
        let calls = record(&handlers);
        let ticos = Ticos::new(settings).handlers(&handlers);
        let client = ticos.client();
        let bot = Bot::builder("device")
            .platform(ticos)
            .build()
            .unwrap()
            .start();
        bot.connected().await.unwrap();
        Self {
            bot,
            client,
            calls: Mutex::new(calls),
            handlers,
        }
    }

    async fn agent(&self) -> Agent {
        Agent::dial(self.client.address().unwrap(), "/realtime")
            .await
            .unwrap()
    }

    /// Waits for the next call.
    async fn call(&self) -> (String, Value) {
        wait_for(|| self.calls.lock().unwrap().try_recv().ok()).await
    }

    /// Waits for calls, and returns the names of their handlers.
    async fn names(&self, count: usize) -> Vec<String> {
        let mut names = Vec::new();
        for _ in 0..count {
            names.push(self.call().await.0);
        }
        names
    }

    /// Makes sure that nothing but this is called for what came before, by a message of its own.
    async fn settled(&self, agent: &mut Agent) {
        agent.send(&json!({"type": "settled"})).await;
        assert_eq!(
            self.call().await,
            ("message".into(), json!({"type": "settled"}))
        );
    }

    async fn stop(self) {
        self.bot.shutdown().await;
    }
}

/// Looks again and again until there is something; fails after a while.
async fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(20), looking).await;
    found.expect("it did not happen in time")
}

/// The rows of the store, oldest first: role, item and text.
fn rows(client: &TicosClient) -> Vec<(String, Option<String>, String)> {
    let rows = client.storage().unwrap().get_messages(0, -1, false);
    let row =
        |row: greenroom::ticos::Message| (row.role.name().to_owned(), row.item_id, row.content);
    rows.into_iter().map(row).collect()
}

fn row(role: &str, item: &str, text: &str) -> (String, Option<String>, String) {
    (role.to_owned(), Some(item.to_owned()), text.to_owned())
}

fn shared<T: Default>() -> Arc<Mutex<T>> {
    Arc::default()
}
