//! When a session is renewed. Pure.

use std::time::Duration;

/// How far ahead of its expiry a session is renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ahead {
    /// At least so long before.
    pub margin: Duration,
    /// At least so many hundredths of its lifetime before.
    pub percent: u8,
}

impl Default for Ahead {
    fn default() -> Self {
        Self {
            margin: Duration::from_secs(60),
            percent: 10,
        }
    }
}

impl Ahead {
    /// Renews `margin` (default: 60 s) or `percent` of the lifetime (default: 10) ahead, whichever is more, but never before half the
    /// lifetime is over: tokens that live for seconds are not renewed without end.
    #[must_use]
    pub fn new(margin: Duration, percent: u8) -> Self {
        Self { margin, percent }
    }

    /// Judges a session that was obtained at `obtained` and expires at `expires` (seconds since 1970) as it is at `now`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use greenroom_actors::session::{Ahead, Verdict};
    ///
    /// let ahead = Ahead::default();
    /// assert_eq!(ahead.judge(0, Some(3_600), 0), Verdict::Valid { due_in: Some(Duration::from_secs(3_240)) });
    /// assert_eq!(ahead.judge(0, Some(3_600), 3_240), Verdict::Due);
    /// assert_eq!(ahead.judge(0, Some(3_600), 3_600), Verdict::Expired);
    /// assert_eq!(ahead.judge(0, None, 3_600), Verdict::Valid { due_in: None });
    /// ```
    #[must_use]
    pub fn judge(&self, obtained: u64, expires: Option<u64>, now: u64) -> Verdict {
        let Some(expires) = expires else {
            return Verdict::Valid { due_in: None };
        };
        if now >= expires {
            return Verdict::Expired;
        }
        let lifetime = expires.saturating_sub(obtained);
        let percent = u64::from(self.percent.min(100));
        let share = lifetime / 100 * percent + lifetime % 100 * percent / 100;
        let ahead = self.margin.as_secs().max(share).min(lifetime / 2);
        let due = expires - ahead;
        match due.checked_sub(now) {
            None | Some(0) => Verdict::Due,
            Some(seconds) => Verdict::Valid {
                due_in: Some(Duration::from_secs(seconds)),
            },
        }
    }
}

/// What is to be done about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It can be used, and is to be renewed.
    Due,
    /// It cannot be used any more.
    Expired,
    /// It can be used.
    Valid {
        /// When it is to be renewed, if ever.
        due_in: Option<Duration>,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn valid(seconds: u64) -> Verdict {
        Verdict::Valid {
            due_in: Some(Duration::from_secs(seconds)),
        }
    }

    #[test]
    fn the_larger_of_margin_and_share_decides_up_to_half_the_lifetime() {
        let ahead = Ahead::default();
        for (lifetime, due) in [
            (10, 5),
            (100, 50),
            (120, 60),
            (300, 240),
            (600, 540),
            (6_000, 5_400),
        ] {
            assert_eq!(
                ahead.judge(1_000, Some(1_000 + lifetime), 1_000),
                valid(due),
                "{lifetime}"
            );
            assert_eq!(
                ahead.judge(1_000, Some(1_000 + lifetime), 1_000 + due),
                Verdict::Due
            );
        }
    }

    #[test]
    fn odd_times_do_no_harm() {
        let ahead = Ahead::default();
        assert_eq!(
            ahead.judge(100, Some(50), 40),
            Verdict::Valid {
                due_in: Some(Duration::from_secs(10))
            }
        );
        assert_eq!(ahead.judge(100, Some(50), 100), Verdict::Expired);
        assert_eq!(ahead.judge(0, Some(0), 0), Verdict::Expired);
        let far = Ahead::new(Duration::MAX, u8::MAX).judge(0, Some(u64::MAX), 0);
        assert_eq!(far, valid(u64::MAX - u64::MAX / 2));
    }

    proptest! {
        #[test]
        fn time_only_makes_it_worse(
            obtained in 0..10_000_u64,
            lifetime in 0..10_000_u64,
            first in 0..30_000_u64,
            later in 0..30_000_u64,
        ) {
            let rank = |now| match Ahead::default().judge(obtained, Some(obtained + lifetime), now) {
                Verdict::Valid { .. } => 0,
                Verdict::Due => 1,
                Verdict::Expired => 2,
            };
            prop_assert!(rank(first) <= rank(first + later));
        }
    }
}
