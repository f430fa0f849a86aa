//! The handler of `on_error`: what goes wrong on the connection, and in other handlers.

use std::fmt;
use std::sync::Arc;

use actix::{Actor, Context, Handler};
use futures::future::{FutureExt, LocalBoxFuture};
use greenroom_actors::event::Event;
use greenroom_actors::router::{Cancellable, HandlerFailed, Outcome, Registration};

use super::adapter::NAME;
use super::event::{Problem, ProblemKind};
use super::register::one_after_another;

/// Calls a closure for each problem.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown, or a panic of the closure.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: nothing of its own: it has no state.
pub(super) struct Complaints {
    call: Arc<Call>,
}

type Call = dyn Fn(Event<Problem>) -> LocalBoxFuture<'static, Outcome> + Send + Sync;

impl fmt::Debug for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Complaints")
    }
}

pub(super) fn errors<F>(name: &str, handle: F) -> Registration<Complaints>
where
    F: AsyncFn(Event<Problem>) -> Outcome + Send + Sync + 'static,
{
    let handle = Arc::new(handle);
    let call: Arc<Call> = Arc::new(move |problem| {
        let handle = Arc::clone(&handle);
        async move { handle(problem).await }.boxed_local()
    });
    let make = move || Complaints {
        call: Arc::clone(&call),
    };
    Registration::new(name, make)
        .delivery(one_after_another())
        .on::<Problem>()
        // It is news of a failure already: nothing comes of failing at it again and again.
        .attempts(1)
        .on::<HandlerFailed>()
        .filter(|failed: &Event<HandlerFailed>| {
            let is_ours = failed.envelope().origin.platform() == NAME;
            is_ours && failed.event != Event::<Problem>::name()
        })
}

impl Actor for Complaints {
    type Context = Context<Self>;
}

impl Handler<Event<Problem>> for Complaints {
    type Result = Cancellable;

    fn handle(&mut self, problem: Event<Problem>, _: &mut Self::Context) -> Cancellable {
        Cancellable::new((self.call)(problem))
    }
}

impl Handler<Event<HandlerFailed>> for Complaints {
    type Result = Cancellable;

    fn handle(&mut self, failed: Event<HandlerFailed>, _: &mut Self::Context) -> Cancellable {
        let problem = Problem {
            kind: ProblemKind::Handler,
            text: format!("the handler {:?} failed: {}", failed.handler, failed.reason),
        };
        Cancellable::new((self.call)(failed.reworded(problem)))
    }
}
