//! Why a handler failed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::connection::RequestError;
use crate::error::{BoxError, Retry};

/// The error of a handler. Any error converts into it with `?`; a [`RequestError`] among its causes decides about the retry.
///
/// It says whether the event should be tried again. An error that says [`Retry::Never`], such as a reply of unknown outcome, makes the
/// event a dead letter at once: trying again could repeat what was done.
pub struct HandlerError {
    source: BoxError,
    retry: Retry,
}

impl HandlerError {
    /// Makes an error after which the event is not tried again.
    pub fn permanent(error: impl Into<BoxError>) -> Self {
        Self {
            source: error.into(),
            retry: Retry::Never,
        }
    }

    /// Makes an error after which the event is tried again, up to the attempts of the registration.
    pub fn transient(error: impl Into<BoxError>) -> Self {
        Self {
            source: error.into(),
            retry: Retry::Now,
        }
    }

    /// Says whether the event should be tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.retry
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> Self {
        let mut causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
            error.source()
        });
        let known = causes.find_map(|cause| cause.downcast_ref::<RequestError>());
        let retry = known.map(RequestError::retry).unwrap_or_default();
        Self {
            source: error.into(),
            retry,
        }
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandlerError({}, retry {:?})", self.source, self.retry)
    }
}

/// A handler has given up an event: told as an event of the same origin and channel, when it becomes a dead letter.
///
/// Those who fail on this event are not told of in turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HandlerFailed {
    /// The name of the handler.
    pub handler: String,
    /// The type of the event's payload.
    pub event: String,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong, in the words of the last error or panic.
    pub reason: String,
}

/// The result of a handler.
pub type Outcome = Result<(), HandlerError>;
