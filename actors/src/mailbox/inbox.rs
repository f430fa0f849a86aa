//! The mailbox of one actor: letters of any message type that the actor handles.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::task;
use std::time::Duration;

use actix::dev::{MessageResponse, OneshotSender};
use actix::{Actor, Context, Handler, Message, ResponseFuture};
use futures::FutureExt;

use super::{Overflow, Queue};
use crate::supervisor::Exit;
use crate::supervisor::contain::{contain, text_of};
use crate::supervisor::control::Myself;
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
    /// Will not be delivered; whoever waits for the answer learns why.
    fn give_back(self: Box<Self>, fate: Fate);
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

/// Why a letter that was accepted is not delivered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// The mailbox overflowed.
    Dropped,
    /// The actor has ended for good.
    Stopped,
}

impl<A: Actor> std::fmt::Debug for dyn Deliver<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Letter")
    }
}

pub(super) struct Post<M: Message> {
    pub(super) message: M,
    pub(super) answer: Option<Answer<M>>,
}

/// The way back to whoever asked.
pub(super) struct Answer<M: Message> {
    pub(super) reply: OneshotSender<M::Result>,
    pub(super) returned: Returned<M>,
}

/// The message and its fate, if it was not delivered.
pub(super) type Returned<M> = Arc<Mutex<Option<(M, Fate)>>>;

impl<A, M> Deliver<A> for Post<M>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn deliver(self: Box<Self>, actor: &mut A, ctx: &mut A::Context) {
        let Self { message, answer } = *self;
        let reply = answer.map(|answer| answer.reply);
        respond::<A, M>(actor.handle(message, ctx), ctx, reply);
    }

    fn give_back(self: Box<Self>, fate: Fate) {
        let Self { message, answer } = *self;
        if let Some(answer) = answer {
            let mut returned = answer
                .returned
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *returned = Some((message, fate));
        }
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// Passes a handler's result on.
///
/// actix runs a [`ResponseFuture`] outside the actor, where its panic would go unseen; so such a one is watched, and its panic ends
/// the incarnation like any other.
fn respond<A, M>(
    response: <A as Handler<M>>::Result,
    ctx: &mut Context<A>,
    reply: Option<OneshotSender<M::Result>>,
) where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + 'static,
{
    let mut response = Some(response);
    let future = (&mut response as &mut dyn Any)
        .downcast_mut::<Option<ResponseFuture<M::Result>>>()
        .and_then(Option::take);
    let Some(future) = future else {
        if let Some(response) = response {
            response.handle(ctx, reply);
        }
        return;
    };
    let myself = Myself::current();
    tokio::task::spawn_local(async move {
        match AssertUnwindSafe(future).catch_unwind().await {
            Ok(result) => {
                // Whoever asked may have given up.
                let _ = reply.map(|reply| reply.send(result));
            }
            Err(panic) => {
                let text = text_of(panic);
                if let Some(myself) = myself {
                    myself.control.breaks_with(Exit::Panic(text));
                }
            }
        }
    });
}

/// Lets go of a letter that will not be delivered; its `Drop` may panic.
pub(super) fn put_away<A: Actor>(letter: Letter<A>, fate: Fate) {
    if let Err(panic) = contain(|| letter.give_back(fate)) {
        tracing::error!(%panic, "a message panicked while it was dropped");
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

    fn retire(&self) -> bool {
        self.letters.retire()
    }

    fn bury(&self) -> usize {
        self.letters.close();
        let left = self.letters.drain();
        let count = left.len();
        for letter in left {
            put_away(letter, Fate::Stopped);
        }
        count
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
