//! A message of Token Bowl Chat as a bare client would have it.

use serde::Deserialize;

/// Every field that the platform documents, so that each is read.
#[derive(Debug, Deserialize)]
#[expect(
    dead_code,
    reason = "they are read off the wire, which is what is measured"
)]
pub(super) struct Message {
    id: String,
    #[serde(default)]
    from_user_id: String,
    from_username: String,
    #[serde(default)]
    from_user_logo: Option<String>,
    #[serde(default)]
    from_user_emoji: Option<String>,
    #[serde(default)]
    from_user_bot: bool,
    #[serde(default)]
    to_user_id: Option<String>,
    #[serde(default)]
    to_username: Option<String>,
    pub(super) content: String,
    message_type: String,
    #[serde(default)]
    description: String,
    timestamp: String,
}
