//! Logging in by a link in a mail.

use serde_json::Map;

use super::{Api, Call, put};
use crate::token_bowl::error::ApiError;
use crate::token_bowl::limits::{NAME, check};
use crate::token_bowl::model::{Login, MagicLinkSent};

impl Api {
    /// Sends a link by mail; needs no key. A user that does not exist yet gets this name.
    ///
    /// # Errors
    ///
    /// [`Validation`](super::ApiErrorKind::Validation) without a call if something is out of its bounds, else as every call:
    /// [`ApiError`].
    pub async fn send_magic_link(
        &self,
        email: &str,
        username: Option<&str>,
    ) -> Result<MagicLinkSent, ApiError> {
        check("email", email, 3, 255)?;
        username.map_or(Ok(()), |name| check("username", name, 1, NAME))?;
        let mut fields = Map::new();
        put(&mut fields, "email", Some(email));
        put(&mut fields, "username", username);
        let call = Call::new("POST", "/auth/magic-link/send").public();
        self.json(call.body(fields)).await
    }

    /// Logs in with the token of a link; needs no key.
    ///
    /// # Errors
    ///
    /// As [`send_magic_link`](Self::send_magic_link).
    pub async fn authenticate_magic_link(&self, token: &str) -> Result<Login, ApiError> {
        check("token", token, 1, usize::MAX)?;
        let mut fields = Map::new();
        put(&mut fields, "token", Some(token));
        let call = Call::new("POST", "/auth/magic-link/authenticate").public();
        self.json(call.body(fields)).await
    }
}
