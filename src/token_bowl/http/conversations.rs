//! Conversations: messages under a title.

use serde_json::Map;

use super::{Api, Call, encoded, put};
use crate::token_bowl::error::ApiError;
use crate::token_bowl::limits::check;
use crate::token_bowl::model::{Conversation, Conversations};

/// What to change of a conversation; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationChanges {
    /// The title, 1 to 200 characters.
    pub title: Option<String>,
    /// What it is about, at least one character.
    pub description: Option<String>,
    /// The ids of all its messages.
    pub message_ids: Option<Vec<String>>,
}

impl ConversationChanges {
    fn fields(&self) -> Result<Map<String, serde_json::Value>, ApiError> {
        if let Some(title) = &self.title {
            check("title", title, 1, 200)?;
        }
        if let Some(description) = &self.description {
            check("description", description, 1, usize::MAX)?;
        }
        let mut fields = Map::new();
        put(&mut fields, "title", self.title.as_deref());
        put(&mut fields, "description", self.description.as_deref());
        put(&mut fields, "message_ids", self.message_ids.clone());
        Ok(fields)
    }
}

impl Api {
    /// Makes a conversation.
    ///
    /// # Errors
    ///
    /// [`Validation`](super::ApiErrorKind::Validation) without a call if something is out of its bounds, else as every call:
    /// [`ApiError`].
    pub async fn create_conversation(
        &self,
        conversation: &ConversationChanges,
    ) -> Result<Conversation, ApiError> {
        let mut fields = conversation.fields()?;
        if !fields.contains_key("message_ids") {
            put(&mut fields, "message_ids", Some(Vec::<String>::new()));
        }
        let call = Call::new("POST", "/conversations");
        self.json(call.body(fields)).await
    }

    /// Lists the user's conversations, newest first: up to `limit` (1 to 100, 50 by default), after `offset` newer ones.
    ///
    /// # Errors
    ///
    /// As [`create_conversation`](Self::create_conversation).
    pub async fn conversations(
        &self,
        limit: Option<u32>,
        offset: Option<u64>,
    ) -> Result<Conversations, ApiError> {
        if let Some(limit) = limit.filter(|limit| !(1..=100).contains(limit)) {
            let message = format!("limit must be 1-100, not {limit}");
            return Err(ApiError::validation(message));
        }
        let call = Call::get("/conversations")
            .query("limit", Some(limit.unwrap_or(50)))
            .query("offset", Some(offset.unwrap_or(0)));
        self.json(call).await
    }

    /// Fetches a conversation.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn conversation(&self, conversation_id: &str) -> Result<Conversation, ApiError> {
        self.json(Call::get(&path(conversation_id))).await
    }

    /// Changes a conversation.
    ///
    /// # Errors
    ///
    /// As [`create_conversation`](Self::create_conversation); also if nothing is to be changed.
    pub async fn update_conversation(
        &self,
        conversation_id: &str,
        changes: &ConversationChanges,
    ) -> Result<Conversation, ApiError> {
        let fields = changes.fields()?;
        if fields.is_empty() {
            return Err(ApiError::validation("there is nothing to change"));
        }
        let path = path(conversation_id);
        self.json(Call::new("PATCH", &path).body(fields)).await
    }

    /// Deletes a conversation.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn delete_conversation(&self, conversation_id: &str) -> Result<(), ApiError> {
        self.nothing(Call::new("DELETE", &path(conversation_id)))
            .await
    }
}

fn path(conversation_id: &str) -> String {
    format!("/conversations/{}", encoded(conversation_id))
}
