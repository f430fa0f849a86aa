//! The session: tokens, where they lead, and how long they last.

#[cfg(test)]
mod tests;

use std::fmt;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use greenroom_actors::event::Id;
use greenroom_proto::mezon::{Wire, api};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::mezon::config::Settings;
use crate::mezon::error::ApiError;
use crate::mezon::http::{Login, log_in, origin, refresh};
use crate::platform::http::HttpClient;

/// What a login gives.
///
/// Written with serde it holds its tokens in the clear, for a file that nobody else can read; [`Debug`] shows none of them. Read back,
/// it is the same session: give it to [`Settings::session`](super::Settings::session) to go on without a login.
///
/// # Examples
///
/// ```
/// # fn example(session: greenroom::mezon::MezonSession) -> Result<(), serde_json::Error> {
/// use greenroom::mezon::MezonSession;
///
/// let dictionary = serde_json::to_value(&session)?;
/// let restored: MezonSession = serde_json::from_value(dictionary)?;
/// assert!(!restored.is_expired(restored.created_at));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Serialize, Deserialize)]
pub struct MezonSession {
    /// The wire that the server speaks.
    pub wire: Wire,
    /// What authenticates calls and the socket.
    #[serde(serialize_with = "exposed")]
    pub token: SecretString,
    /// What gets new tokens; may be empty.
    #[serde(serialize_with = "exposed")]
    pub refresh_token: SecretString,
    /// What authenticates proofs for token transfers; may be empty.
    #[serde(serialize_with = "exposed")]
    pub id_token: SecretString,
    /// The bot's own user id.
    pub user_id: Id,
    /// Where calls go: scheme, host and port.
    pub api_url: String,
    /// Where the socket is: scheme, host and port.
    pub ws_url: String,
    /// When the token ends, in seconds since 1970, if it says so.
    pub expires_at: Option<u64>,
    /// When the refresh token ends, in seconds since 1970, if it says so.
    pub refresh_expires_at: Option<u64>,
    /// When the session was created or last refreshed, in seconds since 1970.
    pub created_at: u64,
}

impl MezonSession {
    /// Logs in.
    ///
    /// # Errors
    ///
    /// [`ApiError`]; with [`is_unauthorized`](ApiError::is_unauthorized) the platform refuses the bot's id or key.
    pub async fn log_in(
        http: &HttpClient,
        settings: &Settings,
        now: u64,
    ) -> Result<Self, ApiError> {
        let login = log_in(http, settings).await?;
        let base = (settings.base_url.scheme(), origin(&settings.base_url));
        let mut session = Self {
            wire: login.wire,
            token: SecretString::default(),
            refresh_token: SecretString::default(),
            id_token: SecretString::default(),
            user_id: Id::NONE,
            ws_url: socket_origin("", &base.1, base.0 == "https"),
            api_url: base.1,
            expires_at: None,
            refresh_expires_at: None,
            created_at: now,
        };
        session.take(login, settings, now);
        if session.user_id.is_none() {
            return Err(ApiError::Incomplete {
                call: "the login",
                field: "user_id",
            });
        }
        Ok(session)
    }

    /// Gets new tokens for the old ones. The user stays the same, and so does every address that the server does not name.
    ///
    /// # Errors
    ///
    /// [`ApiError`]; a new login may help where this does not.
    pub async fn refresh(
        &self,
        http: &HttpClient,
        settings: &Settings,
        now: u64,
    ) -> Result<Self, ApiError> {
        if self.refresh_token.expose_secret().is_empty() {
            return Err(ApiError::Invalid(
                "the session has no refresh token".to_owned(),
            ));
        }
        if self.is_refresh_expired(now) {
            return Err(ApiError::Invalid(
                "the refresh token has expired".to_owned(),
            ));
        }
        let mut session = self.clone();
        session.take(refresh(http, settings, self).await?, settings, now);
        Ok(session)
    }

    /// Says whether the token has ended at `now`, in seconds since 1970.
    #[must_use]
    pub fn is_expired(&self, now: u64) -> bool {
        self.expires_at.is_some_and(|end| end < now)
    }

    /// Says whether the refresh token has ended at `now`, in seconds since 1970.
    #[must_use]
    pub fn is_refresh_expired(&self, now: u64) -> bool {
        self.refresh_expires_at.is_some_and(|end| end < now)
    }

    /// Replaces the tokens; an empty refresh token leaves the old one. When they end is read from them.
    pub fn update(&mut self, token: &str, refresh_token: &str) {
        self.expires_at = Claims::read(token).exp;
        self.token = token.into();
        if !refresh_token.is_empty() {
            self.refresh_expires_at = Claims::read(refresh_token).exp;
            self.refresh_token = refresh_token.into();
        }
    }

    /// Takes new tokens that the server pushed over the socket.
    pub(in crate::mezon) fn pushed(
        &self,
        session: api::Session,
        settings: &Settings,
        now: u64,
    ) -> Self {
        let mut pushed = self.clone();
        let wire = self.wire;
        pushed.take(Login { wire, session }, settings, now);
        pushed
    }

    /// Returns the URL of the socket, with the token in it.
    #[must_use]
    pub fn socket_url(&self) -> SecretString {
        let token: String = byte_serialize(self.token.expose_secret().as_bytes()).collect();
        let server = &self.ws_url;
        format!("{server}/ws?lang=en&status=true&token={token}&format=protobuf").into()
    }

    fn take(&mut self, login: Login, settings: &Settings, now: u64) {
        let secure = settings.base_url.scheme() == "https";
        let given = login.session;
        let claims = Claims::read(&given.token);
        if !given.token.is_empty() {
            self.expires_at = claims.exp;
            self.token = given.token.into();
        }
        if !given.refresh_token.is_empty() {
            self.refresh_expires_at = Claims::read(&given.refresh_token).exp;
            self.refresh_token = given.refresh_token.into();
        }
        if !given.id_token.is_empty() {
            self.id_token = given.id_token.into();
        }
        if self.user_id.is_none() {
            self.user_id = match given.user_id {
                0 => claims.uid,
                id => id.into(),
            };
        }
        if let Some(api_url) = server_origin(&given.api_url, secure) {
            self.api_url = api_url;
            self.ws_url = socket_origin("", &self.api_url, secure);
        }
        // The first wire has no address of its own for the socket.
        if login.wire == Wire::V2 && !given.ws_url.is_empty() {
            self.ws_url = socket_origin(&given.ws_url, &self.api_url, secure);
        }
        self.created_at = now;
    }
}

impl fmt::Debug for MezonSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MezonSession")
            .field("wire", &self.wire)
            .field("user_id", &self.user_id)
            .field("api_url", &self.api_url)
            .field("ws_url", &self.ws_url)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// What a token says of itself. Nobody checks its signature: only its server trusts it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Claims {
    exp: Option<u64>,
    uid: Id,
}

impl Claims {
    /// Reads what can be read; a token may as well be any text.
    fn read(token: &str) -> Self {
        let payload = token.split('.').nth(1).unwrap_or_default();
        // Some issuers write the alphabet of plain base64.
        let payload = payload.replace('+', "-").replace('/', "_");
        let Ok(payload) = TOLERANT.decode(payload) else {
            return Self::default();
        };
        let Ok(payload) = serde_json::from_slice::<Value>(&payload) else {
            return Self::default();
        };
        let exp = match &payload["exp"] {
            Value::String(text) => text.parse().ok(),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it saturates"
            )]
            number => number
                .as_u64()
                .or_else(|| number.as_f64().map(|end| end as u64)),
        };
        let uid = match &payload["uid"] {
            Value::String(text) => Id::from(text),
            number => Id::from(number.as_i64().unwrap_or(0)),
        };
        Self { exp, uid }
    }
}

/// Returns scheme, host and port of an address that may lack its scheme.
fn server_origin(address: &str, secure: bool) -> Option<String> {
    if address.is_empty() {
        return None;
    }
    let scheme = if secure { "https" } else { "http" };
    let url = match address.contains("://") {
        true => Url::parse(address),
        false => Url::parse(&format!("{scheme}://{address}")),
    };
    let url = url
        .ok()
        .filter(|url| url.has_host() && matches!(url.scheme(), "http" | "https"))?;
    Some(origin(&url))
}

/// Returns the address of the socket: `address` with or without a scheme, or else the host of the API.
fn socket_origin(address: &str, api_url: &str, secure: bool) -> String {
    let secure = secure || api_url.starts_with("https://");
    let http = match address.split_once("://") {
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(("wss", rest)) => format!("https://{rest}"),
        _ => address.to_owned(),
    };
    let server = server_origin(&http, secure).unwrap_or_else(|| api_url.to_owned());
    // An address that the API and the socket share keeps the scheme of the API.
    server.replacen("http", "ws", 1)
}

fn exposed<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose_secret())
}

const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
