//! What a bot gets to hear: the parts of answers, as events of their own.

use std::fmt;
use std::sync::Arc;

use greenroom_actors::connection::Listening;
use greenroom_actors::event::{ChannelKey, Event, Id, Origin, Payload};
use greenroom_actors::router::{Outcome, Router, Topic};
use greenroom_actors::supervisor::ChildSpec;
use greenroom_actors::telemetry::Counters;

use super::adapter::NAME;
use super::caller::Caller;
use super::client::PaymanClient;
use super::event::{ArtifactUpdate, StatusUpdate};
use super::protocol::Update;
use crate::bot::BotBuilder;

/// Publishes what comes while the agent answers.
#[derive(Clone)]
pub(super) struct Publisher {
    origin: Arc<Origin>,
    counters: Arc<Counters>,
    status: Topic<StatusUpdate>,
    artifact: Topic<ArtifactUpdate>,
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Publisher")
    }
}

/// Declares for pictures which events a client publishes.
pub(super) fn publishes(spec: ChildSpec<Caller>, router: &Router) -> ChildSpec<Caller> {
    spec.publishes::<StatusUpdate>(router)
        .publishes::<ArtifactUpdate>(router)
}

impl Publisher {
    pub(super) fn new(origin: &Arc<Origin>, counters: &Arc<Counters>) -> Self {
        let router = origin.router();
        Self {
            status: router.topic(),
            artifact: router.topic(),
            origin: Arc::clone(origin),
            counters: Arc::clone(counters),
        }
    }

    /// Says that the platform can be asked, for as long as the result lives.
    pub(super) fn reached(&self) -> Listening {
        self.counters.connects.add(1);
        self.counters.connections.listening(NAME, self.origin.bot())
    }

    /// Hands out what came, if anybody wants it. While a handler has no room for it, the stream is not read.
    pub(super) async fn publish(&self, update: &Update) {
        self.counters.events.add(1);
        match update {
            Update::Artifact(update) => {
                self.event(&self.artifact, &update.ids.session_id, update)
                    .await;
            }
            Update::Status(update) => {
                self.event(&self.status, &update.ids.session_id, update)
                    .await;
            }
        }
    }

    /// An event of a stream could not be read.
    pub(super) fn left_out(&self) {
        self.counters.malformed.add(1);
    }

    async fn event<T: Payload + Clone>(&self, topic: &Topic<T>, session: &str, update: &T) {
        if topic.is_wanted() {
            let session = ChannelKey::new(0, session);
            topic
                .publish(Event::new(&self.origin, Id::NONE, session, update.clone()))
                .await;
        }
    }
}

/// What a handler of Payman's events needs.
pub trait OnPayman {
    /// Returns the client that has asked, if the event came from Payman.
    fn payman(&self) -> Option<&PaymanClient>;
}

impl<T: Payload> OnPayman for Event<T> {
    fn payman(&self) -> Option<&PaymanClient> {
        self.envelope().origin.door()
    }
}

/// Registers handlers of what comes while the agent answers.
pub trait PaymanEvents {
    /// Registers a closure for the states of tasks.
    #[must_use]
    fn on_status_update<F>(self, name: &str, handle: F) -> Self
    where
        F: AsyncFn(Event<StatusUpdate>) -> Outcome + Send + Sync + 'static;

    /// Registers a closure for the parts of answers.
    #[must_use]
    fn on_artifact_update<F>(self, name: &str, handle: F) -> Self
    where
        F: AsyncFn(Event<ArtifactUpdate>) -> Outcome + Send + Sync + 'static;
}

impl PaymanEvents for BotBuilder {
    fn on_status_update<F>(self, name: &str, handle: F) -> Self
    where
        F: AsyncFn(Event<StatusUpdate>) -> Outcome + Send + Sync + 'static,
    {
        self.on(name, handle)
    }

    fn on_artifact_update<F>(self, name: &str, handle: F) -> Self
    where
        F: AsyncFn(Event<ArtifactUpdate>) -> Outcome + Send + Sync + 'static,
    {
        self.on(name, handle)
    }
}
