//! What the servers answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A part of what a model thought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Thought {
    /// In words.
    Thinking {
        /// What it thought.
        content: String,
        /// By which the provider knows it again.
        signature: String,
    },
    /// What the provider does not show.
    RedactedThinking {
        /// As the provider gave it.
        data: String,
    },
}

/// The answer of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChatAnswer {
    /// The text; empty if there is none.
    pub content: String,
    /// What the model thought before.
    pub thinking: Vec<Thought>,
    /// The server's JSON, unchanged.
    pub raw: Value,
    /// Whether [`result`](Self::result) is the server's JSON.
    #[serde(skip)]
    pub(super) is_original: bool,
}

impl ChatAnswer {
    /// Returns the server's JSON if the original response was asked for, else the text.
    #[must_use]
    pub fn result(&self) -> Value {
        match self.is_original {
            true => self.raw.clone(),
            false => Value::String(self.content.clone()),
        }
    }

    /// Returns the text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.content
    }

    /// Returns what the model thought, in words.
    #[must_use]
    pub fn thoughts(&self) -> String {
        let words = self.thinking.iter().map(|thought| match thought {
            Thought::Thinking { content, .. } => content.as_str(),
            Thought::RedactedThinking { .. } => "",
        });
        words.collect()
    }
}

/// A user of Mesh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Profile {
    /// The id, such as `auth0|…`.
    pub id: String,
    /// The address, if the server knows it.
    #[serde(default)]
    pub email: Option<String>,
    /// What is left to spend.
    #[serde(default)]
    pub credits: Option<f64>,
}

/// What came of storing a key.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StoredKey {
    /// Where the server keeps it: `{user}_{name}`.
    pub storage_path: String,
    /// What the caller calls it.
    pub original_key_name: String,
    /// The server's answer.
    #[serde(flatten)]
    pub answer: serde_json::Map<String, Value>,
}

/// What came of storing a commitment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StoredCommitment {
    /// Always true.
    pub success: bool,
    /// Whose it is.
    pub user_id: String,
    /// Of which key.
    pub key_name: String,
    /// What the server keeps: 64 hexadecimal digits.
    pub commitment: String,
}

/// Whether a value is the one that was committed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// Always true: it could be found out.
    pub success: bool,
    /// Whether it is.
    pub verified: bool,
    /// Why not, if that was clear without asking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
}

/// The models that can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Models {
    /// Of OpenAI.
    pub openai: Vec<String>,
    /// Of Anthropic.
    pub anthropic: Vec<String>,
    /// Those that were used before, by provider, if the server does not list what it has.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub available_models: std::collections::BTreeMap<String, Vec<String>>,
}
