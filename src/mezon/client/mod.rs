//! Mezon from any thread: saying things, looking things up, asking things.

mod ask;
mod conversation;
mod flight;
mod know;
mod line;
mod live;
mod lookup;
mod menus;
mod play;
mod say;
mod whisper;

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use greenroom_actors::cache::Cache;
use greenroom_actors::channel;
use greenroom_actors::connection::{HangUp, RequestError, Resume};
use greenroom_actors::event::{ChannelKey, Event, Id, Payload};
use greenroom_actors::mailbox::{ActorRef, Ref};
use greenroom_proto::mezon::Wire;

use super::agent::AgentState;
use super::caller::ApiCaller;
use super::config::Settings;
use super::error::ApiError;
use super::model::Channel;
use super::state::State;
use super::tokens::Wallet;
use crate::chat::Speaker;

use self::flight::Flights;
use self::menus::Ids;
pub(super) use line::Line;
pub use live::{Live, OnMessage};
pub use lookup::{ChannelMessages, Channels, ClanChannels, ClanUsers, Clans, Users};
pub use menus::QuickMenu;
pub use whisper::Receivers;

/// What can be done on Mezon: in the order of the calls for each channel, and while the connection is down, later.
///
/// Clones are cheap, belong to the same bot and can go to any thread. Handlers find it in any event that came from Mezon with
/// [`OnMezon::mezon`]; others get it from [`Mezon::client`](super::Mezon::client). It works as soon as the bot has been built.
#[derive(Clone)]
pub struct MezonClient {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Arc<Settings>,
    state: Arc<State>,
    doors: OnceLock<Doors>,
    /// Channels that are being asked for.
    channels: Flights<Result<Channel, ApiError>>,
    /// Direct conversations that are being opened, by user.
    direct: Flights<Result<ChannelKey, ApiError>>,
    ids: Ids,
}

/// The actors behind a client.
pub(super) struct Doors {
    pub(super) api: ActorRef<ApiCaller>,
    pub(super) wallet: ActorRef<Wallet>,
    pub(super) cache: Option<Cache>,
    pub(super) channels: channel::Channels<Line>,
    pub(super) hang_up: Ref<HangUp>,
    pub(super) resume: Ref<Resume>,
}

impl fmt::Debug for MezonClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MezonClient")
            .field("client_id", &self.shared.settings.client_id)
            .finish_non_exhaustive()
    }
}

impl MezonClient {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings,
                state: Arc::default(),
                doors: OnceLock::new(),
                channels: Flights::default(),
                direct: Flights::default(),
                ids: Ids::default(),
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

    fn lanes(&self) -> Result<&channel::Channels<Line>, RequestError> {
        let doors = self.shared.doors.get().ok_or(RequestError::Closed)?;
        Ok(&doors.channels)
    }

    /// Closes the socket in order, and stays without one: no reconnect. What waits to be sent or answered fails, what was received is
    /// still handled, handlers stay, and the cache is written to the disk. [`connect`](Self::connect) opens it again.
    pub async fn disconnect(&self) {
        let Some(doors) = self.shared.doors.get() else {
            return;
        };
        // A connection that has ended is closed.
        let _ = doors.hang_up.send(HangUp).await;
        if let Some(cache) = &doors.cache
            && let Err(error) = cache.flush_now().await
        {
            tracing::warn!(%error, "the cache could not be written to the disk");
        }
    }

    /// Closes the socket; the same as [`disconnect`](Self::disconnect).
    pub async fn close_socket(&self) {
        self.disconnect().await;
    }

    /// Opens the socket again after [`disconnect`](Self::disconnect), with a new login if the session has ended meanwhile. A bot
    /// connects by itself when it starts.
    ///
    /// # Errors
    ///
    /// [`RequestError::Closed`] if the bot does not run.
    pub async fn connect(&self) -> Result<(), RequestError> {
        let doors = self.shared.doors.get().ok_or(RequestError::Closed)?;
        let resumed = doors.resume.send(Resume).await;
        resumed.map_err(|_| RequestError::Closed)
    }

    /// Returns the bot's own user id; none before the first login.
    #[must_use]
    pub fn me(&self) -> Id {
        self.state().lock().me.clone()
    }

    /// Says how it is with the events of agents; see [`Settings::agent_url`](super::Settings::agent_url).
    #[must_use]
    pub fn agent(&self) -> AgentState {
        self.state().lock().agent.clone()
    }

    /// Returns the wire that the server speaks; the newest before the first login.
    #[must_use]
    pub fn wire(&self) -> Wire {
        self.state().lock().wire.unwrap_or(Wire::V2)
    }
}

/// The way from an event to the platform that it came from.
pub trait OnMezon {
    /// Returns what can be done on Mezon, if the event came from there.
    fn mezon(&self) -> Option<&MezonClient>;
}

impl<T: Payload> OnMezon for Event<T> {
    fn mezon(&self) -> Option<&MezonClient> {
        let speaker = self.envelope().origin.door::<Arc<dyn Speaker>>()?;
        let speaker: &dyn Any = speaker.as_any();
        speaker.downcast_ref()
    }
}
