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
            healthy_after: Duration::from_secs(60),
        }
    }

    /// Draws each delay from `percent` % of its ceiling up to the ceiling; 0 (the default) is full jitter, 100 none.
    #[must_use]
    pub const fn floor_percent(mut self, percent: u8) -> Self {
        self.floor_percent = if percent > 100 { 100 } else { percent };
        self
    }

    /// Starts again from the first delay after this long without a failure; 60 s by default.
    #[must_use]
    pub const fn healthy_after(mut self, duration: Duration) -> Self {
        self.healthy_after = duration;
        self
    }

    /// Returns the longest delay before try number `attempt` (from 0).
    #[must_use]
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempt).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.cap)
    }

    /// Draws the delay before try number `attempt` (from 0): never above [`ceiling`](Self::ceiling).
    #[must_use]
    pub fn delay(&self, attempt: u32, entropy: &Entropy) -> Duration {
        let ceiling = self.ceiling(attempt);
        let floor = ceiling
            .mul_f64(f64::from(self.floor_percent) / 100.0)
            .min(ceiling);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn delays_stay_within_bounds_and_repeat_with_the_seed(
            first in 0_u64..100_000, cap in 0_u64..1_000_000, floor in 0_u8..=255, attempt: u32, seed: u64,
        ) {
            let backoff = Backoff::exponential(Duration::from_millis(first), Duration::from_millis(cap)).floor_percent(floor);
            let delay = backoff.delay(attempt, &Entropy::seeded(seed));
            let ceiling = backoff.ceiling(attempt);
            prop_assert!(delay <= ceiling && ceiling <= Duration::from_millis(cap));
            prop_assert!(delay.as_secs_f64() >= ceiling.as_secs_f64() * f64::from(floor.min(100)) / 100.0 - 1e-6);
            prop_assert_eq!(delay, backoff.delay(attempt, &Entropy::seeded(seed)));
        }
    }
}
