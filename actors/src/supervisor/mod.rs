//! Supervision: actors that fail are started again, as new values, behind the same address.
//!
//! [`decide`] is the whole logic as a pure function, with its truth table; [`Supervisor`] carries it out. [`OnDemand`] starts children
//! when somebody needs them and ends them when nobody does.
//!
//! A panic ends the actor it happens in and nothing else, wherever it happens: in the factory, `started`, `stopping`, `stopped`,
//! handlers, futures, timers, streams, `Drop` of the actor, of a message, or of the panic's own payload. Two cases are beyond this:
//! Rust itself aborts the process if a value panics in `Drop` *while* another panic unwinds; and a future that an actor gives to
//! `actix_rt::spawn` is not the actor's any more: its panic ends that future only. The same is true of
//! [`actix::Response::fut`](actix::Response); return a [`ResponseFuture`](actix::ResponseFuture) in its place, which a mailbox runs
//! as part of the actor.

mod backoff;
mod child;
pub(crate) mod contain;
pub(crate) mod control;
mod decision;
mod exit;
mod incarnate;
mod incarnation;
pub(crate) mod inlet;
mod on_demand;
mod retreat;
mod root;
mod shift;
mod slot;
#[expect(
    clippy::module_inception,
    reason = "the file of the type that the room is named after"
)]
mod supervisor;
mod tree;

pub use backoff::Backoff;
pub use child::{Child, ChildSpec};
#[doc(hidden)]
pub use contain::contain;
pub use decision::{ChildFacts, Decision, History, Intensity, Restart, Strategy, decide};
pub use exit::{Exit, Failure};
pub use incarnate::Supervised;
pub use on_demand::{OnDemand, OnDemandError};
pub use root::Root;
pub use supervisor::{Observer, Restarted, StartError, Supervisor, SupervisorRef};
pub use tree::{NodeFigures, NodeKind, NodeState, TreeSnapshot};
