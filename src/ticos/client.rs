//! What handlers do on the platform.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use bytestring::ByteString;
use futures::future::{BoxFuture, FutureExt};
use greenroom_actors::connection::RequestError;
use greenroom_actors::event::ChannelKey;
use greenroom_actors::mailbox::Ref;
use serde_json::{Value, json};

use super::cloud::{Priority, Realtime, Variables};
use super::desk::Desk;
use super::figures::Stats;
use super::http::Port;
use super::link::Hub;
use super::memory::{Generate, WriteSession};
use super::store::StorageService;
use crate::chat::{Outgoing, Sent, Speaker};

/// A device on the platform: what its handlers need to say something, to agents or to the cloud.
///
/// Clones are the same device; it may be used from any thread, before the start and after the end as well: then there is nobody to
/// hear it.
#[derive(Clone, Default)]
pub struct TicosClient {
    hub: Hub,
    doors: Arc<OnceLock<Doors>>,
}

/// What leads to the actors.
pub(super) struct Doors {
    pub(super) port: Arc<Port>,
    pub(super) desk: Arc<Desk>,
    pub(super) realtime: Ref<Realtime>,
    pub(super) variables: Ref<Variables>,
    pub(super) memory: Option<(Ref<Generate>, Ref<WriteSession>)>,
}

impl fmt::Debug for TicosClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicosClient")
            .field("address", &self.address())
            .field("agents", &self.hub.len())
            .finish()
    }
}

impl TicosClient {
    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    pub(super) fn open(&self, doors: Doors) {
        let _ = self.doors.set(doors);
    }

    /// Sends an object to every agent, and returns to how many. An agent that does not read delays nobody: once too much waits for it,
    /// it is closed. Anything but an object is sent to nobody.
    #[expect(clippy::must_use_candidate, reason = "what counts is that it is done")]
    pub fn broadcast(&self, object: &Value) -> usize {
        match object {
            Value::Object(_) => self.hub.broadcast(&frame(object)),
            _ => 0,
        }
    }

    /// Sends an object to every agent; says whether there was one.
    #[expect(clippy::must_use_candidate, reason = "what counts is that it is done")]
    pub fn send_message(&self, object: &Value) -> bool {
        self.broadcast(object) > 0
    }

    /// Sends an object to one agent; says whether it is connected and has room.
    #[expect(clippy::must_use_candidate, reason = "what counts is that it is done")]
    pub fn send_to(&self, agent: u64, object: &Value) -> bool {
        object.is_object() && self.hub.send(agent, &frame(object))
    }

    /// Returns where the device listens; none before it does and after it has stopped.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let port = &self.doors.get()?.port;
        port.is_open().then(|| port.address())
    }

    /// Says whether the device listens.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.address().is_some()
    }

    /// Returns how many agents are connected.
    #[must_use]
    pub fn agents(&self) -> usize {
        self.hub.len()
    }

    /// Returns what the device has done; none before its start.
    #[must_use]
    pub fn stats(&self) -> Option<Stats> {
        Some(self.doors.get()?.desk.figures.stats())
    }

    /// Returns the store, if messages are kept.
    #[must_use]
    pub fn storage(&self) -> Option<&dyn StorageService> {
        Some(self.doors.get()?.desk.keeper.as_ref()?.service())
    }

    /// Handles a message as if an agent had sent it; says whether a handler was called. It blocks as long as the handlers do.
    #[expect(clippy::must_use_candidate, reason = "what counts is that it is done")]
    pub fn handle_message(&self, message: &Value) -> bool {
        let desk = self.doors.get().map(|doors| &doors.desk);
        desk.is_some_and(|desk| desk.handle_message(message))
    }

    /// Sends a realtime message to the cloud, with an `event_id` if it has none; says whether that worked.
    pub async fn send_realtime_message(&self, object: Value) -> bool {
        match self.doors.get() {
            Some(doors) if object.is_object() => {
                doors.realtime.ask(Realtime(object)).await.unwrap_or(false)
            }
            _ => false,
        }
    }

    /// Sends the variables of the session to the cloud; says whether it took them. Without variables or a key nothing is sent.
    pub async fn update_variables(&self, priority: Priority) -> bool {
        match self.doors.get() {
            Some(doors) => doors
                .variables
                .ask(Variables(priority))
                .await
                .unwrap_or(false),
            None => false,
        }
    }

    /// Makes a memory of the conversation now; says whether there is a new one.
    pub async fn generate_memory(&self) -> bool {
        match self.doors.get().and_then(|doors| doors.memory.as_ref()) {
            Some((generate, _)) => generate.ask(Generate).await.unwrap_or(false),
            None => false,
        }
    }

    /// Writes the last messages into the session file now; says whether that worked.
    pub async fn update_session_config_messages(&self) -> bool {
        match self.doors.get().and_then(|doors| doors.memory.as_ref()) {
            Some((_, write)) => write.ask(WriteSession).await.unwrap_or(false),
            None => false,
        }
    }
}

fn frame(object: &Value) -> ByteString {
    object.to_string().into()
}

impl Speaker for TicosClient {
    /// What a bot says is a flat message of a conversation, to the agent that the event came from.
    fn say(
        &self,
        channel: &ChannelKey,
        message: Outgoing,
    ) -> BoxFuture<'static, Result<Sent, RequestError>> {
        let agent = channel
            .channel
            .number()
            .and_then(|id| u64::try_from(id).ok());
        let said = json!({"message_id": null, "role": "assistant", "content": message.text});
        let sent = agent.is_some_and(|agent| self.send_to(agent, &said));
        async move {
            match sent {
                true => Ok(Sent::default()),
                false => Err(RequestError::Closed),
            }
        }
        .boxed()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
