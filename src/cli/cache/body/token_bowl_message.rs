//! A kept message of Token Bowl Chat.

use greenroom_actors::cache::Record;
use serde::Serialize;

use crate::token_bowl::{FORMAT, model, read_record};

/// What `show` and `get` print of it.
#[derive(Debug, Serialize)]
pub(in crate::cli::cache) struct TokenBowlMessage {
    message_id: String,
    sender_id: String,
    pub(in crate::cli::cache) username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_username: Option<String>,
    message_type: model::MessageType,
    pub(in crate::cli::cache) text: String,
}

impl TokenBowlMessage {
    /// Reads the message, if it is one.
    pub(super) fn read(record: &Record) -> Option<Self> {
        let message = read_record(record)
            .ok()
            .filter(|_| record.format == FORMAT)?;
        Some(Self {
            message_id: message.id,
            sender_id: message.from_user_id,
            username: message.from_username,
            to_username: message.to_username,
            message_type: message.message_type,
            text: message.content,
        })
    }

    /// Returns all that is known of it, for a person.
    pub(in crate::cli::cache) fn fields(&self) -> Vec<(&'static str, String)> {
        let from = match self.sender_id.as_str() {
            "" => self.username.clone(),
            id => format!("{} ({id})", self.username),
        };
        let to = self.to_username.iter().map(|to| ("to", to.clone()));
        let known = [
            ("from", from),
            ("platform id", self.message_id.clone()),
            ("text", self.text.clone()),
        ];
        to.chain(known).collect()
    }
}
