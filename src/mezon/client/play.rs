//! Playing media.

use futures::FutureExt;
use serde_json::Value;

use super::{Live, MezonClient};
use crate::mezon::error::ApiError;
use crate::mezon::http::Media;
use crate::mezon::model::Channel;

impl MezonClient {
    /// Plays media in a voice channel, through the server of [`Settings::media_api_url`](crate::mezon::Settings::media_api_url).
    /// Returns what that answers: JSON, or null.
    ///
    /// # Errors
    ///
    /// [`ApiError::Invalid`] without a call if the room or the URL is empty, or no such server is set; else as every call.
    pub async fn play_media(&self, mut media: Media) -> Result<Value, ApiError> {
        let Some(player) = self.settings().media_api_url.clone() else {
            let error = "playing media is switched off: media_api_url is not set";
            return Err(ApiError::Invalid(error.to_owned()));
        };
        if media.participant.is_empty() {
            media.participant = self.settings().client_id.to_string();
        }
        let call = move |api: crate::mezon::http::Api| {
            let (player, media) = (player.clone(), media.clone());
            async move { api.play_media(&player, &media).await }.boxed_local()
        };
        self.call(call).await
    }
}

impl Live<Channel> {
    /// Plays what is at `url` in this voice channel; see [`MezonClient::play_media`].
    ///
    /// # Errors
    ///
    /// As [`MezonClient::play_media`]; a channel that has no meeting code has no room.
    pub async fn play_media(&self, url: &str) -> Result<Value, ApiError> {
        let media = Media::new(self.meeting_code.clone(), url);
        self.client().play_media(media).await
    }
}
