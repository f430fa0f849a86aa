//! Times, by how many took how long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// Counts times in fixed buckets, from 100 µs to 60 s. Anybody may read it while others write.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    above: AtomicU64,
    sum_us: AtomicU64,
}

/// The state of a [`Histogram`] at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HistogramSnapshot {
    /// How many times took at most so many seconds, for each bound.
    pub buckets: Vec<(f64, u64)>,
    /// How many times there are.
    pub count: u64,
    /// Their sum in seconds.
    pub sum_s: f64,
}

impl Histogram {
    /// Adds a time.
    pub fn observe(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| us <= *bound);
        let bucket = bucket.map_or(&self.above, |place| &self.buckets[place]);
        bucket.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Adds so many times that are next to nothing; what they took is added with another.
    pub(crate) fn observe_quick(&self, number: u32) {
        self.buckets[0].fetch_add(number.into(), Ordering::Relaxed);
    }

    /// Reads it.
    #[must_use]
    pub fn snapshot(&self) -> HistogramSnapshot {
        let mut count = 0;
        let buckets = BOUNDS.iter().zip(&self.buckets).map(|(bound, bucket)| {
            count += bucket.load(Ordering::Relaxed);
            (*bound as f64 / 1e6, count)
        });
        let buckets = buckets.collect();
        HistogramSnapshot {
            buckets,
            count: count + self.above.load(Ordering::Relaxed),
            sum_s: self.sum_us.load(Ordering::Relaxed) as f64 / 1e6,
        }
    }
}

impl HistogramSnapshot {
    /// Adds the times of another.
    pub(crate) fn add(&mut self, other: &Self) {
        for (bucket, more) in self.buckets.iter_mut().zip(&other.buckets) {
            bucket.1 += more.1;
        }
        self.count += other.count;
        self.sum_s += other.sum_s;
    }
}

/// The upper bounds of the buckets, in microseconds.
const BOUNDS: [u64; 12] = [
    100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000, 30_000_000,
    60_000_000,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_in_every_bucket_that_is_wide_enough() {
        let histogram = Histogram::default();
        for millis in [0, 1, 3, 70, 90_000] {
            histogram.observe(Duration::from_millis(millis));
        }
        let snapshot = histogram.snapshot();
        let below = |bound: f64| snapshot.buckets.iter().find(|bucket| bucket.0 == bound);
        assert_eq!(below(0.001).unwrap().1, 2);
        assert_eq!(below(0.1).unwrap().1, 4);
        assert_eq!((snapshot.count, snapshot.buckets.last().unwrap().1), (5, 4));
        assert!((snapshot.sum_s - 90.074).abs() < 1e-9);
    }
}
