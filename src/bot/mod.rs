//! Bots: platforms, handlers and the tree that holds them.

mod builder;
mod error;
mod running;

pub use builder::{Bot, BotBuilder};
pub use error::BotError;
pub use running::{Report, Running};
