//! The typed events of the platform.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A whole message of an agent, unchanged: any JSON object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentMessage {
    /// The number of the agent's connection.
    pub agent: u64,
    /// The object.
    pub body: Value,
}

impl AgentMessage {
    /// Returns the type of a realtime event, such as `response.done`; none if it has no type.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.body.get("type").and_then(Value::as_str)
    }
}

/// The agent wants the device to move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Motion {
    /// The arguments as they came; an object unless the agent sent something else.
    pub arguments: Value,
}

impl Motion {
    /// Returns the name of the motion.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.arguments.get("motion_tag").and_then(Value::as_str)
    }

    /// Returns how fast it should be.
    #[must_use]
    pub fn speed(&self) -> Option<f64> {
        self.arguments.get("speed").and_then(Value::as_f64)
    }

    /// Returns how often it should be repeated.
    #[must_use]
    pub fn repeat(&self) -> Option<i64> {
        self.arguments.get("repeat").and_then(Value::as_i64)
    }

    /// Says whether to wait until it is done.
    #[must_use]
    pub fn wait(&self) -> Option<bool> {
        self.arguments.get("wait").and_then(Value::as_bool)
    }
}

/// The agent wants the device to show an emotion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Emotion {
    /// The arguments as they came; an object unless the agent sent something else.
    pub arguments: Value,
}

impl Emotion {
    /// Returns the name of the emotion.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.arguments.get("emotion_tag").and_then(Value::as_str)
    }

    /// Returns how strong it should be.
    #[must_use]
    pub fn intensity(&self) -> Option<f64> {
        self.arguments.get("intensity").and_then(Value::as_f64)
    }

    /// Returns how long it should be shown.
    #[must_use]
    pub fn duration(&self) -> Option<f64> {
        self.arguments.get("duration").and_then(Value::as_f64)
    }

    /// Returns how long it should take to appear.
    #[must_use]
    pub fn fade_in(&self) -> Option<f64> {
        self.arguments.get("fade_in").and_then(Value::as_f64)
    }
}

/// The agent calls a function of the device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionCall {
    /// The name of the function; may be empty.
    pub name: String,
    /// The parameters as they came; an object unless the agent sent something else.
    pub parameters: Value,
}

/// Something was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// The id of the item, if it has one.
    pub message_id: Option<String>,
    /// Who says it: `user`, `assistant`, or whatever a flat message names.
    pub role: String,
    /// The text; of an assistant only what is new, of a user empty until the text is known.
    pub content: String,
}

/// An agent has connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentConnected {
    /// The number of its connection.
    pub agent: u64,
}

/// An agent has gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentDisconnected {
    /// The number of its connection.
    pub agent: u64,
}

/// What a local message of health is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HealthCode {
    Database,
    Executer,
}

/// Makes a message of health, as an agent would send it.
pub(super) fn health_status(code: HealthCode, message: &str) -> Value {
    let code = match code {
        HealthCode::Database => "DATABASE_ERROR",
        HealthCode::Executer => "EXECUTER_ERROR",
    };
    serde_json::json!({"code": code, "message": message, "type": "health.status"})
}
