//! A simulated platform as a test sees it.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::trace::Trace;
use crate::simulator::registry::PLATFORMS;
use crate::simulator::server::Server;
use crate::simulator::{Entry, Fault, Platform};

/// A simulated platform: lets users speak, events happen and things go wrong.
#[derive(Clone, Debug)]
pub struct TestPlatform {
    name: &'static str,
    server: Arc<Server>,
    trace: Trace,
}

impl TestPlatform {
    pub(super) fn new(name: &'static str, server: Arc<Server>, trace: Trace) -> Self {
        Self {
            name,
            server,
            trace,
        }
    }

    /// Returns the address under which bots find it; it leads nowhere outside the test.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Lets a user speak; returns the id of the message. The bot hears it when the test next waits for something.
    ///
    /// # Panics
    ///
    /// If there is no such user or channel.
    #[expect(clippy::must_use_candidate, reason = "saying it is enough")]
    pub fn say(&self, from: &str, channel: &str, text: &str) -> String {
        let answer = self.input(
            "say",
            json!({"from": from, "channel": channel, "text": text}),
        );
        answer["message_id"].as_str().unwrap_or_default().to_owned()
    }

    /// Pushes a realtime event of the platform to all who are connected; returns how many that are.
    ///
    /// # Panics
    ///
    /// If there is no such event, or the data do not fit.
    #[expect(clippy::must_use_candidate, reason = "emitting it is enough")]
    #[expect(clippy::needless_pass_by_value, reason = "it is written down in place")]
    pub fn emit(&self, event: &str, data: Value) -> u64 {
        let answer = self.input("emit", json!({"event": event, "data": data}));
        answer["delivered"].as_u64().unwrap_or_default()
    }

    /// Lets a platform whose bots are servers dial one, such as the agent of Ticos a device at `ws://127.0.0.1:9999/realtime`; returns how many
    /// it has dialed. Such a bot listens on a real port, on threads whose clock cannot be stopped, so that this is for stages
    /// [in real time](super::StageBuilder::in_real_time).
    ///
    /// # Panics
    ///
    /// If the platform dials nobody, or nobody answers.
    pub async fn dial(&self, url: &str) -> u64 {
        let url = Map::from_iter([("url".to_owned(), url.into())]);
        let Some(dialing) = Platform::dial(Arc::clone(&self.server), url) else {
            panic!("{} dials nobody", self.name);
        };
        match dialing.await {
            Ok(answer) => answer["connections"].as_u64().unwrap_or_default(),
            Err(refusal) => panic!("{}: {refusal}", self.name),
        }
    }

    /// Lets something go wrong.
    ///
    /// # Panics
    ///
    /// If the platform does not know the fault, or too many wait.
    pub fn fault(&self, fault: impl Into<Fault>) {
        self.input("fault", fault.into().to_json());
    }

    /// Lets faults happen by themselves from now on: each occasion draws one with probability `rate`; 0 ends it. The
    /// [mix](crate::simulator::fault#chaos) says what is drawn.
    ///
    /// # Panics
    ///
    /// If the rate is not from 0 to 1.
    pub fn chaos(&self, rate: f64) {
        self.input("chaos", json!({"rate": rate}));
    }

    /// Returns all that went over its wires, the newest 100,000 entries.
    #[must_use]
    pub fn journal(&self) -> Vec<Entry> {
        self.server.journal(0)
    }

    /// Returns its figures: `sockets`, `faults`, `overflows` and others.
    #[must_use]
    pub fn health(&self) -> Value {
        self.server.health()
    }

    /// Returns how many faults have happened.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.health()["faults"].as_u64().unwrap_or_default()
    }

    /// Returns who speaks where in the default world, so that a bot hears it.
    #[must_use]
    pub fn talks(&self) -> &'static [(&'static str, &'static str)] {
        let maker = PLATFORMS.iter().find(|maker| maker.name == self.name);
        maker.map_or(&[], |maker| maker.talks)
    }

    /// Does something to the platform, and notes it so that it can be done again.
    pub(super) fn input(&self, what: &'static str, input: Value) -> Value {
        self.trace
            .note(what, json!({"platform": self.name, "input": input}));
        let body = match input {
            Value::Object(body) => body,
            _ => Map::new(),
        };
        let done = match what {
            "say" => self.server.say(body),
            "emit" => self.server.emit(body),
            "chaos" => self.server.chaos(body["rate"].as_f64().unwrap_or(-1.0)),
            _ => {
                Fault::parse(body, self.server.faults()).and_then(|fault| self.server.fault(fault))
            }
        };
        match done {
            Ok(answer) => answer,
            Err(refusal) => panic!("{}: {refusal}", self.name),
        }
    }
}
