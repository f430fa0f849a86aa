//! Why a request over a connection failed.

use std::time::Duration;

use crate::error::Retry;

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The connection is closed for good.
    #[error("the connection is closed")]
    Closed,
    /// The request cannot be sent as it is.
    #[error("the request is invalid: {0}")]
    Invalid(String),
    /// The connection was lost after the request was sent and before its answer came. It may or may not have been carried out: it is
    /// never repeated blindly.
    #[error(
        "the connection was lost before the answer came; whether it was carried out is unknown"
    )]
    OutcomeUnknown,
    /// Too many requests wait to be sent.
    #[error("too many requests are waiting to be sent")]
    QueueFull,
    /// The server refused it.
    #[error("the server refused the request: {message} (code {code})")]
    Refused {
        /// The platform's code.
        code: i64,
        /// The platform's words.
        message: String,
        /// Whether, and after how long, trying again can help.
        retry_after: Option<Duration>,
    },
    /// No answer came in time. It may or may not have been carried out.
    #[error("no answer came within {0:?}; whether it was carried out is unknown")]
    TimedOut(Duration),
}

impl RequestError {
    /// Says whether sending it again can help without harm.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Closed | Self::Invalid(_) | Self::OutcomeUnknown | Self::TimedOut(_) => {
                Retry::Never
            }
            Self::QueueFull => Retry::Now,
            Self::Refused { retry_after, .. } => retry_after.map_or(Retry::Never, Retry::After),
        }
    }
}
