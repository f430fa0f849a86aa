//! Mezon from any thread: saying things, looking things up, asking things.

mod ask;
mod know;
mod line;
mod say;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use greenroom_actors::cache::Cache;
use greenroom_actors::channel::Channels;
use greenroom_actors::connection::RequestError;
use greenroom_actors::event::{Event, Id, Payload};
use greenroom_actors::mailbox::ActorRef;
use greenroom_proto::mezon::Wire;
use tokio::sync::OnceCell;

use super::caller::ApiCaller;
use super::config::Settings;
use super::state::State;
use crate::chat::Speaker;

pub(super) use line::Line;

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
    loads: Mutex<BTreeMap<i64, Arc<OnceCell<()>>>>,
    fetches: Mutex<BTreeMap<i64, Arc<tokio::sync::Mutex<()>>>>,
}

/// The actors behind a client.
pub(super) struct Doors {
    pub(super) api: ActorRef<ApiCaller>,
    pub(super) cache: Option<Cache>,
    pub(super) channels: Channels<Line>,
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
                loads: Mutex::default(),
                fetches: Mutex::default(),
            }),
        }
    }

    pub(super) fn connect(&self, doors: Doors) {
        // A client belongs to one adapter, which is assembled once.
        let _ = self.shared.doors.set(doors);
    }

    pub(super) fn settings(&self) -> &Arc<Settings> {
        &self.shared.settings
    }

    pub(super) fn state(&self) -> &Arc<State> {
        &self.shared.state
    }

    fn channels(&self) -> Result<&Channels<Line>, RequestError> {
        let doors = self.shared.doors.get().ok_or(RequestError::Closed)?;
        Ok(&doors.channels)
    }

    /// Returns the bot's own user id; none before the first login.
    #[must_use]
    pub fn me(&self) -> Id {
        self.state().lock().me.clone()
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
