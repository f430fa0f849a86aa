//! What can be counted and traced: every name in one place.

mod cause;
mod counters;
mod histogram;
pub mod metrics;
pub mod process;
mod prometheus;
pub(crate) mod spans;

pub(crate) use cause::Cause;
pub use counters::{Counter, Counters};
pub use histogram::{Histogram, HistogramSnapshot};
