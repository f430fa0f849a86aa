//! Why something on Mesh failed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::connection::RequestError;
use greenroom_actors::error::Retry;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no token that the servers take, and no way to get one.
    Auth,
    /// The client does not run any more.
    Cancelled,
    /// The answer cannot be understood.
    Decode,
    /// The server answered with an error.
    Http,
    /// The login cannot be kept or read on this machine.
    Store,
    /// There was no answer in time.
    Timeout,
    /// No connection came about, or it was lost.
    Transport,
    /// The request was not made, since it is wrong.
    Validation,
}

/// Why something failed. Clones are cheap: all who waited for one token get the same error.
///
/// It serializes as the error object of the platform's own clients: `{"success":false,"error",…}` with `details`, `troubleshooting`,
/// `help`, `url` and `status` where there are any. Neither its text nor `Debug` has a secret in it.
///
/// # Examples
///
/// ```
/// use greenroom::mesh::{ErrorKind, MeshError};
///
/// fn must_log_in(error: &MeshError) -> bool {
///     error.kind() == ErrorKind::Auth
/// }
/// ```
#[derive(Clone)]
pub struct MeshError(Arc<Facts>);

#[derive(Clone)]
struct Facts {
    kind: ErrorKind,
    message: String,
    details: Option<Value>,
    troubleshooting: &'static [&'static str],
    help: Option<&'static str>,
    url: Option<String>,
    status: Option<u16>,
    retry_after: Option<Duration>,
    may_have_run: bool,
}

impl MeshError {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Facts {
            kind,
            message: message.into(),
            details: None,
            troubleshooting: &[],
            help: None,
            url: None,
            status: None,
            retry_after: None,
            may_have_run: false,
        }))
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Validation, message)
    }

    pub(super) fn store(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Store, message)
    }

    pub(super) fn transport(reason: &str) -> Self {
        Self::new(ErrorKind::Transport, format!("Request failed: {reason}"))
    }

    /// There is no token, and nobody to log in.
    pub(super) fn login_needed() -> Self {
        Self::new(ErrorKind::Auth, "Authentication failed").details(NO_LOGIN)
    }

    fn with(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    pub(super) fn details(self, details: impl Into<Value>) -> Self {
        self.with(|facts| facts.details = Some(details.into()))
    }

    pub(super) fn troubleshooting(self, lines: &'static [&'static str]) -> Self {
        self.with(|facts| facts.troubleshooting = lines)
    }

    pub(super) fn help(self, help: &'static str) -> Self {
        self.with(|facts| facts.help = Some(help))
    }

    pub(super) fn at(self, url: &str) -> Self {
        self.with(|facts| facts.url = Some(url.to_owned()))
    }

    pub(super) fn answered(self, status: u16, retry_after: Option<Duration>) -> Self {
        self.with(|facts| {
            facts.status = Some(status);
            facts.retry_after = retry_after;
        })
    }

    /// Says whether the server may have done it all the same.
    pub(super) fn running(self, may_have_run: bool) -> Self {
        self.with(|facts| facts.may_have_run = may_have_run)
    }

    /// Replaces what is said of it, but not what is known beside.
    pub(super) fn saying(self, message: &str) -> Self {
        self.with(|facts| message.clone_into(&mut facts.message))
    }

    /// A login that was to come before a call has failed: the call itself was not made.
    pub(super) fn before_call(self) -> Self {
        let reason = self.to_string();
        let kind = match self.kind() {
            ErrorKind::Decode | ErrorKind::Http => ErrorKind::Auth,
            other => other,
        };
        Self::new(kind, "Authentication failed")
            .details(format!("{NO_LOGIN}: {reason}"))
            .help(HELP)
    }

    /// Adds what a person can do if there was no login.
    pub(super) fn with_advice(self) -> Self {
        let advised = match &self.0.details {
            Some(Value::String(details)) if details.starts_with(NO_LOGIN) => {
                format!("{details}. {ADVICE}")
            }
            _ => return self,
        };
        self.details(advised)
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the HTTP status, if a server answered with one that is an error.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Returns what is known beside: mostly what the server said, with secrets taken out.
    #[must_use]
    pub fn known(&self) -> Option<&Value> {
        self.0.details.as_ref()
    }

    /// Returns what a person may try.
    #[must_use]
    pub fn advice(&self) -> &[&'static str] {
        self.0.troubleshooting
    }

    /// Says whether the server may have done it all the same, such as answered a chat that has to be paid for.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        self.0.may_have_run
    }

    /// Says whether the same can be asked again without harm, and after how long.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self.kind() {
            _ if self.may_have_run() => Retry::Never,
            ErrorKind::Auth | ErrorKind::Validation | ErrorKind::Decode => Retry::Never,
            ErrorKind::Http => match self.status() {
                Some(429 | 500..) => self.0.retry_after.map_or(Retry::Now, Retry::After),
                _ => Retry::Never,
            },
            ErrorKind::Cancelled | ErrorKind::Store | ErrorKind::Timeout | ErrorKind::Transport => {
                Retry::Now
            }
        }
    }
}

impl fmt::Display for MeshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(Value::String(details)) = &self.0.details {
            write!(f, ": {details}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for MeshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeshError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("status", &self.0.status)
            .field("may_have_run", &self.0.may_have_run)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for MeshError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // What keeps an event from being handled again.
        match self.may_have_run() {
            true => Some(&RequestError::OutcomeUnknown),
            false => None,
        }
    }
}

impl Serialize for MeshError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let facts = &*self.0;
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("success", &false)?;
        object.serialize_entry("error", &facts.message)?;
        if let Some(details) = &facts.details {
            object.serialize_entry("details", details)?;
        }
        if !facts.troubleshooting.is_empty() {
            object.serialize_entry("troubleshooting", facts.troubleshooting)?;
        }
        if let Some(help) = facts.help {
            object.serialize_entry("help", help)?;
        }
        if let Some(url) = &facts.url {
            object.serialize_entry("url", url)?;
        }
        if let Some(status) = facts.status {
            object.serialize_entry("status", &status)?;
        }
        object.end()
    }
}

/// What is said of a call that had no token.
pub(super) const NO_LOGIN: &str = "Could not authenticate with Auth0";
/// What is said of it besides, for a chat.
const ADVICE: &str = "Try running 'mesh-auth' from the command line to authenticate manually.";
pub(super) const HELP: &str = "Run 'mesh-auth' to authenticate manually";

#[cfg(test)]
mod tests {
    use greenroom_actors::router::HandlerError;

    use super::*;

    #[test]
    fn the_json_form_has_what_is_there_and_no_more() {
        let bare = serde_json::to_string(&MeshError::transport("refused")).unwrap();
        assert_eq!(
            bare,
            r#"{"success":false,"error":"Request failed: refused"}"#
        );
        let full = MeshError::new(ErrorKind::Http, "e")
            .details("d")
            .troubleshooting(&["t"])
            .help("h")
            .at("u")
            .answered(402, None);
        assert_eq!(
            serde_json::to_string(&full).unwrap(),
            r#"{"success":false,"error":"e","details":"d","troubleshooting":["t"],"help":"h","url":"u","status":402}"#
        );
    }

    #[test]
    fn a_call_without_a_login_says_why_and_what_to_do() {
        let plain = serde_json::to_value(MeshError::login_needed()).unwrap();
        assert_eq!(plain["details"], "Could not authenticate with Auth0");
        let chat = serde_json::to_value(MeshError::login_needed().with_advice()).unwrap();
        assert_eq!(
            chat["details"],
            "Could not authenticate with Auth0. Try running 'mesh-auth' from the command line to authenticate manually."
        );
        let declined = MeshError::new(ErrorKind::Auth, "The login was declined").before_call();
        assert_eq!(
            serde_json::to_string(&declined).unwrap(),
            r#"{"success":false,"error":"Authentication failed","details":"Could not authenticate with Auth0: The login was declined","help":"Run 'mesh-auth' to authenticate manually"}"#
        );
        let away = MeshError::transport("refused").running(true).before_call();
        assert_eq!(
            (away.kind(), away.retry()),
            (ErrorKind::Transport, Retry::Now),
            "nothing was asked of a model yet"
        );
    }

    #[test]
    fn what_may_have_been_paid_for_is_never_asked_again() {
        let late = MeshError::new(ErrorKind::Timeout, "late").running(true);
        assert_eq!(HandlerError::from(late).retry(), Retry::Never);
        let refused = MeshError::transport("refused");
        assert_eq!(HandlerError::from(refused).retry(), Retry::Now);
        let poor = MeshError::new(ErrorKind::Http, "poor").answered(402, None);
        assert_eq!(poor.retry(), Retry::Never);
    }
}
