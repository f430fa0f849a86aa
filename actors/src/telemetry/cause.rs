//! What led to what: carried from actor to actor, so that one event can be followed to its reply.

use std::any::Any;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use actix::{Actor, ActorFuture, ResponseActFuture, ResponseFuture};
use tracing::Span;

use crate::graph::Running;

/// The span and the trace that some work belongs to, and the node that does it.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    pub(crate) span: Span,
    pub(crate) trace: u64,
    node: u64,
}

impl Cause {
    /// What runs now on this thread.
    pub(crate) fn current() -> Self {
        Self::of(Span::current(), Running::current().trace)
    }

    /// Work of the node that runs now, within `span`.
    pub(crate) fn of(span: Span, trace: u64) -> Self {
        Self {
            span,
            trace,
            node: Running::current().node,
        }
    }

    /// What nothing has led to.
    pub(crate) fn none() -> Self {
        Self::of(Span::none(), 0)
    }

    /// Runs `work` as part of it.
    pub(crate) fn scope<R>(&self, work: impl FnOnce() -> R) -> R {
        let running = Running {
            node: self.node,
            trace: self.trace,
        };
        running.scope(|| match self.span.is_disabled() {
            true => work(),
            false => self.span.in_scope(work),
        })
    }

    /// Polls `future` as part of it, wherever that happens.
    pub(crate) fn follow<F>(self, future: F) -> Followed<F> {
        Followed {
            cause: self,
            future,
        }
    }

    /// Wraps the future in the result of an actix handler, if it has one that can be wrapped: actix polls it on a task of its own, or
    /// later in the actor's context. (`AtomicResponse` keeps its future to itself.)
    pub(crate) fn follow_response<A, O, R>(&self, response: R) -> R
    where
        A: Actor,
        O: 'static,
        R: 'static,
    {
        let mut response = Some(response);
        let any: &mut dyn Any = &mut response;
        if let Some(free) = any.downcast_mut::<Option<ResponseFuture<O>>>() {
            *free = free.take().map(|future| {
                let followed: ResponseFuture<O> = Box::pin(self.clone().follow(future));
                followed
            });
        } else if let Some(bound) = any.downcast_mut::<Option<ResponseActFuture<A, O>>>() {
            *bound = bound.take().map(|future| {
                let followed: ResponseActFuture<A, O> = Box::pin(self.clone().follow(future));
                followed
            });
        }
        match response {
            Some(response) => response,
            None => unreachable!("what was taken was put back"),
        }
    }
}

/// A future that is polled as part of what led to it.
#[derive(Debug)]
pub(crate) struct Followed<F> {
    cause: Cause,
    future: F,
}

impl<F: Future + Unpin> Future for Followed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let Self { cause, future } = &mut *self;
        cause.scope(|| Pin::new(future).poll(cx))
    }
}

impl<A: Actor, F: ActorFuture<A> + Unpin> ActorFuture<A> for Followed<F> {
    type Output = F::Output;

    fn poll(
        mut self: Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut A::Context,
        cx: &mut TaskContext<'_>,
    ) -> Poll<F::Output> {
        let Self { cause, future } = &mut *self;
        cause.scope(|| Pin::new(future).poll(actor, ctx, cx))
    }
}
