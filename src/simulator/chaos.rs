//! Faults by seed and rate; the [module of faults](super::fault#chaos) says what is drawn.

use std::time::Duration;

use greenroom_actors::entropy::Entropy;

use super::fault::{Fault, FaultKind};
use super::journal::Direction;

/// What can go wrong now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// A request over HTTP arrives.
    Request,
    /// Its answer leaves.
    Response,
    /// A websocket is to be opened.
    Upgrade,
    /// A message of a client arrives.
    Message,
    /// The answer to it leaves.
    Answer,
    /// An event leaves on a socket.
    Event,
}

/// Draws faults.
#[derive(Clone, Debug)]
pub(super) struct Chaos {
    rate: f64,
    entropy: Entropy,
}

impl Chaos {
    /// Draws with this probability (0 to 1).
    pub(super) fn new(rate: f64, entropy: Entropy) -> Self {
        Self { rate, entropy }
    }

    /// Draws for one occasion.
    pub(super) fn draw(&self, occasion: Occasion) -> Option<Fault> {
        if self.rate <= 0.0 || !self.entropy.chance(self.rate) {
            return None;
        }
        let mix = mix(occasion);
        let mut left = self.below(mix.iter().map(|(share, _)| share).sum());
        let kind = mix
            .iter()
            .find_map(|(share, kind)| match left.checked_sub(*share) {
                None => Some(*kind),
                Some(rest) => {
                    left = rest;
                    None
                }
            })?;
        Some(self.dress(occasion, kind))
    }

    fn dress(&self, occasion: Occasion, kind: FaultKind) -> Fault {
        let fault = Fault::new(kind);
        match kind {
            FaultKind::Http if occasion == Occasion::Request => match self.below(3) {
                0 => fault.status([500, 502, 504][self.pick(3)]),
                1 => fault,
                _ => {
                    let wait = Duration::from_secs(1 + self.below(5));
                    fault.status([429, 503][self.pick(2)]).lasting(wait)
                }
            },
            FaultKind::Close => {
                fault.code([1_000, 1_001, 1_005, 1_011, 1_012, 4_000][self.pick(6)])
            }
            FaultKind::Delay => fault.lasting(self.up_to(3_000)),
            FaultKind::Jitter => fault.lasting(self.up_to(1_000)),
            FaultKind::Maintenance => fault.lasting(self.up_to(20_000)),
            // A shorter one would lose events that no client can know of.
            FaultKind::Stall => fault.lasting(Duration::from_secs(30 + self.below(30))),
            FaultKind::Slow => fault.lasting(self.up_to(20_000)).bytes(256),
            FaultKind::Clog => {
                let direction = match occasion {
                    Occasion::Message => Direction::In,
                    _ => Direction::Out,
                };
                fault.lasting(self.up_to(5_000)).direction(direction)
            }
            _ => fault,
        }
    }

    fn up_to(&self, ms: u64) -> Duration {
        Duration::from_millis(1 + self.below(ms))
    }

    fn below(&self, limit: u64) -> u64 {
        self.entropy.next_u64() % limit.max(1)
    }

    fn pick(&self, count: u64) -> usize {
        usize::try_from(self.below(count)).unwrap_or_default()
    }
}

fn mix(occasion: Occasion) -> &'static [(u64, FaultKind)] {
    use FaultKind::*;

    match occasion {
        Occasion::Request => &[
            (50, Http),
            (25, Delay),
            (18, Disconnect),
            (4, Expire),
            (2, Revoke),
            (1, Maintenance),
        ],
        Occasion::Response => &[(50, Disconnect), (40, Delay), (10, Truncate)],
        Occasion::Upgrade => &[(50, Http), (30, Disconnect), (20, Delay)],
        Occasion::Message => &[
            (40, Disconnect),
            (25, Clog),
            (15, Slow),
            (10, Stall),
            (10, Close),
        ],
        Occasion::Answer => &[(40, Disconnect), (25, Delay), (20, Jitter), (15, Clog)],
        Occasion::Event => &[
            (25, Disconnect),
            (15, Jitter),
            (12, Duplicate),
            (12, Reorder),
            (10, Close),
            (8, Truncate),
            (8, Garbage),
            (6, Clog),
            (3, Stall),
            (1, Oversize),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Occasion; 6] = [
        Occasion::Request,
        Occasion::Response,
        Occasion::Upgrade,
        Occasion::Message,
        Occasion::Answer,
        Occasion::Event,
    ];

    #[test]
    fn shares_are_per_cent() {
        for occasion in ALL {
            let sum: u64 = mix(occasion).iter().map(|(share, _)| share).sum();
            assert_eq!(sum, 100, "{occasion:?}");
        }
    }

    #[test]
    fn the_rate_is_the_probability_of_a_fault_at_each_occasion() {
        for occasion in ALL {
            let chaos = Chaos::new(0.01, Entropy::seeded(7));
            let drawn = (0..100_000)
                .filter(|_| chaos.draw(occasion).is_some())
                .count();
            assert!((900..1_100).contains(&drawn), "{occasion:?}: {drawn}");
        }
        let never = Chaos::new(0.0, Entropy::seeded(7));
        assert!((0..1_000).all(|_| never.draw(Occasion::Event).is_none()));
        let always = Chaos::new(1.0, Entropy::seeded(7));
        assert!((0..1_000).all(|_| always.draw(Occasion::Event).is_some()));
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let draws = |seed| {
            let chaos = Chaos::new(0.5, Entropy::seeded(seed));
            let draw = |number: usize| chaos.draw(ALL[number % ALL.len()]);
            (0..300).map(draw).collect::<Vec<_>>()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
    }
}
