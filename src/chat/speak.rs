//! Answering where an event came from.

use std::any::Any;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use greenroom_actors::connection::RequestError;
use greenroom_actors::event::{ChannelKey, Event, Payload};

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
