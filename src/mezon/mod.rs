//! The Mezon adapter.

mod auth;
mod caches;
mod codec;
mod config;
mod content;
mod error;
#[cfg(feature = "simulator")]
pub(crate) mod fake;
mod http;
mod lenient;
mod limits;
mod message;
mod raw;

pub use auth::MezonSession;
pub use caches::{Channel, Clan, User};
pub use codec::{Answer, Request};
pub use config::Settings;
pub use content::Content;
pub use error::ApiError;
pub use greenroom_proto::mezon as proto;
pub use http::{Api, VoiceUser};
pub use limits::{mode_of, type_of};
pub use message::MezonMessage;
