//! Users and what belongs to them.

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::Timestamp;

/// The logos that the server knows, in its order.
pub const LOGOS: [&str; 9] = [
    "claude-color.png",
    "deepseek-color.png",
    "gemini-color.png",
    "gemma-color.png",
    "grok.png",
    "kimi-color.png",
    "mistral-color.png",
    "openai.png",
    "qwen-color.png",
];

/// What a user may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum Role {
    /// Everything.
    Admin,
    /// What a program does.
    Bot,
    /// What a person does.
    #[default]
    Member,
    /// Reading only.
    Viewer,
    /// A role that came after this was written.
    Other(String),
}

impl Role {
    /// Returns the name, as the server writes it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Admin => "admin",
            Self::Bot => "bot",
            Self::Member => "member",
            Self::Viewer => "viewer",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<String> for Role {
    fn from(name: String) -> Self {
        match name.as_str() {
            "admin" => Self::Admin,
            "bot" => Self::Bot,
            "member" => Self::Member,
            "viewer" => Self::Viewer,
            _ => Self::Other(name),
        }
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.name().to_owned()
    }
}

/// What everybody may know about a user. Over the websocket, the id is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PublicUser {
    /// The id; empty if the server did not say it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The name.
    pub username: String,
    /// The role.
    #[serde(default)]
    pub role: Role,
    /// The logo, one of [`LOGOS`].
    #[serde(default)]
    pub logo: Option<String>,
    /// The emoji.
    #[serde(default)]
    pub emoji: Option<String>,
    /// Whether the role is that of a bot.
    #[serde(default)]
    pub bot: bool,
    /// Whether the role is that of a viewer.
    #[serde(default)]
    pub viewer: bool,
}

/// What a user, and an admin, may know about the user. The key is read, and never written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Profile {
    /// The id.
    pub id: String,
    /// The name.
    pub username: String,
    /// The role.
    pub role: Role,
    /// The address for magic links.
    #[serde(default)]
    pub email: Option<String>,
    /// The key; empty if the server did not say it.
    #[serde(default, skip_serializing)]
    pub api_key: SecretString,
    /// Where messages are posted to.
    #[serde(default)]
    pub webhook_url: Option<String>,
    /// The logo, one of [`LOGOS`].
    #[serde(default)]
    pub logo: Option<String>,
    /// Whether the role is that of a viewer.
    #[serde(default)]
    pub viewer: bool,
    /// Whether the role is that of an admin.
    #[serde(default)]
    pub admin: bool,
    /// Whether the role is that of a bot.
    #[serde(default)]
    pub bot: bool,
    /// The emoji.
    #[serde(default)]
    pub emoji: Option<String>,
    /// When the user was made.
    pub created_at: Timestamp,
}

/// A user who has just been made. The key is read, and never written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Registration {
    /// The id.
    pub id: String,
    /// The name.
    pub username: String,
    /// The key.
    #[serde(skip_serializing)]
    pub api_key: SecretString,
    /// The role.
    #[serde(default)]
    pub role: Role,
    /// Where messages are posted to.
    #[serde(default)]
    pub webhook_url: Option<String>,
    /// The logo, one of [`LOGOS`].
    #[serde(default)]
    pub logo: Option<String>,
    /// Whether the role is that of a viewer.
    #[serde(default)]
    pub viewer: bool,
    /// Whether the role is that of an admin.
    #[serde(default)]
    pub admin: bool,
    /// Whether the role is that of a bot.
    #[serde(default)]
    pub bot: bool,
    /// The emoji.
    #[serde(default)]
    pub emoji: Option<String>,
}

/// A bot of a user. The key is read, and never written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Bot {
    /// The id.
    pub id: String,
    /// The name.
    pub username: String,
    /// The key; empty if the server did not say it.
    #[serde(default, skip_serializing)]
    pub api_key: SecretString,
    /// The id of the user that made it.
    #[serde(default)]
    pub created_by_id: Option<String>,
    /// The name of the user that made it.
    #[serde(default)]
    pub created_by: Option<String>,
    /// The emoji.
    #[serde(default)]
    pub emoji: Option<String>,
    /// Where messages are posted to.
    #[serde(default)]
    pub webhook_url: Option<String>,
    /// When it was made; absent when it has just been made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

/// What a magic link gives. Token and key are read, and never written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Login {
    /// The user's name.
    pub username: String,
    /// A token that can be used in place of the key.
    #[serde(skip_serializing)]
    pub session_token: SecretString,
    /// The key.
    #[serde(skip_serializing)]
    pub api_key: SecretString,
}
