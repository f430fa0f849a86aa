//! The mailbox of one actor: letters of any message type that the actor handles.

use std::any::Any;
use std::sync::Arc;
use std::task;
use std::time::Duration;

use actix::dev::{MessageResponse, OneshotSender};
use actix::{Actor, Context, Handler, Message};

use super::{Overflow, Queue};
use crate::supervisor::inlet::{Budget, Inlet};

/// The queue of letters to the incarnations of `A`.
#[derive(Debug)]
pub(crate) struct Inbox<A: Actor> {
    pub(super) letters: Queue<Letter<A>>,
}

/// A message with its type erased, and where the answer goes.
pub(super) type Letter<A> = Box<dyn Deliver<A>>;

pub(super) trait Deliver<A: Actor>: Send {
    fn deliver(self: Box<Self>, actor: &mut A, ctx: &mut A::Context);
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<A: Actor> std::fmt::Debug for dyn Deliver<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Letter")
    }
}

pub(super) struct Post<M: Message> {
    pub(super) message: M,
    pub(super) answer: Option<OneshotSender<M::Result>>,
}

impl<A, M> Deliver<A> for Post<M>
where
    A: Actor + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn deliver(self: Box<Self>, actor: &mut A, ctx: &mut A::Context) {
        actor.handle(self.message, ctx).handle(ctx, self.answer);
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl<A: Actor> Inbox<A> {
    pub(crate) fn new(capacity: usize, overflow: Overflow) -> Arc<Self> {
        Arc::new(Self {
            letters: Queue::new(capacity, overflow),
        })
    }
}

impl<A: Actor<Context = Context<A>>> Inlet<A> for Inbox<A> {
    fn poll(
        &self,
        actor: &mut A,
        ctx: &mut Context<A>,
        cx: &mut task::Context<'_>,
        budget: &mut Budget,
    ) {
        while budget.allows(ctx) {
            match self.letters.poll_pop(cx) {
                task::Poll::Ready(Some(letter)) => {
                    budget.spend();
                    letter.deliver(actor, ctx);
                }
                task::Poll::Ready(None) | task::Poll::Pending => return,
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.letters.len() == 0
    }

    fn close(&self) {
        self.letters.close();
    }

    fn depth(&self) -> usize {
        self.letters.len()
    }

    fn oldest(&self) -> Option<Duration> {
        self.letters.oldest()
    }

    fn dropped(&self) -> u64 {
        self.letters.dropped() + self.letters.rejected()
    }
}
