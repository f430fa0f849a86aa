//! How the session actor logs in to Mezon.

use std::cell::Cell;
use std::sync::Arc;

use futures::future::{FutureExt, LocalBoxFuture, ready};
use greenroom_actors::clock;
use greenroom_actors::error::Retry;
use greenroom_actors::event::Id;
use greenroom_actors::session::{AuthError, Authenticator};

use super::auth::MezonSession;
use super::config::Settings;
use super::error::ApiError;
use crate::platform::http::HttpClient;

/// Logs in with the bot's id and key, and refreshes with the refresh token.
#[derive(Debug)]
pub struct MezonAuthenticator {
    http: HttpClient,
    settings: Arc<Settings>,
    /// Whether the session that the settings give has not been used yet.
    is_fresh: Cell<bool>,
}

impl MezonAuthenticator {
    /// Creates it; it stays on the thread that made it.
    #[must_use]
    pub fn new(http: HttpClient, settings: Arc<Settings>) -> Self {
        Self {
            http,
            settings,
            is_fresh: Cell::new(true),
        }
    }
}

impl Authenticator for MezonAuthenticator {
    type Session = MezonSession;

    fn login(&self) -> LocalBoxFuture<'static, Result<MezonSession, AuthError>> {
        let now = clock::unix_seconds();
        let given = self.settings.session.as_ref();
        let given = given.filter(|given| self.is_fresh.get() && !given.is_expired(now));
        self.is_fresh.set(false);
        if let Some(given) = given {
            return ready(Ok(given.clone())).boxed_local();
        }
        let (http, settings) = (self.http.clone(), Arc::clone(&self.settings));
        async move {
            let session = MezonSession::log_in(&http, &settings, clock::unix_seconds()).await;
            session.map_err(refused)
        }
        .boxed_local()
    }

    fn refresh(
        &self,
        current: &MezonSession,
    ) -> LocalBoxFuture<'static, Result<MezonSession, AuthError>> {
        let (http, settings) = (self.http.clone(), Arc::clone(&self.settings));
        let current = current.clone();
        async move {
            let session = current
                .refresh(&http, &settings, clock::unix_seconds())
                .await;
            session.map_err(|error| not_refreshed(&error))
        }
        .boxed_local()
    }

    fn identity(session: &MezonSession) -> Id {
        session.user_id.clone()
    }

    fn expires_at(session: &MezonSession) -> Option<u64> {
        session.expires_at
    }

    fn account(&self) -> String {
        format!("{}@{}", self.settings.client_id, self.settings.base_url)
    }
}

/// After a refresh that cannot work a login follows; if the platform has a bad time, another refresh.
fn not_refreshed(error: &ApiError) -> AuthError {
    match error {
        ApiError::Http { source, .. } => match source.status() {
            Some(429 | 500 | 502..) | None => {
                AuthError::unavailable(error).with_retry(error.retry())
            }
            Some(_) => AuthError::unsupported(),
        },
        _ => AuthError::unsupported(),
    }
}

fn refused(error: ApiError) -> AuthError {
    let retry = error.retry();
    let auth = match &error {
        ApiError::Http { source, .. } => match source.status() {
            Some(401 | 403) => AuthError::refused(&error),
            Some(status @ 400..500) if status != 429 => AuthError::protocol(&error),
            _ => AuthError::unavailable(&error).with_retry(retry),
        },
        ApiError::WrongWire { .. } => AuthError::protocol(&error).with_retry(Retry::Never),
        _ => AuthError::protocol(&error),
    };
    auth.with_source(error)
}
