//! The bots of a user.

use serde_json::Map;

use super::{Api, Call, encoded, put};
use crate::token_bowl::error::ApiError;
use crate::token_bowl::limits::{NAME, check, check_webhook};
use crate::token_bowl::model::{Bot, NewKey};

impl Api {
    /// Makes a bot.
    ///
    /// # Errors
    ///
    /// [`Validation`](super::ApiErrorKind::Validation) without a call if something is out of its bounds, else as every call:
    /// [`ApiError`].
    pub async fn create_bot(
        &self,
        username: &str,
        emoji: Option<&str>,
        webhook_url: Option<&str>,
    ) -> Result<Bot, ApiError> {
        check("username", username, 1, NAME)?;
        webhook_url.map_or(Ok(()), check_webhook)?;
        let mut fields = Map::new();
        put(&mut fields, "username", Some(username));
        put(&mut fields, "emoji", emoji);
        put(&mut fields, "webhook_url", webhook_url);
        self.json(Call::new("POST", "/bots").body(fields)).await
    }

    /// Lists the bots that the user has made.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn my_bots(&self) -> Result<Vec<Bot>, ApiError> {
        self.json(Call::get("/bots/me")).await
    }

    /// Changes a bot; what is `None` stays as it is.
    ///
    /// # Errors
    ///
    /// As [`create_bot`](Self::create_bot).
    pub async fn update_bot(
        &self,
        bot_id: &str,
        emoji: Option<&str>,
        webhook_url: Option<&str>,
    ) -> Result<Bot, ApiError> {
        webhook_url.map_or(Ok(()), check_webhook)?;
        let path = path(bot_id, "");
        let mut fields = Map::new();
        put(&mut fields, "emoji", emoji);
        put(&mut fields, "webhook_url", webhook_url);
        self.json(Call::new("PATCH", &path).body(fields)).await
    }

    /// Deletes a bot.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn delete_bot(&self, bot_id: &str) -> Result<(), ApiError> {
        self.nothing(Call::new("DELETE", &path(bot_id, ""))).await
    }

    /// Gives a bot another key; the old one stops at once.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn regenerate_bot_api_key(&self, bot_id: &str) -> Result<NewKey, ApiError> {
        let path = path(bot_id, "/regenerate-api-key");
        self.json(Call::new("POST", &path)).await
    }
}

fn path(bot_id: &str, rest: &str) -> String {
    format!("/bots/{}{rest}", encoded(bot_id))
}
