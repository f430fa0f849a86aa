//! When something is tried again. Pure; nothing is that may have been carried out.

use std::time::Duration;

use greenroom_actors::entropy::Entropy;

use super::limits::{ATTEMPTS, MAX_BACKOFF, PATIENCE};

/// The tries of one request.
#[derive(Debug)]
pub(super) struct Tries {
    base: Duration,
    entropy: Entropy,
    made: u32,
}

impl Tries {
    pub(super) fn new(base: Duration, entropy: &Entropy) -> Self {
        Self {
            base,
            entropy: entropy.clone(),
            made: 1,
        }
    }

    /// Says how long to wait before the next try, if there shall be one: as long as the server asks for, which must not be too long,
    /// or some time between half of a limit that doubles and all of it.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        if self.made >= ATTEMPTS || asked.is_some_and(|wait| wait > PATIENCE) {
            return None;
        }
        let ceiling = self
            .base
            .saturating_mul(1 << (self.made - 1))
            .min(MAX_BACKOFF);
        self.made += 1;
        Some(asked.unwrap_or_else(|| ceiling / 2 + self.entropy.duration_up_to(ceiling / 2)))
    }
}

/// Says whether an answer of a tasks endpoint means: not done, come back.
pub(super) fn is_put_off(status: u16, asked: Option<Duration>) -> bool {
    status == 429 || (status == 503 && asked.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn three_tries_wait_for_half_to_all_of_a_limit_that_doubles() {
        for seed in 0..200 {
            let mut tries = Tries::new(250 * MS, &Entropy::seeded(seed));
            let first = tries.next(None).unwrap();
            let second = tries.next(None).unwrap();
            assert!(
                (125 * MS..=250 * MS).contains(&first),
                "seed {seed}: {first:?}"
            );
            assert!(
                (250 * MS..=500 * MS).contains(&second),
                "seed {seed}: {second:?}"
            );
            assert_eq!(tries.next(None), None);
        }
        let mut slow = Tries::new(60_000 * MS, &Entropy::seeded(1));
        assert!(slow.next(None).unwrap() <= 5_000 * MS);
    }

    #[test]
    fn the_server_is_obeyed_unless_it_asks_for_too_much() {
        let mut tries = Tries::new(250 * MS, &Entropy::seeded(1));
        assert_eq!(tries.next(Some(30_000 * MS)), Some(30_000 * MS));
        assert_eq!(tries.next(Some(30_001 * MS)), None);
        assert_eq!(tries.next(Some(Duration::ZERO)), Some(Duration::ZERO));
        assert_eq!(tries.next(Some(Duration::ZERO)), None);
    }

    #[test]
    fn only_what_was_surely_not_done_is_put_off() {
        let second = Some(1_000 * MS);
        assert!(is_put_off(429, None) && is_put_off(429, second) && is_put_off(503, second));
        for (status, asked) in [
            (503, None),
            (500, second),
            (502, None),
            (504, None),
            (302, second),
            (404, None),
        ] {
            assert!(!is_put_off(status, asked), "{status}");
        }
    }
}
