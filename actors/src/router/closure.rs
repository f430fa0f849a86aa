//! Closures as handlers.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix::dev::{MessageResponse, OneshotSender};
use actix::{Actor, AsyncContext, Handler};
use futures::future::{FutureExt, LocalBoxFuture};

use super::{Outcome, Registration};
use crate::event::{Event, Payload};
use crate::telemetry::Cause;

/// A handler actor around a closure; made by [`closure`].
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown, or a panic of the closure.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: nothing of its own: it has no state. An event that was under way when it ended is tried again.
pub struct Closure<T> {
    call: Arc<dyn Fn(Event<T>) -> LocalBoxFuture<'static, Outcome> + Send + Sync>,
}

impl<T> std::fmt::Debug for Closure<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Closure<{}>", crate::event::short_type_name::<T>())
    }
}

impl<T: Payload> Actor for Closure<T> {
    type Context = actix::Context<Self>;
}

impl<T: Payload> Handler<Event<T>> for Closure<T> {
    type Result = Cancellable;

    fn handle(&mut self, event: Event<T>, _: &mut Self::Context) -> Cancellable {
        Cancellable::new((self.call)(event))
    }
}

/// A handler's future that is dropped when nobody waits for its outcome any more: its event has run out of time, and what it has not
/// done by then, it must not do beside the next attempt.
///
/// Any actor may have it as the result of its handler of events.
pub struct Cancellable(Work);

enum Work {
    Done(Outcome),
    Open(LocalBoxFuture<'static, Outcome>),
}

impl Cancellable {
    /// Runs a future inside the actor's context.
    #[must_use]
    pub fn new(work: LocalBoxFuture<'static, Outcome>) -> Self {
        Self(Work::Open(work))
    }

    /// Polls it for the first time, in whatever runs now; gives it back if it is not done.
    pub(super) fn begin(self, cx: &mut Context<'_>) -> Result<Outcome, Self> {
        match self.0 {
            Work::Done(outcome) => Ok(outcome),
            Work::Open(mut work) => match work.poll_unpin(cx) {
                Poll::Ready(outcome) => Ok(outcome),
                Poll::Pending => Err(Self(Work::Open(work))),
            },
        }
    }

    /// Needs no future: all is done.
    #[must_use]
    pub fn done(outcome: Outcome) -> Self {
        Self(Work::Done(outcome))
    }
}

impl std::fmt::Debug for Cancellable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cancellable")
    }
}

impl<A, T> MessageResponse<A, Event<T>> for Cancellable
where
    A: Actor<Context = actix::Context<A>>,
    T: Payload,
{
    fn handle(self, ctx: &mut actix::Context<A>, mut answer: Option<OneshotSender<Outcome>>) {
        let mut work = match self.0 {
            Work::Open(work) => Cause::current().follow(work),
            Work::Done(outcome) => {
                if let Some(answer) = answer {
                    let _ = answer.send(outcome);
                }
                return;
            }
        };
        let run = poll_fn(move |cx| {
            if let Some(answer) = &mut answer
                && answer.poll_closed(cx).is_ready()
            {
                return Poll::Ready(());
            }
            let outcome = ready!(work.poll_unpin(cx));
            if let Some(answer) = answer.take() {
                // Its time may run out at this very moment.
                let _ = answer.send(outcome);
            }
            Poll::Ready(())
        });
        // Run inside the actor's context, so that a panic in it is the actor's.
        ctx.spawn(actix::fut::wrap_future(run));
    }
}

/// Registers an async closure for events of type `T`. It has no state of its own; what needs state is better an actor.
///
/// # Examples
///
/// ```
/// use greenroom_actors::event::Event;
/// use greenroom_actors::router::{Router, closure};
///
/// let child = closure("shout", async |text: Event<String>| {
///     text.emit(text.len()).await;
///     Ok(())
/// })
/// .register(&Router::default());
/// # drop(child);
/// ```
pub fn closure<T, F>(name: &str, handle: F) -> Registration<Closure<T>>
where
    T: Payload,
    F: AsyncFn(Event<T>) -> Outcome + Send + Sync + 'static,
{
    let handle = Arc::new(handle);
    let call: Arc<dyn Fn(Event<T>) -> LocalBoxFuture<'static, Outcome> + Send + Sync> =
        Arc::new(move |event| {
            let handle = Arc::clone(&handle);
            Box::pin(async move { handle(event).await })
        });
    Registration::new(name, move || Closure {
        call: Arc::clone(&call),
    })
    .subscribe::<T>(None)
}
