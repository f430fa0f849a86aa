//! How events are delivered to one registration.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::mailbox::Overflow;
use crate::supervisor::Backoff;

/// In which order the events of one registration are handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Events of one channel one after another, other channels beside them. The default.
    #[default]
    PerChannel,
    /// All events one after another.
    Serial,
    /// No order.
    Unordered,
}

/// How events are delivered to one registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How many events may wait; 1,024.
    pub queue: usize,
    /// What happens to an event that finds the queue full; [`Overflow::Block`].
    pub overflow: Overflow,
    /// In which order they are handled; [`Order::PerChannel`].
    pub order: Order,
    /// How many may be in the handler's hands at once; 256.
    pub concurrency: usize,
    /// How long handling one may take; 30 s.
    pub timeout: Duration,
    /// How often an event is tried before it becomes a dead letter; 3.
    pub attempts: u32,
    /// How long to wait between tries; 100 ms doubling to 5 s, full jitter.
    pub backoff: Backoff,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            queue: 1_024,
            overflow: Overflow::default(),
            order: Order::default(),
            concurrency: 256,
            timeout: Duration::from_secs(30),
            attempts: 3,
            backoff: Backoff::exponential(Duration::from_millis(100), Duration::from_secs(5)),
        }
    }
}
