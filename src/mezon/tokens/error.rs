//! Why tokens were not sent, or may have been.

use greenroom_actors::error::Retry;

use crate::platform::http::HttpError;

/// Why a transfer of tokens failed.
///
/// Only [`OutcomeUnknown`](Self::OutcomeUnknown) leaves open whether the tokens are gone; after any other error they are not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The bot has ended.
    #[error("the bot does not run")]
    Closed,
    /// No address of the ledger or of the proofs is configured.
    #[error("token transfers are switched off: {0} is not set")]
    Disabled(&'static str),
    /// The transfer cannot be made; nothing was asked of anybody.
    #[error("{0}")]
    Invalid(String),
    /// There is no session to prove who sends.
    #[error("not logged in: {0}")]
    NotLoggedIn(String),
    /// The answer to the transfer was lost: it may have been carried out. It was not repeated. The receiver's event, or the account,
    /// tells.
    #[error("it is not known whether the transfer was carried out: {reason}")]
    OutcomeUnknown {
        /// The number of the transfer among those of the sender, if it got one.
        nonce: Option<u64>,
        /// What happened to the answer.
        reason: String,
    },
    /// The ledger refused the transfer.
    #[error("the ledger refused: {0}")]
    Refused(String),
    /// What comes before the transfer itself failed.
    #[error("{step}: {source}")]
    Unavailable {
        /// What was asked.
        step: &'static str,
        /// What happened.
        source: HttpError,
    },
    /// An answer before the transfer itself cannot be understood.
    #[error("the answer to {step} cannot be understood: {reason}")]
    Undecodable {
        /// What was asked.
        step: &'static str,
        /// What is wrong with the answer.
        reason: String,
    },
}

impl TransferError {
    /// Whether trying again can help, and cannot send the tokens twice.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unavailable { source, .. } => source.retry(),
            Self::NotLoggedIn(_) | Self::Undecodable { .. } => Retry::Now,
            Self::Closed
            | Self::Disabled(_)
            | Self::Invalid(_)
            | Self::OutcomeUnknown { .. }
            | Self::Refused(_) => Retry::Never,
        }
    }
}
