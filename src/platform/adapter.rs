//! The seam between a bot and its platforms.

use std::fmt;
use std::sync::Arc;

use greenroom_actors::connection::{Quiesce, TakeLeave};
use greenroom_actors::entropy::Entropy;
use greenroom_actors::error::BoxError;
use greenroom_actors::mailbox::Ref;
use greenroom_actors::router::Router;
use greenroom_actors::supervisor::{Backoff, Child, Intensity, Observer, Strategy, Supervisor};
use greenroom_actors::telemetry::Counters;

/// A platform that a bot can be put on.
pub trait Adapter {
    /// Returns the platform's name, which is also the name of its branch of the tree.
    fn name(&self) -> &'static str;

    /// Makes the actors that connect the bot with the platform. Nothing runs yet.
    ///
    /// # Errors
    ///
    /// If the configuration cannot work.
    fn assemble(self: Box<Self>, assembly: &Assembly) -> Result<Source, BoxError>;
}

/// What a bot gives to its adapters.
#[derive(Clone)]
pub struct Assembly {
    /// The bot's name.
    pub bot: String,
    /// Where events go.
    pub router: Router,
    /// The seed of all delays.
    pub entropy: Entropy,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// How many restarts are too many.
    pub intensity: Intensity,
    /// The delays before restarts.
    pub backoff: Backoff,
    /// Is told of restarts.
    pub observer: Observer,
    /// How the platforms are reached.
    #[cfg(feature = "client")]
    pub network: Arc<dyn super::Network>,
}

impl Assembly {
    /// Makes a supervisor with the bot's settings.
    pub fn supervisor(&self, name: &str, strategy: Strategy) -> Supervisor {
        Supervisor::new(name, strategy)
            .intensity(self.intensity.restarts, self.intensity.period)
            .backoff(self.backoff)
            .entropy(self.entropy.derive(name))
            .observer(Arc::clone(&self.observer))
    }
}

impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembly")
            .field("bot", &self.bot)
            .finish_non_exhaustive()
    }
}

/// The actors of one platform.
#[derive(Debug)]
pub struct Source {
    /// The branch of the tree.
    pub branch: Child,
    /// Whom to tell, at shutdown, to take no more events.
    pub quiesce: Vec<Ref<Quiesce>>,
    /// Whom to tell, when all was handled, that handlers are to hear of the end.
    pub take_leave: Vec<Ref<TakeLeave>>,
}
