//! Calls of the API.

use futures::future::{FutureExt, LocalBoxFuture};
use greenroom_actors::mailbox::AskError;
use secrecy::ExposeSecret;

use super::TokenBowlClient;
use crate::token_bowl::caller::Call;
use crate::token_bowl::error::{ApiError, ApiErrorKind};
use crate::token_bowl::http::Api;
use crate::token_bowl::model::{NewKey, Profile};
use crate::token_bowl::state::Me;

impl TokenBowlClient {
    /// Makes any call of the API with the user's key.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(client: greenroom::token_bowl::TokenBowlClient) -> Result<(), greenroom::token_bowl::ApiError> {
    /// use futures::FutureExt;
    ///
    /// let users = client.call(|api| async move { api.users().await }.boxed_local()).await?;
    /// # drop(users);
    /// # Ok(()) }
    /// ```
    pub async fn call<R: Send + 'static>(
        &self,
        make: impl FnOnce(Api) -> LocalBoxFuture<'static, Result<R, ApiError>> + Send + 'static,
    ) -> Result<R, ApiError> {
        let closed = |reason: String| ApiError::new(ApiErrorKind::Network, reason);
        let doors = self.doors().map_err(|error| closed(error.to_string()))?;
        match doors.api.ask(Call::new(make)).await {
            Ok(answer) => answer,
            Err(error @ AskError::Interrupted) => {
                Err(ApiError::new(ApiErrorKind::Unconfirmed, error.to_string()))
            }
            Err(error) => Err(closed(error.to_string())),
        }
    }

    /// Returns the user's own profile.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn get_my_profile(&self) -> Result<Profile, ApiError> {
        self.call(|api| async move { api.my_profile().await }.boxed_local())
            .await
    }

    /// Changes the user's name, also for what the bot takes for its own.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn update_my_username(&self, username: &str) -> Result<Profile, ApiError> {
        let username = username.to_owned();
        let call = |api: Api| async move { api.update_my_username(&username).await }.boxed_local();
        let profile = self.call(call).await?;
        self.state().lock().me = Some(Me {
            id: profile.id.clone(),
            name: profile.username.clone(),
        });
        Ok(profile)
    }

    /// Gives the user another key and uses it from now on; the old one stops at once. It is nowhere but in the answer: keep it.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn regenerate_my_api_key(&self) -> Result<NewKey, ApiError> {
        let call = |api: Api| async move { api.regenerate_my_api_key().await }.boxed_local();
        let new = self.call(call).await?;
        self.state().lock().key = new.api_key.expose_secret().to_owned().into();
        Ok(new)
    }
}
