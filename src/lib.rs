//! Bots built as graphs of supervised actors.

pub mod bot;
#[cfg(any(feature = "mezon", feature = "token-bowl"))]
pub mod cache;
#[cfg(any(feature = "payman", feature = "token-bowl"))]
mod calendar;
pub mod chat;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod compose;
#[cfg(feature = "cli")]
pub mod config;
#[cfg(feature = "endpoint")]
pub mod endpoint;
#[cfg(feature = "cli")]
pub mod guide;
pub mod handlers;
#[cfg(feature = "mesh")]
pub mod mesh;
#[cfg(feature = "mezon")]
pub mod mezon;
#[cfg(feature = "payman")]
pub mod payman;
pub mod platform;
pub mod prelude;
#[cfg(feature = "simulator")]
pub mod simulator;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "ticos")]
pub mod ticos;
#[cfg(feature = "token-bowl")]
pub mod token_bowl;

pub use greenroom_actors as actors;
