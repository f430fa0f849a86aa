//! Mailboxes: bounded queues that outlive the incarnations of their actor, and the stable addresses that feed them.

mod address;
mod inbox;
mod policy;
mod queue;

pub use address::{ActorRef, AskError, Ref, SendError};
pub(crate) use inbox::Inbox;
pub use policy::Overflow;
pub(crate) use queue::{Accepted, Queue, Refused};
