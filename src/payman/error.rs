//! Why something on Payman failed, and whether the agent may have acted all the same.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::connection::RequestError;
use greenroom_actors::error::Retry;
use secrecy::SecretString;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::json::Json;
use crate::platform::redact::redacted;

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The agent answered with an error.
    Agent,
    /// The platform refuses the credentials or the token.
    Auth,
    /// The ask was cancelled.
    Cancelled,
    /// No connection could be opened.
    Connect,
    /// The answer cannot be understood.
    Decode,
    /// The platform answered with an HTTP error.
    Http,
    /// The stream ended before the answer was whole.
    Interrupted,
    /// The answer is empty.
    NoResponse,
    /// There was no answer in time.
    Timeout,
    /// The token has expired, and nothing is known to renew it with.
    TokenExpired,
    /// The connection was lost after the request had left.
    Transport,
    /// The request was not made, since it is wrong.
    Validation,
}

impl ErrorKind {
    /// Returns the name, such as `token_expired`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Auth => "auth",
            Self::Cancelled => "cancelled",
            Self::Connect => "connect",
            Self::Decode => "decode",
            Self::Http => "http",
            Self::Interrupted => "interrupted",
            Self::NoResponse => "no_response",
            Self::Timeout => "timeout",
            Self::TokenExpired => "token_expired",
            Self::Transport => "transport",
            Self::Validation => "validation",
        }
    }
}

/// Why something failed. Clones are cheap: all who waited for one token get the same error.
///
/// Where the agent may have acted, an error of a handler that comes of this one is not tried again: the money could be sent twice.
///
/// It serializes as `{"kind","message","status","code","body","retry_after","may_have_run"}`, with `null` for what is absent and
/// `retry_after` in seconds. Neither its text nor `Debug` has a secret in it, nor the body.
///
/// # Examples
///
/// ```
/// use greenroom::payman::{ErrorKind, PaymanError};
///
/// fn may_ask_again(error: &PaymanError) -> bool {
///     !error.may_have_run() && error.kind() != ErrorKind::Validation
/// }
/// ```
#[derive(Clone)]
pub struct PaymanError(Arc<Facts>);

#[derive(Clone)]
struct Facts {
    kind: ErrorKind,
    message: String,
    status: Option<u16>,
    code: Option<i64>,
    body: Option<ErrorBody>,
    retry_after: Option<Duration>,
    may_have_run: bool,
}

/// What a server said of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ErrorBody {
    /// JSON, such as the platform's own error object.
    Json(Json),
    /// Anything else, such as a page of HTML; may be empty.
    Text(String),
}

impl PaymanError {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Facts {
            kind,
            message: message.into(),
            status: None,
            code: None,
            body: None,
            retry_after: None,
            may_have_run: false,
        }))
    }

    /// An error of whoever reads what shall be asked.
    #[cfg(feature = "cli")]
    pub(crate) fn input(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::new(kind, message)
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Validation, message)
    }

    fn with(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Says whether the agent may have acted.
    pub(super) fn running(self, may_have_run: bool) -> Self {
        self.with(|facts| facts.may_have_run = may_have_run)
    }

    pub(super) fn answered(self, status: u16, body: ErrorBody) -> Self {
        self.with(|facts| {
            facts.status = Some(status);
            facts.body = Some(body);
        })
    }

    pub(super) fn after(self, retry_after: Option<Duration>) -> Self {
        self.with(|facts| facts.retry_after = retry_after)
    }

    pub(super) fn of_agent(error: &Json) -> Self {
        let message = error.get("message").and_then(|message| message.string());
        let code: Option<i64> = error.get("code").and_then(|code| code.read().ok());
        let message = message.unwrap_or_else(|| "the agent answered with an error".to_owned());
        Self::new(ErrorKind::Agent, message).with(|facts| {
            facts.code = code;
            facts.body = Some(ErrorBody::Json(error.clone()));
            // What these codes say is that nothing was begun.
            facts.may_have_run = !code.is_some_and(|code| NOT_BEGUN.contains(&code));
        })
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the HTTP status, if the server answered with one that is an error.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Returns the code of the agent's error.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        self.0.code
    }

    /// Returns what the server said: the body of an HTTP error, or the agent's error object. Secrets of this client that it quotes are
    /// taken out.
    #[must_use]
    pub fn body(&self) -> Option<&ErrorBody> {
        self.0.body.as_ref()
    }

    /// Returns for how long the server asked to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Says whether the agent may have acted, such as moved money: if so, look before you ask again.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        self.0.may_have_run
    }

    /// Returns the platform's code of the error, such as `insufficient_funds`, if it names one.
    #[must_use]
    pub fn error_code(&self) -> Option<String> {
        self.field("errorCode")
    }

    /// Returns the platform's words for the error, if it has any.
    #[must_use]
    pub fn error_message(&self) -> Option<String> {
        self.field("errorMessage")
    }

    /// Returns the id under which the platform has logged the error, if it names one.
    #[must_use]
    pub fn trace_id(&self) -> Option<String> {
        self.field("traceId")
    }

    fn field(&self, name: &str) -> Option<String> {
        match self.body()? {
            ErrorBody::Json(body) => body.get(name)?.string(),
            ErrorBody::Text(_) => None,
        }
    }

    /// Says whether the same ask can be made again without harm, and after how long.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self.kind() {
            _ if self.may_have_run() => Retry::Never,
            ErrorKind::Validation | ErrorKind::TokenExpired | ErrorKind::Auth => Retry::Never,
            _ => self.retry_after().map_or(Retry::Now, Retry::After),
        }
    }
}

impl fmt::Display for PaymanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = &*self.0;
        f.write_str(&facts.message)?;
        if facts.may_have_run {
            f.write_str("; the agent may have acted")?;
        }
        Ok(())
    }
}

impl fmt::Debug for PaymanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = &*self.0;
        f.debug_struct("PaymanError")
            .field("kind", &facts.kind)
            .field("message", &facts.message)
            .field("status", &facts.status)
            .field("code", &facts.code)
            .field("retry_after", &facts.retry_after)
            .field("may_have_run", &facts.may_have_run)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for PaymanError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // What keeps an event from being handled again.
        match self.may_have_run() {
            true => Some(&RequestError::OutcomeUnknown),
            false => None,
        }
    }
}

impl Serialize for PaymanError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let facts = &*self.0;
        let mut object = serializer.serialize_struct("PaymanError", 7)?;
        object.serialize_field("kind", &facts.kind)?;
        object.serialize_field("message", &facts.message)?;
        object.serialize_field("status", &facts.status)?;
        object.serialize_field("code", &facts.code)?;
        object.serialize_field("body", &facts.body)?;
        let seconds = facts.retry_after.map(|wait| wait.as_secs());
        object.serialize_field("retry_after", &seconds)?;
        object.serialize_field("may_have_run", &facts.may_have_run)?;
        object.end()
    }
}

impl ErrorBody {
    /// Reads a body, and takes out the secrets that it quotes.
    pub(super) fn read(body: &[u8], secrets: &[SecretString]) -> Self {
        let text = redacted(String::from_utf8_lossy(body).into_owned(), secrets);
        Json::parse(&text).map_or(Self::Text(text), Self::Json)
    }
}

/// Parse error, invalid request, method not found, invalid parameters; task not found, not cancellable; push notifications, operation,
/// streaming not supported; authentication required, authorization failed.
const NOT_BEGUN: [i64; 11] = [
    -32700, -32600, -32601, -32602, -32001, -32002, -32003, -32004, -32006, -32007, -32008,
];

#[cfg(test)]
mod tests {
    use greenroom_actors::router::HandlerError;

    use super::*;

    #[test]
    fn an_error_after_which_money_may_have_moved_is_never_tried_again() {
        let lost = PaymanError::new(ErrorKind::Transport, "lost").running(true);
        assert_eq!(lost.retry(), Retry::Never);
        assert_eq!(HandlerError::from(lost).retry(), Retry::Never);
        let refused = PaymanError::new(ErrorKind::Connect, "refused");
        assert_eq!(HandlerError::from(refused).retry(), Retry::Now);
    }

    #[test]
    fn a_body_keeps_no_secret_and_debug_no_body() {
        let secrets = [SecretString::from("s3cret &/+\"")];
        let said = br#"{"error":"code s3cret &/+\" or s3cret+%26%2F%2B%22"}"#;
        let body = ErrorBody::read(said, &secrets);
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            r#"{"error":"code [redacted] or [redacted]"}"#
        );
        let error = PaymanError::new(ErrorKind::Auth, "no").answered(401, body);
        assert!(!format!("{error:?} {error}").contains("redacted"));
        let text = serde_json::to_string(&error).unwrap();
        assert!(text.ends_with(r#""retry_after":null,"may_have_run":false}"#));
    }
}
