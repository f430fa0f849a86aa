//! When to listen again after a stream has ended.

use std::time::Duration;

use greenroom_actors::entropy::Entropy;

/// Counts the attempts since the last success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Attempts(u32);

impl Attempts {
    /// Says how long to wait before the next attempt: 3 s doubling to 30 s, and up to 1 s by chance; none after the last.
    pub(super) fn next(&mut self, entropy: &Entropy) -> Option<Duration> {
        if self.0 >= ATTEMPTS {
            return None;
        }
        let wait = (FIRST * 2_u32.pow(self.0)).min(LONGEST);
        self.0 += 1;
        Some(wait + entropy.duration_up_to(JITTER))
    }

    /// Is told that an attempt has succeeded.
    pub(super) fn succeeded(&mut self) {
        self.0 = 0;
    }

    /// Returns how many attempts were made since the last success.
    pub(super) fn made(self) -> u32 {
        self.0
    }
}

const ATTEMPTS: u32 = 5;
const FIRST: Duration = Duration::from_secs(3);
const LONGEST: Duration = Duration::from_secs(30);
const JITTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_longer_and_longer_and_then_gives_up_until_it_succeeds() {
        let entropy = Entropy::seeded(7);
        let mut attempts = Attempts::default();
        for _ in 0..3 {
            for seconds in [3, 6, 12, 24, 30] {
                let wait = attempts.next(&entropy).unwrap();
                let least = Duration::from_secs(seconds);
                assert!(wait >= least && wait <= least + JITTER, "{wait:?}");
            }
            assert_eq!((attempts.next(&entropy), attempts.made()), (None, 5));
            assert_eq!(attempts.next(&entropy), None);
            attempts.succeeded();
        }
    }
}
