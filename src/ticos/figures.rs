//! What a device counts.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use greenroom_actors::clock::{self, Instant};
use greenroom_actors::telemetry::Counter;
use serde::Serialize;

use super::codec::Bad;

/// Counters since the start of the device.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) connections: Counter,
    pub(super) received: Counter,
    pub(super) dispatched: Counter,
    pub(super) bad: Counter,
    pub(super) stored: Counter,
    pub(super) handler_errors: Counter,
    since: Instant,
    /// The kinds of bad frames that were told of.
    told: Mutex<BTreeSet<Bad>>,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            connections: Counter::default(),
            received: Counter::default(),
            dispatched: Counter::default(),
            bad: Counter::default(),
            stored: Counter::default(),
            handler_errors: Counter::default(),
            since: clock::now(),
            told: Mutex::default(),
        }
    }
}

/// What a device has done since it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Agents that are connected now.
    pub connections: u64,
    /// Whole messages received, good and bad.
    pub received: u64,
    /// Calls of handlers.
    pub dispatched: u64,
    /// Messages that were dropped since they are no JSON objects.
    pub bad: u64,
    /// Messages stored; changes do not count.
    pub stored: u64,
    /// Handlers that failed or panicked.
    pub handler_errors: u64,
    /// Seconds since the start.
    pub uptime_s: u64,
}

impl Figures {
    pub(super) fn stats(&self) -> Stats {
        Stats {
            connections: self.connections.get(),
            received: self.received.get(),
            dispatched: self.dispatched.get(),
            bad: self.bad.get(),
            stored: self.stored.get(),
            handler_errors: self.handler_errors.get(),
            uptime_s: clock::now().saturating_duration_since(self.since).as_secs(),
        }
    }

    /// Counts a frame that is no message; each kind is told of once.
    pub(super) fn bad_frame(&self, bad: Bad, agent: u64) {
        self.bad.add(1);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(bad) {
            tracing::warn!(
                agent,
                "dropped {}; further ones are only counted",
                bad.words()
            );
        }
    }
}
