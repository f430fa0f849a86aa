//! How the session actor gets tokens, always as the same identity.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::future::{FutureExt, LocalBoxFuture};
use greenroom_actors::clock::{self, Instant};
use greenroom_actors::entropy::Entropy;
use greenroom_actors::error::Retry;
use greenroom_actors::event::Id;
use greenroom_actors::session::{AuthError, Authenticator};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use url::form_urlencoded;

use super::caller::TokenCall;
use super::client::Shared;
use super::config::{Identity, Settings};
use super::error::{ErrorKind, PaymanError};
use super::http::{Call, Http, Trouble, refused};
use super::limits::{TOKEN_PATH, TOKEN_TIMEOUT};
use super::state::{AccessToken, Grant, TokenAnswer, Tokens};
use super::tries::Tries;
use crate::platform::http::Sent;

/// Gets tokens: with the credentials, a code or a refresh token, as the client was made.
pub(super) struct PaymanAuthenticator {
    client: Arc<Shared>,
}

impl fmt::Debug for PaymanAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PaymanAuthenticator")
    }
}

impl PaymanAuthenticator {
    pub(super) fn new(client: Arc<Shared>) -> Self {
        Self { client }
    }
}

/// The session of a client: its access token, which is kept in memory only.
#[derive(Clone, Debug)]
pub(super) struct PaymanSession {
    pub(super) token: AccessToken,
    identity: Id,
}

/// It is never stored: the platform wants the caller to keep nothing but the id of a conversation.
impl Serialize for PaymanSession {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for PaymanSession {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("it is never stored"))
    }
}

impl Authenticator for PaymanAuthenticator {
    type Session = PaymanSession;

    // A code is used once, and the application's credentials stand for somebody else than a user's token.
    const LOGS_IN_AGAIN: bool = false;

    fn login(&self) -> LocalBoxFuture<'static, Result<PaymanSession, AuthError>> {
        let client = Arc::clone(&self.client);
        async move {
            let held = client.tokens.access();
            match held.filter(|token| !token.is_expired(clock::now())) {
                Some(token) => Ok(session(&client, token)),
                None => renew(&client).await,
            }
        }
        .boxed_local()
    }

    fn refresh(
        &self,
        current: &PaymanSession,
    ) -> LocalBoxFuture<'static, Result<PaymanSession, AuthError>> {
        let (client, old) = (Arc::clone(&self.client), current.token.issue);
        async move {
            let newer = client.tokens.access().filter(|token| token.issue > old);
            match newer.filter(|token| !token.is_expired(clock::now())) {
                Some(token) => Ok(session(&client, token)),
                None => renew(&client).await,
            }
        }
        .boxed_local()
    }

    fn identity(session: &PaymanSession) -> Id {
        session.identity.clone()
    }

    fn expires_at(_: &PaymanSession) -> Option<u64> {
        // Whoever uses it looks at its clock, which is none of dates, and asks for another one.
        None
    }
}

fn session(client: &Shared, token: AccessToken) -> PaymanSession {
    let identity = match client.settings.identity {
        Identity::Application => "the application",
        Identity::Bearer(_) => "whose token was given",
        Identity::User(_) => "who gave the code",
    };
    PaymanSession {
        token,
        identity: Id::from(identity),
    }
}

/// Gets a new token, in the best way that there is.
async fn renew(client: &Arc<Shared>) -> Result<PaymanSession, AuthError> {
    let mut refused = None;
    for grant in client.tokens.grants() {
        let is_refresh = matches!(grant, Grant::Refresh(_));
        match client.call_for_token(TokenCall(grant)).await {
            Ok(answer) => {
                let token = client.tokens.take(answer, clock::now());
                return Ok(session(client, token));
            }
            Err(error) if is_refresh && matches!(error.status(), Some(400 | 401)) => {
                client.tokens.refused_refresh();
                refused = Some(error);
            }
            Err(error) => return Err(wrapped(error)),
        }
    }
    Err(wrapped(refused.unwrap_or_else(|| {
        let message = "the token has expired, and there is no refresh token";
        PaymanError::new(ErrorKind::TokenExpired, message)
    })))
}

/// Carries an error through the session actor; whoever asks next makes another try.
fn wrapped(error: PaymanError) -> AuthError {
    let auth = match error.kind() {
        ErrorKind::Auth | ErrorKind::TokenExpired => AuthError::refused(&error),
        ErrorKind::Decode => AuthError::protocol(&error),
        _ => AuthError::unavailable(&error),
    };
    auth.with_retry(Retry::Now).with_source(error)
}

/// Takes the error out again.
pub(super) fn unwrapped(error: &AuthError) -> PaymanError {
    let source = std::error::Error::source(error);
    let known = source.and_then(|source| source.downcast_ref::<PaymanError>());
    known
        .cloned()
        .unwrap_or_else(|| PaymanError::new(ErrorKind::Auth, error.to_string()))
}

/// Asks the platform for a token, again where that can do no harm.
pub(super) async fn call(
    http: &Http,
    settings: &Settings,
    tokens: &Tokens,
    grant: &Grant,
    entropy: &Entropy,
) -> Result<TokenAnswer, PaymanError> {
    let mut tries = Tries::new(settings.retry_base, entropy);
    let repeatable = matches!(grant, Grant::ClientCredentials);
    let secrets: Vec<SecretString> = tokens
        .secrets()
        .into_iter()
        .chain(settings.secrets())
        .collect();
    loop {
        let (error, may_repeat) = match exchange(http, settings, grant).await {
            Ok(Answered::Token(body)) => {
                let wrong = |reason| PaymanError::new(ErrorKind::Decode, reason);
                return TokenAnswer::read(&body).map_err(wrong);
            }
            Ok(Answered::Refused(mut opened)) => {
                let (status, asked) = (opened.answer.status, opened.answer.retry_after);
                let read = tokio::time::timeout(TOKEN_TIMEOUT, opened.refusal(&secrets));
                let body = read
                    .await
                    .unwrap_or_else(|_| super::error::ErrorBody::Text(String::new()));
                let kind = match status {
                    429 => ErrorKind::Http,
                    400..500 => ErrorKind::Auth,
                    _ => ErrorKind::Http,
                };
                let may_repeat = match status {
                    429 | 503 => true,
                    500 | 502 | 504 => repeatable,
                    _ => false,
                };
                (refused(kind, status, asked, body), may_repeat)
            }
            Err(trouble) => {
                let may_repeat = match trouble {
                    Trouble::Connect(_) => true,
                    Trouble::Lost(_) | Trouble::Late(_) => repeatable,
                    Trouble::Invalid(_) | Trouble::TooLong => false,
                };
                // No task was sent, whatever became of the request for the token.
                (trouble.error(false), may_repeat)
            }
        };
        match tries.next(error.retry_after()).filter(|_| may_repeat) {
            Some(wait) => {
                tracing::debug!(%error, ?wait, "asking for a token again");
                tokio::time::sleep(wait).await;
            }
            None => return Err(error),
        }
    }
}

enum Answered {
    Refused(super::http::Opened),
    Token(Bytes),
}

async fn exchange(http: &Http, settings: &Settings, grant: &Grant) -> Result<Answered, Trouble> {
    let exchange = async {
        let mut opened = http.open(request(settings, grant), Sent::default()).await?;
        match opened.answer.status {
            200..300 => Ok(Answered::Token(opened.whole().await?)),
            _ => Ok(Answered::Refused(opened)),
        }
    };
    let answer = tokio::time::timeout(TOKEN_TIMEOUT, exchange).await;
    answer.unwrap_or(Err(Trouble::Late(TOKEN_TIMEOUT)))
}

fn request(settings: &Settings, grant: &Grant) -> Call {
    let mut query = form_urlencoded::Serializer::new(String::new());
    match grant {
        Grant::ClientCredentials => query.append_pair("grant_type", "client_credentials"),
        Grant::Code(code) => query
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code.expose_secret()),
        Grant::Refresh(token) => query
            .append_pair("grant_type", "refresh_token")
            .append_pair("refresh_token", token.expose_secret()),
    };
    let mut headers = vec![("accept", SecretString::from("*/*"))];
    match &settings.client_secret {
        Some(secret) => {
            let pair = format!("{}:{}", settings.client_id, secret.expose_secret());
            headers.push((
                "authorization",
                format!("Basic {}", STANDARD.encode(pair)).into(),
            ));
        }
        None => {
            query.append_pair("client_id", &settings.client_id);
        }
    }
    Call {
        path: TOKEN_PATH,
        query: query.finish().into(),
        headers,
        body: Bytes::new(),
    }
}

/// Whether a token is to be got before the next ask.
pub(super) fn is_due(token: &AccessToken, seen: u64, now: Instant) -> bool {
    // One that is new is used however soon it ends: another would not live longer.
    token.issue <= seen && token.is_expired(now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::payman::config::TokenInfo;

    #[test]
    fn requests_for_tokens_are_those_of_the_vectors() {
        let settings = Settings::new("sim-payman-client", "sim-payman-secret");
        let first = request(&settings, &Grant::ClientCredentials);
        assert_eq!(first.query.expose_secret(), "grant_type=client_credentials");
        assert_eq!(
            first.headers[1].1.expose_secret(),
            "Basic c2ltLXBheW1hbi1jbGllbnQ6c2ltLXBheW1hbi1zZWNyZXQ="
        );
        let code = request(&settings, &Grant::Code("code with space&=/+é".into()));
        assert_eq!(
            code.query.expose_secret(),
            "grant_type=authorization_code&code=code+with+space%26%3D%2F%2B%C3%A9"
        );
        let info = TokenInfo {
            refresh_token: Some("rt2".into()),
            ..TokenInfo::default()
        };
        let bearer = Settings::with_token("cid", info).unwrap();
        let refresh = request(&bearer, &Grant::Refresh("rt2".into()));
        assert_eq!(
            refresh.query.expose_secret(),
            "grant_type=refresh_token&refresh_token=rt2&client_id=cid"
        );
        assert_eq!(
            refresh.headers.len(),
            1,
            "no authorization without a secret"
        );
    }

    #[test]
    fn a_new_token_is_used_however_short_it_lives() {
        let now = clock::now();
        let token = AccessToken {
            secret: "at".into(),
            expires_at: now + Duration::from_secs(30),
            issue: 3,
        };
        assert!(!is_due(&token, 2, now));
        assert!(is_due(&token, 3, now));
    }
}
