//! One life of an actor: its context driven inside `catch_unwind`, so that a panic anywhere in it is an exit like any other.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use actix::dev::ContextFut;
use actix::{Actor, ActorContext, ActorFuture, AsyncContext, Context};

use super::control::{Control, Myself, Wish};
use super::inlet::{Budget, Inlet};
use super::{Exit, Failure};
use crate::error::BoxError;

/// The inlets of an actor, shared by its incarnations.
pub(crate) type Inlets<A> = Arc<Vec<Arc<dyn Inlet<A>>>>;

/// Lives one life of the actor that `factory` makes.
pub(crate) async fn live<A: Actor<Context = Context<A>>>(
    factory: &(dyn Fn() -> Result<A, BoxError> + Send + Sync),
    inlets: &Inlets<A>,
    control: Arc<Control>,
    address: Arc<dyn Any + Send + Sync>,
) -> Exit {
    let myself = Myself { control, address };
    let made = catch_unwind(AssertUnwindSafe(|| myself.scope(factory)));
    let actor = match made {
        Ok(Ok(actor)) => actor,
        Ok(Err(error)) => return Exit::StartFailure(Failure::new(error, false)),
        Err(panic) => return Exit::Panic(message_of(&*panic)),
    };
    let mut context = Context::new();
    context.spawn(Pump {
        inlets: Arc::clone(inlets),
    });
    let drive = Drive {
        context: Some(context.into_future(actor)),
        inlets: Arc::clone(inlets),
        myself,
        closed: false,
        asked: false,
    };
    let exit = drive.await;
    for inlet in inlets.iter() {
        inlet.interrupted(&exit);
    }
    exit
}

/// Hands the work of the inlets to the actor, from inside its context.
struct Pump<A: Actor<Context = Context<A>>> {
    inlets: Inlets<A>,
}

impl<A: Actor<Context = Context<A>>> ActorFuture<A> for Pump<A> {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut Context<A>,
        cx: &mut task::Context<'_>,
    ) -> Poll<()> {
        let mut budget = Budget::new();
        for inlet in self.inlets.iter() {
            inlet.poll(actor, ctx, cx, &mut budget);
        }
        if budget.is_spent() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

struct Drive<A: Actor<Context = Context<A>>> {
    context: Option<ContextFut<A, Context<A>>>,
    inlets: Inlets<A>,
    myself: Myself,
    closed: bool,
    /// It was told to stop; an actor that refuses is not asked again, but killed at its deadline.
    asked: bool,
}

impl<A: Actor<Context = Context<A>>> Drive<A> {
    /// Lets go of the actor without running any more of it; its `Drop` may panic too.
    fn discard(&mut self) -> Option<String> {
        let mut context = self.context.take()?;
        context.ctx().terminate();
        let dropped = catch_unwind(AssertUnwindSafe(|| self.myself.scope(|| drop(context))));
        dropped.err().map(|panic| message_of(&*panic))
    }

    fn end(&mut self, exit: Exit) -> Exit {
        match self.discard() {
            Some(message) if exit.is_clean() => Exit::Panic(message),
            _ => exit,
        }
    }

    fn obey(&mut self, wish: Wish) {
        let stop = match wish {
            Wish::Run | Wish::Kill => false,
            Wish::Stop => true,
            Wish::Drain => {
                if !std::mem::replace(&mut self.closed, true) {
                    self.inlets.iter().for_each(|inlet| inlet.close());
                }
                self.inlets.iter().all(|inlet| inlet.is_idle())
            }
        };
        if stop
            && !std::mem::replace(&mut self.asked, true)
            && let Some(context) = &mut self.context
        {
            self.myself.control.ends_with(Exit::Shutdown);
            context.ctx().stop();
        }
    }
}

impl<A: Actor<Context = Context<A>>> Future for Drive<A> {
    type Output = Exit;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Exit> {
        let this = self.get_mut();
        if this.myself.control.poll_wish(cx) == Wish::Kill {
            return Poll::Ready(this.end(Exit::Killed));
        }
        this.obey(this.myself.control.wish());
        let Some(context) = &mut this.context else {
            return Poll::Ready(Exit::Killed);
        };
        let polled = catch_unwind(AssertUnwindSafe(|| {
            this.myself.scope(|| Pin::new(context).poll(cx))
        }));
        match polled {
            Err(panic) => return Poll::Ready(this.end(Exit::Panic(message_of(&*panic)))),
            Ok(Poll::Ready(())) => {
                let exit = this.myself.control.take_exit().unwrap_or(Exit::Normal);
                return Poll::Ready(this.end(exit));
            }
            Ok(Poll::Pending) => {}
        }
        if let Some(exit) = this.inlets.iter().find_map(|inlet| inlet.watch(cx)) {
            return Poll::Ready(this.end(exit));
        }
        // Draining may have been finished by what was just polled.
        if this.myself.control.wish() == Wish::Drain
            && !this.asked
            && this.inlets.iter().all(|inlet| inlet.is_idle())
        {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Drive<A> {
    fn drop(&mut self) {
        if let Some(message) = self.discard() {
            tracing::error!(panic = %message, "an actor panicked while it was dropped");
        }
    }
}

impl<A: Actor<Context = Context<A>>> Unpin for Drive<A> {}

/// Returns the text of a panic.
pub(crate) fn message_of(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is not text".to_owned())
}
