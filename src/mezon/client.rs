//! Saying things on Mezon, from any thread.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use greenroom_actors::channel::{Channels, Outlet};
use greenroom_actors::connection::{ConnectionRef, RequestError};
use greenroom_actors::event::{ChannelKey, Event, Id, Payload};
use greenroom_actors::telemetry::Counters;
use greenroom_proto::mezon::realtime::envelope::Message;
use greenroom_proto::mezon::{Wire, api, realtime};

use super::codec::{self, Answer, Request, must_join};
use super::limits::{EPHEMERAL, type_of};
use super::message::MezonMessage;
use super::outgoing::{NewMessage, number};
use super::protocol::MezonProtocol;
use super::state::{Route, State};
use crate::chat::{Outgoing, Sent, Speaker};

/// Says things on Mezon: in the order of the calls for each channel, and while the connection is down, later.
///
/// Clones are cheap and can go to any thread. Handlers find it in any event that came from Mezon: [`OnMezon::mezon`].
#[derive(Clone)]
pub struct MezonClient {
    channels: Channels<Line>,
    state: Arc<State>,
    limit: usize,
}

impl fmt::Debug for MezonClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MezonClient").finish_non_exhaustive()
    }
}

impl MezonClient {
    pub(super) fn new(channels: Channels<Line>, state: Arc<State>, limit: usize) -> Self {
        Self {
            channels,
            state,
            limit,
        }
    }

    /// Returns the bot's own user id; none before the first login.
    #[must_use]
    pub fn me(&self) -> Id {
        self.state.lock().me.clone()
    }

    /// Sends a message into a channel and returns what the platform says of it.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; see [`Speak::say`](crate::chat::Speak::say).
    pub async fn send(
        &self,
        channel: &ChannelKey,
        message: impl Into<NewMessage>,
    ) -> Result<realtime::ChannelMessageAck, RequestError> {
        let send = self.prepare(channel, message.into())?;
        let answer = self.channels.say(channel, send.into()).await?;
        answer.ack().cloned().ok_or_else(unexpected)
    }

    /// Replies to a message, quoting it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn reply(
        &self,
        to: &api::ChannelMessage,
        message: impl Into<NewMessage>,
    ) -> Result<realtime::ChannelMessageAck, RequestError> {
        let to = MezonMessage::new(to);
        self.send(&to.key(), message.into().quoting(&to)).await
    }

    /// Sends a message that only `receivers` see. Its code is 12 unless another is set.
    ///
    /// Returns the messages as the platform made them: one, or on the older wire one for each receiver.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); on the older wire, receivers before the one that failed have got theirs.
    pub async fn send_ephemeral(
        &self,
        channel: &ChannelKey,
        receivers: &[Id],
        message: impl Into<NewMessage>,
    ) -> Result<Vec<Id>, RequestError> {
        let mut message = message.into();
        if message.code == 0 {
            message.code = EPHEMERAL;
        }
        let receivers = receivers.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        let send = self.prepare(channel, message)?;
        let wire = self.state.lock().wire.unwrap_or(Wire::V2);
        let mut ids = Vec::new();
        for request in codec::ephemeral(wire, &send, &receivers) {
            let answer = self.channels.say(channel, request).await?;
            ids.push(answer.message_id().unwrap_or_default().into());
        }
        Ok(ids)
    }

    /// Asks anything else of the platform, in the order of `channel`.
    ///
    /// # Errors
    ///
    /// As the platform answers.
    pub async fn request(
        &self,
        channel: &ChannelKey,
        request: impl Into<Request>,
    ) -> Result<Answer, RequestError> {
        self.channels.say(channel, request.into()).await
    }

    fn prepare(
        &self,
        channel: &ChannelKey,
        message: NewMessage,
    ) -> Result<realtime::ChannelMessageSend, RequestError> {
        let route = self.route(channel)?;
        message.into_send(channel, route, self.limit)
    }

    fn route(&self, channel: &ChannelKey) -> Result<Route, RequestError> {
        let known = self.state.lock().route(number(&channel.channel)?);
        Ok(known.unwrap_or(Route::guess(number(&channel.space)?)))
    }
}

impl Speaker for MezonClient {
    fn say(
        &self,
        channel: &ChannelKey,
        message: Outgoing,
    ) -> BoxFuture<'static, Result<Sent, RequestError>> {
        let quoted = message.quote.as_ref().and_then(|quote| quote.id.number());
        let topic = quoted.map_or(0, |quoted| self.state.lock().topic(quoted));
        let message = NewMessage::neutral(message, topic);
        let (client, channel) = (self.clone(), channel.clone());
        async move {
            let ack = client.send(&channel, message).await?;
            Ok(Sent {
                id: ack.message_id.into(),
            })
        }
        .boxed()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The way from an event to the platform that it came from.
pub trait OnMezon {
    /// Returns what says things on Mezon, if the event came from there.
    fn mezon(&self) -> Option<&MezonClient>;
}

impl<T: Payload> OnMezon for Event<T> {
    fn mezon(&self) -> Option<&MezonClient> {
        let speaker = self.envelope().origin.door::<Arc<dyn Speaker>>()?;
        speaker.as_any().downcast_ref()
    }
}

/// Carries requests of channels to the connection; joins a channel first if the platform insists.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) connection: ConnectionRef<MezonProtocol>,
    pub(super) counters: Arc<Counters>,
}

impl Outlet for Line {
    type Message = Request;
    type Receipt = Answer;

    fn send(
        &self,
        _: &ChannelKey,
        request: Request,
    ) -> BoxFuture<'static, Result<Answer, RequestError>> {
        let (connection, counters) = (self.connection.clone(), Arc::clone(&self.counters));
        async move {
            let mut answer = connection.ask(request.clone()).await;
            if let (Err(error), Some(join)) = (&answer, join_for(&request))
                && must_join(error)
                && connection.ask(join.into()).await.is_ok()
            {
                answer = connection.ask(request).await;
            }
            if answer.is_ok() {
                counters.replies.add(1);
            }
            answer
        }
        .boxed()
    }
}

/// Makes the request that joins the channel that a message is for.
fn join_for(request: &Request) -> Option<realtime::ChannelJoin> {
    let Message::ChannelMessageSend(send) = &request.message else {
        return None;
    };
    Some(realtime::ChannelJoin {
        clan_id: send.clan_id,
        channel_id: send.channel_id,
        channel_type: type_of(send.mode),
        is_public: send.is_public,
    })
}

fn unexpected() -> RequestError {
    RequestError::Invalid("the platform answered with something else than an acknowledgement".to_owned())
}
