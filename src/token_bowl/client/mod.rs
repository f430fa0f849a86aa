//! Token Bowl Chat from any thread: saying things, marking what is read, asking things.

mod ask;
mod kept;
mod line;
mod say;

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use greenroom_actors::cache::Cache;
use greenroom_actors::channel::Channels;
use greenroom_actors::connection::{HangUp, RequestError, Resume};
use greenroom_actors::event::{Event, Payload};
use greenroom_actors::mailbox::{ActorRef, Ref};

pub(super) use self::line::Line;
use super::caller::ApiCaller;
use super::config::Settings;
use super::state::{Standing, State};
use crate::chat::Speaker;

/// What can be done on Token Bowl Chat, as one user.
///
/// Clones are cheap, belong to the same user and can go to any thread. Handlers find it in any event that came from there with
/// [`OnTokenBowl::token_bowl`]; others get it from [`TokenBowl::client`](super::TokenBowl::client).
#[derive(Clone)]
pub struct TokenBowlClient {
    shared: Arc<Shared>,
}

struct Shared {
    label: String,
    settings: Arc<Settings>,
    state: Arc<State>,
    doors: OnceLock<Doors>,
}

/// The actors behind a client.
pub(super) struct Doors {
    pub(super) api: ActorRef<ApiCaller>,
    pub(super) cache: Option<Cache>,
    pub(super) channels: Channels<Line>,
    pub(super) hang_up: Ref<HangUp>,
    pub(super) resume: Ref<Resume>,
}

impl fmt::Debug for TokenBowlClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBowlClient")
            .field("label", &self.shared.label)
            .finish_non_exhaustive()
    }
}

impl TokenBowlClient {
    pub(super) fn new(label: String, settings: Arc<Settings>) -> Self {
        let state = Arc::new(State::new(&settings));
        Self {
            shared: Arc::new(Shared {
                label,
                settings,
                state,
                doors: OnceLock::new(),
            }),
        }
    }

    pub(super) fn open(&self, doors: Doors) {
        // A client belongs to one adapter, which is assembled once.
        let _ = self.shared.doors.set(doors);
    }

    pub(super) fn settings(&self) -> &Arc<Settings> {
        &self.shared.settings
    }

    pub(super) fn state(&self) -> &Arc<State> {
        &self.shared.state
    }

    fn doors(&self) -> Result<&Doors, RequestError> {
        self.shared.doors.get().ok_or(RequestError::Closed)
    }

    /// Returns the label of the account; empty for the only one.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.shared.label
    }

    /// Returns the user's own name, once the server has told it.
    #[must_use]
    pub fn username(&self) -> Option<String> {
        self.state().lock().me.as_ref().map(|me| me.name.clone())
    }

    /// Says whether the websocket is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.state().is_connected()
    }

    /// Closes the websocket in order, and stays without one: no reconnect. Handlers stay. [`connect`](Self::connect) opens it again.
    /// Doing it twice is harmless.
    pub async fn disconnect(&self) {
        if let Some(doors) = self.shared.doors.get() {
            // A connection that has ended is closed.
            let _ = doors.hang_up.send(HangUp).await;
            self.state().stand(Standing::Closed);
        }
    }

    /// Opens the websocket again after [`disconnect`](Self::disconnect), and waits until it is connected. A bot connects by itself when
    /// it starts; while it is connected, or about to, this opens no second websocket.
    ///
    /// # Errors
    ///
    /// [`RequestError::Closed`] if the bot does not run; [`RequestError::TimedOut`] if the time for connecting is over. It goes on
    /// trying then.
    pub async fn connect(&self) -> Result<(), RequestError> {
        let doors = self.doors()?;
        if !self.is_connected() {
            self.state().stand(Standing::Away);
        }
        let resumed = doors.resume.send(Resume).await;
        resumed.map_err(|_| RequestError::Closed)?;
        let limit = self.settings().connect_timeout;
        let connected = async {
            while !self.is_connected() {
                tokio::time::sleep(POLL).await;
            }
        };
        let connected = tokio::time::timeout(limit, connected).await;
        connected.map_err(|_| RequestError::TimedOut(limit))
    }
}

/// The way from an event to the platform that it came from.
pub trait OnTokenBowl {
    /// Returns what can be done on Token Bowl Chat, if the event came from there, as the user that got it.
    fn token_bowl(&self) -> Option<&TokenBowlClient>;
}

impl<T: Payload> OnTokenBowl for Event<T> {
    fn token_bowl(&self) -> Option<&TokenBowlClient> {
        let speaker = self.envelope().origin.door::<Arc<dyn Speaker>>()?;
        let speaker: &dyn Any = speaker.as_any();
        speaker.downcast_ref()
    }
}

const POLL: std::time::Duration = std::time::Duration::from_millis(5);
