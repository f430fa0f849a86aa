//! One request over HTTP, and what its answer means.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use greenroom_actors::clock;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::codec::error_of;
use super::error::{ErrorKind, HELP, MeshError};
use super::limits::MAX_BODY;
use crate::platform::http::{Exchange, HttpError, HttpRequest, Sent};
use crate::platform::redact::redacted;

/// Sends requests. It stays on the thread that made it; clones share its connections.
#[derive(Clone)]
pub(super) struct Http {
    exchange: Rc<dyn Exchange>,
    is_loud: bool,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

/// What to send. The body has JSON, and may have secrets.
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) query: String,
    pub(super) bearer: Option<SecretString>,
    pub(super) body: Option<Bytes>,
    pub(super) limit: Duration,
    /// What no error may quote.
    pub(super) secrets: Vec<SecretString>,
}

impl Call {
    pub(super) fn get(url: String, limit: Duration) -> Self {
        Self {
            method: "GET",
            url,
            query: String::new(),
            bearer: None,
            body: None,
            limit,
            secrets: Vec::new(),
        }
    }

    pub(super) fn post(url: String, body: &Value, limit: Duration) -> Self {
        Self {
            method: "POST",
            body: Some(body.to_string().into()),
            ..Self::get(url, limit)
        }
    }

    pub(super) fn hiding(mut self, secrets: Vec<SecretString>) -> Self {
        self.secrets = secrets;
        self
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// No connection could be opened: nothing was sent.
    Connect(String),
    /// The request cannot be sent as it is.
    Invalid(String),
    /// Nothing came in time.
    Late(Duration),
    /// The connection was lost after the request had left.
    Lost(String),
    /// The answer is longer than allowed.
    TooLong,
}

impl Trouble {
    /// Makes an error of it.
    pub(super) fn error(self) -> MeshError {
        match self {
            Self::Connect(reason) => MeshError::transport(&reason),
            Self::Invalid(reason) => MeshError::validation(format!("Request failed: {reason}")),
            Self::Late(limit) => {
                let message = format!("Request failed: no answer within {limit:?}");
                MeshError::new(ErrorKind::Timeout, message).running(true)
            }
            Self::Lost(reason) => MeshError::transport(&reason).running(true),
            Self::TooLong => {
                let message = format!("Request failed: the answer has more than {MAX_BODY} bytes");
                MeshError::new(ErrorKind::Decode, message).running(true)
            }
        }
    }

    fn of(error: HttpError, sent: &Sent) -> Self {
        match error {
            HttpError::Invalid(reason) => Self::Invalid(reason),
            HttpError::BodyTooLarge(_) => Self::TooLong,
            error if sent.is_sent() => Self::Lost(format!("the connection was lost: {error}")),
            error => Self::Connect(error.to_string()),
        }
    }
}

/// What a server answered.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) url: String,
    body: Bytes,
    secrets: Vec<SecretString>,
}

impl Http {
    pub(super) fn new(exchange: Rc<dyn Exchange>, is_loud: bool) -> Self {
        Self { exchange, is_loud }
    }

    /// Sends a request, once.
    pub(super) async fn send(&self, call: Call) -> Result<Reply, Trouble> {
        let (method, url, began) = (call.method, call.url.clone(), clock::now());
        let length = call.body.as_ref().map_or(0, Bytes::len);
        let answer = self.exchange(call).await;
        let took = clock::now().saturating_duration_since(began).as_millis() as u64;
        // What goes over the wire is full of secrets: only its size is told, and no query.
        match &answer {
            Ok(reply) => {
                let (status, bytes) = (reply.status, reply.body.len());
                match self.is_loud {
                    true => tracing::info!(
                        method,
                        url,
                        status,
                        ms = took,
                        sent = length,
                        received = bytes,
                        "asked"
                    ),
                    false => tracing::debug!(
                        method,
                        url,
                        status,
                        ms = took,
                        sent = length,
                        received = bytes,
                        "asked"
                    ),
                }
            }
            Err(trouble) => match self.is_loud {
                true => tracing::info!(
                    method,
                    url,
                    ?trouble,
                    ms = took,
                    sent = length,
                    "asked in vain"
                ),
                false => tracing::debug!(
                    method,
                    url,
                    ?trouble,
                    ms = took,
                    sent = length,
                    "asked in vain"
                ),
            },
        }
        answer
    }

    async fn exchange(&self, call: Call) -> Result<Reply, Trouble> {
        let mut headers = vec![
            ("content-type", SecretString::from("application/json")),
            ("accept", SecretString::from("*/*")),
        ];
        let mut secrets = call.secrets;
        if let Some(token) = call.bearer {
            headers.push((
                "authorization",
                format!("Bearer {}", token.expose_secret()).into(),
            ));
            secrets.push(token);
        }
        let request = HttpRequest {
            method: call.method,
            url: call.url.clone(),
            headers,
            body: call.body.unwrap_or_default(),
            secrets: Vec::new(),
        };
        let sent = Sent::default();
        let limit = call.limit;
        let exchange = async {
            let opened = self
                .exchange
                .open(request, call.query.into(), sent.clone())
                .await;
            let mut opened = opened.map_err(|error| Trouble::of(error, &sent))?;
            let mut body = BytesMut::new();
            while let Some(piece) = opened.body.next().await {
                body.extend_from_slice(&piece.map_err(|error| Trouble::of(error, &sent))?);
                if body.len() > MAX_BODY {
                    return Err(Trouble::TooLong);
                }
            }
            if opened
                .length
                .is_some_and(|length| length != body.len() as u64)
            {
                return Err(Trouble::Lost("the answer ended early".to_owned()));
            }
            Ok((opened.status, opened.retry_after, body.freeze()))
        };
        let answer = tokio::time::timeout(limit, exchange).await;
        let (status, retry_after, body) = answer.unwrap_or(Err(Trouble::Late(limit)))?;
        Ok(Reply {
            status,
            retry_after,
            url: call.url,
            body,
            secrets,
        })
    }
}

impl Reply {
    pub(super) fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Reads the body as JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Returns the body as text that can be shown.
    pub(super) fn text(&self) -> String {
        let text: String = String::from_utf8_lossy(&self.body)
            .chars()
            .take(LONGEST)
            .collect();
        redacted(text, &self.secrets)
    }

    /// Returns the body as details of an error: JSON, or a text in it.
    pub(super) fn details(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        match serde_json::from_str(&redacted(text.into_owned(), &self.secrets)) {
            Ok(json) => json,
            Err(_) => json!({"text": self.text()}),
        }
    }

    /// Returns what the body gives as its error; empty if it gives none.
    pub(super) fn error(&self) -> String {
        let json = self.json();
        let error = json.as_ref().and_then(error_of).unwrap_or_default();
        redacted(error.to_owned(), &self.secrets)
    }

    /// Returns what the answer says of itself: its error, or all of it.
    pub(super) fn words(&self) -> String {
        match self.error() {
            error if error.is_empty() => self.text(),
            error => error,
        }
    }

    /// Says whether the server has no such path, so that another one may be asked.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self.status, 404 | 405 | 501) && !names_a_thing(&self.error())
    }

    /// Says whether the token was refused. A 403 that is about credits or rights is not about the token.
    pub(super) fn refuses_token(&self) -> bool {
        let of_rights = || {
            // A page of something in between has words of its own.
            let error = self.json().map(|_| self.text().to_lowercase());
            let error = error.unwrap_or_default();
            let words = [
                "credit",
                "permission",
                "right",
                "scope",
                "not allowed",
                "forbidden: ",
            ];
            words.iter().any(|word| error.contains(word)) && !error.contains("token")
        };
        self.status == 401 || (self.status == 403 && !of_rights())
    }

    /// Makes an error of an answer that is one.
    pub(super) fn refusal(&self, message: String) -> MeshError {
        let error = MeshError::new(ErrorKind::Http, message);
        error
            .details(self.details())
            .at(&self.url)
            .answered(self.status, self.retry_after)
    }

    /// Makes an error of an answer that refuses the token for good.
    pub(super) fn unauthorized(&self) -> MeshError {
        let error = self.error();
        let lower = error.to_lowercase();
        let sentence = match () {
            () if lower.contains("jwt malformed") => {
                Some("The token is not a JWT: its format is wrong.")
            }
            () if lower.contains("invalid token") => Some("The token is invalid."),
            () if lower.contains("expired") => Some("The token has expired."),
            () => None,
        };
        let details = sentence.map_or_else(|| self.details(), Value::from);
        let message = format!("Authentication failed: {}", self.status);
        let details = json!({"error": self.words(), "help": HELP, "details": details});
        MeshError::new(ErrorKind::Auth, message)
            .details(details)
            .at(&self.url)
            .answered(self.status, self.retry_after)
    }

    /// The answer is none that can be understood.
    pub(super) fn unreadable(&self) -> MeshError {
        MeshError::new(ErrorKind::Decode, "invalid response")
            .details(json!({"text": self.text()}))
            .at(&self.url)
            .answered(self.status, None)
            .running(true)
    }
}

fn names_a_thing(error: &str) -> bool {
    let error = error.to_lowercase();
    ["key", "user", "commitment", "challenge"]
        .iter()
        .any(|thing| error.contains(&format!("{thing} not found")))
}

/// Characters of a text that are shown.
const LONGEST: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::testing::reply;
    use super::*;

    #[test]
    fn a_path_is_missing_unless_the_answer_names_a_thing() {
        assert!(reply(404, "Cannot POST /x").is_missing());
        assert!(reply(405, "").is_missing() && reply(501, "{}").is_missing());
        assert!(reply(404, r#"{"success":false,"error":"injected 404"}"#).is_missing());
        assert!(!reply(404, r#"{"error":"Key not found"}"#).is_missing());
        assert!(!reply(404, r#"{"error":{"message":"user NOT found"}}"#).is_missing());
        assert!(!reply(402, "Cannot POST /x").is_missing());
    }

    #[test]
    fn rights_are_no_matter_of_the_token() {
        assert!(reply(401, "{}").refuses_token());
        assert!(reply(403, r#"{"error":"Invalid token"}"#).refuses_token());
        assert!(!reply(403, r#"{"error":"Insufficient credits"}"#).refuses_token());
        assert!(!reply(403, r#"{"error":"no permission"}"#).refuses_token());
        let told_elsewhere = r#"{"error":"Forbidden","message":"Insufficient credits"}"#;
        assert!(!reply(403, told_elsewhere).refuses_token());
        assert!(reply(403, r#"{"error":"Forbidden"}"#).refuses_token());
        assert!(reply(403, "<p>All rights reserved").refuses_token());
    }

    #[test]
    fn a_refused_token_is_explained_and_not_quoted() {
        for (error, sentence) in [
            (
                "jwt malformed",
                json!("The token is not a JWT: its format is wrong."),
            ),
            ("Invalid token", json!("The token is invalid.")),
            ("Token expired", json!("The token has expired.")),
            ("a-secret-token", json!({"error": "[redacted]"})),
        ] {
            let body = json!({"error": error}).to_string();
            let error = serde_json::to_value(reply(401, &body).unauthorized()).unwrap();
            assert_eq!(error["error"], "Authentication failed: 401");
            assert_eq!(error["details"]["help"], HELP);
            assert_eq!(error["details"]["details"], sentence);
            assert!(!error.to_string().contains("a-secret-token"));
        }
        assert_eq!(reply(500, "oops").details(), json!({"text": "oops"}));
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::Reply;

    /// Makes an answer as a server could have given it.
    pub(in crate::mesh) fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status,
            retry_after: None,
            url: "http://x/y".to_owned(),
            body: body.to_owned().into(),
            secrets: vec!["a-secret-token".into()],
        }
    }
}
