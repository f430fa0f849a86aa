//! What a session actor can be asked.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use actix::Message;

use super::error::AuthError;
use crate::event::Id;

/// A session as it is handed out; the number tells it from those before and after it. It does not print the session.
#[derive(Clone)]
pub struct Lease<S> {
    pub(super) number: u64,
    pub(super) session: S,
}

impl<S> Lease<S> {
    /// Returns the number: the first session of an actor has 1, each one after it a larger one.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Takes the session out.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.session
    }
}

impl<S> Deref for Lease<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.session
    }
}

impl<S> fmt::Debug for Lease<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// Asks for a session that can be used. All who ask while a login runs get its outcome.
#[derive(Message)]
#[rtype(result = "Result<Lease<S>, AuthError>")]
pub struct Acquire<S: 'static> {
    pub(super) rejected: Option<u64>,
    session: PhantomData<fn() -> S>,
}

impl<S> Acquire<S> {
    /// Asks for the session that there is, or for a new one if it cannot be used.
    #[must_use]
    pub fn any() -> Self {
        Self {
            rejected: None,
            session: PhantomData,
        }
    }

    /// Asks for another session than `lease`, which the platform rejected (401): logs in again, once for all who held it.
    #[must_use]
    pub fn instead_of(lease: &Lease<S>) -> Self {
        Self {
            rejected: Some(lease.number),
            session: PhantomData,
        }
    }
}

impl<S> fmt::Debug for Acquire<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire")
            .field("rejected", &self.rejected)
            .finish()
    }
}

/// Asks for the session that there is and can be used, without any call to the platform.
#[derive(Message)]
#[rtype(result = "Option<Lease<S>>")]
pub struct Current<S: 'static>(PhantomData<fn() -> S>);

impl<S> Current<S> {
    /// Creates the question.
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<S> Default for Current<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> fmt::Debug for Current<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
    }
}

/// Forgets the session, in memory and on the disk (a logout): the next who asks makes a login. A login or
/// refresh that runs is broken off; who waits for it gets the outcome of a new login.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Invalidate;

/// Takes a session that the platform has sent by itself, in place of the one that there is. One of another user is refused.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Adopt<S>(
    /// The session.
    pub S,
);

impl<S> fmt::Debug for Adopt<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Adopt")
    }
}

/// Forgets a refusal, and the pause after a failure: the next who asks makes a try.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct TryAgain;

/// Asks for figures.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "SessionReport")]
pub struct Report;

/// Figures of a session actor.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SessionReport {
    /// Whose session it is, once known.
    pub identity: Option<Id>,
    /// When the session expires, in seconds since 1970, if there is one and it does.
    pub expires_at: Option<u64>,
    /// Logins that were tried.
    pub logins: u64,
    /// Refreshes that were tried.
    pub refreshes: u64,
    /// Logins and refreshes that failed.
    pub failures: u64,
    /// Callers that wait now.
    pub waiting: usize,
    /// What keeps it from trying now.
    pub failure: Option<AuthError>,
}
