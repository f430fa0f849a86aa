//! How long something took, in fixed buckets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// The upper bounds of the buckets, in seconds; the last bucket has none.
pub const BOUNDS: [f64; 12] = [
    0.000_01, 0.000_1, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0,
];

/// Counts durations in the buckets of [`BOUNDS`].
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

impl Histogram {
    pub(crate) fn record(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.partition_point(|bound| *bound < seconds);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Latency {
        let mut buckets = [0; BOUNDS.len() + 1];
        for (read, bucket) in buckets.iter_mut().zip(&self.buckets) {
            *read = bucket.load(Ordering::Relaxed);
        }
        Latency {
            buckets,
            total_ns: self.nanos.load(Ordering::Relaxed),
        }
    }
}

/// How long something took, as often as it was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Latency {
    /// How often it took at most each of [`BOUNDS`] and more than the one before; the last bucket is for what took longer.
    pub buckets: [u64; BOUNDS.len() + 1],
    /// How long it took in all, in nanoseconds.
    pub total_ns: u64,
}

impl Latency {
    /// Returns how often it was done.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Adds what another has counted.
    pub(crate) fn plus(self, other: Self) -> Self {
        let mut sum = self;
        for (bucket, more) in sum.buckets.iter_mut().zip(other.buckets) {
            *bucket += more;
        }
        sum.total_ns += other.total_ns;
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_goes_into_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for millis in [0, 1, 2, 40_000] {
            histogram.record(Duration::from_millis(millis));
        }
        let read = histogram.read();
        assert_eq!(read.count(), 4);
        assert_eq!(
            (read.buckets[0], read.buckets[2], read.buckets[3]),
            (1, 1, 1)
        );
        assert_eq!(read.buckets[BOUNDS.len()], 1);
        assert_eq!(read.total_ns, 40_003_000_000);
        assert_eq!(read.plus(read).count(), 8);
    }
}
