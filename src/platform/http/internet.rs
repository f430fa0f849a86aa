//! HTTP over TCP and TLS.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use actix_http::body::{BodySize, MessageBody};
use awc::error::{ConnectError, PayloadError, SendRequestError};
use awc::http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST, HeaderName, HeaderValue, HttpDate, LOCATION,
    PROXY_AUTHORIZATION, RETRY_AFTER,
};
use awc::http::uri::Authority;
use awc::http::{Method, Uri};
use awc::{ClientRequest, ClientResponse};
use bytes::Bytes;
use futures::future::{FutureExt, LocalBoxFuture};
use futures::{Stream, StreamExt};
use secrecy::{ExposeSecret, SecretString};

use super::USER_AGENT;
use super::error::HttpError;
use super::exchange::{Exchange, RawAnswer, RawStream, Sent};
use super::request::HttpRequest;
use crate::platform::client::{Dialing, client};
use crate::platform::proxy::Proxies;
use crate::platform::retry_after;

/// Carries HTTP over TCP and TLS.
#[derive(Clone)]
pub(crate) struct Internet {
    client: awc::Client,
    proxies: Proxies,
}

impl Internet {
    pub(crate) fn dialing(dialing: &Dialing) -> Self {
        Self {
            client: client(dialing),
            proxies: dialing.proxies.clone(),
        }
    }

    /// Begins a request; one without encryption is handed to its proxy whole, if it has one.
    fn request(&self, method: Method, url: &str) -> Result<ClientRequest, HttpError> {
        let invalid = |error: &dyn fmt::Display| HttpError::Invalid(error.to_string());
        let uri: Uri = url.parse().map_err(|error| invalid(&error))?;
        let door = match uri.scheme_str() {
            Some("http") => self.proxies.door(&uri).map_err(HttpError::Invalid)?,
            _ => None,
        };
        let Some(door) = door else {
            return Ok(self.client.request(method, uri));
        };
        let mut parts = door.uri.clone().into_parts();
        // What is behind the authority is sent as it is.
        parts.path_and_query = Some(url.parse().map_err(|error| invalid(&error))?);
        let to_proxy = Uri::from_parts(parts).map_err(|error| invalid(&error))?;
        let host = uri.authority().map_or("", Authority::as_str);
        let host = host.rsplit('@').next().unwrap_or(host).to_owned();
        let request = self.client.request(method, to_proxy);
        let mut request = request.insert_header((HOST, host));
        if let Some(authorization) = &door.authorization {
            let value = header_value(PROXY_AUTHORIZATION.as_str(), authorization)?;
            request = request.insert_header((PROXY_AUTHORIZATION, value));
        }
        Ok(request)
    }
}

impl Exchange for Internet {
    fn exchange(
        &self,
        request: HttpRequest,
        body_limit: usize,
    ) -> LocalBoxFuture<'static, Result<RawAnswer, HttpError>> {
        exchange(self.clone(), request, body_limit).boxed_local()
    }

    fn open(
        &self,
        mut request: HttpRequest,
        query: SecretString,
        sent: Sent,
    ) -> LocalBoxFuture<'static, Result<RawStream, HttpError>> {
        let internet = self.clone();
        async move {
            let query = query.expose_secret();
            if !query.is_empty() {
                request.url = format!("{}?{query}", request.url);
            }
            let answer = ask(&internet, request, sent).await?;
            let length = text(&answer, &CONTENT_LENGTH).and_then(|length| length.parse().ok());
            Ok(RawStream {
                status: answer.status().as_u16(),
                content_type: text(&answer, &CONTENT_TYPE).unwrap_or_default().to_owned(),
                retry_after: answer
                    .headers()
                    .get(RETRY_AFTER)
                    .and_then(retry_after::parse),
                length,
                body: answer
                    .map(|piece| piece.map_err(|error| unread(&error, 0)))
                    .boxed_local(),
            })
        }
        .boxed_local()
    }
}

async fn exchange(
    internet: Internet,
    request: HttpRequest,
    body_limit: usize,
) -> Result<RawAnswer, HttpError> {
    let mut answer = ask(&internet, request, Sent::default()).await?;
    let status = answer.status().as_u16();
    let content_type = text(&answer, &CONTENT_TYPE).unwrap_or_default().to_owned();
    let length = text(&answer, &CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    let retry_after = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(retry_after::parse);
    let location = text(&answer, &LOCATION).map(str::to_owned);
    let date = text(&answer, &DATE).and_then(|date| date.parse::<HttpDate>().ok());
    let date = date.and_then(|date| SystemTime::from(date).duration_since(UNIX_EPOCH).ok());
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
        location,
        date: date.map(|date| date.as_secs()),
        body,
    })
}

/// Sends a request and reads the head of its answer.
async fn ask(
    internet: &Internet,
    request: HttpRequest,
    sent: Sent,
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
    let mut request = internet.request(method, &url)?.no_decompress();
    request = request.insert_header(("user-agent", USER_AGENT));
    for (name, value) in &headers {
        request = request.insert_header((header_name(name)?, header_value(name, value)?));
    }
    let body = Watched {
        body,
        sent: sent.clone(),
    };
    request.send_body(body).await.map_err(|error| {
        // Of a connection that was never there, and of a URL that is none, nothing has left; of others nobody knows.
        let early = match &error {
            SendRequestError::Connect(error) => !matches!(error, ConnectError::Disconnected),
            error => matches!(error, SendRequestError::Url(_)),
        };
        if !early {
            sent.leaves();
        }
        HttpError::from(error)
    })
}

/// A body that says when it leaves.
struct Watched {
    body: Bytes,
    sent: Sent,
}

impl MessageBody for Watched {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.body.len() as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.sent.leaves();
        let body = std::mem::take(&mut self.body);
        Poll::Ready((!body.is_empty()).then_some(Ok(body)))
    }
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

impl From<SendRequestError> for HttpError {
    fn from(error: SendRequestError) -> Self {
        match error {
            SendRequestError::Url(error) => Self::Invalid(error.to_string()),
            SendRequestError::Http(error) => Self::Invalid(error.to_string()),
            SendRequestError::Connect(ConnectError::Disconnected) => {
                Self::Unreachable("the server went away".to_owned())
            }
            SendRequestError::Connect(ConnectError::Io(error)) => {
                Self::Unconnected(error.to_string())
            }
            SendRequestError::Connect(error) => Self::Unconnected(error.to_string()),
            SendRequestError::Send(error) => Self::Unreachable(error.to_string()),
            SendRequestError::Response(error) => Self::Protocol(error.to_string()),
            other => Self::Unreachable(other.to_string()),
        }
    }
}
