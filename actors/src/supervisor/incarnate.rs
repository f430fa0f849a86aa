//! What a supervised actor can do with its context beyond what actix offers.

use actix::{Actor, ActorContext, Context};

use super::Exit;
use super::control::{Myself, Wish};
use crate::error::BoxError;
use crate::mailbox::ActorRef;

/// Extends the context of a supervised actor.
///
/// # Examples
///
/// ```
/// use actix::prelude::*;
/// use greenroom_actors::supervisor::Supervised;
///
/// struct Picky;
///
/// impl Actor for Picky {
///     type Context = Context<Self>;
///
///     fn started(&mut self, ctx: &mut Self::Context) {
///         ctx.fail("there is nothing to do");
///     }
/// }
/// ```
pub trait Supervised<A: Actor> {
    /// Ends this incarnation with an error; the supervisor decides what comes next.
    ///
    /// Outside supervision it only stops the actor.
    fn fail(&mut self, error: impl Into<BoxError>);

    /// As [`fail`](Self::fail), with an error that no restart can mend: it ends the program.
    fn fail_for_good(&mut self, error: impl Into<BoxError>);

    /// As [`fail`](Self::fail), for a panic that was caught elsewhere.
    #[doc(hidden)]
    fn fail_by_panic(&mut self, message: &str);

    /// Says whether the supervisor has told the actor to stop, as against an end that it has chosen itself or that came of silence.
    ///
    /// An actor that refused to stop, because it had something to finish, stops itself when it has.
    fn is_told_to_stop(&self) -> bool;

    /// Returns the actor's own stable address; `None` outside supervision.
    fn stable_address(&self) -> Option<ActorRef<A>>;
}

impl<A: Actor<Context = Self>> Supervised<A> for Context<A> {
    fn fail(&mut self, error: impl Into<BoxError>) {
        end(self, Exit::error(error));
    }

    fn fail_for_good(&mut self, error: impl Into<BoxError>) {
        end(self, Exit::fatal(error));
    }

    fn fail_by_panic(&mut self, message: &str) {
        end(self, Exit::Panic(message.to_owned()));
    }

    fn is_told_to_stop(&self) -> bool {
        Myself::current().is_some_and(|myself| myself.control.wish() != Wish::Run)
    }

    fn stable_address(&self) -> Option<ActorRef<A>> {
        let myself = Myself::current()?;
        myself.address.downcast_ref::<ActorRef<A>>().cloned()
    }
}

fn end<A: Actor<Context = Context<A>>>(ctx: &mut Context<A>, exit: Exit) {
    match Myself::current() {
        Some(myself) => myself.control.ends_with(exit),
        None => tracing::error!(%exit, "an actor outside supervision failed"),
    }
    ctx.stop();
}
