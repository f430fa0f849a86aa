//! The actor that owns a session.

use std::fmt;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::authenticator::Authenticator;
use super::error::AuthError;
use super::message::{Acquire, Adopt, Current, Invalidate, Lease, Report, SessionReport, TryAgain};
use super::renew::FIRST_BACKOFF;
use super::settings::SessionSettings;
use crate::clock::Instant;
use crate::event::Id;

/// One account's session with a platform: logs in when somebody asks, renews ahead of expiry, once for all who wait, and never
/// becomes another user's.
///
/// * **Who starts it:** the connection's supervisor, before whatever needs tokens; nothing is sent to the platform before the first
///   [`Acquire`], unless a stored session is due.
/// * **What ends it:** its supervisor or arbiter; no error of a login ends it.
/// * **What happens to its mailbox then:** who waits for a login gets [`AuthErrorKind::Stopped`](super::AuthErrorKind::Stopped), requests in the mailbox fail as the
///   mailbox closes; both can be repeated with the next incarnation.
/// * **What it may lose:** a session that is not stored. A login that was under way when it died may have counted with the platform.
///
/// | the answer to a login | who waits | who asks later |
/// |---|---|---|
/// | a session | gets it | gets it, until it is rejected or expires |
/// | an error with [`Retry::Now`](crate::error::Retry::Now) | gets it | makes another try, within the [budget](super::LoginBudget) |
/// | an error with [`Retry::After`](crate::error::Retry::After) | gets it | gets it as well until then, without a call |
/// | an error with [`Retry::Never`](crate::error::Retry::Never) | gets it | gets it as well until [`TryAgain`], without a call |
///
/// # Examples
///
/// ```
/// # use futures::future::LocalBoxFuture;
/// # use greenroom_actors::event::Id;
/// # use greenroom_actors::session::{AuthError, Authenticator};
/// # struct ApiKey;
/// # impl Authenticator for ApiKey {
/// #     type Session = String;
/// #     fn login(&self) -> LocalBoxFuture<'static, Result<String, AuthError>> { Box::pin(async { Ok("token".to_owned()) }) }
/// #     fn identity(_: &String) -> Id { Id::from(1) }
/// #     fn expires_at(_: &String) -> Option<u64> { None }
/// # }
/// # #[actix_rt::main] async fn main() {
/// use actix::Actor;
/// use greenroom_actors::session::{Acquire, Session, SessionSettings};
///
/// let session = Session::new(ApiKey, SessionSettings::default()).start();
/// let lease = session.send(Acquire::any()).await.unwrap().unwrap();
/// // ... the platform answers 401 ...
/// let other = session.send(Acquire::instead_of(&lease)).await.unwrap().unwrap();
/// assert_ne!(lease.number(), other.number());
/// # }
/// ```
pub struct Session<A: Authenticator> {
    pub(super) authenticator: A,
    pub(super) settings: SessionSettings,
    pub(super) held: Option<Held<A::Session>>,
    pub(super) identity: Option<Id>,
    pub(super) number: u64,
    pub(super) waiting: Option<Waiting<A::Session>>,
    pub(super) call: Option<SpawnHandle>,
    pub(super) failure: Option<Failure>,
    pub(super) timer: Option<SpawnHandle>,
    pub(super) backoff: Duration,
    pub(super) counts: Counts,
}

/// Who waits for the login or refresh that runs.
pub(super) type Waiting<S> = Vec<oneshot::Sender<Result<Lease<S>, AuthError>>>;

pub(super) struct Held<S> {
    pub(super) lease: Lease<S>,
    pub(super) obtained_at: u64,
    pub(super) rejected: bool,
}

pub(super) struct Failure {
    pub(super) error: AuthError,
    pub(super) until: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) failures: u64,
    pub(super) logins: u64,
    pub(super) refreshes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Login,
    Refresh,
}

impl<A: Authenticator> Session<A> {
    /// Creates the actor; it does nothing before it is started.
    #[must_use]
    pub fn new(authenticator: A, settings: SessionSettings) -> Self {
        Self {
            authenticator,
            settings,
            held: None,
            identity: None,
            number: 0,
            waiting: None,
            call: None,
            failure: None,
            timer: None,
            backoff: FIRST_BACKOFF,
            counts: Counts::default(),
        }
    }
}

impl<A: Authenticator> fmt::Debug for Session<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("identity", &self.identity)
            .field("number", &self.number)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl<A: Authenticator> Actor for Session<A> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.restore();
        self.schedule(ctx);
    }
}

impl<A: Authenticator> Handler<Acquire<A::Session>> for Session<A> {
    type Result = ResponseFuture<Result<Lease<A::Session>, AuthError>>;

    fn handle(&mut self, acquire: Acquire<A::Session>, ctx: &mut Self::Context) -> Self::Result {
        self.acquire(acquire.rejected, ctx)
    }
}

impl<A: Authenticator> Handler<Current<A::Session>> for Session<A> {
    type Result = MessageResult<Current<A::Session>>;

    fn handle(&mut self, _: Current<A::Session>, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.usable().cloned())
    }
}

impl<A: Authenticator> Handler<Invalidate> for Session<A> {
    type Result = ();

    fn handle(&mut self, _: Invalidate, ctx: &mut Self::Context) {
        self.held = None;
        self.forget_stored();
        if let Some(call) = self.call.take() {
            ctx.cancel_future(call);
            match self
                .waiting
                .as_ref()
                .is_some_and(|waiting| !waiting.is_empty())
            {
                true => self.begin(Step::Login, ctx),
                false => self.waiting = None,
            }
        }
    }
}

impl<A: Authenticator> Handler<Adopt<A::Session>> for Session<A> {
    type Result = ();

    fn handle(&mut self, Adopt(session): Adopt<A::Session>, ctx: &mut Self::Context) {
        // A login or refresh that runs gives something newer.
        if self.waiting.is_none() {
            self.accept(Step::Refresh, session, ctx);
        }
    }
}

impl<A: Authenticator> Handler<TryAgain> for Session<A> {
    type Result = ();

    fn handle(&mut self, _: TryAgain, _: &mut Self::Context) {
        self.failure = None;
    }
}

impl<A: Authenticator> Handler<Report> for Session<A> {
    type Result = MessageResult<Report>;

    fn handle(&mut self, _: Report, _: &mut Self::Context) -> Self::Result {
        let held = self.held.as_ref();
        MessageResult(SessionReport {
            identity: self.identity.clone(),
            expires_at: held.and_then(|held| A::expires_at(&held.lease.session)),
            logins: self.counts.logins,
            refreshes: self.counts.refreshes,
            failures: self.counts.failures,
            waiting: self.waiting.as_ref().map_or(0, Vec::len),
            failure: self.blocked(),
        })
    }
}
