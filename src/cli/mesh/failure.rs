//! How what can go wrong on Mesh ends the program.

use crate::cli::{Failure, FailureKind};
use crate::mesh::{ErrorKind, MeshError};

impl From<MeshError> for Failure {
    fn from(error: MeshError) -> Self {
        let kind = match (error.kind(), error.status()) {
            (ErrorKind::Auth, _) => FailureKind::Authentication,
            (ErrorKind::Timeout | ErrorKind::Transport | ErrorKind::Decode, _) => {
                FailureKind::Network
            }
            (ErrorKind::Http, Some(429 | 500..)) => FailureKind::Network,
            (ErrorKind::Validation, _) => FailureKind::Usage,
            _ => FailureKind::Failed,
        };
        Self::new(kind, words(&error))
    }
}

/// Says all that is known of an error in one line.
pub(super) fn words(error: &MeshError) -> String {
    let mut message = error.to_string();
    let said = error
        .known()
        .filter(|known| !known.is_string() && !known.is_null());
    // Some messages quote what the server said.
    if let Some(known) = said.map(ToString::to_string)
        && !message.contains(&known)
    {
        message = format!("{}: {known}", message.trim_end_matches('.'));
    }
    if !error.advice().is_empty() {
        message = format!("{message} (try: {})", error.advice().join("; "));
    }
    message
}
