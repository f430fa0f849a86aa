//! The Mesh adapter: [`Mesh`] puts a bot on the platform, [`MeshClient`] asks models of OpenAI and Anthropic, and keeps keys.
//!
#![doc = include_str!("../../docs/platforms/mesh.md")]

mod adapter;
mod assistant;
mod authenticator;
mod browser;
mod caller;
mod chat;
mod client;
mod codec;
mod commitment;
mod config;
mod device;
mod environment;
mod error;
mod event;
#[cfg(feature = "simulator")]
pub(crate) mod fake;
mod global;
mod http;
mod keys;
mod limits;
mod login;
mod model;
pub mod models;
mod outgoing;
mod register;
mod session;
mod state;
mod store;
mod token;
mod tries;
mod users;

pub use adapter::Mesh;
pub use assistant::Assistant;
pub use client::MeshClient;
pub use config::{Compat, Settings, TokenStore};
pub use error::{ErrorKind, MeshError};
pub use event::ChatAnswered;
pub use global::{chat, client, get_key, list_keys, store_key, store_key_zkp, verify_key};
pub use login::{Login, Prompt};
pub use model::{ChatAnswer, Models, Profile, StoredCommitment, StoredKey, Thought, Verification};
pub use outgoing::{Chat, Turn};
pub use register::{MeshEvents, OnMesh};
pub use session::LoginState;
