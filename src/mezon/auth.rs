//! The session: tokens, where they lead, and how long they last.

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

use super::config::Settings;
use super::error::ApiError;
use super::http::{Login, log_in, origin, refresh};
use crate::platform::http::HttpClient;

/// What a login gives.
///
/// Written with serde it holds its tokens in the clear, for a file that nobody else can read; [`Debug`] shows none of them.
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

    /// Takes new tokens that the server pushed over the socket.
    pub(super) fn pushed(&self, session: api::Session, settings: &Settings, now: u64) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        format!("e30.{}.sig", TOLERANT.encode(payload))
    }

    fn session(login: api::Session, wire: Wire, base: &str) -> MezonSession {
        let settings = Settings {
            base_url: base.parse().unwrap(),
            ..Settings::new("1", "key")
        };
        let api_url = origin(&settings.base_url);
        let mut session = MezonSession {
            wire,
            token: SecretString::default(),
            refresh_token: SecretString::default(),
            id_token: SecretString::default(),
            user_id: Id::NONE,
            ws_url: socket_origin("", &api_url, base.starts_with("https")),
            api_url,
            expires_at: None,
            refresh_expires_at: None,
            created_at: 0,
        };
        session.take(
            Login {
                wire,
                session: login,
            },
            &settings,
            7,
        );
        session
    }

    #[test]
    fn claims_are_read_where_there_are_any() {
        let both = token(r#"{"exp": 1700000000, "uid": 1000000000000000001}"#);
        let claims = Claims::read(&both);
        assert_eq!(
            (claims.exp, claims.uid),
            (Some(1_700_000_000), Id::from(1_000_000_000_000_000_001))
        );
        let odd = token(r#"{"exp": "17.5", "uid": "42", "x": "???>>>"}"#);
        assert_eq!(
            Claims::read(&odd),
            Claims {
                exp: None,
                uid: Id::from(42)
            }
        );
        let float = Claims::read(&token(r#"{"exp": 1700000000.5}"#));
        assert_eq!(float.exp, Some(1_700_000_000));
        let url_safe = "e30.eyJ4IjoiPz8_Pj4-IiwiZXhwIjoxfQ.s";
        assert_eq!(Claims::read(url_safe).exp, Some(1));
        assert_eq!(
            Claims::read(
                &url_safe
                    .replace('_', "/")
                    .replace('-', "+")
                    .replace(".s", "=.s")
            )
            .exp,
            Some(1)
        );
        for text in [
            "",
            ".",
            "aaa.bbb.ccc",
            "a.e30.c",
            "a.W10.c",
            "a.\u{1F44B}.c",
        ] {
            assert_eq!(Claims::read(text), Claims::default(), "{text}");
        }
    }

    #[test]
    fn addresses_follow_the_answer_and_else_the_login() {
        let cases = [
            (
                Wire::V1,
                "http://127.0.0.1:1",
                "http://127.0.0.1:7350/path",
                "ignored:1",
                "http://127.0.0.1:7350",
                "ws://127.0.0.1:7350",
            ),
            (
                Wire::V1,
                "https://gw.mezon.ai",
                "https://api.mezon.ai",
                "",
                "https://api.mezon.ai",
                "wss://api.mezon.ai",
            ),
            (
                Wire::V2,
                "http://127.0.0.1:1",
                "http://127.0.0.1:7350",
                "127.0.0.1:7351",
                "http://127.0.0.1:7350",
                "ws://127.0.0.1:7351",
            ),
            (
                Wire::V2,
                "https://gw.mezon.ai",
                "https://api.mezon.ai",
                "sock.mezon.ai",
                "https://api.mezon.ai",
                "wss://sock.mezon.ai",
            ),
            (
                Wire::V2,
                "https://gw.mezon.ai",
                "https://api.mezon.ai",
                "ws://sock.mezon.ai:80/x",
                "https://api.mezon.ai",
                "ws://sock.mezon.ai",
            ),
            (
                Wire::V2,
                "http://127.0.0.1:1",
                "http://127.0.0.1:2",
                "wss://s",
                "http://127.0.0.1:2",
                "wss://s",
            ),
            (
                Wire::V2,
                "http://127.0.0.1:1",
                "http://127.0.0.1:2",
                "",
                "http://127.0.0.1:2",
                "ws://127.0.0.1:2",
            ),
            (
                Wire::V2,
                "http://127.0.0.1:1",
                "",
                "",
                "http://127.0.0.1:1",
                "ws://127.0.0.1:1",
            ),
            (
                Wire::V2,
                "http://127.0.0.1:1",
                "::nonsense::",
                "also bad::",
                "http://127.0.0.1:1",
                "ws://127.0.0.1:1",
            ),
            (
                Wire::V2,
                "http://http.example:1",
                "",
                "",
                "http://http.example:1",
                "ws://http.example:1",
            ),
        ];
        for (wire, base, api_url, ws_url, api, socket) in cases {
            let login = api::Session {
                api_url: api_url.to_owned(),
                ws_url: ws_url.to_owned(),
                ..Default::default()
            };
            let session = session(login, wire, base);
            assert_eq!(
                (session.api_url.as_str(), session.ws_url.as_str()),
                (api, socket),
                "{base} {api_url} {ws_url}"
            );
        }
    }

    #[test]
    fn a_session_survives_its_file_and_shows_no_secret() {
        let login = api::Session {
            token: token(r#"{"exp": 100}"#),
            refresh_token: token(r#"{"exp": 200}"#),
            id_token: "an id token".to_owned(),
            user_id: 42,
            ..Default::default()
        };
        let first = session(login.clone(), Wire::V2, "http://127.0.0.1:1");
        let text = serde_json::to_string(&first).unwrap();
        let second: MezonSession = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&second).unwrap(), text);
        assert_eq!(second.token.expose_secret(), login.token);
        assert_eq!(
            (second.is_expired(100), second.is_expired(101)),
            (false, true)
        );
        assert_eq!(
            (
                second.is_refresh_expired(200),
                second.is_refresh_expired(201)
            ),
            (false, true)
        );
        let shown = format!("{second:?}");
        for secret in [&login.token, &login.refresh_token, &login.id_token] {
            assert!(!shown.contains(secret.as_str()), "{shown}");
        }
    }

    #[test]
    fn pushed_tokens_replace_the_old_ones_but_not_the_user() {
        let login = api::Session {
            token: "old".to_owned(),
            refresh_token: "kept".to_owned(),
            user_id: 42,
            ..Default::default()
        };
        let first = session(login, Wire::V2, "http://127.0.0.1:1");
        let pushed = api::Session {
            token: token(r#"{"exp": 100}"#),
            user_id: 43,
            ..Default::default()
        };
        let second = first.pushed(pushed, &Settings::new("1", "key"), 9);
        assert_eq!(
            (second.user_id, second.expires_at, second.created_at),
            (Id::from(42), Some(100), 9)
        );
        assert_eq!(second.refresh_token.expose_secret(), "kept");
    }

    #[test]
    fn the_token_is_escaped_in_the_url() {
        let login = api::Session {
            token: "a.b+/=&c".to_owned(),
            ..Default::default()
        };
        let session = session(login, Wire::V1, "http://127.0.0.1:1");
        let url = session.socket_url();
        let expected =
            "ws://127.0.0.1:1/ws?lang=en&status=true&token=a.b%2B%2F%3D%26c&format=protobuf";
        assert_eq!(url.expose_secret(), expected);
    }
}
