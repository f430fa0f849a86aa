//! What became of the events of one registration.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::telemetry::Histogram;

/// Counts, shared by the router and the courier of a registration.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Events that were handed to its queue.
    pub(crate) delivered: Count,
    /// How long attempts took.
    pub(crate) times: Histogram,
    pub(crate) handled: Count,
    pub(crate) failed: Count,
    pub(crate) filtered: Count,
    pub(crate) dead: Count,
    pub(crate) left: Count,
    pub(crate) stopped: Count,
    pub(crate) stopped_tried: Count,
    pub(crate) abandoned: Count,
}

impl Tally {
    /// Counts an event that its handler will not take any more.
    pub(crate) fn left(&self, for_the_next_start: bool, attempts: u32) {
        self.stopped.add_one();
        if attempts > 0 {
            self.stopped_tried.add_one();
        }
        match for_the_next_start {
            true => self.left.add_one(),
            false => self.dead.add_one(),
        }
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// Adds one, where nobody else writes at the same time: that costs less.
    pub(crate) fn add_one_alone(&self) {
        self.0.store(self.get() + 1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What became of the events of one registration: once it is idle, what was published to it is the sum of `handled`, `filtered`,
/// `dead`, `left` and `abandoned`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HandlerReport {
    /// The name of the registration.
    pub handler: String,
    /// The type of the events.
    pub event: &'static str,
    /// Events that were handled.
    pub handled: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Events that a filter or a middleware kept away.
    pub filtered: u64,
    /// Events that became dead letters.
    pub dead: u64,
    /// Events that a shutdown left over, kept for the next start.
    pub left: u64,
    /// Events that the handler was not given because it had stopped: they are among `left`, or else among `dead`.
    pub stopped: u64,
    /// How many of these had been tried before.
    pub stopped_tried: u64,
    /// Events whose publisher gave up while the queue was full: the sender has stopped, or its own handler ran out of time.
    pub abandoned: u64,
    /// Events that wait now, in the queue and for another attempt.
    pub waiting: usize,
}
