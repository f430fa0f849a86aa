//! Events of agents in meetings, which come as a stream of their own beside the websocket.

mod attempts;
mod event;

use std::fmt;
use std::sync::Arc;

use actix::prelude::*;
use bytes::Bytes;
use greenroom_actors::connection::Quiesce;
use greenroom_actors::entropy::Entropy;
use greenroom_actors::event::{ChannelKey, Event, Id, Origin, Payload};
use greenroom_actors::router::{Router, Topic};
use greenroom_actors::supervisor::ChildSpec;
use greenroom_actors::telemetry::Counters;
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use self::attempts::Attempts;
pub use self::event::{AgentEvent, AgentRoom, RoomSummaryDone, SessionEnded, SessionStarted};
use self::event::{Told, Unread, read};
use super::config::Settings;
use super::state::State;
use crate::platform::http::{HttpClient, HttpError, HttpRequest, HttpStream};
use crate::platform::sse::{Decoder, Part};

/// How it is with the events of agents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AgentState {
    /// Nobody listens: no `agent_url` is set, or the bot does not run.
    #[default]
    Off,
    /// The stream is being opened.
    Connecting,
    /// Events come as they happen.
    Listening,
    /// The stream has ended, and is opened again after a while.
    Waiting {
        /// Which attempt since the last success will be the next, from 1.
        attempt: u32,
        /// Why it has ended.
        reason: String,
    },
    /// It was tried often enough, or the server does not let the bot in. No events come until the bot is started again.
    GivenUp {
        /// What happened last.
        reason: String,
    },
}

/// Listens to the events of agents.
///
/// * **Who starts it**: the platform's supervisor, if an `agent_url` is set.
/// * **What ends it**: its supervisor, or a panic. A server that cannot be reached does not: after the last attempt it stays, idle.
/// * **What happens to its mailbox then**: there is one message, that a shutdown begins; it outlives a restart.
/// * **What it may lose**: events that the server sends while no stream is open; the server does not repeat them.
pub(super) struct AgentListener {
    work: Option<Work>,
    running: Option<SpawnHandle>,
}

impl fmt::Debug for AgentListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentListener").finish_non_exhaustive()
    }
}

/// What a listener is made of.
pub(super) struct Parts {
    pub(super) http: HttpClient,
    pub(super) url: Url,
    pub(super) settings: Arc<Settings>,
    pub(super) state: Arc<State>,
    pub(super) origin: Arc<Origin>,
    pub(super) counters: Arc<Counters>,
    pub(super) entropy: Entropy,
}

struct Work {
    parts: Parts,
    attempts: Attempts,
    started: Topic<SessionStarted>,
    ended: Topic<SessionEnded>,
    summary: Topic<RoomSummaryDone>,
}

/// Declares for pictures which events a listener publishes.
pub(super) fn publishes(
    spec: ChildSpec<AgentListener>,
    router: &Router,
) -> ChildSpec<AgentListener> {
    spec.publishes::<SessionStarted>(router)
        .publishes::<SessionEnded>(router)
        .publishes::<RoomSummaryDone>(router)
}

impl AgentListener {
    pub(super) fn new(parts: Parts) -> Self {
        let router = parts.origin.router();
        let (started, ended, summary) = (router.topic(), router.topic(), router.topic());
        let work = Work {
            parts,
            attempts: Attempts::default(),
            started,
            ended,
            summary,
        };
        Self {
            work: Some(work),
            running: None,
        }
    }
}

impl Actor for AgentListener {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        if let Some(work) = self.work.take() {
            // Inside of the context, so that a panic is the actor's.
            self.running = Some(ctx.spawn(work.run().into_actor(self)));
        }
    }
}

impl Handler<Quiesce> for AgentListener {
    type Result = ();

    fn handle(&mut self, _: Quiesce, ctx: &mut Context<Self>) {
        if let Some(running) = self.running.take() {
            ctx.cancel_future(running);
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let agent = &mut self.parts.state.lock().agent;
        if !matches!(agent, AgentState::GivenUp { .. }) {
            *agent = AgentState::Off;
        }
    }
}

impl Work {
    async fn run(mut self) {
        loop {
            self.show(AgentState::Connecting);
            let (reason, is_final) = match self.open().await {
                Ok(stream) => {
                    self.attempts.succeeded();
                    self.show(AgentState::Listening);
                    tracing::info!(url = %self.parts.url, "listening to the events of agents");
                    (self.listen(stream).await, false)
                }
                Err(error) => {
                    let is_final = matches!(error.status(), Some(401 | 403));
                    (error.to_string(), is_final)
                }
            };
            let wait = match is_final {
                true => None,
                false => self.attempts.next(&self.parts.entropy),
            };
            let Some(wait) = wait else {
                tracing::error!(url = %self.parts.url, reason, "no events of agents come any more");
                return self.show(AgentState::GivenUp { reason });
            };
            let attempt = self.attempts.made();
            tracing::warn!(url = %self.parts.url, reason, attempt, ?wait, "the stream of the agents' events has ended");
            self.show(AgentState::Waiting { attempt, reason });
            tokio::time::sleep(wait).await;
        }
    }

    fn show(&self, state: AgentState) {
        self.parts.state.lock().agent = state;
    }

    async fn open(&self) -> Result<HttpStream, HttpError> {
        let settings = &self.parts.settings;
        let key = settings.api_key.expose_secret();
        let query = Serializer::new(String::new())
            .append_pair("appid", &settings.client_id.to_string())
            .append_pair("token", key)
            .finish();
        let base = self.parts.url.as_str().trim_end_matches('/');
        let request = HttpRequest {
            method: "GET",
            url: format!("{base}{PATH}"),
            headers: vec![("accept", SecretString::from(KIND))],
            body: Bytes::new(),
            secrets: vec![
                settings.api_key.clone(),
                byte_serialize(key.as_bytes()).collect::<String>().into(),
            ],
        };
        let stream = self.parts.http.open(request, query.into()).await?;
        let kind = stream.content_type();
        match kind
            .split(';')
            .next()
            .is_some_and(|kind| kind.trim() == KIND)
        {
            true => Ok(stream),
            false => Err(HttpError::Protocol(format!(
                "its content type is {kind:?}, not {KIND}"
            ))),
        }
    }

    /// Hands out events until the stream ends; returns why it did.
    async fn listen(&self, mut stream: HttpStream) -> String {
        let mut decoder = Decoder::new(LIMIT);
        loop {
            let piece = match stream.next().await {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => return error.to_string(),
                None => return "the server has closed it".to_owned(),
            };
            for part in decoder.feed(&piece) {
                self.hear(part).await;
            }
        }
    }

    async fn hear(&self, part: Part) {
        let counters = &self.parts.counters;
        let event = match part {
            Part::Event(event) => event,
            Part::TooLong => {
                counters.malformed.add(1);
                tracing::warn!(limit = LIMIT, "an event of an agent was too long");
                return;
            }
        };
        match read(&event.data) {
            Ok(Told::SessionStarted(event)) => self.publish(&self.started, event).await,
            Ok(Told::SessionEnded(event)) => self.publish(&self.ended, event).await,
            Ok(Told::RoomSummaryDone(event)) => self.publish(&self.summary, event).await,
            Err(error @ Unread::Kind(_)) => {
                counters.ignored.add(1);
                tracing::debug!(%error, "an event of an agent is ignored");
            }
            Err(error) => {
                counters.malformed.add(1);
                tracing::warn!(%error, "an event of an agent cannot be read");
            }
        }
    }

    /// Hands an event out. While a handler has no room for it, nothing more is read.
    async fn publish<T: Payload + std::ops::Deref<Target = AgentEvent>>(
        &self,
        topic: &Topic<T>,
        event: T,
    ) {
        self.parts.counters.events.add(1);
        if topic.is_wanted() {
            let id = Id::from(&event.event_id);
            let room = ChannelKey::new(0, &event.room.room_id);
            let event = Event::new(&self.parts.origin, id, room, event);
            topic.publish(event).await;
        }
    }
}

const PATH: &str = "/api/sse/metadata";
const KIND: &str = "text/event-stream";
/// The longest line and the longest event, in bytes.
const LIMIT: usize = 262_144;
