//! The seam between a bot and its platforms.

use std::sync::Arc;

use greenroom_actors::connection::Quiesce;
use greenroom_actors::entropy::Entropy;
use greenroom_actors::error::BoxError;
use greenroom_actors::mailbox::Ref;
use greenroom_actors::router::Router;
use greenroom_actors::supervisor::Child;
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
#[derive(Clone, Debug)]
pub struct Assembly {
    /// The bot's name.
    pub bot: String,
    /// Where events go.
    pub router: Router,
    /// The seed of all delays.
    pub entropy: Entropy,
    /// What is counted.
    pub counters: Arc<Counters>,
}

/// The actors of one platform.
#[derive(Debug)]
pub struct Source {
    /// The branch of the tree.
    pub branch: Child,
    /// Whom to tell, at shutdown, to take no more events.
    pub quiesce: Vec<Ref<Quiesce>>,
}
