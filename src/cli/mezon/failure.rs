//! How what can go wrong on Mezon ends the program.

use greenroom_actors::connection::RequestError;

use crate::cli::{Failure, FailureKind};
use crate::mezon::ApiError;
use crate::platform::http::HttpError;

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        let kind = match error {
            RequestError::Closed | RequestError::OutcomeUnknown | RequestError::TimedOut(_) => {
                FailureKind::Network
            }
            _ => FailureKind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let kind = match &error {
            error if error.is_unauthorized() => FailureKind::Authentication,
            ApiError::Http {
                source: HttpError::Status { status, .. },
                ..
            } if *status < 500 => FailureKind::Failed,
            ApiError::Http { .. }
            | ApiError::Empty { .. }
            | ApiError::NotLoggedIn(_)
            | ApiError::NotMezon { .. }
            | ApiError::Undecodable { .. } => FailureKind::Network,
            _ => FailureKind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}
