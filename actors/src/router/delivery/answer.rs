//! What a handler answers: most do at once, and then nothing is allocated to wait for it.

use std::any::Any;
use std::pin::Pin;
use std::task::{self, Poll};

use actix::dev::MessageResponse;
use actix::{
    Actor, ActorFuture, Context, Handler, MessageResult, ResponseActFuture, ResponseFuture,
};
use tokio::sync::oneshot;

use crate::event::{Event, Payload};
use crate::router::closure::Cancellable;
use crate::router::{HandlerError, Outcome};
use crate::telemetry::Cause;

/// The answer of a handler to one attempt.
pub(super) enum Answer {
    Now(Outcome),
    Later(oneshot::Receiver<Outcome>),
}

/// Takes the answer out of what a handler returned. A future is polled once: many are ready, such as one that only looks whether an
/// event is meant for it. It runs on inside the actor's context, or wherever actix runs it.
pub(super) fn answer<A, T>(
    response: <A as Handler<Event<T>>>::Result,
    actor: &mut A,
    ctx: &mut Context<A>,
    cx: &mut task::Context<'_>,
    cause: &Cause,
) -> Answer
where
    A: Actor<Context = Context<A>> + Handler<Event<T>, Result: 'static>,
    T: Payload,
{
    // Which of these it is, is known when the handler is compiled.
    let mut response = Some(response);
    let any: &mut dyn Any = &mut response;
    if let Some(outcome) = any.downcast_mut::<Option<Outcome>>().and_then(Option::take) {
        return Answer::Now(outcome);
    }
    if let Some(Some(result)) = any
        .downcast_mut::<Option<MessageResult<Event<T>>>>()
        .map(Option::take)
    {
        return Answer::Now(result.0);
    }
    if let Some(slot) = any.downcast_mut::<Option<Cancellable>>() {
        match slot.take().map(|work| work.begin(cx)) {
            Some(Ok(outcome)) => return Answer::Now(outcome),
            Some(Err(work)) => *slot = Some(work),
            None => {}
        }
    } else if let Some(Some(future)) = any.downcast_mut::<Option<ResponseActFuture<A, Outcome>>>() {
        if let Poll::Ready(outcome) = Pin::new(future).poll(actor, ctx, cx) {
            return Answer::Now(outcome);
        }
    } else if let Some(Some(future)) = any.downcast_mut::<Option<ResponseFuture<Outcome>>>()
        && let Poll::Ready(outcome) = Pin::new(future).poll(cx)
    {
        return Answer::Now(outcome);
    }
    let (answer, mut reply) = oneshot::channel();
    if let Some(response) = response {
        let response = cause.follow_response::<A, Outcome, _>(response);
        response.handle(ctx, Some(answer));
    }
    match reply.try_recv() {
        Ok(outcome) => Answer::Now(outcome),
        Err(oneshot::error::TryRecvError::Closed) => Answer::Now(Err(HandlerError::transient(
            "the handler dropped the event without an answer",
        ))),
        Err(oneshot::error::TryRecvError::Empty) => Answer::Later(reply),
    }
}
