//! The calls of the API over HTTP.

mod admin;
mod bots;
mod conversations;
mod login;
mod messages;
mod users;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use greenroom_actors::error::Retry;
use secrecy::{ExposeSecret, SecretString};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};

pub use self::admin::UserChanges;
pub use self::conversations::ConversationChanges;
pub use self::messages::Pages;
pub use self::users::NewUser;
use super::config::{BaseUrl, Settings};
use super::error::{ApiError, ApiErrorKind};
use super::limits::MAX_BODY;
use crate::platform::http::{HttpClient, HttpError, HttpRequest, RawAnswer};
use crate::platform::tls::Trust;

/// The API of the platform, as one user may use it.
///
/// A call that reads is made again, up to twice, if the server cannot be reached, is too slow or too busy; one that changes something
/// only if no connection came about, so that nothing happens twice. It stays on the thread that made it.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> Result<(), greenroom::token_bowl::ApiError> {
/// use std::time::Duration;
/// use greenroom::platform::http::HttpClient;
/// use greenroom::token_bowl::{Api, Settings};
///
/// let http = HttpClient::new(Duration::from_secs(30), 16 * 1024 * 1024);
/// let api = Api::new(&http, &Settings::new("a key"));
/// println!("{}", api.my_profile().await?.username);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Api {
    http: HttpClient,
    base: BaseUrl,
    credentials: Credentials,
}

/// What stands for the user.
#[derive(Clone)]
enum Credentials {
    Key(SecretString),
    /// The token of a magic link.
    Session(SecretString),
}

impl Credentials {
    fn secret(&self) -> &SecretString {
        match self {
            Self::Key(secret) | Self::Session(secret) => secret,
        }
    }

    fn header(&self) -> Option<(&'static str, SecretString)> {
        match self {
            Self::Key(key) if key.expose_secret().is_empty() => None,
            Self::Key(key) => Some(("X-API-Key", key.clone())),
            Self::Session(token) => {
                let bearer = format!("Bearer {}", token.expose_secret());
                Some(("Authorization", bearer.into()))
            }
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// A call: what is asked, and of whom.
struct Call<'a> {
    method: &'static str,
    path: &'a str,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    needs_key: bool,
}

impl<'a> Call<'a> {
    fn new(method: &'static str, path: &'a str) -> Self {
        Self {
            method,
            path,
            query: Vec::new(),
            body: None,
            needs_key: true,
        }
    }

    fn get(path: &'a str) -> Self {
        Self::new("GET", path)
    }

    fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query
            .extend(value.map(|value| (name, value.to_string())));
        self
    }

    fn body(mut self, fields: Map<String, Value>) -> Self {
        self.body = Some(Value::Object(fields));
        self
    }

    /// Anybody may make it.
    fn public(mut self) -> Self {
        self.needs_key = false;
        self
    }
}

impl Api {
    /// Creates the API as the user of these settings may use it.
    #[must_use]
    pub fn new(http: &HttpClient, settings: &Settings) -> Self {
        Self {
            http: http.clone(),
            base: settings.base_url.clone(),
            credentials: Credentials::Key(settings.api_key.clone()),
        }
    }

    /// Creates the API over the network of this machine, with a client of its own.
    ///
    /// # Errors
    ///
    /// [`Network`](ApiErrorKind::Network) if the file of authorities to trust cannot be used.
    pub fn open(settings: &Settings) -> Result<Self, ApiError> {
        let trust = Trust::new(settings.ca_file.as_deref());
        let trust = trust.map_err(|error| {
            ApiError::new(ApiErrorKind::Network, format!("Network error: {error}"))
        })?;
        let http = HttpClient::trusting(&trust, settings.timeout, MAX_BODY);
        Ok(Self::new(&http, settings))
    }

    /// Uses this key from now on.
    #[must_use]
    pub fn with_key(mut self, key: SecretString) -> Self {
        self.credentials = Credentials::Key(key);
        self
    }

    /// Uses the session token of a magic link in place of a key from now on.
    #[must_use]
    pub fn with_session_token(mut self, token: SecretString) -> Self {
        self.credentials = Credentials::Session(token);
        self
    }

    /// Makes a call whose answer is JSON.
    async fn json<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, ApiError> {
        let answer = self.patiently(&call).await?;
        read(&answer)
    }

    /// Makes a call whose answer says nothing.
    async fn nothing(&self, call: Call<'_>) -> Result<(), ApiError> {
        let answer = self.patiently(&call).await?;
        match &answer.body {
            Ok(body) if body.is_empty() => Ok(()),
            _ => read::<IgnoredAny>(&answer).map(drop),
        }
    }

    async fn patiently(&self, call: &Call<'_>) -> Result<RawAnswer, ApiError> {
        if call.needs_key && self.credentials.secret().expose_secret().is_empty() {
            return Err(ApiError::new(
                ApiErrorKind::Authentication,
                "API key required for this operation",
            ));
        }
        let mut waits = WAITS.into_iter();
        loop {
            let (error, may_repeat) = match self.once(call).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let Some(wait) = waits.next().filter(|_| may_repeat) else {
                return Err(error);
            };
            let asked = match error.retry() {
                Retry::After(asked) => asked,
                Retry::Now | Retry::Never => Duration::ZERO,
            };
            if asked > PATIENCE {
                return Err(error);
            }
            tracing::debug!(path = call.path, %error, "asking again");
            tokio::time::sleep(wait.max(asked)).await;
        }
    }

    /// Makes a call, once; an error says whether it may be repeated.
    async fn once(&self, call: &Call<'_>) -> Result<RawAnswer, (ApiError, bool)> {
        let is_read = call.method == "GET";
        let answer = match self.http.ask(self.request(call)).await {
            Ok(answer) => answer,
            Err(error) => {
                let is_unsent = matches!(error, HttpError::Unconnected(_));
                let may_help = !matches!(error, HttpError::Invalid(_) | HttpError::BodyTooLarge(_));
                return Err((error.into(), may_help && (is_read || is_unsent)));
            }
        };
        match answer.status {
            200..300 => match &answer.body {
                Ok(_) => Ok(answer),
                Err(error) => Err((ApiError::from(error.clone()), is_read)),
            },
            status => {
                let secret = self.credentials.secret().expose_secret();
                let may_repeat = is_read && matches!(status, 502..=504);
                Err((ApiError::refused(&answer, secret), may_repeat))
            }
        }
    }

    fn request(&self, call: &Call<'_>) -> HttpRequest {
        let mut url = self.base.rest(call.path);
        for (number, (name, value)) in call.query.iter().enumerate() {
            url.push(if number == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.push_str(&encoded(value));
        }
        let mut headers = vec![
            ("Accept", SecretString::from("application/json")),
            ("Content-Type", SecretString::from("application/json")),
        ];
        headers.extend(self.credentials.header());
        let body = call.body.as_ref().map(Value::to_string);
        HttpRequest {
            method: call.method,
            url,
            headers,
            body: Bytes::from(body.unwrap_or_default()),
            secrets: Vec::new(),
        }
    }

    /// Says when it is by the server's clock, in seconds since 1970, if it says so.
    pub(super) async fn me_and_date(
        &self,
    ) -> Result<(super::model::Profile, Option<u64>), ApiError> {
        let answer = self.patiently(&Call::get("/users/me")).await?;
        Ok((read(&answer)?, answer.date))
    }

    /// Asks how to connect to the other line.
    pub(super) async fn connection_token(&self) -> Result<super::centrifugo::Ticket, ApiError> {
        self.json(Call::get("/centrifugo/connection-token")).await
    }

    /// Asks whether the server works.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn health(&self) -> Result<String, ApiError> {
        #[derive(serde::Deserialize)]
        struct Health {
            status: String,
        }
        let health: Health = self.json(Call::get("/health").public()).await?;
        Ok(health.status)
    }
}

/// Reads the body of an answer.
fn read<T: DeserializeOwned>(answer: &RawAnswer) -> Result<T, ApiError> {
    let body = answer.body.clone()?;
    serde_json::from_slice(&body).map_err(|error| {
        // Where it is, and never what it is.
        let reason = reason_of(&error);
        ApiError::undecodable(answer.status, &body, reason)
    })
}

/// Says what is wrong with JSON without quoting values, which may be secret.
pub(super) fn reason_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let field = text.split('`').nth(1);
    match (error.classify(), field) {
        (serde_json::error::Category::Data, Some(field)) if text.starts_with("missing field") => {
            format!("missing field `{field}`")
        }
        (serde_json::error::Category::Data, _) => {
            let (line, column) = (error.line(), error.column());
            let kind = text.split([':', '"', '`']).next().unwrap_or_default();
            format!("{} at line {line} column {column}", kind.trim())
        }
        _ => format!("no JSON at line {} column {}", error.line(), error.column()),
    }
}

/// Encodes a part of a URL: everything but what is never encoded (RFC 3986).
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

/// Puts a value into the fields of a body, if there is one.
fn put(fields: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}

/// The waits before a call is made again.
const WAITS: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(1)];
/// A server that wants more than this is left alone.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d12_everything_is_encoded() {
        assert_eq!(
            encoded("2026-01-02T03:04:05+00:00"),
            "2026-01-02T03%3A04%3A05%2B00%3A00"
        );
        assert_eq!(encoded("a&b c%é"), "a%26b%20c%25%C3%A9");
    }

    #[test]
    fn reasons_quote_no_values() {
        let error = serde_json::from_str::<u8>("\"secret\"").unwrap_err();
        assert_eq!(reason_of(&error), "invalid type at line 1 column 8");
        let error = serde_json::from_str::<u8>("{secret").unwrap_err();
        assert!(!reason_of(&error).contains("secret"));
    }
}
