//! The router: typed events to registered handlers, in order, until they are handled or given up.
//!
//! An event is handled when the handler returns `Ok`. An error, a time-out or a crash means another attempt after a backoff; after the
//! last attempt it becomes a [`DeadLetter`]. Events of one channel are handled one after another, asynchronous handlers included.

mod closure;
mod delivery;
mod error;
pub mod filter;
mod flow;
mod lanes;
mod letters;
mod listener;
pub mod middleware;
mod registration;
mod registry;
mod settings;
mod tally;
mod topic;

pub use closure::{Cancellable, Closure, closure};
pub use error::{HandlerError, HandlerFailed, Outcome};
pub(crate) use flow::Flow;
pub(crate) use letters::Ticket;
pub use letters::{DeadLetter, DeadLetters, KeptLetters, Reason, Selection};
pub use listener::{Wait, WaitError};
pub use registration::Registration;
pub use registry::{Origins, Refusal, ReplayError, Replayed};
pub use settings::{Delivery, Order};
pub use tally::HandlerReport;
pub use topic::{Publish, Router, Topic};
