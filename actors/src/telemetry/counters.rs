//! The counters of a bot.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{self, Instant};
use crate::connection::Connections;

/// A number that anybody may read while its owner changes it.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Replaces the value.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Returns the value.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($(#[doc = $help:literal] $field:ident = $name:literal,)*) => {
        /// The counters of one bot, with the names under which they are reported.
        #[derive(Debug)]
        pub struct Counters {
            $(#[doc = $help] pub $field: Counter,)*
            /// What its connections are doing.
            pub connections: Connections,
            born: Instant,
        }

        impl Default for Counters {
            /// Counts from now on.
            fn default() -> Self {
                Self {
                    $($field: Counter::default(),)*
                    connections: Connections::default(),
                    born: clock::now(),
                }
            }
        }

        impl Counters {
            /// Returns all values by name.
            #[must_use]
            pub fn snapshot(&self) -> BTreeMap<&'static str, u64> {
                BTreeMap::from([$(($name, self.$field.get()),)*])
            }

            /// Returns for how long it has been counted.
            #[must_use]
            pub fn age(&self) -> Duration {
                clock::now().saturating_duration_since(self.born)
            }

            /// Returns name, meaning and value of each counter, in the order of their fields.
            pub(crate) fn described(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$(($name, $help.trim(), self.$field.get()),)*]
            }
        }
    };
}

counters! {
    /// Messages that the cache has taken.
    cached = "greenroom_cached_messages_total",
    /// Messages that were left out of the cache, because it was too slow or failed.
    cache_dropped = "greenroom_cache_dropped_total",
    /// How often a connection has become live.
    connects = "greenroom_connects_total",
    /// Events that platforms sent.
    events = "greenroom_events_total",
    /// Missed events that could not be fetched after a reconnect: how often.
    failed_catch_ups = "greenroom_failed_catch_ups_total",
    /// Websocket messages received.
    frames = "greenroom_frames_received_total",
    /// How long the answer to the last heartbeat took, in microseconds.
    heartbeat_rtt_us = "greenroom_heartbeat_rtt_microseconds",
    /// Messages that are none of the platform's business.
    ignored = "greenroom_frames_ignored_total",
    /// Answers that nobody waited for any more.
    late_answers = "greenroom_late_answers_total",
    /// Joins that a platform put off, because there were too many at once.
    limited = "greenroom_joins_limited_total",
    /// Messages that could not be read.
    malformed = "greenroom_frames_malformed_total",
    /// Tries to connect again.
    reconnect_attempts = "greenroom_reconnect_attempts_total",
    /// Successful reconnects.
    reconnects = "greenroom_reconnects_total",
    /// Missed events that were fetched and delivered.
    replayed = "greenroom_events_replayed_total",
    /// Messages of the bot that a platform has taken.
    replies = "greenroom_replies_total",
    /// Messages sent.
    sent = "greenroom_frames_sent_total",
    /// Events received and not handed out, because the link broke or the bot was stopping.
    unread = "greenroom_events_unread_total",
    /// Messages of the bot that did not leave, or nobody knows: their channel ended first, or nobody waited any more.
    unsent = "greenroom_unsent_total",
}
