//! Events that could not be handled, and events that a shutdown left over: kept in a store, or in memory.

mod keeper;
mod letter;
mod selection;

pub use keeper::{DeadLetters, Kept as KeptLetters};
pub use letter::{DeadLetter, Reason};
pub use selection::Selection;

pub(crate) use letter::Ticket;
