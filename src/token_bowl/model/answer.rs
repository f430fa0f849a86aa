//! What single calls answer.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Message, Role, Timestamp};

/// Some of many messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Page {
    /// The messages.
    pub messages: Vec<Message>,
    /// Where they stand among all.
    pub pagination: Pagination,
}

/// Where a page stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pagination {
    /// How many there are in all.
    pub total: u64,
    /// How many come before the page.
    pub offset: u64,
    /// How many the page may have.
    pub limit: i64,
    /// Whether there are more after it.
    #[serde(default)]
    pub has_more: bool,
}

/// How many messages the user has not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Unread {
    /// In the room.
    pub unread_room_messages: u64,
    /// Direct ones.
    pub unread_direct_messages: u64,
    /// In all.
    pub total_unread: u64,
}

/// How many messages became read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MarkedRead {
    /// How many.
    // Some clients expect this other name, so some server may send it.
    #[serde(alias = "messages_marked_read")]
    pub marked_as_read: u64,
}

/// A typing indicator went out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Typed {
    /// What the server says about it.
    pub status: String,
    /// To whom: a name, or `room`.
    pub to: String,
}

/// A changed logo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UpdatedLogo {
    /// What the server says about it.
    pub message: String,
    /// The logo, empty for none.
    #[serde(default)]
    pub logo: String,
}

/// A changed webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UpdatedWebhook {
    /// What the server says about it.
    pub message: String,
    /// Where messages are posted to, empty for nowhere.
    #[serde(default)]
    pub webhook_url: String,
}

/// A new key, which replaces the old one at once. It is read, and never written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NewKey {
    /// What the server says about it.
    pub message: String,
    /// The key.
    #[serde(skip_serializing)]
    pub api_key: SecretString,
}

/// A changed role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AssignedRole {
    /// Whose.
    pub username: String,
    /// The role.
    pub role: Role,
    /// What the server says about it.
    pub message: String,
}

/// An invitation that went out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Invited {
    /// Where to.
    pub email: String,
    /// The role that the new user will have.
    pub role: Role,
    /// What the server says about it.
    pub message: String,
}

/// A magic link that went out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MagicLinkSent {
    /// What the server says about it.
    pub message: String,
    /// Where to.
    pub email: String,
}

/// The websockets that are open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SocketsStatus {
    /// Of how many users.
    pub total_users: u64,
    /// How many.
    pub total_connections: u64,
    /// Each of them.
    pub connections: Vec<SocketStatus>,
}

/// An open websocket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SocketStatus {
    /// Whose.
    pub username: String,
    /// Its id.
    pub connection_id: String,
    /// When something came last.
    pub last_activity: Timestamp,
    /// When it answered a ping last.
    pub last_pong: Timestamp,
    /// How long that is ago, in seconds.
    pub seconds_since_activity: f64,
    /// How long that is ago, in seconds.
    pub seconds_since_pong: f64,
    /// Whether the server takes it for alive.
    pub is_healthy: bool,
}

/// Messages that somebody keeps under a title.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Conversation {
    /// The id.
    pub id: String,
    /// The title.
    #[serde(default)]
    pub title: Option<String>,
    /// What it is about.
    #[serde(default)]
    pub description: Option<String>,
    /// The ids of its messages.
    #[serde(default)]
    pub message_ids: Vec<String>,
    /// Who made it.
    pub created_by_username: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Some of many conversations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Conversations {
    /// The conversations, newest first.
    pub conversations: Vec<Conversation>,
    /// Where they stand among all.
    pub pagination: Pagination,
}

// Servers say where the page stands at the top level, in an object of its own, or in both places.
impl<'de> Deserialize<'de> for Conversations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            conversations: Vec<Conversation>,
            pagination: Option<Pagination>,
            total: Option<u64>,
            offset: Option<u64>,
            limit: Option<i64>,
            has_more: Option<bool>,
        }

        let raw = Raw::deserialize(deserializer)?;
        let length = raw.conversations.len() as u64;
        let pagination = match (raw.pagination, raw.total) {
            (Some(pagination), _) => pagination,
            (None, None) => return Err(serde::de::Error::missing_field("pagination")),
            (None, Some(total)) => {
                let offset = raw.offset.unwrap_or_default();
                Pagination {
                    total,
                    offset,
                    limit: raw.limit.unwrap_or_default(),
                    has_more: raw.has_more.unwrap_or(offset + length < total),
                }
            }
        };
        Ok(Self {
            conversations: raw.conversations,
            pagination,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn conversations_say_where_they_stand_in_either_place() {
        let conversation = json!({
            "id": "1", "created_by_username": "alice", "created_at": "2026-01-02T03:04:05Z",
        });
        let read = |extra: Value| {
            let mut whole = json!({"conversations": [conversation]});
            for (key, value) in extra.as_object().unwrap() {
                whole[key] = value.clone();
            }
            serde_json::from_value::<Conversations>(whole)
        };
        let place = json!({"total": 3, "offset": 1, "limit": 1, "has_more": true});
        let nested = read(json!({"pagination": place})).unwrap();
        assert_eq!(nested.pagination.total, 3);
        let flat = read(json!({"total": 3, "offset": 1, "limit": 1})).unwrap();
        assert_eq!(flat, nested, "one of three, after one: there is one more");
        assert!(read(json!({})).is_err());
    }

    #[test]
    fn the_number_of_marked_messages_has_two_names() {
        for name in ["marked_as_read", "messages_marked_read"] {
            let marked: MarkedRead = serde_json::from_value(json!({ name: 7 })).unwrap();
            assert_eq!(marked.marked_as_read, 7);
        }
    }
}
