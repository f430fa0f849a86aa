//! Why a bot ended.

use greenroom_actors::error::BoxError;
use greenroom_actors::store::StoreError;
use greenroom_actors::supervisor::{Exit, TreeSnapshot};

/// Why a bot did not start, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BotError {
    /// A platform cannot be set up as it is configured.
    #[error("{platform}: {error}")]
    Assembly {
        /// The platform.
        platform: &'static str,
        /// What is wrong.
        #[source]
        error: BoxError,
    },
    /// The configuration is wrong; every fault, one a line.
    #[cfg(feature = "cli")]
    #[error("the configuration is wrong:\n{0}")]
    Config(#[from] crate::config::Faults),
    /// The endpoint cannot listen: another program has the port, or the address is not one of this machine.
    #[cfg(feature = "endpoint")]
    #[error("the endpoint cannot listen on {address}: {source}")]
    Endpoint {
        /// Where it should have listened.
        address: std::net::SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The tree failed: a fatal error, or more restarts than are allowed.
    #[error("the bot failed: {exit}")]
    Failed {
        /// Why.
        exit: Exit,
        /// The tree as it was then.
        tree: Box<TreeSnapshot>,
    },
    /// Two handlers have the same name.
    #[error("two handlers are named `{0}`")]
    SameName(String),
    /// Signals cannot be watched.
    #[error("cannot watch for signals: {0}")]
    Signals(#[from] std::io::Error),
    /// The store cannot be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
