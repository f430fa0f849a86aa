//! A client over an exchange: time, pace, redirects.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::LocalBoxStream;
use greenroom_actors::clock;
use secrecy::SecretString;

use super::error::HttpError;
use super::exchange::{Exchange, RawAnswer, Sent};
use super::internet::Internet;
use super::pace::Pace;
use super::refusal::refused;
use super::request::HttpRequest;
use crate::platform::client::Dialing;
use crate::platform::tls::Trust;

/// Sends requests and reads whole answers.
///
/// Connections are kept and used again. Redirects are followed only if [`redirected`](Self::redirected) says so, proxies are not used. It stays on the thread that made it;
/// clones share its connections.
#[derive(Clone)]
pub struct HttpClient {
    exchange: Rc<dyn Exchange>,
    timeout: Duration,
    body_limit: usize,
    pace: Option<Pace>,
    redirects: usize,
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
        let internet = Internet::dialing(&Dialing::trusting(trust));
        Self::over(Rc::new(internet), timeout, body_limit)
    }

    /// Creates such a client over another exchange than the network.
    #[must_use]
    pub fn over(exchange: Rc<dyn Exchange>, timeout: Duration, body_limit: usize) -> Self {
        Self {
            exchange,
            timeout,
            body_limit,
            pace: None,
            redirects: 0,
        }
    }

    /// Follows so many redirects; none by default. What is secret in the headers is not told to another server, and what the caller
    /// must not say twice is not: a `POST` becomes a `GET` as the status demands.
    #[must_use]
    pub fn redirected(mut self, redirects: usize) -> Self {
        self.redirects = redirects;
        self
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
        let secrets = secrets_of(&mut request);
        let answer = self.ask(request).await?;
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

    /// Sends a request, once, and returns whatever the server answers.
    ///
    /// # Errors
    ///
    /// See [`HttpError`]; a status is none.
    pub async fn ask(&self, request: HttpRequest) -> Result<RawAnswer, HttpError> {
        if let Some(pace) = &self.pace {
            pace.turn().await;
        }
        let exchange = self.follow(request);
        let answer = tokio::time::timeout(self.timeout, exchange).await;
        answer.unwrap_or(Err(HttpError::TimedOut(self.timeout)))
    }

    /// Sends a request, and again where the answer says, as often as it may.
    async fn follow(&self, mut request: HttpRequest) -> Result<RawAnswer, HttpError> {
        for _ in 0..self.redirects {
            let next = request.again();
            let answer = self.exchange.exchange(request, self.body_limit).await?;
            match answer.location.as_deref() {
                Some(location) => match next.redirected(answer.status, location) {
                    Some(next) => request = next,
                    None => return Ok(answer),
                },
                None => return Ok(answer),
            }
        }
        self.exchange.exchange(request, self.body_limit).await
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
        let opened = self.exchange.open(request, query, Sent::default());
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

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("timeout", &self.timeout)
            .field("body_limit", &self.body_limit)
            .finish_non_exhaustive()
    }
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

/// Takes what must not be shown.
fn secrets_of(request: &mut HttpRequest) -> Vec<SecretString> {
    let plain = |(name, _): &&(&str, _)| !matches!(*name, "accept" | "content-type");
    let sent = request.headers.iter().filter(plain);
    let mut secrets: Vec<SecretString> = sent.map(|(_, value)| value.clone()).collect();
    secrets.append(&mut request.secrets);
    secrets
}

/// So many bytes of an error are read if its answer comes piece by piece.
const SAID_LIMIT: usize = 16_384;
