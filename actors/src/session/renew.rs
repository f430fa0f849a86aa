//! The private steps of the session actor: when it calls the platform, and what it makes of the answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use actix::prelude::*;
use futures::FutureExt;
use futures::future::{LocalBoxFuture, ready};
use tokio::sync::oneshot;

use super::actor::{Failure, Held, Session, Step};
use super::authenticator::Authenticator;
use super::error::{AuthError, AuthErrorKind};
use super::expiry::Verdict;
use super::message::Lease;
use super::store::Stored;
use crate::clock;
use crate::error::Retry;

impl<A: Authenticator> Session<A> {
    pub(super) fn usable(&self) -> Option<&Lease<A::Session>> {
        let held = self.held.as_ref().filter(|held| !held.rejected)?;
        (self.judge(held) != Verdict::Expired).then_some(&held.lease)
    }

    pub(super) fn judge(&self, held: &Held<A::Session>) -> Verdict {
        let expires = A::expires_at(&held.lease.session);
        self.settings
            .ahead
            .judge(held.obtained_at, expires, clock::unix_seconds())
    }

    /// What keeps it from trying now.
    pub(super) fn blocked(&self) -> Option<AuthError> {
        let failure = self.failure.as_ref()?;
        let Some(until) = failure.until else {
            return Some(failure.error.clone());
        };
        let left = until.saturating_duration_since(clock::now());
        (!left.is_zero()).then(|| failure.error.clone().with_retry(Retry::After(left)))
    }

    pub(super) fn acquire(
        &mut self,
        rejected: Option<u64>,
        ctx: &mut Context<Self>,
    ) -> LocalBoxFuture<'static, Result<Lease<A::Session>, AuthError>> {
        if let Some(held) = self.held.as_mut()
            && rejected == Some(held.lease.number)
            && !held.rejected
        {
            held.rejected = true;
            self.forget_stored();
        }
        if let Some(lease) = self.usable() {
            return Box::pin(ready(Ok(lease.clone())));
        }
        if self.waiting.is_none()
            && let Some(error) = self.blocked()
        {
            return Box::pin(ready(Err(error)));
        }
        let (sender, receiver) = oneshot::channel();
        if let Some(waiting) = self.waiting.as_mut() {
            waiting.retain(|caller| !caller.is_closed());
            waiting.push(sender);
        } else {
            self.waiting = Some(vec![sender]);
            self.renew(ctx);
        }
        let answer = receiver.map(|answer| answer.unwrap_or_else(|_| Err(AuthError::stopped())));
        Box::pin(answer)
    }

    /// Begins a refresh, or a login if there is nothing to refresh.
    pub(super) fn renew(&mut self, ctx: &mut Context<Self>) {
        let held = self.held.as_ref();
        let refreshes = held.is_some_and(|held| !held.rejected || !A::LOGS_IN_AGAIN);
        self.begin(
            if refreshes {
                Step::Refresh
            } else {
                Step::Login
            },
            ctx,
        );
    }

    pub(super) fn begin(&mut self, step: Step, ctx: &mut Context<Self>) {
        let call = match (step, self.held.as_ref()) {
            (Step::Refresh, Some(held)) => {
                self.counts.refreshes += 1;
                let session = &held.lease.session;
                catch_unwind(AssertUnwindSafe(|| self.authenticator.refresh(session)))
            }
            _ => {
                if let Err(wait) = self.settings.budget.take() {
                    self.fail(step, &AuthError::budget(wait), ctx);
                    return;
                }
                self.counts.logins += 1;
                catch_unwind(AssertUnwindSafe(|| self.authenticator.login()))
            }
        };
        let call = call.unwrap_or_else(|_| Box::pin(ready(Err(AuthError::panicked()))));
        let call = AssertUnwindSafe(call).catch_unwind();
        let call = tokio::time::timeout(self.settings.timeout, call).map(|answer| match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(AuthError::panicked()),
            Err(_) => Err(AuthError::unavailable("no answer in time")),
        });
        self.call = Some(
            ctx.spawn(call.into_actor(self).map(move |answer, session, ctx| {
                session.call = None;
                session.land(step, answer, ctx);
            })),
        );
    }

    pub(super) fn land(
        &mut self,
        step: Step,
        answer: Result<A::Session, AuthError>,
        ctx: &mut Context<Self>,
    ) {
        match answer {
            Ok(session) => self.accept(step, session, ctx),
            Err(error) if step == Step::Refresh && A::LOGS_IN_AGAIN && is_final(&error) => {
                self.counts.failures += u64::from(error.kind() == AuthErrorKind::Refused);
                self.begin(Step::Login, ctx);
            }
            Err(error) => self.fail(step, &error, ctx),
        }
    }

    pub(super) fn accept(&mut self, step: Step, session: A::Session, ctx: &mut Context<Self>) {
        let identity = A::identity(&session);
        if self
            .identity
            .as_ref()
            .is_some_and(|known| *known != identity)
        {
            tracing::error!(?step, "the platform answered for another user");
            self.fail(step, &AuthError::identity(), ctx);
            return;
        }
        self.identity = Some(identity);
        self.failure = None;
        self.backoff = FIRST_BACKOFF;
        self.hold(session, clock::unix_seconds());
        self.store();
        self.schedule(ctx);
        if let Some(held) = self.held.as_ref() {
            for caller in self.waiting.take().into_iter().flatten() {
                let _ = caller.send(Ok(held.lease.clone()));
            }
        }
    }

    pub(super) fn fail(&mut self, step: Step, error: &AuthError, ctx: &mut Context<Self>) {
        tracing::warn!(?step, %error, "could not renew a session");
        self.counts.failures += 1;
        let pause = match error.retry() {
            Retry::Never => None,
            Retry::Now if step == Step::Refresh && A::LOGS_IN_AGAIN => Some(self.backoff),
            Retry::Now => Some(Duration::ZERO),
            Retry::After(pause) => Some(pause),
        };
        self.failure = Some(Failure {
            until: pause.map(|pause| clock::now() + pause),
            error: error.clone(),
        });
        for caller in self.waiting.take().into_iter().flatten() {
            let _ = caller.send(Err(error.clone()));
        }
        if let Some(pause) = pause.filter(|_| self.usable().is_some()) {
            self.tick_after(pause.max(self.backoff), ctx);
            self.backoff = (self.backoff * 2).min(LAST_BACKOFF);
        }
    }

    pub(super) fn hold(&mut self, session: A::Session, obtained_at: u64) {
        self.number += 1;
        let lease = Lease {
            number: self.number,
            session,
        };
        self.held = Some(Held {
            lease,
            obtained_at,
            rejected: false,
        });
    }

    /// Sets the timer to the moment when the session is due.
    pub(super) fn schedule(&mut self, ctx: &mut Context<Self>) {
        let verdict = self.held.as_ref().map(|held| self.judge(held));
        match verdict {
            Some(Verdict::Valid {
                due_in: Some(due_in),
            }) => self.tick_after(due_in, ctx),
            Some(Verdict::Due) => self.tick_after(self.backoff, ctx),
            Some(Verdict::Expired | Verdict::Valid { due_in: None }) | None => {}
        }
    }

    pub(super) fn tick_after(&mut self, delay: Duration, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let delay = delay.min(LONGEST_SLEEP);
        self.timer = Some(ctx.run_later(delay, |session, ctx| {
            session.timer = None;
            session.tick(ctx);
        }));
    }

    /// Renews ahead of expiry, with nobody waiting.
    pub(super) fn tick(&mut self, ctx: &mut Context<Self>) {
        let verdict = self
            .held
            .as_ref()
            .filter(|held| !held.rejected)
            .map(|held| self.judge(held));
        match verdict {
            Some(Verdict::Due) if self.waiting.is_none() && self.blocked().is_none() => {
                self.waiting = Some(Vec::new());
                self.renew(ctx);
            }
            Some(Verdict::Valid { .. }) => self.schedule(ctx),
            _ => {}
        }
    }

    pub(super) fn restore(&mut self) {
        let Some(store) = &self.settings.store else {
            return;
        };
        match store.load::<A::Session>() {
            Ok(Some(stored)) if stored.account == self.authenticator.account() => {
                self.identity = Some(A::identity(&stored.session));
                self.hold(stored.session, stored.obtained_at);
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "began without the stored session"),
        }
    }

    pub(super) fn store(&self) {
        let (Some(store), Some(held)) = (&self.settings.store, &self.held) else {
            return;
        };
        let stored = Stored {
            account: self.authenticator.account(),
            obtained_at: held.obtained_at,
            session: held.lease.session.clone(),
        };
        if let Err(error) = store.save(&stored) {
            tracing::warn!(%error, "could not store a session");
        }
    }

    pub(super) fn forget_stored(&self) {
        if let Some(Err(error)) = self.settings.store.as_ref().map(|store| store.remove()) {
            tracing::warn!(%error, "could not remove a stored session");
        }
    }
}

/// Tells whether a refresh that failed so is to be followed by a login.
fn is_final(error: &AuthError) -> bool {
    matches!(
        error.kind(),
        AuthErrorKind::Refused | AuthErrorKind::Unsupported
    )
}

pub(super) const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LAST_BACKOFF: Duration = Duration::from_secs(60);
const LONGEST_SLEEP: Duration = Duration::from_secs(86_400);
