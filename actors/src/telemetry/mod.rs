//! What can be counted and traced: every name in one place.

mod counters;
pub mod metrics;
mod prometheus;
pub(crate) mod spans;

pub use counters::{Counter, Counters};
