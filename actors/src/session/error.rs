//! What can go wrong with a session.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{BoxError, Retry};

/// A session could not be had. Clones are cheap: all callers that waited get the same one.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use greenroom_actors::error::Retry;
/// use greenroom_actors::session::{AuthError, AuthErrorKind};
///
/// let error = AuthError::unavailable("503 Service Unavailable").with_retry(Retry::After(Duration::from_secs(5)));
/// assert_eq!(error.kind(), AuthErrorKind::Unavailable);
/// assert_eq!(error.to_string(), "the platform is not available: 503 Service Unavailable");
/// ```
#[derive(Clone, Debug)]
pub struct AuthError {
    kind: AuthErrorKind,
    message: Arc<str>,
    retry: Retry,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// Why a session could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// There were too many logins lately.
    Budget,
    /// The platform answered for another user than before.
    Identity,
    /// The authenticator panicked.
    Panicked,
    /// The answer cannot be understood.
    Protocol,
    /// The platform refuses the credentials.
    Refused,
    /// The session actor ended before there was an answer.
    Stopped,
    /// The platform cannot be reached, is too slow, or is overloaded.
    Unavailable,
    /// The platform has no such call.
    Unsupported,
}

impl AuthError {
    /// The platform refuses the credentials: no further login is tried until somebody says so.
    #[must_use]
    pub fn refused(message: impl fmt::Display) -> Self {
        Self::new(AuthErrorKind::Refused, message, Retry::Never)
    }

    /// The platform cannot be reached or is overloaded.
    #[must_use]
    pub fn unavailable(message: impl fmt::Display) -> Self {
        Self::new(AuthErrorKind::Unavailable, message, Retry::Now)
    }

    /// The answer cannot be understood; another try is made after half a minute at the earliest.
    #[must_use]
    pub fn protocol(message: impl fmt::Display) -> Self {
        Self::new(AuthErrorKind::Protocol, message, Retry::After(PAUSE))
    }

    /// The platform has no such call: a refresh is then a login.
    #[must_use]
    pub fn unsupported() -> Self {
        Self::new(AuthErrorKind::Unsupported, "no refresh", Retry::Never)
    }

    /// Says when another try can help.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// Returns why it failed.
    #[must_use]
    pub fn kind(&self) -> AuthErrorKind {
        self.kind
    }

    /// Tells whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.retry
    }

    pub(super) fn budget(wait: Duration) -> Self {
        let message = "no further login is allowed for now";
        Self::new(AuthErrorKind::Budget, message, Retry::After(wait))
    }

    pub(super) fn identity() -> Self {
        let message = "the new session is another user's";
        Self::new(AuthErrorKind::Identity, message, Retry::Never)
    }

    pub(super) fn panicked() -> Self {
        let message = "see the log";
        Self::new(AuthErrorKind::Panicked, message, Retry::After(PAUSE))
    }

    pub(super) fn stopped() -> Self {
        let message = "the session actor ended";
        Self::new(AuthErrorKind::Stopped, message, Retry::Now)
    }

    fn new(kind: AuthErrorKind, message: impl fmt::Display, retry: Retry) -> Self {
        Self {
            kind,
            message: message.to_string().into(),
            retry,
            source: None,
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            AuthErrorKind::Budget => "too many logins",
            AuthErrorKind::Identity => "the identity changed",
            AuthErrorKind::Panicked => "the login panicked",
            AuthErrorKind::Protocol => "the answer was not understood",
            AuthErrorKind::Refused => "the credentials were refused",
            AuthErrorKind::Stopped => "the login was broken off",
            AuthErrorKind::Unavailable => "the platform is not available",
            AuthErrorKind::Unsupported => "the platform does not offer this",
        };
        write!(f, "{kind}: {}", self.message)
    }
}

impl std::error::Error for AuthError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.source.as_ref()?;
        Some(source.as_ref())
    }
}

/// A stored session could not be read or written. The session works all the same.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} the session file {path}", path = path.display())]
pub struct StoreError {
    /// What was tried.
    pub action: &'static str,
    /// The file.
    pub path: PathBuf,
    /// The cause.
    pub source: BoxError,
}

impl StoreError {
    /// Tells whether trying again can help: only after somebody looked at the file.
    #[must_use]
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}

const PAUSE: Duration = Duration::from_secs(30);
