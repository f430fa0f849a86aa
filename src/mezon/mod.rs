//! The Mezon adapter.

mod auth;
mod config;
mod error;
#[cfg(feature = "simulator")]
pub(crate) mod fake;
mod http;
mod lenient;

pub use auth::MezonSession;
pub use config::Settings;
pub use error::ApiError;
pub use http::{Api, VoiceUser};
