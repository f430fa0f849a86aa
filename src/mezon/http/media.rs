//! Playing media in voice channels.

use bytes::Bytes;
use serde_json::{Map, Value};
use url::Url;

use super::{Api, JSON, parse};
use crate::mezon::error::ApiError;

/// Something to play in a voice channel.
///
/// # Examples
///
/// ```
/// use greenroom::mezon::Media;
///
/// let song = Media { name: "A song".to_owned(), ..Media::new("meeting-code", "https://example.com/song.mp3") };
/// assert_eq!(song.participant, "");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media {
    /// The room: the meeting code of the voice channel.
    pub room: String,
    /// Where the media are.
    pub url: String,
    /// What they are called; may be empty.
    pub name: String,
    /// As whom they are played in the room, 32 characters at most; empty for the bot's id.
    pub participant: String,
    /// The name that is shown for that; may be empty.
    pub participant_name: String,
}

impl Media {
    /// Plays what is at `url` in `room`.
    #[must_use]
    pub fn new(room: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            room: room.into(),
            url: url.into(),
            ..Self::default()
        }
    }

    fn body(&self) -> Value {
        let fields = [
            ("room_name", &self.room),
            ("participant_identity", &self.participant),
            ("participant_name", &self.participant_name),
            ("url", &self.url),
            ("name", &self.name),
        ];
        let given = fields.into_iter().filter(|(_, text)| !text.is_empty());
        let given = given.map(|(name, text)| (name.to_owned(), text.as_str().into()));
        Value::Object(given.collect::<Map<_, _>>())
    }
}

impl Api {
    /// Plays media, through the server at `player`. Returns what it answers: JSON, or null.
    ///
    /// # Errors
    ///
    /// [`ApiError::Invalid`] without a call if the room or the URL is empty, else as every call.
    pub async fn play_media(&self, player: &Url, media: &Media) -> Result<Value, ApiError> {
        const CALL: &str = "playmedia";
        let empty = [("room", &media.room), ("URL", &media.url)];
        if let Some((what, _)) = empty.into_iter().find(|(_, text)| text.trim().is_empty()) {
            return Err(ApiError::Invalid(format!(
                "the {what} of media to play is empty"
            )));
        }
        let body = Bytes::from(media.body().to_string());
        let answer = self.patiently(CALL, "POST", player.as_str(), JSON, body);
        let answer = answer.await?;
        match answer.body.trim_ascii() {
            [] => Ok(Value::Null),
            body => parse(CALL, &answer.content_type, body),
        }
    }
}
