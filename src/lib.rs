//! Bots built as graphs of supervised actors.

pub mod bot;
#[cfg(all(feature = "mezon", unix))]
pub mod cache;
pub mod chat;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod config;
#[cfg(feature = "endpoint")]
pub mod endpoint;
pub mod handlers;
#[cfg(feature = "mezon")]
pub mod mezon;
pub mod platform;
pub mod prelude;
#[cfg(feature = "simulator")]
pub mod simulator;
#[cfg(feature = "testing")]
pub mod testing;

pub use greenroom_actors as actors;
