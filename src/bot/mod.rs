//! Bots: platforms, handlers and the tree that holds them.

mod builder;
mod error;
mod health;
mod running;
mod shutdown;
pub(crate) mod signals;

pub use builder::{Bot, BotBuilder};
pub use error::BotError;
pub use health::{Health, HealthStatus};
pub use running::{Report, Running};
pub use shutdown::{Left, Phase, Shutdown};
