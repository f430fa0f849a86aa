//! What a bot gets to hear: the answers of models, as events of their own.

use std::fmt;
use std::sync::Arc;

use greenroom_actors::connection::Listening;
use greenroom_actors::event::{ChannelKey, Event, Id, Origin, Payload};
use greenroom_actors::router::{Outcome, Router, Topic};
use greenroom_actors::supervisor::ChildSpec;
use greenroom_actors::telemetry::Counters;

use super::adapter::NAME;
use super::caller::Caller;
use super::client::MeshClient;
use super::codec::Said;
use super::event::ChatAnswered;
use super::model::ChatAnswer;
use super::outgoing::Chat;
use crate::bot::BotBuilder;

/// Publishes the answers of models.
#[derive(Clone)]
pub(super) struct Publisher {
    origin: Arc<Origin>,
    counters: Arc<Counters>,
    answers: Topic<ChatAnswered>,
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Publisher")
    }
}

/// Declares for pictures which events a client publishes.
pub(super) fn publishes(spec: ChildSpec<Caller>, router: &Router) -> ChildSpec<Caller> {
    spec.publishes::<ChatAnswered>(router)
}

impl Publisher {
    pub(super) fn new(origin: &Arc<Origin>, counters: &Arc<Counters>) -> Self {
        Self {
            answers: origin.router().topic(),
            origin: Arc::clone(origin),
            counters: Arc::clone(counters),
        }
    }

    /// Says that the platform can be asked, for as long as the result lives.
    pub(super) fn reached(&self) -> Listening {
        self.counters.connects.add(1);
        self.counters.connections.listening(NAME, self.origin.bot())
    }

    /// Hands out an answer, if anybody wants it. While a handler has no room for it, whoever asked waits.
    pub(super) async fn publish(&self, chat: &Chat, said: &Said, answer: &ChatAnswer) {
        self.counters.events.add(1);
        if !self.answers.is_wanted() {
            return;
        }
        let answered = ChatAnswered {
            prompt: chat.text.clone(),
            provider: said.provider.clone(),
            model: said.model.clone(),
            content: answer.content.clone(),
            thinking: answer.thinking.clone(),
        };
        let channel = chat
            .channel
            .clone()
            .unwrap_or_else(|| ChannelKey::new(0, 0));
        self.answers
            .publish(Event::new(&self.origin, Id::NONE, channel, answered))
            .await;
    }
}

/// What a handler of Mesh's events needs.
pub trait OnMesh {
    /// Returns the client that has asked, if the event came from Mesh.
    fn mesh(&self) -> Option<&MeshClient>;
}

impl<T: Payload> OnMesh for Event<T> {
    fn mesh(&self) -> Option<&MeshClient> {
        self.envelope().origin.door()
    }
}

/// Registers handlers of what models answer.
pub trait MeshEvents {
    /// Registers a closure for the answers of models.
    #[must_use]
    fn on_chat_answered<F>(self, name: &str, handle: F) -> Self
    where
        F: AsyncFn(Event<ChatAnswered>) -> Outcome + Send + Sync + 'static;
}

impl MeshEvents for BotBuilder {
    fn on_chat_answered<F>(self, name: &str, handle: F) -> Self
    where
        F: AsyncFn(Event<ChatAnswered>) -> Outcome + Send + Sync + 'static,
    {
        self.on(name, handle)
    }
}
