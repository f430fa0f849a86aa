//! Calls of the API.

use futures::future::{FutureExt, LocalBoxFuture};
use greenroom_actors::event::Id;
use greenroom_actors::mailbox::AskError;
use greenroom_proto::mezon::api;
use serde_json::{Map, Value};

use super::MezonClient;
use super::know::id_of;
use crate::mezon::caller::Call;
use crate::mezon::error::ApiError;
use crate::mezon::http::{Api, VoiceUser};
use crate::mezon::tokens::{SendTokens, TokenTransfer, TransferError, TransferReceipt};

impl MezonClient {
    /// Lists who is in the voice channels of a clan, or in one of them if `channel` is one. Voice channels have type 4.
    ///
    /// # Errors
    ///
    /// [`ApiError::Invalid`] without a call if `limit` is not from 1 to 500, else as every call.
    pub async fn voice_users(
        &self,
        clan: &Id,
        channel: &Id,
        channel_type: i32,
        limit: i32,
    ) -> Result<Vec<VoiceUser>, ApiError> {
        let (clan, channel) = (id_of("clan", clan)?, id_of("channel", channel)?);
        let call = move |api: Api| {
            async move { api.voice_users(clan, channel, channel_type, limit).await }.boxed_local()
        };
        self.call(call).await
    }

    /// Lists the roles of a clan. A limit of 0 and an empty cursor are left to the server.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn roles(
        &self,
        clan: &Id,
        limit: i32,
        state: i32,
        cursor: &str,
    ) -> Result<Vec<api::Role>, ApiError> {
        let (clan, cursor) = (id_of("clan", clan)?, cursor.to_owned());
        let call = move |api: Api| {
            let cursor = cursor.clone();
            async move { api.roles(clan, limit, state, &cursor).await }.boxed_local()
        };
        self.call(call).await
    }

    /// Changes a role; see [`Api::update_role`].
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn update_role(
        &self,
        clan: &Id,
        role: &Id,
        changes: Map<String, Value>,
    ) -> Result<Vec<String>, ApiError> {
        let (clan, role) = (id_of("clan", clan)?, id_of("role", role)?);
        let call = move |api: Api| {
            let changes = changes.clone();
            async move { api.update_role(clan, role, &changes).await }.boxed_local()
        };
        self.call(call).await
    }

    /// Lists the bot's friends and invitations. A limit of 0 and an empty cursor are left to the server.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn friends(
        &self,
        limit: i32,
        state: i32,
        cursor: &str,
    ) -> Result<api::FriendList, ApiError> {
        let cursor = cursor.to_owned();
        let call = move |api: Api| {
            let cursor = cursor.clone();
            async move { api.friends(limit, state, &cursor).await }.boxed_local()
        };
        self.call(call).await
    }

    /// Invites a friend by name, by id, or by both.
    ///
    /// # Errors
    ///
    /// [`ApiError::Invalid`] without a call if neither is given, else as every call.
    pub async fn add_friend(&self, username: &str, user: &Id) -> Result<(), ApiError> {
        let (id, username) = (id_of("user", user)?, username.to_owned());
        let call = move |api: Api| {
            let username = username.clone();
            async move {
                let ids: &[i64] = if id == 0 { &[] } else { &[id] };
                let usernames: &[&str] = if username.is_empty() {
                    &[]
                } else {
                    &[&username]
                };
                api.add_friends(ids, usernames).await
            }
            .boxed_local()
        };
        self.call(call).await
    }

    /// Accepts the invitation of a user, whose name may be left empty.
    ///
    /// # Errors
    ///
    /// As [`add_friend`](Self::add_friend).
    pub async fn accept_friend(&self, user: &Id, username: &str) -> Result<(), ApiError> {
        self.add_friend(username, user).await
    }

    /// Sends tokens; transfers are made one after another, in the order of the calls.
    ///
    /// # Errors
    ///
    /// [`TransferError`]. One of unknown outcome is never repeated by itself, and should not be repeated blindly.
    pub async fn send_token(
        &self,
        transfer: TokenTransfer,
    ) -> Result<TransferReceipt, TransferError> {
        let doors = self.shared.doors.get().ok_or(TransferError::Closed)?;
        match doors.wallet.ask(SendTokens(transfer)).await {
            Ok(receipt) => receipt,
            Err(AskError::Interrupted) => Err(TransferError::OutcomeUnknown {
                nonce: None,
                reason: "the wallet ended".to_owned(),
            }),
            Err(_) => Err(TransferError::Closed),
        }
    }

    /// Makes any call of the API with the bot's session; again with a new one, once, if the platform refuses it.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn call<R: Send + 'static>(
        &self,
        make: impl Fn(Api) -> LocalBoxFuture<'static, Result<R, ApiError>> + Send + Sync + 'static,
    ) -> Result<R, ApiError> {
        let closed = || ApiError::NotLoggedIn("the bot does not run".to_owned());
        let doors = self.shared.doors.get().ok_or_else(closed)?;
        let answer = doors.api.ask(Call::new(make)).await;
        answer.map_err(|error| ApiError::NotLoggedIn(error.to_string()))?
    }
}
