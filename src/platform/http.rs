//! An HTTP client for the calls of a platform: one time-out over everything, a bounded body, typed errors.

use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use awc::ClientResponse;
use awc::error::{ConnectError, PayloadError, SendRequestError};
use awc::http::Method;
use awc::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use bytes::Bytes;
use futures::future::{FutureExt, LocalBoxFuture};
use futures::stream::LocalBoxStream;
use futures::{Stream, StreamExt};
use greenroom_actors::clock::{self, Instant};
use greenroom_actors::error::Retry;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::client::client;
use super::retry_after;
use super::tls::Trust;

/// Sends requests and reads whole answers.
///
/// Connections are kept and used again. Redirects are not followed, proxies are not used. It stays on the thread that made it;
/// clones share its connections.
#[derive(Clone)]
pub struct HttpClient {
    exchange: Rc<dyn Exchange>,
    timeout: Duration,
    body_limit: usize,
    pace: Option<Pace>,
}

/// The least time between two calls; clones share it, also on other threads.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use greenroom::platform::http::{HttpClient, Pace};
///
/// let pace = Pace::new(Duration::from_millis(1_250));
/// # let _ = pace;
/// ```
#[derive(Clone, Debug)]
pub struct Pace {
    spacing: Duration,
    next: Arc<Mutex<Option<Instant>>>,
}

impl Pace {
    /// Begins with a call that is free.
    #[must_use]
    pub fn new(spacing: Duration) -> Self {
        Self {
            spacing,
            next: Arc::default(),
        }
    }

    /// Waits for the turn of the caller; those who wait go in the order in which they came.
    pub async fn turn(&self) {
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = next.map_or_else(clock::now, |next| next.max(clock::now()));
            *next = Some(turn + self.spacing);
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}

/// Carries one request to a server and its answer back: over the network, or within one process.
pub trait Exchange {
    /// Sends a request, once, and reads the answer: of its body up to `body_limit` bytes. It has no time-out of its own.
    fn exchange(
        &self,
        request: HttpRequest,
        body_limit: usize,
    ) -> LocalBoxFuture<'static, Result<RawAnswer, HttpError>>;

    /// Sends a request with a secret query, once, and gives the answer as soon as its head is there. It has no time-out of its own.
    /// By default no answer can be read piece by piece.
    fn open(
        &self,
        request: HttpRequest,
        query: SecretString,
    ) -> LocalBoxFuture<'static, Result<RawStream, HttpError>> {
        drop((request, query));
        let error = "answers cannot be read piece by piece here";
        async move { Err(HttpError::Invalid(error.to_owned())) }.boxed_local()
    }
}

/// What a server answers, whatever its status, of which the body is still on its way.
pub struct RawStream {
    /// The status.
    pub status: u16,
    /// The content type; empty if there is none.
    pub content_type: String,
    /// What the header `Retry-After` asks for.
    pub retry_after: Option<Duration>,
    /// The pieces of the body.
    pub body: LocalBoxStream<'static, Result<Bytes, HttpError>>,
}

impl fmt::Debug for RawStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawStream")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The body of an answer, with a status below 300, piece by piece. Dropping it ends the connection.
pub struct HttpStream {
    content_type: String,
    body: LocalBoxStream<'static, Result<Bytes, HttpError>>,
}

impl HttpStream {
    /// Returns the content type in lower case, parameters included; empty if there is none.
    #[must_use]
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// Returns the next piece; none if the server has ended the body. It waits as long as that takes.
    pub async fn next(&mut self) -> Option<Result<Bytes, HttpError>> {
        self.body.next().await
    }
}

impl fmt::Debug for HttpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpStream")
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}

/// What a server answered, whatever its status.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    /// The status.
    pub status: u16,
    /// The content type; empty if there is none.
    pub content_type: String,
    /// What the header `Retry-After` asks for.
    pub retry_after: Option<Duration>,
    /// The body, or why it could not be read.
    pub body: Result<Bytes, HttpError>,
}

/// What to ask a server.
#[derive(Debug)]
pub struct HttpRequest {
    /// The method, such as `GET`.
    pub method: &'static str,
    /// The URL; nothing secret may be in it.
    pub url: String,
    /// The headers.
    pub headers: Vec<(&'static str, SecretString)>,
    /// The body, empty for none.
    pub body: Bytes,
    /// What is secret in the body: it is never shown, even if an error of the server quotes it.
    pub secrets: Vec<SecretString>,
}

/// What a server answered, with a status below 300.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The content type in lower case, parameters included; empty if there is none.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
}

impl HttpClient {
    /// Creates a client whose calls take up to `timeout` each in all and whose answers have up to `body_limit` bytes. It trusts the
    /// authorities of the web.
    #[must_use]
    pub fn new(timeout: Duration, body_limit: usize) -> Self {
        Self::trusting(&Trust::web(), timeout, body_limit)
    }

    /// Creates such a client that trusts other authorities.
    #[must_use]
    pub fn trusting(trust: &Trust, timeout: Duration, body_limit: usize) -> Self {
        Self::over(Rc::new(Internet::trusting(trust)), timeout, body_limit)
    }

    /// Creates such a client over another exchange than the network.
    #[must_use]
    pub fn over(exchange: Rc<dyn Exchange>, timeout: Duration, body_limit: usize) -> Self {
        Self {
            exchange,
            timeout,
            body_limit,
            pace: None,
        }
    }

    /// Makes calls at this pace. The time that one waits for its turn is not counted.
    #[must_use]
    pub fn paced(mut self, pace: Option<Pace>) -> Self {
        self.pace = pace;
        self
    }

    /// Sends a request, once.
    ///
    /// # Errors
    ///
    /// See [`HttpError`]. A status from 300 on is an error, too.
    pub async fn send(&self, mut request: HttpRequest) -> Result<HttpAnswer, HttpError> {
        if let Some(pace) = &self.pace {
            pace.turn().await;
        }
        let secrets = secrets_of(&mut request);
        let exchange = self.exchange.exchange(request, self.body_limit);
        let answer = tokio::time::timeout(self.timeout, exchange).await;
        let answer = answer.unwrap_or(Err(HttpError::TimedOut(self.timeout)))?;
        if answer.status < 300 {
            return Ok(HttpAnswer {
                status: answer.status,
                content_type: answer.content_type.to_ascii_lowercase(),
                body: answer.body?,
            });
        }
        let body = answer.body.unwrap_or_default();
        Err(refused(answer.status, answer.retry_after, &body, &secrets))
    }

    /// Sends a request, once, and returns the answer as soon as its head is there; only that must come in time. `query` may be
    /// secret: it goes behind the URL and is never shown.
    ///
    /// # Errors
    ///
    /// See [`HttpError`]. A status from 300 on is an error, too.
    pub async fn open(
        &self,
        mut request: HttpRequest,
        query: SecretString,
    ) -> Result<HttpStream, HttpError> {
        let secrets = secrets_of(&mut request);
        let deadline = clock::now() + self.timeout;
        let late = |_| HttpError::TimedOut(self.timeout);
        let opened = self.exchange.open(request, query);
        let answer = tokio::time::timeout_at(deadline, opened).await;
        let mut answer = answer.map_err(late)??;
        if answer.status < 300 {
            return Ok(HttpStream {
                content_type: answer.content_type.to_ascii_lowercase(),
                body: answer.body,
            });
        }
        let mut said = Vec::new();
        let read = async {
            while let Some(Ok(piece)) = answer.body.next().await {
                said.extend_from_slice(&piece);
                if said.len() >= SAID_LIMIT {
                    break;
                }
            }
        };
        // What the server says of it is not worth another error.
        let _ = tokio::time::timeout_at(deadline, read).await;
        Err(refused(answer.status, answer.retry_after, &said, &secrets))
    }
}

/// Takes what must not be shown.
fn secrets_of(request: &mut HttpRequest) -> Vec<SecretString> {
    let plain = |(name, _): &&(&str, _)| !matches!(*name, "accept" | "content-type");
    let sent = request.headers.iter().filter(plain);
    let mut secrets: Vec<SecretString> = sent.map(|(_, value)| value.clone()).collect();
    secrets.append(&mut request.secrets);
    secrets
}

fn refused(
    status: u16,
    retry_after: Option<Duration>,
    body: &[u8],
    secrets: &[SecretString],
) -> HttpError {
    let refusal = Refusal::read(body, secrets.iter());
    HttpError::Status {
        status,
        code: refusal.code,
        message: refusal.message,
        retry_after,
    }
}

/// Carries HTTP over TCP and TLS.
pub(crate) struct Internet {
    client: awc::Client,
}

impl Internet {
    pub(crate) fn trusting(trust: &Trust) -> Self {
        Self {
            client: client(trust),
        }
    }
}

impl Exchange for Internet {
    fn exchange(
        &self,
        request: HttpRequest,
        body_limit: usize,
    ) -> LocalBoxFuture<'static, Result<RawAnswer, HttpError>> {
        exchange(self.client.clone(), request, body_limit).boxed_local()
    }

    fn open(
        &self,
        mut request: HttpRequest,
        query: SecretString,
    ) -> LocalBoxFuture<'static, Result<RawStream, HttpError>> {
        let client = self.client.clone();
        async move {
            let query = query.expose_secret();
            request.url = format!("{}?{query}", request.url);
            let answer = ask(&client, request).await?;
            Ok(RawStream {
                status: answer.status().as_u16(),
                content_type: text(&answer, &CONTENT_TYPE).unwrap_or_default().to_owned(),
                retry_after: answer
                    .headers()
                    .get(RETRY_AFTER)
                    .and_then(retry_after::parse),
                body: answer
                    .map(|piece| piece.map_err(|error| unread(&error, 0)))
                    .boxed_local(),
            })
        }
        .boxed_local()
    }
}

async fn exchange(
    client: awc::Client,
    request: HttpRequest,
    body_limit: usize,
) -> Result<RawAnswer, HttpError> {
    let mut answer = ask(&client, request).await?;
    let status = answer.status().as_u16();
    let content_type = text(&answer, &CONTENT_TYPE).unwrap_or_default().to_owned();
    let length = text(&answer, &CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    let retry_after = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(retry_after::parse);
    let body = match answer.body().limit(body_limit).await {
        Ok(body) if status != 204 && length.is_some_and(|length| length != body.len()) => {
            Err(HttpError::Protocol("the answer ended early".to_owned()))
        }
        body => body.map_err(|error| unread(&error, body_limit)),
    };
    Ok(RawAnswer {
        status,
        content_type,
        retry_after,
        body,
    })
}

/// Sends a request and reads the head of its answer.
async fn ask(
    client: &awc::Client,
    request: HttpRequest,
) -> Result<ClientResponse<impl Pieces + use<>>, HttpError> {
    let HttpRequest {
        method,
        url,
        headers,
        body,
        ..
    } = request;
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| HttpError::Invalid(format!("{method:?} is no method")))?;
    // awc accepts an answer that ends early; without compression its length can be compared.
    let mut request = client.request(method, url).no_decompress();
    request = request.insert_header(("user-agent", USER_AGENT));
    for (name, value) in &headers {
        request = request.insert_header((header_name(name)?, header_value(name, value)?));
    }
    request.send_body(body).await.map_err(HttpError::from)
}

/// The body of an answer on its way.
trait Pieces: Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static {}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static> Pieces for S {}

fn text<'a, S>(answer: &'a ClientResponse<S>, name: &HeaderName) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

fn unread(error: &PayloadError, body_limit: usize) -> HttpError {
    match error {
        PayloadError::Overflow => HttpError::BodyTooLarge(body_limit),
        PayloadError::Incomplete(_) => HttpError::Protocol("the answer ended early".to_owned()),
        other => HttpError::Protocol(other.to_string()),
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("timeout", &self.timeout)
            .field("body_limit", &self.body_limit)
            .finish_non_exhaustive()
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The answer is larger than allowed.
    #[error("the answer has more than {0} bytes")]
    BodyTooLarge(usize),
    /// The URL or a header cannot be used.
    #[error("cannot ask: {0}")]
    Invalid(String),
    /// The answer is not HTTP, or ended early.
    #[error("the answer cannot be read: {0}")]
    Protocol(String),
    /// The server refused, or sent elsewhere.
    #[error("the server answered HTTP {status}{}", shown(*.code, .message))]
    Status {
        /// The HTTP status, 300 or more.
        status: u16,
        /// The code in the answer, if it names one.
        code: Option<i64>,
        /// What the answer says, shortened and on one line; may be empty.
        message: String,
        /// What the header `Retry-After` asks for.
        retry_after: Option<Duration>,
    },
    /// The answer was not there in time. Whether the server acted is unknown.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The server could not be reached, or went away. Whether it acted is unknown if it went away.
    #[error("cannot reach the server: {0}")]
    Unreachable(String),
}

impl HttpError {
    /// Whether trying again can help.
    ///
    /// It says nothing about whether that is safe: only the caller knows if the request may be repeated.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Status {
                status: 429,
                retry_after,
                ..
            } => Retry::After(retry_after.unwrap_or(Duration::from_secs(1))),
            Self::Status {
                status: 500..,
                retry_after,
                ..
            } => retry_after.map_or(Retry::Now, Retry::After),
            Self::Status { .. } | Self::BodyTooLarge(_) | Self::Invalid(_) => Retry::Never,
            Self::Protocol(_) | Self::TimedOut(_) | Self::Unreachable(_) => Retry::Now,
        }
    }

    /// Returns the HTTP status if the server answered with one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

impl From<SendRequestError> for HttpError {
    fn from(error: SendRequestError) -> Self {
        match error {
            SendRequestError::Url(error) => Self::Invalid(error.to_string()),
            SendRequestError::Http(error) => Self::Invalid(error.to_string()),
            SendRequestError::Connect(ConnectError::Io(error)) => {
                Self::Unreachable(error.to_string())
            }
            SendRequestError::Connect(error) => Self::Unreachable(error.to_string()),
            SendRequestError::Send(error) => Self::Unreachable(error.to_string()),
            SendRequestError::Response(error) => Self::Protocol(error.to_string()),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

/// What an answer that is an error says.
#[derive(Default)]
struct Refusal {
    code: Option<i64>,
    message: String,
}

impl Refusal {
    fn read<'a>(body: &[u8], secrets: impl Iterator<Item = &'a SecretString>) -> Self {
        let mut refusal = Self::default();
        let text = String::from_utf8_lossy(body);
        if let Ok(Value::Object(fields)) = serde_json::from_slice(body) {
            refusal.code = fields.get("code").and_then(Value::as_i64);
            // Some, such as our own endpoint, put the words into an object: `{"error": {"message": "…"}}`.
            let inside = fields.get("error").and_then(|error| error.get("message"));
            let said = ["message", "error_description", "error"]
                .into_iter()
                .filter_map(|name| fields.get(name))
                .chain(inside)
                .find_map(|value| value.as_str().filter(|text| !text.is_empty()));
            refusal.message = one_line(said.unwrap_or_default());
        } else if text.trim_start().starts_with('<') {
            refusal.message = "an HTML page".to_owned();
        } else {
            refusal.message = one_line(&text);
        }
        for secret in secrets {
            let secret = secret.expose_secret();
            // "Bearer <token>": a server that quotes the header mostly quotes the token alone.
            let secret = secret.rsplit(' ').next().unwrap_or(secret);
            if secret.len() >= 8 {
                refusal.message = refusal.message.replace(secret, "[redacted]");
            }
        }
        refusal
    }
}

/// Shortens a text and replaces what would break a line of a log.
fn one_line(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().take(MESSAGE_LIMIT).map(clean).collect()
}

fn shown(code: Option<i64>, message: &str) -> String {
    match (code, message) {
        (None, "") => String::new(),
        (None, message) => format!(": {message}"),
        (Some(code), "") => format!(" (code {code})"),
        (Some(code), message) => format!(" (code {code}): {message}"),
    }
}

fn header_name(name: &str) -> Result<HeaderName, HttpError> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| HttpError::Invalid(format!("no header can be called {name:?}")))
}

fn header_value(name: &str, value: &SecretString) -> Result<HeaderValue, HttpError> {
    let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| {
        HttpError::Invalid(format!(
            "the header {name} has characters that it cannot have"
        ))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

pub(crate) const USER_AGENT: &str = concat!("greenroom/", env!("CARGO_PKG_VERSION"));
const MESSAGE_LIMIT: usize = 300;
/// So many bytes of an error are read if its answer comes piece by piece.
const SAID_LIMIT: usize = 16_384;
