//! Why something on Token Bowl Chat failed.

use std::time::Duration;

use greenroom_actors::connection::RequestError;
use greenroom_actors::error::Retry;
use serde_json::Value;

use crate::platform::http::{HttpError, RawAnswer};

/// Why a call failed: its kind, in words, and what the server answered if it did.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct ApiError {
    /// What kind of failure it is.
    pub kind: ApiErrorKind,
    /// What happened, in words; never with the key in it.
    pub message: String,
    /// The HTTP status, if the server answered.
    pub status: Option<u16>,
    /// The body of the answer, as text, if the server answered.
    pub body: Option<String>,
    /// How long the server wants to be left alone, if it said so.
    pub retry_after: Option<Duration>,
}

/// The kinds of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ApiErrorKind {
    /// There is no key, or the server refuses it (401).
    Authentication,
    /// The server does not understand the request (400).
    BadRequest,
    /// The name is taken (409).
    Conflict,
    /// The answer does not fit.
    Decode,
    /// The server cannot be reached, or its answer is broken.
    Network,
    /// It does not exist (404).
    NotFound,
    /// The user may not do that (403).
    Permission,
    /// There were too many calls (429, or 503 by a proxy).
    RateLimit,
    /// The server has trouble (5xx).
    Server,
    /// No answer came in time.
    Timeout,
    /// The connection broke after the request was sent: whether it was carried out is unknown.
    Unconfirmed,
    /// Something is out of its bounds; nothing was sent, or the server said so (422).
    Validation,
}

impl ApiError {
    pub(super) fn new(kind: ApiErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            status: None,
            body: None,
            retry_after: None,
        }
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new(ApiErrorKind::Validation, message)
    }

    /// Makes the error of an answer whose status is none of success; `secret` is not shown.
    pub(super) fn refused(answer: &RawAnswer, secret: &str) -> Self {
        let status = answer.status;
        let text = answer
            .body
            .as_ref()
            .map(|body| String::from_utf8_lossy(body));
        let mut text = text.map(|text| text.into_owned()).unwrap_or_default();
        if secret.len() >= SECRET {
            text = text.replace(secret, "[redacted]");
        }
        let is_page = text.trim_start().starts_with('<');
        let kind = match status {
            400 => ApiErrorKind::BadRequest,
            401 => ApiErrorKind::Authentication,
            403 => ApiErrorKind::Permission,
            404 => ApiErrorKind::NotFound,
            409 => ApiErrorKind::Conflict,
            422 => ApiErrorKind::Validation,
            429 => ApiErrorKind::RateLimit,
            503 if is_page => ApiErrorKind::RateLimit,
            500.. => ApiErrorKind::Server,
            _ => ApiErrorKind::BadRequest,
        };
        let message = match (said(&text), is_page) {
            (Some(said), _) => said,
            (None, true) => format!("HTTP {status} with a page of HTML"),
            (None, false) if text.trim().is_empty() => format!("HTTP {status}"),
            (None, false) => one_line(&text),
        };
        Self {
            kind,
            message,
            status: Some(status),
            body: Some(text),
            retry_after: answer.retry_after,
        }
    }

    /// Makes the error of an answer that does not fit.
    pub(super) fn undecodable(status: u16, body: &[u8], reason: impl std::fmt::Display) -> Self {
        Self {
            status: Some(status),
            body: Some(without_secrets(body)),
            ..Self::new(
                ApiErrorKind::Decode,
                format!("the answer does not fit: {reason}"),
            )
        }
    }

    /// Whether trying again can help. It does not say whether that is safe.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self.kind {
            ApiErrorKind::RateLimit => {
                Retry::After(self.retry_after.unwrap_or(Duration::from_secs(1)))
            }
            ApiErrorKind::Server => self.retry_after.map_or(Retry::Now, Retry::After),
            ApiErrorKind::Decode | ApiErrorKind::Network | ApiErrorKind::Timeout => Retry::Now,
            ApiErrorKind::Authentication
            | ApiErrorKind::BadRequest
            | ApiErrorKind::Conflict
            | ApiErrorKind::NotFound
            | ApiErrorKind::Permission
            | ApiErrorKind::Unconfirmed
            | ApiErrorKind::Validation => Retry::Never,
        }
    }
}

impl From<HttpError> for ApiError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::TimedOut(_) => {
                Self::new(ApiErrorKind::Timeout, format!("Request timed out: {error}"))
            }
            other => Self::new(ApiErrorKind::Network, format!("Network error: {other}")),
        }
    }
}

/// Calls of the websocket fail like calls over HTTP.
impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        let kind = match &error {
            RequestError::Closed => {
                return Self::validation(super::limits::NOT_CONNECTED);
            }
            // The server's own words.
            RequestError::Refused { message, .. } => {
                let kind = match message.as_str() {
                    text if text.starts_with("User ") && text.ends_with(" not found") => {
                        ApiErrorKind::NotFound
                    }
                    text if text.starts_with("Message ") && text.ends_with(" not found") => {
                        ApiErrorKind::NotFound
                    }
                    text if text.starts_with("Your role ") || text.starts_with("Permission ") => {
                        ApiErrorKind::Permission
                    }
                    _ => ApiErrorKind::BadRequest,
                };
                return Self::new(kind, message);
            }
            RequestError::Invalid(message) => return Self::validation(message),
            RequestError::OutcomeUnknown => ApiErrorKind::Unconfirmed,
            RequestError::QueueFull => ApiErrorKind::RateLimit,
            RequestError::TimedOut(_) => ApiErrorKind::Timeout,
            _ => ApiErrorKind::Network,
        };
        Self::new(kind, format!("Failed to send message: {error}"))
    }
}

/// Calls over HTTP fail like those of the websocket, where the two carry the same thing.
impl From<ApiError> for RequestError {
    fn from(error: ApiError) -> Self {
        match error.kind {
            ApiErrorKind::Validation if error.status.is_none() => Self::Invalid(error.message),
            ApiErrorKind::Network | ApiErrorKind::Timeout | ApiErrorKind::Unconfirmed => {
                Self::OutcomeUnknown
            }
            _ => Self::Refused {
                code: error.status.unwrap_or_default().into(),
                retry_after: match error.kind {
                    ApiErrorKind::RateLimit => Some(error.retry_after.unwrap_or(SECOND)),
                    _ => None,
                },
                message: error.message,
            },
        }
    }
}

/// Finds the words of the server.
fn said(text: &str) -> Option<String> {
    let body: Value = serde_json::from_str(text).ok()?;
    match body.get("detail") {
        Some(Value::String(detail)) => Some(detail.clone()),
        Some(detail) => Some(detail.to_string()),
        None => Some(body.to_string()),
    }
}

/// Returns a body as text; what it says under the name of a secret is left out.
fn without_secrets(body: &[u8]) -> String {
    fn redact(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(redact),
            Value::Object(fields) => {
                for (name, value) in fields {
                    match matches!(name.as_str(), "api_key" | "session_token" | "token") {
                        true => *value = "[redacted]".into(),
                        false => redact(value),
                    }
                }
            }
            _ => {}
        }
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            redact(&mut value);
            value.to_string()
        }
        Err(_) => format!("{} bytes that are no JSON", body.len()),
    }
}

fn one_line(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().take(300).map(clean).collect()
}

/// What is said where there is no key.
pub(super) const NO_KEY: &str = "API key required. Provide api_key parameter or set TOKEN_BOWL_CHAT_API_KEY environment variable.";
/// What is said of a key that the server refuses.
pub(super) const BAD_KEY: &str = "Invalid API key";
const SECOND: Duration = Duration::from_secs(1);
/// What is shorter is no secret, and would be replaced inside of words.
const SECRET: usize = 8;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn refused(status: u16, body: &'static str) -> ApiError {
        let answer = RawAnswer {
            location: None,
            status,
            content_type: String::new(),
            retry_after: None,
            date: None,
            body: Ok(Bytes::from_static(body.as_bytes())),
        };
        ApiError::refused(&answer, "sim-alice-key")
    }

    #[test]
    fn tbx_09_each_status_has_its_kind() {
        use ApiErrorKind as Kind;
        for (status, kind) in [
            (400, Kind::BadRequest),
            (401, Kind::Authentication),
            (403, Kind::Permission),
            (404, Kind::NotFound),
            (409, Kind::Conflict),
            (422, Kind::Validation),
            (429, Kind::RateLimit),
            (500, Kind::Server),
            (503, Kind::Server),
        ] {
            let error = refused(status, r#"{"detail":"Injected fault"}"#);
            assert_eq!((error.kind, error.status), (kind, Some(status)));
            assert_eq!(error.message, "Injected fault");
        }
    }

    #[test]
    fn the_server_is_quoted_as_well_as_can_be() {
        let list = refused(422, r#"{"detail": [{"type": "missing"}]}"#);
        assert_eq!(list.message, r#"[{"type":"missing"}]"#);
        let proxy = refused(503, "<html>slow down</html>");
        assert_eq!(proxy.kind, ApiErrorKind::RateLimit);
        assert_eq!(proxy.message, "HTTP 503 with a page of HTML");
        assert_eq!(refused(500, "").message, "HTTP 500");
        assert_eq!(refused(500, "oh\nno").message, "oh no");
        let quoted = refused(400, r#"{"detail":"bad key sim-alice-key"}"#);
        assert_eq!(quoted.message, "bad key [redacted]");
        assert!(!format!("{quoted:?}").contains("sim-alice-key"));
        let body = br#"{"id":"1","api_key":"s3cret","all":[{"session_token":"s3cret"}]}"#;
        let misfit = ApiError::undecodable(200, body, "missing field `username`");
        assert!(!format!("{misfit:?}").contains("s3cret"));
        assert!(misfit.body.unwrap().contains("[redacted]"));
    }
}
