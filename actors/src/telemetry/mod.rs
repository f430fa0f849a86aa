//! What can be counted and traced: every name in one place.

mod counters;
mod latency;
pub mod metrics;
mod prometheus;
pub(crate) mod spans;

pub use counters::{Counter, Counters};
pub(crate) use latency::Histogram;
pub use latency::{BOUNDS, Latency};
