//! How long attempts take, without a look at the clock for each of them.

use std::time::Duration;

use crate::clock::{self, Instant};
use crate::telemetry::Histogram;

/// Measures runs of attempts that were answered at once. A run is as long as attempts are quick, so that what is measured costs more
/// than the measuring; of an attempt that takes its time each is measured alone.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the run began.
    since: Option<Instant>,
    /// How many attempts of it are done.
    done: u32,
    /// How many make a run.
    stride: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            since: None,
            done: 0,
            stride: 1,
        }
    }
}

impl Pace {
    /// Returns when the run began that the next attempt belongs to.
    pub(super) fn began(&mut self) -> Instant {
        *self.since.get_or_insert_with(clock::now)
    }

    /// Notes an attempt that is done.
    pub(super) fn done(&mut self, times: &Histogram) {
        self.done += 1;
        if self.done >= self.stride {
            self.since = self.end(times);
        }
    }

    /// Ends the run; returns when.
    fn end(&mut self, times: &Histogram) -> Option<Instant> {
        let now = clock::now();
        let took = self
            .since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.stride = match took < QUICK {
            true => (self.stride * 2).min(LONGEST),
            false => 1,
        };
        // If a run took long after all, then one attempt of it did.
        times.observe(took);
        times.observe_quick(std::mem::take(&mut self.done).saturating_sub(1));
        Some(now)
    }

    /// Ends the run, and time does not count until the next attempt.
    pub(super) fn pause(&mut self, times: &Histogram) {
        if self.done > 0 {
            self.end(times);
        }
        self.since = None;
    }
}

/// A run that takes no longer is followed by one twice as long.
const QUICK: Duration = Duration::from_micros(50);
/// How many attempts make the longest run.
const LONGEST: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_attempt_is_counted_and_none_of_the_time_is_lost() {
        let (mut pace, times) = (Pace::default(), Histogram::default());
        for number in 0_u32..100 {
            pace.began();
            if number == 80 {
                tokio::time::advance(Duration::from_secs(3)).await;
            }
            pace.done(&times);
        }
        pace.pause(&times);
        tokio::time::advance(Duration::from_secs(9)).await;
        pace.began();
        pace.done(&times);
        pace.pause(&times);
        let seen = times.snapshot();
        assert_eq!((seen.count, seen.sum_s), (101, 3.0));
        let quick = seen.buckets.first().map(|(_, count)| *count);
        assert_eq!(quick, Some(100), "one attempt has taken it all");
    }

    #[tokio::test(start_paused = true)]
    async fn slow_attempts_are_measured_one_by_one() {
        let (mut pace, times) = (Pace::default(), Histogram::default());
        for _ in 0..10 {
            let began = pace.began();
            assert_eq!(began, clock::now());
            tokio::time::advance(Duration::from_millis(20)).await;
            pace.done(&times);
        }
        let seen = times.snapshot();
        let below = seen.buckets.iter().filter(|(_, count)| *count == 0).count();
        assert_eq!((seen.count, below), (10, 5));
    }
}
