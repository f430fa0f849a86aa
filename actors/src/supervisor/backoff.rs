//! How long to wait before the next try.

use std::time::Duration;

use crate::entropy::Entropy;

/// An exponential backoff with jitter, capped.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use greenroom_actors::supervisor::Backoff;
///
/// let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(30));
/// assert_eq!(backoff.ceiling(0), Duration::from_millis(100));
/// assert_eq!(backoff.ceiling(3), Duration::from_millis(800));
/// assert_eq!(backoff.ceiling(u32::MAX), Duration::from_secs(30));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    floor_percent: u8,
    least: Duration,
    healthy_after: Duration,
}

impl Backoff {
    /// Doubles from `first` to `cap`, with full jitter, and starts again after 60 s of health.
    #[must_use]
    pub const fn exponential(first: Duration, cap: Duration) -> Self {
        Self {
            first,
            cap,
            floor_percent: 0,
            least: Duration::ZERO,
            healthy_after: Duration::from_secs(60),
        }
    }

    /// Draws each delay from `percent` % of its ceiling up to the ceiling; 0 (the default) is full jitter, 100 none.
    #[must_use]
    pub const fn floor_percent(mut self, percent: u8) -> Self {
        self.floor_percent = if percent > 100 { 100 } else { percent };
        self
    }

    /// Draws no delay below `least`, as far as the ceiling allows: for servers that ask for it. The whole range above stays in use, so
    /// that many clients do not come back together.
    #[must_use]
    pub const fn at_least(mut self, least: Duration) -> Self {
        self.least = least;
        self
    }

    /// Starts again from the first delay after this long without a failure; 60 s by default.
    #[must_use]
    pub const fn healthy_after(mut self, duration: Duration) -> Self {
        self.healthy_after = duration;
        self
    }

    /// Returns the longest delay before try number `attempt` (from 0): the first delay doubled so often, and never above the cap.
    #[must_use]
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let (first, cap) = (self.first.as_nanos(), self.cap.as_nanos());
        match first {
            0 => Duration::ZERO,
            _ if attempt >= first.leading_zeros() => self.cap,
            _ => from_nanos((first << attempt).min(cap)),
        }
    }

    /// Draws the delay before try number `attempt` (from 0): never above [`ceiling`](Self::ceiling).
    #[must_use]
    pub fn delay(&self, attempt: u32, entropy: &Entropy) -> Duration {
        let ceiling = self.ceiling(attempt);
        let floor = from_nanos(ceiling.as_nanos() / 100 * u128::from(self.floor_percent));
        let floor = floor.max(self.least).min(ceiling);
        floor + entropy.duration_up_to(ceiling - floor)
    }

    /// Returns how long without a failure counts as health.
    #[must_use]
    pub const fn health_period(&self) -> Duration {
        self.healthy_after
    }
}

impl Default for Backoff {
    /// 100 ms doubling to 30 s.
    fn default() -> Self {
        Self::exponential(Duration::from_millis(100), Duration::from_secs(30))
    }
}

/// Makes a duration of nanoseconds that came from one.
fn from_nanos(nanos: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    let seconds = u64::try_from(nanos / SECOND).unwrap_or(u64::MAX);
    Duration::new(seconds, (nanos % SECOND) as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any duration at all, the extremes among them.
    fn durations() -> impl Strategy<Value = Duration> {
        prop_oneof![
            Just(Duration::ZERO),
            Just(Duration::from_nanos(1)),
            Just(Duration::MAX),
            (0_u64..1_000_000).prop_map(Duration::from_millis),
            (any::<u64>(), 0_u32..1_000_000_000).prop_map(|(s, n)| Duration::new(s, n)),
        ]
    }

    fn attempts() -> impl Strategy<Value = u32> {
        prop_oneof![0_u32..200, Just(u32::MAX), any::<u32>()]
    }

    proptest! {
        #[test]
        fn delays_stay_within_bounds_and_repeat_with_the_seed(
            first in durations(), cap in durations(), floor in 0_u8..=255, least in durations(), attempt in attempts(), seed: u64,
        ) {
            let backoff = Backoff::exponential(first, cap).floor_percent(floor).at_least(least);
            let delay = backoff.delay(attempt, &Entropy::seeded(seed));
            let ceiling = backoff.ceiling(attempt);
            prop_assert!(delay <= ceiling && ceiling <= cap);
            let floor = u128::from(floor.min(100));
            prop_assert!(delay.as_nanos() >= ceiling.as_nanos() / 100 * floor);
            prop_assert!(delay >= least.min(ceiling));
            prop_assert_eq!(delay, backoff.delay(attempt, &Entropy::seeded(seed)));
        }

        #[test]
        fn ceilings_double_until_the_cap(first in durations(), cap in durations(), attempt in attempts()) {
            let backoff = Backoff::exponential(first, cap);
            let doubled = backoff.ceiling(attempt).saturating_mul(2).min(cap);
            prop_assert_eq!(backoff.ceiling(attempt.saturating_add(1)).max(backoff.ceiling(attempt)),
                if attempt == u32::MAX { backoff.ceiling(attempt) } else { doubled });
        }
    }

    #[test]
    fn full_jitter_uses_the_whole_range() {
        let (backoff, entropy) = (Backoff::default(), Entropy::seeded(1));
        let delays: Vec<_> = (0..1_000).map(|_| backoff.delay(3, &entropy)).collect();
        let in_part = |from, to| {
            let part = Duration::from_millis(from)..Duration::from_millis(to);
            delays.iter().filter(|delay| part.contains(delay)).count()
        };
        for eighth in 0..8 {
            let found = in_part(eighth * 100, eighth * 100 + 100);
            assert!((90..160).contains(&found), "{found} in part {eighth}");
        }
    }
}
