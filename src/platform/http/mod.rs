//! An HTTP client for the calls of a platform: one time-out over everything, a bounded body, typed errors.

mod client;
mod error;
mod exchange;
mod internet;
mod pace;
mod refusal;
mod request;

pub use client::{HttpAnswer, HttpClient, HttpStream};
pub use error::HttpError;
pub use exchange::{Exchange, RawAnswer, RawStream, Sent};
pub(crate) use internet::Internet;
pub use pace::Pace;
pub use request::HttpRequest;

/// What every client says that it is.
pub(crate) const USER_AGENT: &str = concat!("greenroom/", env!("CARGO_PKG_VERSION"));
