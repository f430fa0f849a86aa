//! What a client says of what it has done, and how it counts that.

use std::io;

use greenroom_actors::clock::{self, Instant};
use serde::{Deserialize, Serialize};

use super::process;

/// The report of a client, one line of JSON.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(in crate::cli) struct Report {
    pub(in crate::cli) events: u64,
    /// From the first event to the last one, as the client saw them.
    pub(in crate::cli) seconds: f64,
    /// The bytes of all contents.
    pub(in crate::cli) sum: u64,
    /// Events that came before an earlier one of their channel.
    pub(in crate::cli) disorder: u64,
    /// Events a second in the first and in the last third.
    pub(in crate::cli) thirds: Option<(f64, f64)>,
    /// Median, 99 % and 99.9 % of the time between the moment at which an event should have been sent and its handling.
    pub(in crate::cli) latency_us: Option<[f64; 3]>,
    /// The most events that were seen waiting for one handler.
    pub(in crate::cli) longest_queue: Option<usize>,
    /// Messages that were left out of the cache.
    pub(in crate::cli) cache_dropped: Option<u64>,
}

impl Report {
    /// Prints it for the process that started this one.
    pub(in crate::cli) fn print(&self) -> io::Result<()> {
        process::say(self)
    }

    /// Adds what another bot has seen of the same run.
    pub(in crate::cli) fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.seconds = self.seconds.max(other.seconds);
        self.sum += other.sum;
        self.disorder += other.disorder;
    }
}

/// When the thirds of a run ended.
#[derive(Clone, Debug)]
pub(super) struct Thirds {
    total: u64,
    next: u64,
    marks: Vec<Instant>,
}

impl Thirds {
    pub(super) fn new(total: u64) -> Self {
        Self {
            total,
            next: 1,
            marks: Vec::with_capacity(4),
        }
    }

    /// Notes that so many events have come.
    pub(super) fn count(&mut self, events: u64) {
        if events == self.next {
            self.marks.push(clock::now());
            self.next = match self.marks.len() {
                number @ 1..=2 => (self.total * number as u64 / 3).max(self.next + 1),
                3 => self.total.max(self.next + 1),
                _ => 0,
            };
        }
    }

    /// Returns events a second in the first and the last third.
    pub(super) fn rates(&self) -> Option<(f64, f64)> {
        let [first, second, third, last] = *self.marks.as_slice() else {
            return None;
        };
        let part = self.total as f64 / 3.0;
        let rate = |from: Instant, to: Instant| part / (to - from).as_secs_f64().max(1e-9);
        Some((rate(first, second), rate(third, last)))
    }
}

/// Times in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies(Vec<u32>);

impl Latencies {
    pub(super) fn add(&mut self, nanos: u64) {
        self.0.push(u32::try_from(nanos).unwrap_or(u32::MAX));
    }

    /// Returns median, 99 % and 99.9 % in microseconds; `None` if there are no times.
    pub(super) fn quantiles(mut self) -> Option<[f64; 3]> {
        self.0.sort_unstable();
        let last = self.0.len().checked_sub(1)?;
        Some([0.5, 0.99, 0.999].map(|part| {
            let place = (last as f64 * part).round() as usize;
            f64::from(self.0[place]) / 1e3
        }))
    }
}
