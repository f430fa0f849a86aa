//! How often the same person, channel or whatever may do something.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Window;
use crate::clock::Instant;

/// Allows each key so many actions in any window of a period, and remembers a bounded number of keys.
///
/// A key costs memory only until its period is over. If more keys than the capacity are within theirs, the one that would be free
/// first is forgotten, and counted.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use greenroom_actors::{clock, limiter::Cooldown};
///
/// let (mut cooldown, now) = (Cooldown::new(Duration::from_secs(10)), clock::now());
/// assert!(cooldown.admit("alice", now).is_ok());
/// assert_eq!(cooldown.admit("alice", now), Err(now + Duration::from_secs(10)));
/// assert!(cooldown.admit("bob", now).is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct Cooldown<K> {
    uses: usize,
    period: Duration,
    capacity: usize,
    windows: BTreeMap<K, Entry>,
    /// When each key is free again, in order.
    ends: BTreeSet<(Instant, K)>,
    forgotten: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    window: Window,
    ends: Instant,
}

impl<K: Clone + Ord> Cooldown<K> {
    /// Allows one action in any window of `period`, for up to 10,000 keys at a time.
    #[must_use]
    pub fn new(period: Duration) -> Self {
        Self {
            uses: 1,
            period,
            capacity: 10_000,
            windows: BTreeMap::new(),
            ends: BTreeSet::new(),
            forgotten: 0,
        }
    }

    /// Sets how many actions of one key are allowed in a period (default: 1; at least 1).
    #[must_use]
    pub fn uses(mut self, uses: usize) -> Self {
        self.uses = uses.max(1);
        self
    }

    /// Sets how many keys are remembered (default: 10,000; at least 1).
    #[must_use]
    pub fn capacity(mut self, keys: usize) -> Self {
        self.capacity = keys.max(1);
        self
    }

    /// Takes one action of `key`.
    ///
    /// # Errors
    ///
    /// The earliest moment at which it will be allowed.
    pub fn admit(&mut self, key: K, now: Instant) -> Result<(), Instant> {
        self.forget_what_is_over(now);
        let ends = now + self.period;
        match self.windows.get_mut(&key) {
            Some(entry) => {
                entry.window.admit(now)?;
                self.ends.remove(&(entry.ends, key.clone()));
                entry.ends = ends;
            }
            None => {
                let mut window = Window::new(self.uses, self.period);
                window.admit(now)?;
                self.windows.insert(key.clone(), Entry { window, ends });
            }
        }
        self.ends.insert((ends, key));
        if self.windows.len() > self.capacity
            && let Some((_, first)) = self.ends.pop_first()
        {
            self.windows.remove(&first);
            self.forgotten += 1;
        }
        Ok(())
    }

    /// Returns how many keys are within their period, as of the last action.
    #[must_use]
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// Says whether no key is within its period.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// Returns how many keys were forgotten before their period was over, for want of room.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn forget_what_is_over(&mut self, now: Instant) {
        while self.ends.first().is_some_and(|(ends, _)| *ends <= now) {
            if let Some((_, key)) = self.ends.pop_first() {
                self.windows.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::entropy::Entropy;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_key_waits_for_its_own_period() {
        let (mut cooldown, start) = (Cooldown::new(10 * SECOND).uses(2), clock::now());
        assert_eq!(cooldown.admit(1, start), Ok(()));
        assert_eq!(cooldown.admit(1, start + SECOND), Ok(()));
        assert_eq!(
            cooldown.admit(1, start + 2 * SECOND),
            Err(start + 10 * SECOND)
        );
        assert_eq!(cooldown.admit(2, start + 2 * SECOND), Ok(()));
        assert_eq!(cooldown.admit(1, start + 10 * SECOND), Ok(()));
        assert_eq!(
            cooldown.admit(1, start + 10 * SECOND),
            Err(start + 11 * SECOND)
        );
        assert_eq!((cooldown.len(), cooldown.forgotten()), (2, 0));
        assert_eq!(cooldown.admit(3, start + 60 * SECOND), Ok(()));
        assert_eq!(cooldown.len(), 1, "what is over costs nothing");
    }

    #[test]
    fn never_more_keys_than_the_capacity_nor_uses_than_allowed() {
        for seed in 0..50 {
            let entropy = Entropy::seeded(seed);
            let mut cooldown = Cooldown::new(5 * SECOND).uses(3).capacity(1_000);
            let (mut now, mut admitted) = (clock::now(), BTreeMap::<u64, Vec<Instant>>::new());
            for _ in 0..500 {
                now += entropy.duration_up_to(SECOND);
                let key = entropy.next_u64() % 5;
                match cooldown.admit(key, now) {
                    Ok(()) => admitted.entry(key).or_default().push(now),
                    Err(free) => assert!(free > now && free <= now + 5 * SECOND, "seed {seed}"),
                }
            }
            for times in admitted.values() {
                let close = |run: &[Instant]| run[3] - run[0] < 5 * SECOND;
                assert!(!times.windows(4).any(close), "seed {seed}");
            }
        }
        let (mut small, now) = (Cooldown::new(SECOND).capacity(10), clock::now());
        for key in 0..25 {
            assert!(small.admit(key, now).is_ok());
            assert!(small.len() <= 10 && small.ends.len() == small.len());
        }
        assert_eq!(small.forgotten(), 15);
    }
}
