//! One request over HTTP: how it ended, and whether it may have been carried out.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use secrecy::SecretString;

use super::error::{ErrorBody, ErrorKind, PaymanError};
use super::limits::{MAX_BODY, MAX_REFUSAL};
use crate::platform::http::{Exchange, HttpError, HttpRequest, RawStream, Sent};

/// Sends requests to one server. It stays on the thread that made it.
#[derive(Clone)]
pub(super) struct Http {
    exchange: Rc<dyn Exchange>,
    server: String,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// What to send.
pub(super) struct Call {
    pub(super) path: &'static str,
    pub(super) query: SecretString,
    pub(super) headers: Vec<(&'static str, SecretString)>,
    pub(super) body: Bytes,
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
    /// Makes an error of it, for a request that was `sent` or not.
    pub(super) fn error(self, sent: bool) -> PaymanError {
        let error = match self {
            Self::Connect(reason) => PaymanError::new(ErrorKind::Connect, reason),
            Self::Invalid(reason) => PaymanError::validation(reason),
            Self::Late(limit) => {
                PaymanError::new(ErrorKind::Timeout, format!("no answer within {limit:?}"))
            }
            Self::Lost(reason) => PaymanError::new(ErrorKind::Transport, reason),
            Self::TooLong => {
                let reason = format!("the answer has more than {MAX_BODY} bytes");
                PaymanError::new(ErrorKind::Decode, reason)
            }
        };
        error.running(sent)
    }

    fn of(error: HttpError, sent: &Sent) -> Self {
        match error {
            HttpError::Invalid(reason) => Self::Invalid(format!("cannot ask: {reason}")),
            HttpError::BodyTooLarge(_) => Self::TooLong,
            error if sent.is_sent() => Self::Lost(format!("the connection was lost: {error}")),
            error => Self::Connect(error.to_string()),
        }
    }
}

/// An answer whose body is still on its way.
pub(super) struct Opened {
    pub(super) answer: RawStream,
    sent: Sent,
}

impl Http {
    pub(super) fn new(exchange: Rc<dyn Exchange>, server: String) -> Self {
        Self { exchange, server }
    }

    /// Sends a request, once, and waits for the head of the answer; `sent` knows whether it has left.
    pub(super) async fn open(&self, call: Call, sent: Sent) -> Result<Opened, Trouble> {
        let mut headers = vec![("content-type", SecretString::from("application/json"))];
        headers.extend(call.headers);
        let request = HttpRequest {
            method: "POST",
            url: format!("{}{}", self.server, call.path),
            headers,
            body: call.body,
            secrets: Vec::new(),
        };
        let answer = self.exchange.open(request, call.query, sent.clone()).await;
        match answer {
            Ok(answer) => Ok(Opened { answer, sent }),
            Err(error) => Err(Trouble::of(error, &sent)),
        }
    }
}

impl Opened {
    /// Reads the whole body.
    pub(super) async fn whole(&mut self) -> Result<Bytes, Trouble> {
        let mut body = BytesMut::new();
        while let Some(piece) = self.next().await {
            body.extend_from_slice(&piece?);
            if body.len() > MAX_BODY {
                return Err(Trouble::TooLong);
            }
        }
        match self.answer.length {
            Some(length) if length != body.len() as u64 => {
                Err(Trouble::Lost("the answer ended early".to_owned()))
            }
            _ => Ok(body.freeze()),
        }
    }

    /// Reads of the body of a refusal what there is.
    pub(super) async fn refusal(&mut self, secrets: &[SecretString]) -> ErrorBody {
        let mut body = BytesMut::new();
        while let Some(Ok(piece)) = self.next().await {
            body.extend_from_slice(&piece);
            if body.len() > MAX_REFUSAL {
                body.truncate(MAX_REFUSAL);
                break;
            }
        }
        ErrorBody::read(&body, secrets)
    }

    /// Reads the next piece of the body.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Trouble>> {
        let piece = self.answer.body.next().await?;
        Some(piece.map_err(|error| Trouble::of(error, &self.sent)))
    }

    pub(super) fn is_stream(&self) -> bool {
        let kind = self
            .answer
            .content_type
            .split(';')
            .next()
            .unwrap_or_default();
        kind.trim().eq_ignore_ascii_case(EVENT_STREAM)
    }
}

/// Returns what went wrong with a request that was answered with an error.
pub(super) fn refused(
    kind: ErrorKind,
    status: u16,
    retry_after: Option<Duration>,
    body: ErrorBody,
) -> PaymanError {
    let message = format!("the server answered HTTP {status}");
    PaymanError::new(kind, message)
        .answered(status, body)
        .after(retry_after)
}

pub(super) const EVENT_STREAM: &str = "text/event-stream";
