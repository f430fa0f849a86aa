//! Conversations by name, and the way into them for whoever has no event from there at hand.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use greenroom_actors::connection::{Connections, RequestError};
use greenroom_actors::event::{ChannelKey, Envelope, Id, Origin};
use greenroom_actors::router::Origins;
use serde::{Deserialize, Serialize};

use super::{Outgoing, Sent, Speaker};
use crate::bot::Backstage;

/// A conversation on a platform, as a person names it: on Mezon or Token Bowl Chat. Agents of Ticos come and go, and are answered only.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Room {
    /// The platform, such as `mezon`.
    pub platform: String,
    /// The channel: on Mezon an id, a name, or either with `CLAN/` before it; on Token Bowl Chat `room`, or `@NAME` for a user.
    pub channel: String,
    /// Which of several accounts on the platform, by its label; empty for the only one, or the first.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub account: String,
}

impl Room {
    /// Names a conversation on a platform.
    #[must_use]
    pub fn new(platform: impl Into<String>, channel: impl Into<String>) -> Self {
        Self {
            platform: platform.into(),
            channel: channel.into(),
            account: String::new(),
        }
    }

    /// Chooses one of several accounts on the platform.
    #[must_use]
    pub fn account(mut self, label: impl Into<String>) -> Self {
        self.account = label.into();
        self
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.platform)?;
        if !self.account.is_empty() {
            write!(f, ":{}", self.account)?;
        }
        write!(f, " {}", self.channel)
    }
}

/// The way into a room. Clones share what was found out about it.
#[derive(Clone)]
pub(crate) struct Door {
    room: Room,
    origins: Origins,
    connections: Connections,
    /// The label of the account by which the room is entered.
    account: Arc<OnceLock<String>>,
    key: Arc<OnceLock<ChannelKey>>,
}

impl Door {
    /// How often whoever waits for a platform looks whether it is back.
    pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

    pub(crate) fn new(room: &Room, backstage: &Backstage<'_>) -> Self {
        Self {
            room: room.clone(),
            origins: backstage.router.origins(),
            connections: backstage.counters.connections.clone(),
            account: Arc::default(),
            key: Arc::default(),
        }
    }

    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    fn origin(&self) -> Option<Arc<Origin>> {
        let (platform, account) = (self.room.platform.as_str(), self.account());
        let mut there = self.origins.list().into_iter();
        let origin = there.find(|origin| {
            let is_meant = account.is_empty() || account == origin.bot();
            origin.platform() == platform && is_meant && origin.door::<Arc<dyn Speaker>>().is_some()
        })?;
        self.account.get_or_init(|| origin.bot().to_owned());
        Some(origin)
    }

    fn account(&self) -> &str {
        self.account
            .get()
            .map_or(&self.room.account, String::as_str)
    }

    pub(crate) fn speaker(&self) -> Result<Arc<dyn Speaker>, RequestError> {
        let origin = self.origin().ok_or_else(|| {
            RequestError::Invalid(format!("the bot is not on {}", self.room.platform))
        })?;
        let speaker = origin.door::<Arc<dyn Speaker>>();
        speaker.cloned().ok_or(RequestError::Closed)
    }

    /// Says whether this is one of the bot's own users on the platform.
    pub(crate) fn is_me(&self, user: &Id) -> bool {
        let there = self.origins.list();
        let mut there = there
            .iter()
            .filter(|one| one.platform() == self.room.platform);
        there.any(|origin| {
            let speaker = origin.door::<Arc<dyn Speaker>>();
            speaker.is_some_and(|speaker| speaker.me() == *user)
        })
    }

    /// Says whether the platform is connected now.
    pub(crate) fn is_open(&self) -> bool {
        let origin = self.origin();
        origin.is_some_and(|origin| self.connections.is_live(origin.platform(), origin.bot()))
    }

    /// Returns the conversation, if it was found already.
    pub(crate) fn known(&self) -> Option<&ChannelKey> {
        self.key.get()
    }

    /// Finds the conversation; asks the platform the first time.
    pub(crate) async fn find(&self) -> Result<ChannelKey, RequestError> {
        if let Some(known) = self.known() {
            return Ok(known.clone());
        }
        let found = self.speaker()?.conversation(&self.room.channel).await?;
        Ok(self.key.get_or_init(|| found).clone())
    }

    /// Says whether something happened in this room; none if the room was not found yet.
    pub(crate) fn has(&self, envelope: &Envelope) -> Option<bool> {
        let origin = &envelope.origin;
        if origin.platform() != self.room.platform {
            return Some(false);
        }
        if self.account().is_empty() {
            self.origin();
        }
        if origin.bot() != self.account() {
            return Some(false);
        }
        let known = self.known()?;
        Some(*known == envelope.channel)
    }

    /// Says something in the room.
    pub(crate) async fn say(&self, message: impl Into<Outgoing>) -> Result<Sent, RequestError> {
        let key = self.find().await?;
        self.speaker()?.say(&key, message.into()).await
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Door({})", self.room)
    }
}
