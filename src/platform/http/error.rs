//! Why a call failed, and whether it helps to try again.

use std::time::Duration;

use greenroom_actors::error::Retry;

use super::refusal::shown;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The answer is larger than allowed.
    #[error("the answer has more than {0} bytes")]
    BodyTooLarge(usize),
    /// The URL or a header cannot be used.
    #[error("cannot ask: {0}")]
    Invalid(String),
    /// The answer is not HTTP, or ended early.
    #[error("the answer cannot be read: {0}")]
    Protocol(String),
    /// The server refused, or sent elsewhere.
    #[error("the server answered HTTP {status}{}", shown(*.code, .message))]
    Status {
        /// The HTTP status, 300 or more.
        status: u16,
        /// The code in the answer, if it names one.
        code: Option<i64>,
        /// What the answer says, shortened and on one line; may be empty.
        message: String,
        /// What the header `Retry-After` asks for.
        retry_after: Option<Duration>,
    },
    /// The answer was not there in time. Whether the server acted is unknown.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// No connection to the server came about: nothing was sent.
    #[error("cannot reach the server: {0}")]
    Unconnected(String),
    /// The server went away. Whether it acted is unknown.
    #[error("cannot reach the server: {0}")]
    Unreachable(String),
}

impl HttpError {
    /// Whether trying again can help.
    ///
    /// It says nothing about whether that is safe: only the caller knows if the request may be repeated.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Status {
                status: 429,
                retry_after,
                ..
            } => Retry::After(retry_after.unwrap_or(Duration::from_secs(1))),
            Self::Status {
                status: 500..,
                retry_after,
                ..
            } => retry_after.map_or(Retry::Now, Retry::After),
            Self::Status { .. } | Self::BodyTooLarge(_) | Self::Invalid(_) => Retry::Never,
            Self::Protocol(_) | Self::TimedOut(_) | Self::Unconnected(_) | Self::Unreachable(_) => {
                Retry::Now
            }
        }
    }

    /// Returns the HTTP status if the server answered with one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}
