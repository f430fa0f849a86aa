//! The adapter of Token Bowl Chat: [`TokenBowl`] puts a bot on the platform, [`TokenBowlClient`] is what its handlers use there.
//!
//! Messages arrive as `Event<Message>` with all that the platform says of them, and as
//! [`ChatMessage`](crate::chat::ChatMessage); [`TokenBowlEvents`] has a method for each event.
//!
#![doc = include_str!("../../docs/platforms/token-bowl.md")]

mod adapter;
mod authenticator;
mod caller;
mod centrifugo;
mod client;
mod codec;
mod complaints;
mod config;
mod error;
mod event;
#[cfg(feature = "simulator")]
pub(crate) mod fake;
mod handlers;
mod http;
mod limits;
mod log;
mod message;
pub mod model;
mod outstanding;
mod protocol;
mod register;
mod state;

pub use crate::cache::CacheOptions;
pub use adapter::TokenBowl;
pub use client::{OnTokenBowl, TokenBowlClient};
pub use config::{Auth, BaseUrl, InvalidBaseUrl, Protocol, Settings};
pub use error::{ApiError, ApiErrorKind};
pub use event::{Gap, Problem, ProblemKind, ReadReceipt, Typing};
pub use handlers::{MessageLog, MessageLogLine, Monitor};
pub use http::{Api, ConversationChanges, NewUser, Pages, UserChanges};
#[cfg(feature = "cli")]
pub(crate) use log::FORMAT;
pub use log::read_record;
pub use register::TokenBowlEvents;
