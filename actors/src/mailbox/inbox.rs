//! The mailbox of one actor: letters of any message type that the actor handles.

use std::any::Any;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{self, Poll, ready};
use std::time::Duration;

use actix::dev::{MessageResponse, OneshotSender};
use actix::{
    Actor, ActorFuture, AsyncContext, Context, Handler, Message, ResponseActFuture, ResponseFuture,
};

use super::{Overflow, Queue};
use crate::supervisor::contain::contain;
use crate::supervisor::inlet::{Budget, Inlet};

/// The queue of letters to the incarnations of `A`.
#[derive(Debug)]
pub(crate) struct Inbox<A: Actor> {
    pub(super) letters: Queue<Letter<A>>,
    under_way: UnderWay,
}

/// A message with its type erased, and where the answer goes.
pub(super) type Letter<A> = Box<dyn Deliver<A>>;

pub(super) trait Deliver<A: Actor>: Send {
    fn deliver(self: Box<Self>, actor: &mut A, ctx: &mut A::Context, under_way: &UnderWay);
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
    fn deliver(self: Box<Self>, actor: &mut A, ctx: &mut A::Context, under_way: &UnderWay) {
        let Self { message, answer } = *self;
        let reply = answer.map(|answer| answer.reply);
        respond::<A, M>(actor.handle(message, ctx), ctx, reply, under_way);
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
/// actix would run a [`ResponseFuture`] as a task of its own, which its actor does not end with and whose panic goes unseen. So here
/// it runs inside the actor's context, like any other future of the actor.
fn respond<A, M>(
    response: <A as Handler<M>>::Result,
    ctx: &mut Context<A>,
    reply: Option<OneshotSender<M::Result>>,
    under_way: &UnderWay,
) where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + 'static,
{
    let mut response = Some(response);
    let any: &mut dyn Any = &mut response;
    if let Some(Some(free)) = any
        .downcast_mut::<Option<ResponseFuture<M::Result>>>()
        .map(Option::take)
    {
        let future = actix::fut::wrap_future::<_, A>(free);
        ctx.spawn(Answering::new(future, reply, under_way));
    } else if let Some(Some(future)) = any
        .downcast_mut::<Option<ResponseActFuture<A, M::Result>>>()
        .map(Option::take)
    {
        ctx.spawn(Answering::new(future, reply, under_way));
    } else if let Some(response) = response {
        response.handle(ctx, reply);
    }
}

/// How many answers the incarnation is at.
type UnderWay = Arc<AtomicUsize>;

/// A future that answers; it counts as under way until it is done or dropped.
struct Answering<F, R> {
    future: F,
    reply: Option<OneshotSender<R>>,
    under_way: UnderWay,
}

impl<F, R> Answering<F, R> {
    fn new(future: F, reply: Option<OneshotSender<R>>, under_way: &UnderWay) -> Self {
        under_way.fetch_add(1, Ordering::Relaxed);
        Self {
            future,
            reply,
            under_way: Arc::clone(under_way),
        }
    }
}

impl<A: Actor, F: ActorFuture<A> + Unpin> ActorFuture<A> for Answering<F, F::Output> {
    type Output = ();

    fn poll(
        mut self: Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut A::Context,
        cx: &mut task::Context<'_>,
    ) -> Poll<()> {
        let result = ready!(Pin::new(&mut self.future).poll(actor, ctx, cx));
        if let Some(reply) = self.reply.take() {
            // Whoever asked may have given up.
            let _ = reply.send(result);
        }
        // The pump was polled before, and may wait for this to stop the actor.
        cx.waker().wake_by_ref();
        Poll::Ready(())
    }
}

impl<F, R> Drop for Answering<F, R> {
    fn drop(&mut self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }
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
            under_way: UnderWay::default(),
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
                Poll::Ready(Some(letter)) => {
                    budget.spend();
                    letter.deliver(actor, ctx, &self.under_way);
                }
                Poll::Ready(None) | Poll::Pending => return,
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.letters.len() == 0 && self.under_way.load(Ordering::Relaxed) == 0
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
