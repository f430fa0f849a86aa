//! Why something on Mezon failed.

use greenroom_actors::error::Retry;
use greenroom_proto::mezon::{FrameError, Wire};

use crate::platform::http::HttpError;

/// Why a call of the API failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// The wire of this server does not have the call.
    #[error("{call} does not exist on wire {wire}")]
    Absent {
        /// The call.
        call: &'static str,
        /// The wire.
        wire: Wire,
    },
    /// The answer is empty where it must not be.
    #[error("the answer to {call} is empty")]
    Empty {
        /// The call.
        call: &'static str,
    },
    /// The server refused, or could not be reached.
    #[error("{call}: {source}")]
    Http {
        /// The call.
        call: &'static str,
        /// What happened.
        source: HttpError,
    },
    /// The answer to a login lacks something that it must have.
    #[error("the answer to {call} has no {field}")]
    Incomplete {
        /// The call.
        call: &'static str,
        /// What is missing.
        field: &'static str,
    },
    /// The call was not made, since an argument is out of bounds.
    #[error("{0}")]
    Invalid(String),
    /// What was asked for does not exist.
    #[error("there is no {what} {id}")]
    NotFound {
        /// What was asked for.
        what: &'static str,
        /// Its id.
        id: i64,
    },
    /// There is no session to make the call with.
    #[error("not logged in: {0}")]
    NotLoggedIn(String),
    /// The answer is of a kind that this platform does not send, such as a page of HTML.
    #[error("the answer to {call} is not Mezon's: its content type is {content_type:?}")]
    NotMezon {
        /// The call.
        call: &'static str,
        /// The content type of the answer.
        content_type: String,
    },
    /// The answer cannot be decoded.
    #[error("the answer to {call} cannot be decoded: {reason}")]
    Undecodable {
        /// The call.
        call: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The server does not speak the wire that it was asked to.
    #[error("the server does not answer {call} on wire {wire}; let the wire be found out")]
    WrongWire {
        /// The call.
        call: &'static str,
        /// The wire that was asked for.
        wire: Wire,
    },
}

impl ApiError {
    /// Whether trying again can help. It does not say whether that is safe.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Http { source, .. } => source.retry(),
            // A proxy in between may be having a bad time.
            Self::Empty { .. }
            | Self::NotLoggedIn(_)
            | Self::NotMezon { .. }
            | Self::Undecodable { .. } => Retry::Now,
            Self::Absent { .. }
            | Self::Incomplete { .. }
            | Self::Invalid(_)
            | Self::NotFound { .. }
            | Self::WrongWire { .. } => Retry::Never,
        }
    }

    /// Says whether the server refused the credentials: a new login may help, or if this was one, nothing.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Http { source, .. } if source.status() == Some(401))
    }

    pub(super) fn http(call: &'static str) -> impl Fn(HttpError) -> Self {
        move |source| Self::Http { call, source }
    }

    pub(super) fn undecodable(call: &'static str, reason: &impl ToString) -> Self {
        Self::Undecodable {
            call,
            reason: reason.to_string(),
        }
    }

    pub(super) fn frame(call: &'static str) -> impl Fn(FrameError) -> Self {
        move |error| Self::undecodable(call, &error)
    }
}
