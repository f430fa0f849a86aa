//! Opening a link, and what its end means.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{FutureExt, LocalBoxFuture};
use greenroom_actors::clock;
use greenroom_actors::connection::{DialError, Lost, RequestError, Trouble};
use greenroom_actors::error::Retry;
use greenroom_actors::session::{AuthError, Lease};

use super::{Link, TokenBowlProtocol};
use crate::token_bowl::authenticator::TokenBowlSession;
use crate::token_bowl::centrifugo::{self, Verdict};
use crate::token_bowl::codec::Request;
use crate::token_bowl::config::Protocol;
use crate::token_bowl::error::BAD_KEY;
use crate::token_bowl::model::Timestamp;
use crate::token_bowl::state::{Line, Me};

/// Why the websocket could not be opened.
#[derive(Debug, thiserror::Error)]
enum Unopened {
    #[error("Failed to connect: {0}")]
    Failed(#[source] DialError),
    #[error("Connection failed with status {0}")]
    Status(u16, #[source] DialError),
}

impl TokenBowlProtocol {
    /// Says whether trouble is a reason to try again: not at the first connect, whose caller wants to know.
    pub(super) fn may_retry(&self) -> bool {
        self.settings.retry_initial || self.state.lock().was_connected
    }

    fn retry(
        &self,
        error: impl Into<greenroom_actors::error::BoxError>,
        after: Option<Duration>,
    ) -> Trouble {
        match self.may_retry() {
            true => Trouble::retry(error, after),
            false => Trouble::fatal(error),
        }
    }

    pub(super) fn judge_dial(&self, error: DialError) -> Trouble {
        let DialError::Refused {
            status,
            retry_after,
        } = error
        else {
            return match &error {
                DialError::Invalid(_) => Trouble::fatal(Unopened::Failed(error)),
                _ => self.retry(Unopened::Failed(error), None),
            };
        };
        let is_plain = self
            .lease
            .borrow()
            .as_ref()
            .is_none_or(|lease| lease.ticket.is_none());
        let refused = Unopened::Status(status, error);
        match (status, is_plain, self.settings.protocol) {
            (403 | 404, true, Protocol::Auto) => {
                self.state.lock().plain_refused = Some(status);
                Trouble::relogin(refused)
            }
            (401 | 403, ..) => Trouble::fatal(AuthError::refused(BAD_KEY)),
            _ => self.retry(refused, retry_after),
        }
    }

    pub(super) fn judge_loss(&self, lost: Lost) -> Trouble {
        if self.is_plain() {
            return match &lost {
                Lost::Closed {
                    code: Some((1008, _)),
                } if !self.has_new_key() => Trouble::fatal(AuthError::refused(BAD_KEY)),
                _ => Trouble::retry(lost, None),
            };
        }
        let verdict = match &lost {
            Lost::Closed {
                code: Some((code, _)),
            } => centrifugo::judge_close(*code),
            Lost::JoinFailed(RequestError::Refused { code, .. }) => centrifugo::judge_error(*code),
            _ => Verdict::Retry,
        };
        match verdict {
            Verdict::Retry => Trouble::retry(lost, None),
            Verdict::NewToken => Trouble::relogin(lost),
            Verdict::Refused if !self.second_token.replace(true) => Trouble::relogin(lost),
            Verdict::Refused => Trouble::fatal(AuthError::refused(BAD_KEY)),
            Verdict::Final => Trouble::fatal(lost),
        }
    }

    /// Says whether the key was changed since the link was opened.
    fn has_new_key(&self) -> bool {
        use secrecy::ExposeSecret;
        let known = self.state.lock();
        let opened = self.link.key.as_ref().map(ExposeSecret::expose_secret);
        opened.is_some_and(|opened| opened != known.key.expose_secret())
    }

    pub(super) fn begin_link(
        &mut self,
        session: &Lease<TokenBowlSession>,
    ) -> LocalBoxFuture<'static, Result<Vec<Request>, Trouble>> {
        let key = self.state.lock().key.clone();
        self.link = Link {
            key: Some(key),
            ..Link::default()
        };
        let joins = match &session.ticket {
            None => {
                self.state.set_line(Line::Plain);
                Vec::new()
            }
            Some(ticket) => {
                self.state.set_line(Line::Centrifugo);
                let follow = |channel: &String| Request::Subscribe {
                    channel: channel.clone(),
                };
                let follow = ticket.channels.iter().map(follow);
                [Request::Connect].into_iter().chain(follow).collect()
            }
        };
        let name = session.ticket.as_ref().map(|ticket| ticket.user.clone());
        let (api, state) = (self.api(), Arc::clone(&self.state));
        let limit = self.settings.connect_timeout;
        let is_new = {
            let known = &mut *state.lock();
            known.typing_is_off = false;
            let is_known = known.me.as_ref().is_some_and(|me| !me.id.is_empty());
            if let (None, Some(name)) = (&known.me, name) {
                known.me = Some(Me {
                    id: String::new(),
                    name,
                });
            }
            !is_known
        };
        async move {
            let mut date = None;
            if is_new {
                // Who one is decides what is one's own; without it, the connection works as well.
                match tokio::time::timeout(limit, api.me_and_date()).await {
                    Ok(Ok((profile, at))) => {
                        date = at;
                        state.lock().me = Some(Me {
                            id: profile.id,
                            name: profile.username,
                        });
                    }
                    Ok(Err(error)) => tracing::warn!(%error, "the user's own name is not known"),
                    Err(_) => tracing::warn!("the user's own name is not known: no answer in time"),
                }
            }
            let now = i64::try_from(date.unwrap_or_else(clock::unix_seconds)).unwrap_or_default();
            let now = Timestamp::from_unix_micros(now.saturating_mul(1_000_000));
            state.lock().since.get_or_insert(now);
            Ok(joins)
        }
        .boxed_local()
    }
}

pub(super) fn login_trouble(error: AuthError, may_retry: bool) -> Trouble {
    match error.retry() {
        _ if !may_retry => Trouble::fatal(error),
        Retry::Never => Trouble::fatal(error),
        Retry::Now => Trouble::retry(error, None),
        Retry::After(wait) => Trouble::retry(error, Some(wait)),
    }
}
