//! Why an actor ended.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::error::BoxError;

/// Why an incarnation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason", content = "detail")]
#[non_exhaustive]
pub enum Exit {
    /// It failed and said why.
    Error(Failure),
    /// It did not stop within its deadline.
    Killed,
    /// It stopped by itself, its work done.
    Normal,
    /// It panicked with this message.
    Panic(String),
    /// It was told to stop.
    Shutdown,
    /// Its factory failed, or its arbiter is gone.
    StartFailure(Failure),
}

impl Exit {
    /// Makes the exit of an actor that failed with `error`; a restart may help.
    pub fn error(error: impl Into<BoxError>) -> Self {
        Self::Error(Failure::new(error, false))
    }

    /// Makes the exit of an actor that failed with an `error` that no restart can mend, such as a refused key.
    ///
    /// Supervisors do not restart after it: it escalates to the root and ends the program.
    pub fn fatal(error: impl Into<BoxError>) -> Self {
        Self::Error(Failure::new(error, true))
    }

    /// Makes the exit of an actor that could not be made.
    pub fn start_failure(error: impl Into<BoxError>) -> Self {
        Self::StartFailure(Failure::new(error, false))
    }

    /// Says whether the actor ended as it should.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown)
    }

    /// Says whether no restart can help.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Error(failure) | Self::StartFailure(failure) if failure.fatal)
    }

    /// Returns the error behind it, if there is one.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Error(failure) | Self::StartFailure(failure) => Some(failure),
            Self::Killed | Self::Normal | Self::Panic(_) | Self::Shutdown => None,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(failure) => write!(f, "error: {failure}"),
            Self::Killed => f.write_str("killed at its deadline"),
            Self::Normal => f.write_str("normal"),
            Self::Panic(message) => write!(f, "panic: {message}"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::StartFailure(failure) => write!(f, "start failure: {failure}"),
        }
    }
}

/// An error that ended an actor; cheap to clone.
#[derive(Clone, Debug)]
pub struct Failure {
    source: Arc<BoxError>,
    fatal: bool,
}

impl Failure {
    pub(crate) fn new(error: impl Into<BoxError>, fatal: bool) -> Self {
        Self {
            source: Arc::new(error.into()),
            fatal,
        }
    }

    /// Returns the error itself.
    #[must_use]
    pub fn source(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        &**self.source
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        self.fatal == other.fatal && self.to_string() == other.to_string()
    }
}

impl Eq for Failure {}

impl Serialize for Failure {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
