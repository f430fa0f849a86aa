//! Answering where an event came from.

use std::any::Any;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use greenroom_actors::connection::RequestError;
use greenroom_actors::event::{ChannelKey, Event, Id, Payload};

use super::{ChatMessage, Outgoing, Quote, Sent};

/// A platform on which something can be said. Adapters give one to the origin of their events.
pub trait Speaker: Send + Sync {
    /// Says something in a conversation, after what was said there before.
    fn say(
        &self,
        channel: &ChannelKey,
        message: Outgoing,
    ) -> BoxFuture<'static, Result<Sent, RequestError>>;

    /// Returns the platform's own client, for those who know it.
    fn as_any(&self) -> &dyn Any;

    /// Finds the conversation that a person calls so.
    ///
    /// # Errors
    ///
    /// [`RequestError::Invalid`] if there is none of that name; else as the platform answers.
    fn conversation(&self, name: &str) -> BoxFuture<'static, Result<ChannelKey, RequestError>> {
        let key = match name.split_once('/') {
            Some((space, channel)) => ChannelKey::new(space, channel),
            None => ChannelKey::new(Id::NONE, name),
        };
        async { Ok(key) }.boxed()
    }

    /// Returns the bot's own user, once the platform has told it.
    fn me(&self) -> Id {
        Id::NONE
    }

    /// Says what can be done on the platform beside saying something.
    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    /// Says whether the platform would take a text of this length as one message.
    fn fits(&self, text: &str) -> bool {
        let _ = text;
        true
    }

    /// Changes a message of the bot.
    ///
    /// # Errors
    ///
    /// [`RequestError::Invalid`] if the platform cannot; else as it answers.
    fn edit(
        &self,
        channel: &ChannelKey,
        message: &Id,
        new: Outgoing,
    ) -> BoxFuture<'static, Result<(), RequestError>> {
        let _ = (channel, message, new);
        unable("change a message")
    }

    /// Takes a message of the bot back.
    ///
    /// # Errors
    ///
    /// As [`edit`](Self::edit).
    fn delete(
        &self,
        channel: &ChannelKey,
        message: &Id,
    ) -> BoxFuture<'static, Result<(), RequestError>> {
        let _ = (channel, message);
        unable("take a message back")
    }

    /// Reacts to a message, or takes the bot's reaction back if it is `removed`.
    ///
    /// # Errors
    ///
    /// As [`edit`](Self::edit).
    fn react(
        &self,
        channel: &ChannelKey,
        message: &Id,
        emoji: &Emoji,
        removed: bool,
    ) -> BoxFuture<'static, Result<(), RequestError>> {
        let _ = (channel, message, emoji, removed);
        unable("react to a message")
    }
}

fn unable(what: &str) -> BoxFuture<'static, Result<(), RequestError>> {
    let error = RequestError::Invalid(format!("this platform cannot {what}"));
    async { Err(error) }.boxed()
}

/// What can be done on a platform beside saying something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Abilities {
    /// Whether messages can have buttons.
    pub buttons: bool,
    /// Whether whoever is named in a text is called by that, with no sign in front of the name.
    pub calls_names: bool,
    /// Whether messages of the bot can be taken back.
    pub deletes: bool,
    /// Whether messages of the bot can be changed.
    pub edits: bool,
    /// Whether the bot can react to messages.
    pub reacts: bool,
}

/// An emoji of a platform.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Emoji {
    /// Its id; none where emoji have no ids.
    pub id: Id,
    /// How the platform writes it.
    pub name: String,
}

/// Saying something in the conversation of an event; works for every event, emitted ones included.
pub trait Speak {
    /// Says something where the event happened; resolves when the platform has taken it.
    ///
    /// The message keeps its place in the order of its conversation, and waits while the connection is down.
    ///
    /// # Errors
    ///
    /// [`RequestError`]: refused by the platform, too many waiting, closed; or of unknown outcome, if the connection broke and the
    /// platform cannot tell. It is never repeated blindly.
    fn say(&self, message: impl Into<Outgoing>) -> BoxFuture<'static, Result<Sent, RequestError>>;

    /// Says whether what is said there can have [buttons](Outgoing::buttons).
    fn has_buttons(&self) -> bool;
}

impl<T: Payload> Speak for Event<T> {
    fn say(&self, message: impl Into<Outgoing>) -> BoxFuture<'static, Result<Sent, RequestError>> {
        match self.envelope().origin.door::<Arc<dyn Speaker>>() {
            Some(speaker) => {
                let said = speaker.say(&self.envelope().channel, message.into());
                self.saying(self.on_behalf(said)).boxed()
            }
            None => async {
                Err(RequestError::Invalid(
                    "this event did not come from a chat platform".to_owned(),
                ))
            }
            .boxed(),
        }
    }

    fn has_buttons(&self) -> bool {
        let speaker = self.envelope().origin.door::<Arc<dyn Speaker>>();
        speaker.is_some_and(|speaker| speaker.abilities().buttons)
    }
}

/// Replying to a message.
pub trait Reply {
    /// Says something in answer to the message, quoting it where the platform can.
    ///
    /// # Errors
    ///
    /// As [`Speak::say`].
    fn reply(&self, message: impl Into<Outgoing>)
    -> BoxFuture<'static, Result<Sent, RequestError>>;
}

impl Reply for Event<ChatMessage> {
    fn reply(
        &self,
        message: impl Into<Outgoing>,
    ) -> BoxFuture<'static, Result<Sent, RequestError>> {
        let mut message = message.into();
        message.quote.get_or_insert_with(|| Quote {
            id: self.id.clone(),
            author: self.author.clone(),
            text: self.text.clone(),
        });
        self.say(message)
    }
}
