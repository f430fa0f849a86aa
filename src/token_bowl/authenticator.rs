//! How the session actor finds out how to connect.

use std::fmt;
use std::sync::Arc;

use futures::future::{FutureExt, LocalBoxFuture};
use greenroom_actors::event::Id;
use greenroom_actors::session::{AuthError, Authenticator, expose_secret};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::config::{Protocol, Settings};
use super::error::{ApiError, ApiErrorKind, BAD_KEY, NO_KEY};
use super::http::Api;
use super::state::State;
use crate::platform::http::HttpClient;

/// How to connect: by the key alone, or with a token that the server gave for it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct TokenBowlSession {
    pub(super) ticket: Option<KeptTicket>,
}

impl fmt::Debug for TokenBowlSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBowlSession")
            .field("has_ticket", &self.ticket.is_some())
            .finish_non_exhaustive()
    }
}

/// The way into the other line.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct KeptTicket {
    #[serde(serialize_with = "expose_secret")]
    pub(super) token: SecretString,
    pub(super) url: String,
    pub(super) channels: Vec<String>,
    pub(super) user: String,
    expires_at: Option<u64>,
}

/// Makes sessions: without a word to anybody on the plain line, with a token of the server on the other.
#[derive(Debug)]
pub(super) struct TokenBowlAuthenticator {
    http: HttpClient,
    settings: Arc<Settings>,
    state: Arc<State>,
}

impl TokenBowlAuthenticator {
    pub(super) fn new(http: HttpClient, settings: Arc<Settings>, state: Arc<State>) -> Self {
        Self {
            http,
            settings,
            state,
        }
    }
}

impl Authenticator for TokenBowlAuthenticator {
    type Session = TokenBowlSession;

    fn login(&self) -> LocalBoxFuture<'static, Result<TokenBowlSession, AuthError>> {
        let (key, refused) = {
            let known = self.state.lock();
            (known.key.clone(), known.plain_refused)
        };
        let has_key = !key.expose_secret().trim().is_empty();
        let api = Api::new(&self.http, &self.settings).with_key(key);
        let protocol = self.settings.protocol;
        async move {
            if !has_key {
                return Err(AuthError::refused(NO_KEY));
            }
            let ticket = match (protocol, refused) {
                (Protocol::Plain, _) | (Protocol::Auto, None) => None,
                (Protocol::Auto, Some(403)) => {
                    // Servers refuse a bad key in the same way as the whole line.
                    api.my_profile().await.map_err(judge)?;
                    Some(ticket(&api).await?)
                }
                (Protocol::Centrifugo, _) | (Protocol::Auto, Some(_)) => Some(ticket(&api).await?),
            };
            Ok(TokenBowlSession { ticket })
        }
        .boxed_local()
    }

    fn identity(_: &TokenBowlSession) -> Id {
        // Users may change their names, and the plain line does not say who one is.
        Id::NONE
    }

    fn expires_at(session: &TokenBowlSession) -> Option<u64> {
        session.ticket.as_ref()?.expires_at
    }

    fn account(&self) -> String {
        self.settings.base_url.to_string()
    }
}

async fn ticket(api: &Api) -> Result<KeptTicket, AuthError> {
    let ticket = api.connection_token().await.map_err(judge)?;
    Ok(KeptTicket {
        expires_at: ticket.expires_at(),
        token: ticket.token,
        url: ticket.url,
        channels: ticket.channels,
        user: ticket.user,
    })
}

fn judge(error: ApiError) -> AuthError {
    let retry = error.retry();
    let auth = match error.kind {
        ApiErrorKind::Authentication | ApiErrorKind::Permission => AuthError::refused(BAD_KEY),
        ApiErrorKind::Decode | ApiErrorKind::NotFound | ApiErrorKind::BadRequest => {
            AuthError::protocol(&error)
        }
        _ => AuthError::unavailable(&error).with_retry(retry),
    };
    auth.with_source(error)
}
