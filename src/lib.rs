//! Bots built as graphs of supervised actors.

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod config;
#[cfg(feature = "mezon")]
pub mod mezon;
#[cfg(feature = "client")]
pub mod platform;
#[cfg(feature = "simulator")]
pub mod simulator;

pub use greenroom_actors as actors;
