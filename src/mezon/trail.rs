//! Which messages of a channel were delivered lately: to tell those that come twice, and those that never came.

use std::collections::VecDeque;

/// The last messages of one channel that were delivered, in the order of their ids, which grow with time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trail {
    pub(super) clan_id: i64,
    /// The newest that was delivered, or that was there before the bot came.
    last: i64,
    /// The newest few, the oldest of these first.
    ids: VecDeque<i64>,
}

/// What is known of a message by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It was not delivered before.
    New,
    /// It was.
    Again,
    /// It is older than the trail goes back.
    Old,
}

impl Trail {
    /// Begins a trail after message `last`, which is 0 if nothing was ever said.
    pub(super) fn after(clan_id: i64, last: i64) -> Self {
        let ids = match last {
            0 => VecDeque::new(),
            last => VecDeque::from([last]),
        };
        Self { clan_id, last, ids }
    }

    /// Notes that a message is delivered, unless it was.
    pub(super) fn step(&mut self, id: i64) -> Step {
        if id > self.last || self.ids.is_empty() {
            self.last = self.last.max(id);
            self.ids.push_back(id);
        } else {
            match self.ids.binary_search(&id) {
                Ok(_) => return Step::Again,
                Err(0) => return Step::Old,
                Err(place) => self.ids.insert(place, id),
            }
        }
        if self.ids.len() > LENGTH {
            self.ids.pop_front();
        }
        Step::New
    }

    /// Says whether a message is on it.
    pub(super) fn has(&self, id: i64) -> bool {
        self.ids.binary_search(&id).is_ok()
    }

    /// Returns the newest message.
    pub(super) fn last(&self) -> i64 {
        self.last
    }

    /// Returns the message after which all that is not on the trail was missed.
    pub(super) fn first(&self) -> i64 {
        self.ids.front().copied().unwrap_or(self.last)
    }
}

/// A message that was overtaken by more others than this counts as old.
const LENGTH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_new_once_in_whatever_order() {
        let mut trail = Trail::after(2, 10);
        assert_eq!(trail.step(12), Step::New);
        assert_eq!(trail.step(11), Step::New);
        for id in [10, 11, 12] {
            assert_eq!(trail.step(id), Step::Again);
            assert!(trail.has(id));
        }
        assert_eq!(trail.step(9), Step::Old);
        assert_eq!((trail.first(), trail.last()), (10, 12));
    }

    #[test]
    fn what_was_overtaken_is_asked_for() {
        let mut trail = Trail::after(2, 0);
        assert_eq!(trail.first(), 0);
        for id in 1..=100 {
            assert_eq!(trail.step(id * 2), Step::New);
        }
        // The odd ones above it were never delivered.
        assert_eq!((trail.first(), trail.last()), (170, 200));
        assert_eq!(trail.step(171), Step::New);
        assert_eq!(trail.first(), 171);
        assert_eq!(trail.ids.len(), LENGTH);
    }
}
