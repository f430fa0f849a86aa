//! What can be counted: every name in one place.

mod counters;

pub use counters::{Counter, Counters};
