//! Supervision: actors that fail are started again, as new values, behind the same address.
//!
//! [`decide`] is the whole logic as a pure function; [`Supervisor`] carries it out. The table is in [`decision`](self::decide)'s module:
//!
//! | exit \ restart type | permanent | transient | temporary |
//! |---|---|---|---|
//! | normal, shutdown | restart | forget | forget |
//! | error, panic, killed, start failure | restart | restart | forget |
//! | fatal error | escalate | escalate | forget |

mod backoff;
mod child;
mod control;
mod decision;
mod exit;
mod incarnate;
mod incarnation;
pub(crate) mod inlet;
mod root;
mod shift;
#[expect(
    clippy::module_inception,
    reason = "the file of the type that the room is named after"
)]
mod supervisor;
mod tree;

pub use backoff::Backoff;
pub use child::{Child, ChildSpec};
pub use decision::{ChildFacts, Decision, History, Intensity, Restart, Strategy, decide};
pub use exit::{Exit, Failure};
pub use incarnate::Supervised;
pub(crate) use incarnation::message_of;
pub use root::Root;
pub use supervisor::{Observer, Restarted, Supervisor, SupervisorRef};
pub use tree::{NodeFigures, NodeState, TreeSnapshot};
