//! What can be counted and traced: every name in one place.

mod counters;
mod histogram;
pub mod metrics;
mod prometheus;
pub(crate) mod spans;

pub use counters::{Counter, Counters};
pub use histogram::{Histogram, HistogramSnapshot};
