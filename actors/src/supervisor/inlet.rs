//! Where the work of an actor comes from: its mailbox, and the queues of its event registrations.

use std::task;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorState, Context};

use super::Exit;

/// A source of work for the incarnations of `A`; it outlives them.
///
/// The pump of an incarnation polls it inside the actor's context; the driver around the context looks after it from outside, also
/// while the actor is busy waiting.
pub(crate) trait Inlet<A: Actor<Context = Context<A>>>: Send + Sync {
    /// Hands work to the actor until there is none, the actor waits, or the budget is spent.
    fn poll(
        &self,
        actor: &mut A,
        ctx: &mut Context<A>,
        cx: &mut task::Context<'_>,
        budget: &mut Budget,
    );

    /// Looks after deadlines; returns why the incarnation must end, if it must.
    fn watch(&self, _cx: &mut task::Context<'_>) -> Option<Exit> {
        None
    }

    /// Is told that the incarnation has ended and whatever it was handling with it.
    fn interrupted(&self, _exit: &Exit) {}

    /// Returns true if nothing waits and nothing is being handled.
    fn is_idle(&self) -> bool;

    /// Takes nothing more.
    fn close(&self);

    /// Closes if nothing waits, in one step: what comes later is refused. Returns whether it did, or had been closed before.
    fn retire(&self) -> bool {
        false
    }

    /// Is told that there will be no further life; returns how many messages were left.
    fn bury(&self) -> usize {
        self.close();
        self.depth()
    }

    /// Returns how many messages wait.
    fn depth(&self) -> usize;

    /// Returns how long the oldest message has waited.
    fn oldest(&self) -> Option<Duration>;

    /// Returns how many messages its overflow policy has dropped or given back.
    fn dropped(&self) -> u64;

    /// Returns how many messages a filter or a middleware kept away.
    fn filtered(&self) -> u64 {
        0
    }

    /// Returns how many messages were handled, and how many attempts failed.
    fn outcomes(&self) -> (u64, u64) {
        (0, 0)
    }
}

/// How many messages an actor may still handle before it lets others run.
#[derive(Debug)]
pub(crate) struct Budget(u32);

impl Budget {
    pub(crate) fn new() -> Self {
        Self(64)
    }

    /// Says whether the actor can take a message now.
    pub(crate) fn allows<A: Actor<Context = Context<A>>>(&self, ctx: &Context<A>) -> bool {
        use actix::AsyncContext as _;
        self.0 > 0 && !ctx.waiting() && ctx.state() == ActorState::Running
    }

    /// Returns how many messages that is.
    pub(crate) fn left(&self) -> usize {
        self.0 as usize
    }

    pub(crate) fn spend(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// Says whether the actor got no message this time.
    pub(crate) fn is_untouched(&self) -> bool {
        self.0 == Self::new().0
    }
}
