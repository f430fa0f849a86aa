//! Why a dialogue cannot go on.

use crate::error::Retry;
use crate::router::HandlerError;
use crate::store::StoreError;

/// A dialogue could not be begun, read or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialogueError {
    /// As many are open as may be.
    #[error("{0} dialogues are open, and no more may be")]
    Full(usize),
    /// A state cannot be written as JSON.
    #[error("the state of a dialogue cannot be written: {0}")]
    State(#[from] serde_json::Error),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DialogueError {
    /// Tells whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Full(_) => Retry::Now,
            Self::State(_) => Retry::Never,
            Self::Store(error) => error.retry(),
        }
    }

    /// Makes it the error of a handler, which knows whether to try again.
    #[must_use]
    pub fn into_handler_error(self) -> HandlerError {
        match self.retry() {
            Retry::Never => HandlerError::permanent(self),
            _ => HandlerError::transient(self),
        }
    }
}
