//! How long the oldest event has been with a courier, for whoever looks on from any thread.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{self, Instant, millis};

/// The events that are held, in the order in which they came; each goes when it wants.
#[derive(Debug, Default)]
pub(super) struct Ages {
    /// The number of the first.
    first: u64,
    /// Since when each is here; `None` where one has gone.
    since: VecDeque<Option<Instant>>,
}

impl Ages {
    /// Notes an event; its number is for [`leave`](Self::leave).
    pub(super) fn enter(&mut self, since: Instant) -> u64 {
        self.since.push_back(Some(since));
        self.first + self.since.len() as u64 - 1
    }

    /// Forgets an event.
    pub(super) fn leave(&mut self, number: u64) {
        let place = usize::try_from(number.wrapping_sub(self.first)).unwrap_or(usize::MAX);
        if let Some(since) = self.since.get_mut(place) {
            *since = None;
        }
        while let Some(None) = self.since.front() {
            self.since.pop_front();
            self.first += 1;
        }
    }

    /// Returns since when the one is here that came first.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.since.front().copied().flatten()
    }
}

/// A moment that anybody may read, in milliseconds from a beginning.
#[derive(Debug)]
pub(super) struct Mark {
    beginning: Instant,
    /// One more than that, so that 0 means that there is none.
    at: AtomicU64,
}

impl Default for Mark {
    fn default() -> Self {
        Self {
            beginning: clock::now(),
            at: AtomicU64::new(0),
        }
    }
}

impl Mark {
    pub(super) fn set(&self, moment: Option<Instant>) {
        let at = moment.map_or(0, |moment| {
            millis(moment.saturating_duration_since(self.beginning)).saturating_add(1)
        });
        self.at.store(at, Ordering::Relaxed);
    }

    /// Returns how long ago it was.
    pub(super) fn age(&self) -> Option<Duration> {
        let at = self.at.load(Ordering::Relaxed).checked_sub(1)?;
        let moment = clock::after(self.beginning, Duration::from_millis(at));
        Some(clock::now().saturating_duration_since(moment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_oldest_is_the_first_that_is_still_there() {
        let (mut ages, mark) = (Ages::default(), Mark::default());
        let start = clock::now();
        let numbers = [1, 2, 3].map(|second| ages.enter(start + Duration::from_secs(second)));
        ages.leave(numbers[1]);
        assert_eq!(ages.oldest(), Some(start + Duration::from_secs(1)));
        ages.leave(numbers[0]);
        assert_eq!(ages.oldest(), Some(start + Duration::from_secs(3)));
        mark.set(ages.oldest());
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(mark.age(), Some(Duration::from_secs(7)));
        ages.leave(numbers[2]);
        ages.leave(numbers[2]);
        mark.set(ages.oldest());
        assert_eq!((mark.age(), ages.since.len()), (None, 0));
    }
}
