//! The Ticos adapter: the bot is a device, and agents dial it.
//!
//! [`Ticos`] puts a bot on the platform: what agents send arrives as events of the types [`AgentMessage`], [`Motion`], [`Emotion`],
//! [`FunctionCall`] and [`Conversation`], and what users say also as [`ChatMessage`](crate::chat::ChatMessage). [`TicosClient`] sends
//! to agents and to the cloud. [`Device`] is the same as one object with five handlers, for programs that know nothing of bots.
//!
#![doc = include_str!("../../docs/platforms/ticos.md")]

mod adapter;
mod agent;
mod client;
mod cloud;
mod codec;
mod config;
mod desk;
mod device;
mod error;
mod event;
#[cfg(feature = "simulator")]
pub(crate) mod fake;
mod figures;
mod files;
mod handlers;
mod http;
mod lane;
mod limits;
mod link;
mod matter;
mod memory;
mod ordered;
mod paths;
mod robot;
mod routes;
mod session;
mod socket;
mod store;
mod transcript;

pub use adapter::Ticos;
pub use client::TicosClient;
pub use cloud::Priority;
pub use config::Settings;
pub use device::Device;
pub use error::{StorageError, TicosError};
pub use event::{
    AgentConnected, AgentDisconnected, AgentMessage, Conversation, Emotion, FunctionCall, Motion,
};
pub use figures::Stats;
pub use handlers::{Answer, Handlers, MessageCallback, PrintMessages};
pub use paths::SaveMode;
pub use robot::{Gesture, Robot};
#[cfg(feature = "ticos-sqlite")]
pub use store::SQLiteStorageService;
pub use store::{
    Memory, MemoryType, Message, MessageRole, SledStorageService, StorageService, UnknownName,
};

const NAME: &str = "ticos";
