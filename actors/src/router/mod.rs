//! The router: typed events to registered handlers, in order, until they are handled or given up.
//!
//! An event is handled when the handler returns `Ok`. An error, a time-out or a crash means another attempt after a backoff; after the
//! last attempt it becomes a [`DeadLetter`]. Events of one channel are handled one after another, asynchronous handlers included.

mod closure;
mod dead_letter;
mod delivery;
mod error;
mod lanes;
mod listener;
mod registration;
mod settings;
mod topic;

pub use closure::{Cancellable, Closure, closure};
pub use dead_letter::{DeadLetter, DeadLetters, Reason};
pub use error::{HandlerError, Outcome};
pub use listener::{Wait, WaitError};
pub use registration::Registration;
pub use settings::{Delivery, Order};
pub use topic::{Publish, Router, Topic};
