//! Messages.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// A message, as it was when it was read: names and pictures are those of that time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// Its id.
    pub id: String,
    /// The sender's id; empty if the sender has been deleted.
    #[serde(default)]
    pub from_user_id: String,
    /// The sender's name.
    pub from_username: String,
    /// The sender's logo.
    #[serde(default)]
    pub from_user_logo: Option<String>,
    /// The sender's emoji.
    #[serde(default)]
    pub from_user_emoji: Option<String>,
    /// Whether the sender is a bot.
    #[serde(default)]
    pub from_user_bot: bool,
    /// The recipient's id, of direct messages.
    #[serde(default)]
    pub to_user_id: Option<String>,
    /// The recipient's name, of direct messages.
    #[serde(default)]
    pub to_username: Option<String>,
    /// The text, 1 to 10,000 characters.
    pub content: String,
    /// Where it was said.
    pub message_type: MessageType,
    /// A sentence for language models about where it was said.
    #[serde(default)]
    pub description: String,
    /// When it was said.
    pub timestamp: Timestamp,
}

/// Where a message was said, or by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum MessageType {
    /// To one user.
    Direct,
    /// In the room.
    Room,
    /// In the room, by the server itself.
    System,
    /// A type that came after this was written.
    Other(String),
}

impl MessageType {
    /// Returns the name, as the server writes it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Direct => "direct",
            Self::Room => "room",
            Self::System => "system",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<String> for MessageType {
    fn from(name: String) -> Self {
        match name.as_str() {
            "direct" => Self::Direct,
            "room" => Self::Room,
            "system" => Self::System,
            _ => Self::Other(name),
        }
    }
}

impl From<MessageType> for String {
    fn from(kind: MessageType) -> Self {
        kind.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_required_is_required_and_the_rest_is_not() {
        let whole = json!({
            "id": "1", "from_username": "alice", "content": " x ", "message_type": "carrier pigeon",
            "timestamp": "2026-01-02T03:04:05Z", "unheard_of": [1],
        });
        let message: Message = serde_json::from_value(whole.clone()).unwrap();
        assert_eq!(message.content, " x ");
        assert_eq!(
            message.message_type,
            MessageType::Other("carrier pigeon".to_owned())
        );
        assert_eq!(
            (message.from_user_id.as_str(), message.to_username),
            ("", None)
        );
        for field in [
            "id",
            "from_username",
            "content",
            "message_type",
            "timestamp",
        ] {
            let mut part = whole.clone();
            part.as_object_mut().unwrap().remove(field);
            let error = serde_json::from_value::<Message>(part)
                .unwrap_err()
                .to_string();
            assert!(error.contains(&format!("`{field}`")), "{error}");
        }
    }
}
