//! Bots: platforms, handlers and the tree that holds them.

mod backstage;
mod builder;
mod error;
mod health;
mod placement;
mod running;
mod shutdown;
pub(crate) mod signals;

pub(crate) use backstage::Backstage;
pub use builder::{Bot, BotBuilder};
pub use error::BotError;
pub use health::{Health, HealthStatus};
pub use placement::Placement;
pub use running::{Report, Running};
pub use shutdown::{Left, Phase, Shutdown};
