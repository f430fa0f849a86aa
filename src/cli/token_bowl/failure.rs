//! How what can go wrong on Token Bowl Chat ends the program.

use crate::cli::{Failure, FailureKind};
use crate::token_bowl::{ApiError, ApiErrorKind};

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let kind = match error.kind {
            ApiErrorKind::Authentication => FailureKind::Authentication,
            ApiErrorKind::Decode
            | ApiErrorKind::Network
            | ApiErrorKind::RateLimit
            | ApiErrorKind::Server
            | ApiErrorKind::Timeout
            | ApiErrorKind::Unconfirmed => FailureKind::Network,
            // Nothing was sent: an argument is out of its bounds.
            ApiErrorKind::Validation if error.status.is_none() => FailureKind::Usage,
            _ => FailureKind::Failed,
        };
        Self::new(kind, error.message)
    }
}
