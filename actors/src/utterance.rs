//! What commands and dialogues need to know of a message, on whatever platform.

use std::time::Duration;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::connection::RequestError;
use crate::event::{Envelope, Event, Id, Payload};
use crate::router::Wait;

/// A message that somebody said. A vocabulary of chat implements it once, and has commands and dialogues by that.
pub trait Utterance: Payload {
    /// Returns the text.
    fn text(&self) -> &str;

    /// Returns who said it.
    fn speaker(&self) -> &Id;

    /// Says whether the bot itself said it; neither commands nor dialogues listen to that.
    fn is_own(&self) -> bool;

    /// Says whether it was said in a direct conversation, and not in a channel of a space.
    fn is_direct(&self) -> bool;

    /// Returns whom and what it mentions.
    fn mentions(&self) -> &[Mention];

    /// Says something in answer to it; resolves when the platform has taken it.
    ///
    /// # Errors
    ///
    /// As the platform answers.
    fn answer(event: &Event<Self>, text: String) -> BoxFuture<'static, Result<(), RequestError>>
    where
        Self: Sized;
}

impl<T: Utterance> Event<T> {
    /// Waits for the next message of the same speaker in this channel, for `within` at most.
    ///
    /// # Errors
    ///
    /// As [`Event::next`].
    pub fn next_by_speaker(&self, within: Duration) -> Wait<T> {
        let speaker = self.speaker().clone();
        self.next(
            move |next| !next.is_own() && *next.speaker() == speaker,
            within,
        )
    }
}

/// Somebody or something that a message mentions. As an argument of a command it is a user, such as `@bob`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "greenroom::Mention", default)]
pub struct Mention {
    /// What is mentioned.
    pub kind: MentionKind,
    /// The platform's id of it; none if a person only typed a name.
    pub id: Id,
    /// The name, without the sign in front of it.
    pub name: String,
    /// Where in the text it stands: the first byte, and the first one behind it. None if the platform does not say.
    pub place: Option<(usize, usize)>,
    /// Whether it is the bot itself.
    pub is_me: bool,
}

impl std::fmt::Display for Mention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.kind.sign(), self.name)
    }
}

/// What a [`Mention`] mentions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MentionKind {
    /// A channel.
    Channel,
    /// All who have a role.
    Role,
    /// A user.
    #[default]
    User,
}

impl MentionKind {
    /// Returns the sign that stands before the name.
    #[must_use]
    pub fn sign(self) -> char {
        match self {
            Self::Channel => '#',
            Self::Role | Self::User => '@',
        }
    }
}

/// Who shares something that is kept for a conversation: a cooldown, a dialogue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scope {
    /// All who speak in the same channel share one.
    Channel,
    /// All who speak to the bot share one.
    Everybody,
    /// Each user has one, wherever they speak.
    User,
    /// Each user has one in each channel.
    #[default]
    UserInChannel,
}

impl Scope {
    /// Returns the key under which it is kept for whoever said this: a JSON array of platform, bot, space, channel and user, with null
    /// for what does not count.
    #[must_use]
    pub fn key<T: Utterance>(self, event: &Event<T>) -> Vec<u8> {
        self.key_of(event.envelope(), event.speaker())
    }

    /// As [`key`](Self::key), for whatever somebody has done: where the envelope says, and by whom.
    #[must_use]
    pub fn key_of(self, envelope: &Envelope, user: &Id) -> Vec<u8> {
        let channel = &envelope.channel;
        let channel = matches!(self, Self::Channel | Self::UserInChannel)
            .then_some((&channel.space, &channel.channel))
            .unzip();
        let user = matches!(self, Self::User | Self::UserInChannel).then_some(user);
        let (platform, bot) = (envelope.origin.platform(), envelope.origin.bot());
        // Texts and nulls: nothing that JSON cannot say.
        serde_json::to_vec(&(platform, bot, channel.0, channel.1, user)).unwrap_or_default()
    }
}
