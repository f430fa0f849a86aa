//! One life of an actor: its context driven inside `catch_unwind`, so that a panic anywhere in it is an exit like any other.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use actix::dev::ContextFut;
use actix::{Actor, ActorContext, ActorFuture, AsyncContext, Context};

use super::Exit;
use super::contain::contain;
use super::control::{Control, Myself, Wish};
use super::inlet::{Budget, Inlet};
use crate::clock::{self, Alarm, Instant};
use crate::error::BoxError;

/// The inlets of an actor, shared by its incarnations.
pub(crate) type Inlets<A> = Arc<Vec<Arc<dyn Inlet<A>>>>;

/// Makes the actor of one life.
pub(crate) type Factory<A> = dyn Fn() -> Result<A, BoxError> + Send + Sync;

/// Lives one life of the actor that `factory` makes; it ends by itself after `idle` without a message.
pub(crate) async fn live<A: Actor<Context = Context<A>>>(
    factory: &Factory<A>,
    inlets: &Inlets<A>,
    idle: Option<Duration>,
    control: Arc<Control>,
    address: Arc<dyn Any + Send + Sync>,
) -> Exit {
    let myself = Myself { control, address };
    let actor = match contain(|| myself.scope(factory)) {
        Ok(Ok(actor)) => actor,
        Ok(Err(error)) => return Exit::start_failure(error),
        Err(panic) => return Exit::Panic(panic),
    };
    let mut context = Context::new();
    context.spawn(Pump {
        inlets: Arc::clone(inlets),
        control: Arc::clone(&myself.control),
        idle: idle.map(Idle::new),
        closed: false,
        asked: false,
    });
    Drive {
        context: Some(context.into_future(actor)),
        inlets: Arc::clone(inlets),
        myself,
        asked: false,
    }
    .await
}

/// Hands the work of the inlets to the actor, from inside its context: as long as the actor waits for a future of its own, it is not
/// polled, and neither drains nor idles.
struct Pump<A: Actor<Context = Context<A>>> {
    inlets: Inlets<A>,
    control: Arc<Control>,
    idle: Option<Idle>,
    /// Its inlets take nothing more.
    closed: bool,
    /// It was told to stop; an actor that refuses is not asked again, but killed at its deadline.
    asked: bool,
}

/// How long nothing has come and no answer was under way.
struct Idle {
    period: Duration,
    since: Instant,
    alarm: Alarm,
    asked: bool,
}

impl Idle {
    fn new(period: Duration) -> Self {
        Self {
            period,
            since: clock::now(),
            alarm: Alarm::default(),
            asked: false,
        }
    }
}

impl<A: Actor<Context = Context<A>>> Pump<A> {
    /// Stops the actor once all that waits is handled.
    fn drain(&mut self, ctx: &mut Context<A>) {
        if !std::mem::replace(&mut self.closed, true) {
            self.inlets.iter().for_each(|inlet| inlet.close());
        }
        if self.inlets.iter().all(|inlet| inlet.is_idle())
            && !std::mem::replace(&mut self.asked, true)
        {
            self.control.ends_with(Exit::Shutdown);
            ctx.stop();
        }
    }

    /// Stops the actor if nothing has come for long enough.
    fn doze(&mut self, busy: bool, ctx: &mut Context<A>, cx: &mut task::Context<'_>) {
        let Some(idle) = &mut self.idle else {
            return;
        };
        // It is still being polled, so it has refused to stop: it has something to do.
        let refused = std::mem::take(&mut idle.asked);
        if refused {
            self.control.stays();
        }
        let at_rest = self.inlets.iter().all(|inlet| inlet.is_idle());
        if busy || refused || !at_rest {
            idle.since = clock::now();
        }
        let due = clock::after(idle.since, idle.period);
        if due <= clock::now() && at_rest {
            idle.asked = true;
            self.control.ends_idle();
            ctx.stop();
        } else {
            idle.alarm.set(Some(due), cx);
        }
    }
}

impl<A: Actor<Context = Context<A>>> ActorFuture<A> for Pump<A> {
    type Output = ();

    fn poll(
        mut self: Pin<&mut Self>,
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
        if self.control.wish() == Wish::Drain {
            self.drain(ctx);
        } else {
            self.doze(!budget.is_untouched(), ctx, cx);
        }
        Poll::Pending
    }
}

struct Drive<A: Actor<Context = Context<A>>> {
    context: Option<ContextFut<A, Context<A>>>,
    inlets: Inlets<A>,
    myself: Myself,
    asked: bool,
}

impl<A: Actor<Context = Context<A>>> Drive<A> {
    /// Lets go of the actor without running any more of it; its `Drop` may panic too.
    fn end(&mut self, exit: Exit) -> Exit {
        let Some(mut context) = self.context.take() else {
            return exit;
        };
        context.ctx().terminate();
        let exit = match contain(|| self.myself.scope(|| drop(context))) {
            Err(panic) if exit.is_clean() => Exit::Panic(panic),
            Err(panic) => {
                tracing::error!(%panic, "an actor that had failed panicked again while it was dropped");
                exit
            }
            Ok(()) => exit,
        };
        for inlet in self.inlets.iter() {
            if let Err(panic) = contain(|| inlet.interrupted(&exit)) {
                tracing::error!(%panic, "what an actor had in hand panicked while it was put away");
            }
        }
        exit
    }
}

impl<A: Actor<Context = Context<A>>> Future for Drive<A> {
    type Output = Exit;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Exit> {
        let this = self.get_mut();
        let control = Arc::clone(&this.myself.control);
        let wish = control.poll_wish(cx);
        if wish == Wish::Kill {
            return Poll::Ready(this.end(Exit::Killed));
        }
        if control.is_to_crash() {
            let panic = "crashed on purpose".to_owned();
            return Poll::Ready(this.end(Exit::Panic(panic)));
        }
        let Some(context) = &mut this.context else {
            return Poll::Ready(Exit::Killed);
        };
        if wish == Wish::Stop && !std::mem::replace(&mut this.asked, true) {
            control.ends_with(Exit::Shutdown);
            context.ctx().stop();
        }
        match contain(|| this.myself.scope(|| Pin::new(context).poll(cx))) {
            Err(panic) => return Poll::Ready(this.end(Exit::Panic(panic))),
            Ok(Poll::Ready(())) => {
                let exit = control.take_exit().unwrap_or(Exit::Normal);
                return Poll::Ready(this.end(exit));
            }
            Ok(Poll::Pending) => {}
        }
        if let Some(exit) = this.inlets.iter().find_map(|inlet| inlet.watch(cx)) {
            return Poll::Ready(this.end(exit));
        }
        Poll::Pending
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Drive<A> {
    fn drop(&mut self) {
        // Its arbiter stops.
        if let Exit::Panic(panic) = self.end(Exit::Shutdown) {
            tracing::error!(%panic, "an actor panicked while it was dropped");
        }
    }
}

impl<A: Actor<Context = Context<A>>> Unpin for Drive<A> {}
