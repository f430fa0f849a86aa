//! When a request is sent again. Pure.

use std::time::Duration;

use greenroom_actors::entropy::Entropy;

use super::http::Trouble;
use super::limits::{PATIENCE, RETRIES};

/// What a request does, for what may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It may have to be paid for each time.
    Chat,
    /// It changes nothing.
    Read,
    /// It changes something.
    Write,
}

/// The tries of one request at one endpoint.
#[derive(Debug)]
pub(super) struct Tries {
    base: Duration,
    entropy: Entropy,
    effect: Effect,
    made: u32,
    asked: u32,
}

impl Tries {
    pub(super) fn new(effect: Effect, base: Duration, entropy: &Entropy) -> Self {
        Self {
            base,
            entropy: entropy.clone(),
            effect,
            made: 0,
            asked: 0,
        }
    }

    /// Says how long to wait before the request is sent again after it got no answer, if it shall be.
    pub(super) fn after_trouble(&mut self, trouble: &Trouble) -> Option<Duration> {
        match trouble {
            Trouble::Lost(_) | Trouble::Connect(_) => self.next(),
            Trouble::Late(_) if self.effect == Effect::Read => self.next(),
            Trouble::Late(_) | Trouble::Invalid(_) | Trouble::TooLong => None,
        }
    }

    /// As [`after_trouble`](Self::after_trouble), after an answer with this status.
    pub(super) fn after_status(
        &mut self,
        status: u16,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        match status {
            429 | 503 => {
                let wait = asked.filter(|wait| *wait <= PATIENCE && self.asked < RETRIES)?;
                self.asked += 1;
                Some(wait)
            }
            500 | 502 | 504 if self.effect == Effect::Read => self.next(),
            _ => None,
        }
    }

    /// A wait that doubles, give or take a fifth.
    fn next(&mut self) -> Option<Duration> {
        if self.made >= RETRIES {
            return None;
        }
        let wait = self.base.saturating_mul(1 << self.made);
        self.made += 1;
        Some(wait * 4 / 5 + self.entropy.duration_up_to(wait * 2 / 5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn tries(effect: Effect) -> Tries {
        Tries::new(effect, SECOND, &Entropy::seeded(3))
    }

    fn lost() -> Trouble {
        Trouble::Lost("x".to_owned())
    }

    #[test]
    fn a_lost_connection_is_tried_three_times_more() {
        for seed in 0..100 {
            let mut tries = Tries::new(Effect::Chat, SECOND, &Entropy::seeded(seed));
            for seconds in [1, 2, 4] {
                let wait = tries.after_trouble(&lost()).unwrap();
                let middle = SECOND * seconds;
                assert!(
                    (middle * 4 / 5..=middle * 6 / 5).contains(&wait),
                    "{seed}: {wait:?}"
                );
            }
            assert_eq!(tries.after_trouble(&lost()), None);
        }
    }

    /// D-11: what may have been paid for is not sent again.
    #[test]
    fn only_what_reads_is_repeated_when_it_may_have_been_done() {
        let late = Trouble::Late(SECOND);
        assert!(tries(Effect::Read).after_trouble(&late).is_some());
        assert!(tries(Effect::Read).after_status(502, None).is_some());
        for effect in [Effect::Chat, Effect::Write] {
            assert_eq!(tries(effect).after_trouble(&late), None);
            for status in [400, 402, 404, 500, 502, 504, 503, 429] {
                assert_eq!(tries(effect).after_status(status, None), None, "{status}");
            }
        }
    }

    #[test]
    fn a_server_that_asks_for_patience_gets_some() {
        let mut tries = tries(Effect::Chat);
        assert_eq!(tries.after_status(429, Some(31 * SECOND)), None);
        for _ in 0..3 {
            assert_eq!(tries.after_status(503, Some(7 * SECOND)), Some(7 * SECOND));
        }
        assert_eq!(tries.after_status(429, Some(SECOND)), None);
    }
}
