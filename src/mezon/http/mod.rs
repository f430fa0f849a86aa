//! The calls of the API over HTTP, on both wires.

mod channels;
mod login;
mod media;
mod menus;
mod people;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use greenroom_actors::connection::Trouble;
use greenroom_actors::error::Retry;
use greenroom_proto::mezon::{self, Wire, Wired};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::auth::MezonSession;
use super::error::ApiError;
use super::lenient;
use crate::platform::http::{HttpAnswer, HttpClient, HttpError, HttpRequest};

pub(super) use login::{Login, log_in, origin, refresh};
pub use media::Media;
pub use people::VoiceUser;

/// The API of the platform, as a session may use it.
///
/// On both wires its calls take and return the types of the newest one. A call that is limited (HTTP 429) waits as long as the server
/// says and tries again, up to three times and 30 s. It stays on the thread that made it.
#[derive(Clone)]
pub struct Api {
    http: HttpClient,
    wire: Wire,
    base: String,
    token: SecretString,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("wire", &self.wire)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Api {
    /// Creates the API as `session` may use it.
    #[must_use]
    pub fn new(http: &HttpClient, session: &MezonSession) -> Self {
        Self {
            http: http.clone(),
            wire: session.wire,
            base: session.api_url.clone(),
            token: session.token.clone(),
        }
    }

    /// Returns the wire that the server speaks.
    #[must_use]
    pub fn wire(&self) -> Wire {
        self.wire
    }

    fn bearer(&self) -> SecretString {
        format!("Bearer {}", self.token.expose_secret()).into()
    }

    /// Makes a call of wire 1, answered with JSON.
    async fn json(
        &self,
        call: &'static str,
        method: &'static str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Value, ApiError> {
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let url = format!("{}{target}", self.base);
        let answer = self.patiently(call, method, &url, JSON, body).await?;
        match answer.body.as_ref() {
            [] => Ok(Value::Null),
            body => parse(call, &answer.content_type, body),
        }
    }

    /// Makes a call of wire 2, answered with protobuf.
    async fn proto<Q, A>(&self, call: &'static str, request: &Q) -> Result<A, ApiError>
    where
        Q: Wired,
        A: Wired + DeserializeOwned,
    {
        let body = Bytes::from(mezon::encode(Wire::V2, request));
        let url = format!("{}/mezon.api.Mezon/{call}", self.base);
        let answer = self.patiently(call, "POST", &url, PROTO, body).await?;
        message(call, answer)
    }

    /// Sends a request, and again if the server says it is too early.
    async fn patiently(
        &self,
        call: &'static str,
        method: &'static str,
        url: &str,
        kind: &'static str,
        body: Bytes,
    ) -> Result<HttpAnswer, ApiError> {
        let mut tries = 1;
        loop {
            let request = HttpRequest {
                method,
                url: url.to_owned(),
                headers: headers(kind, kind, self.bearer()),
                body: body.clone(),
                secrets: Vec::new(),
            };
            match self.http.send(request).await {
                Err(HttpError::Status {
                    status: 429,
                    retry_after,
                    ..
                }) if tries < TRIES && retry_after.is_none_or(|wait| wait <= PATIENCE) => {
                    tries += 1;
                    tokio::time::sleep(retry_after.unwrap_or(SHORT_WAIT)).await;
                }
                answer => return answer.map_err(ApiError::http(call)),
            }
        }
    }
}

/// Decodes an answer of wire 2: protobuf, or JSON if it says so.
fn message<A: Wired + DeserializeOwned>(
    call: &'static str,
    answer: HttpAnswer,
) -> Result<A, ApiError> {
    if answer.status == 204 || answer.body.is_empty() {
        return Ok(A::default());
    }
    match mime(&answer.content_type) {
        "application/json" => Ok(lenient::object(parse(
            call,
            &answer.content_type,
            &answer.body,
        )?)),
        ""
        | "application/proto"
        | "application/x-protobuf"
        | "application/protobuf"
        | "application/octet-stream"
        | "text/plain" => mezon::decode(Wire::V2, answer.body).map_err(ApiError::frame(call)),
        _ => Err(ApiError::NotMezon {
            call,
            content_type: answer.content_type,
        }),
    }
}

fn parse(call: &'static str, content_type: &str, body: &[u8]) -> Result<Value, ApiError> {
    if is_html(content_type, body) {
        return Err(ApiError::NotMezon {
            call,
            content_type: content_type.to_owned(),
        });
    }
    serde_json::from_slice(body).map_err(|error| ApiError::undecodable(call, &error))
}

fn is_html(content_type: &str, body: &[u8]) -> bool {
    mime(content_type) == "text/html" || body.trim_ascii_start().starts_with(b"<")
}

/// Returns a content type without its parameters.
fn mime(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

fn headers(
    accept: &'static str,
    content_type: &'static str,
    authorization: SecretString,
) -> Vec<(&'static str, SecretString)> {
    vec![
        ("accept", SecretString::from(accept)),
        ("content-type", SecretString::from(content_type)),
        ("authorization", authorization),
    ]
}

/// An id as a parameter, if it is one.
fn id(id: i64) -> Option<String> {
    (id != 0).then(|| id.to_string())
}

/// A path with the parameters that are given; the others are left out.
fn target(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// Says what a connection should do about a call that failed.
pub(super) fn trouble(error: ApiError) -> Trouble {
    if error.is_unauthorized() {
        return Trouble::relogin(error);
    }
    match error.retry() {
        Retry::After(wait) => Trouble::retry(error, Some(wait)),
        Retry::Never | Retry::Now => Trouble::retry(error, None),
    }
}

const JSON: &str = "application/json";
const PROTO: &str = "application/proto";
const TRIES: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(30);
const SHORT_WAIT: Duration = Duration::from_secs(1);
