//! Middleware: what happens around every handler, without touching any.
//!
//! ```text
//! queue ──> bot's layers ──> registration's layers ──> handler
//!            before ↓              before ↓               │
//!            after  ↑              after  ↑ ──────────────┘
//! ```
//!
//! A layer is asked before each attempt, and told after it. It may let the event pass, skip it, fail it, or put it off; it may take
//! its time to find out. A skipped event is counted as filtered, and is no dead letter. A registration without layers pays nothing.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use greenroom_actors::event::Event;
//! use greenroom_actors::router::middleware::{Cooldown, Logging};
//! use greenroom_actors::router::{Router, closure};
//!
//! let router = Router::default();
//! router.layer(Logging::default());
//! let child = closure("shout", async |_: Event<String>| Ok(()))
//!     .layer(Cooldown::per_channel(Duration::from_secs(5)))
//!     .register(&router);
//! # drop(child);
//! ```

mod cooldown;
mod layers;
mod logging;
mod metrics;
mod permission;

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;

use super::{HandlerError, Outcome};
use crate::event::{Envelope, Event, Payload};

pub use cooldown::Cooldown;
pub(crate) use layers::{Layers, contained};
pub use logging::Logging;
pub use metrics::{HandlerLatency, Metrics};
pub use permission::Permission;

/// A layer around handlers.
///
/// One value serves all events, on whatever thread. A panic in it is an error of the attempt, and no more.
pub trait Middleware: Send + Sync + 'static {
    /// Is asked before an attempt.
    fn before(&self, call: &Call<'_>) -> Verdict {
        let _ = call;
        Verdict::Pass
    }

    /// Is told what became of an attempt that it let pass. `elapsed` is how long the handler took; zero if it was not reached.
    fn after(&self, call: &Call<'_>, end: &End<'_>, elapsed: Duration) {
        let _ = (call, end, elapsed);
    }
}

/// What a layer says before an attempt.
pub enum Verdict {
    /// Go on to the next layer, or to the handler.
    Pass,
    /// Do not handle this event, for this reason. It is done with, and counted as filtered.
    Skip(Cow<'static, str>),
    /// This attempt has failed, as if the handler had said so.
    Fail(HandlerError),
    /// Ask all layers again after this long; the channel waits meanwhile. This is no attempt, and it may be said any number of times.
    Wait(Duration),
    /// The verdict needs time. It may take as long as an attempt may; then the attempt has failed.
    Ask(BoxFuture<'static, Self>),
}

impl Verdict {
    /// Skips the event for this reason.
    pub fn skip(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Skip(why.into())
    }

    /// Finds the verdict out.
    pub fn ask(verdict: impl Future<Output = Self> + Send + 'static) -> Self {
        Self::Ask(Box::pin(verdict))
    }
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("Pass"),
            Self::Skip(why) => f.debug_tuple("Skip").field(why).finish(),
            Self::Fail(error) => f.debug_tuple("Fail").field(error).finish(),
            Self::Wait(time) => f.debug_tuple("Wait").field(time).finish(),
            Self::Ask(_) => f.write_str("Ask(..)"),
        }
    }
}

/// What became of an attempt.
#[derive(Debug)]
#[non_exhaustive]
pub enum End<'a> {
    /// The handler returned `Ok`.
    Handled,
    /// The attempt failed; whether there will be another is not said here.
    Failed(&'a HandlerError),
    /// A layer further in has skipped it.
    Skipped(&'a str),
    /// A layer further in has put it off.
    Waiting(Duration),
}

impl<'a> From<&'a Outcome> for End<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        match outcome {
            Ok(()) => Self::Handled,
            Err(error) => Self::Failed(error),
        }
    }
}

/// One attempt of one handler at one event, as a layer sees it.
pub struct Call<'a> {
    handler: &'a str,
    event: &'static str,
    envelope: &'a Envelope,
    attempt: u32,
    is_owed: bool,
    payload: &'a (dyn Any + Send + Sync),
}

impl<'a> Call<'a> {
    /// Shows an attempt at `event`; for tests of layers.
    #[must_use]
    pub fn new<T: Payload>(handler: &'a str, event: &'a Event<T>) -> Self {
        Self {
            handler,
            event: Event::<T>::name(),
            envelope: event.envelope(),
            attempt: event.attempt(),
            is_owed: event.is_owed(),
            payload: event.payload(),
        }
    }

    /// Returns the name of the registration.
    #[must_use]
    pub fn handler(&self) -> &'a str {
        self.handler
    }

    /// Returns the name of the event's type, without its modules.
    #[must_use]
    pub fn event(&self) -> &'static str {
        self.event
    }

    /// Returns the envelope.
    #[must_use]
    pub fn envelope(&self) -> &'a Envelope {
        self.envelope
    }

    /// Returns which try this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// See [`Event::is_owed`].
    pub(super) fn is_owed(&self) -> bool {
        self.is_owed
    }

    /// Returns the payload, if it is of this type.
    #[must_use]
    pub fn payload<T: Any>(&self) -> Option<&'a T> {
        self.payload.downcast_ref()
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("handler", &self.handler)
            .field("event", &self.event)
            .field("id", &self.envelope.id)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
