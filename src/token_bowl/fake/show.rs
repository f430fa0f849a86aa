//! The objects of the server as JSON.

use serde_json::{Value, json};

use super::world::{Conversation, Kind, Message, Party, User, World};

/// The logos that a user can have, in the order in which they are listed.
pub(super) const LOGOS: [&str; 9] = [
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

impl World {
    /// Shows a message, its sender as he is now.
    pub(super) fn show(&self, message: &Message) -> Value {
        let from = self.user(message.from.no);
        let to = message.to.as_ref();
        let (kind, description) = match (message.kind(), to) {
            (Kind::Direct, Some(to)) => (
                "direct",
                format!("Direct message from {} to {}.", message.from.name, to.name),
            ),
            _ => (
                "room",
                format!(
                    "Message from {} to everybody in the room.",
                    message.from.name
                ),
            ),
        };
        json!({
            "id": message.id.to_string(),
            "from_user_id": from.map(|user| user.id.to_string()).unwrap_or_default(),
            "from_username": message.from.name,
            "from_user_logo": from.and_then(|user| user.logo.as_deref()),
            "from_user_emoji": from.and_then(|user| user.emoji.as_deref()),
            "from_user_bot": from.is_some_and(|user| user.is_bot()),
            "to_user_id": to.map(|to| to.id.to_string()),
            "to_username": to.map(|to| to.name.as_str()),
            "content": message.content,
            "message_type": kind,
            "description": description,
            "timestamp": message.at.to_string(),
        })
    }

    pub(super) fn show_unread(&self, reader: u64) -> Value {
        let (room, direct) = self.unread(reader);
        json!({
            "unread_room_messages": room,
            "unread_direct_messages": direct,
            "total_unread": room + direct,
        })
    }
}

impl User {
    pub(super) fn is_bot(&self) -> bool {
        self.role.name() == "bot"
    }

    /// What everybody may see, without the id.
    pub(super) fn card(&self) -> Value {
        json!({
            "username": self.name,
            "role": self.role.name(),
            "logo": self.logo,
            "emoji": self.emoji,
            "bot": self.is_bot(),
            "viewer": self.role.name() == "viewer",
        })
    }

    /// What everybody may see.
    pub(super) fn public(&self) -> Value {
        let mut shown = self.card();
        shown["id"] = self.id.to_string().into();
        shown
    }

    /// What the user may see.
    pub(super) fn profile(&self) -> Value {
        let mut shown = self.registration();
        shown["email"] = self.email.clone().into();
        shown["created_at"] = self.created.to_string().into();
        shown
    }

    /// What a new user is told.
    pub(super) fn registration(&self) -> Value {
        let mut shown = self.public();
        shown["api_key"] = self.key.as_str().into();
        shown["webhook_url"] = self.webhook.clone().into();
        shown["admin"] = (self.role.name() == "admin").into();
        shown
    }

    /// What the owner of a bot may see.
    pub(super) fn bot(&self) -> Value {
        let owner = self.owner.as_ref();
        json!({
            "id": self.id.to_string(),
            "username": self.name,
            "api_key": self.key,
            "created_by_id": owner.map(|owner| owner.id.to_string()).unwrap_or_default(),
            "created_by": owner.map(|owner| owner.name.as_str()).unwrap_or_default(),
            "emoji": self.emoji,
            "webhook_url": self.webhook,
            "created_at": self.created.to_string(),
        })
    }
}

impl Conversation {
    pub(super) fn show(&self) -> Value {
        let Party { name, .. } = &self.creator;
        let messages: Vec<String> = self.messages.iter().map(ToString::to_string).collect();
        json!({
            "id": self.id.to_string(),
            "title": self.title,
            "description": self.description,
            "message_ids": messages,
            "created_by_username": name,
            "created_at": self.created.to_string(),
        })
    }
}

/// Cuts a page out of rows, as leniently as the server: a negative limit means all.
pub(super) fn cut<T>(rows: Vec<T>, limit: i64, offset: i64) -> Vec<T> {
    let offset = usize::try_from(offset).unwrap_or(0);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    rows.into_iter().skip(offset).take(limit).collect()
}

/// Says where a page stands.
pub(super) fn pagination(total: usize, returned: usize, limit: i64, offset: i64) -> Value {
    let end = usize::try_from(offset)
        .unwrap_or(0)
        .saturating_add(returned);
    json!({"total": total, "offset": offset, "limit": limit, "has_more": end < total})
}
