//! `[delivery]`: how events are handed to handlers.

use std::time::Duration;

use greenroom_actors::router;
use serde::Serialize;

pub use greenroom_actors::mailbox::Overflow;
pub use greenroom_actors::router::Order;

use super::{HOUR, millis};
use crate::config::reader::Section;
use crate::config::value::Choice;

/// How events are handed to handlers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Delivery {
    /// How many events may wait for one handler; 1,024 by default.
    pub queue: usize,
    /// How many events one handler works on at a time; 256 by default.
    pub concurrency: usize,
    /// Which events wait for one another; `per_channel` by default.
    pub order: Order,
    /// How often an event is tried before it becomes a dead letter; 3 by default.
    pub attempts: u32,
    /// The time that one attempt may take; 30 s by default.
    #[serde(rename = "timeout_ms", serialize_with = "millis")]
    pub timeout: Duration,
    /// What happens to an event if the queue is full; `block` by default.
    pub overflow: Overflow,
}

impl Delivery {
    /// Reads the section; what it leaves out is taken from `default`.
    pub(super) fn read(mut section: Section<'_>, default: &Self) -> Self {
        let delivery = Self {
            queue: section.number("queue", default.queue, 1..=1_048_576),
            concurrency: section.number("concurrency", default.concurrency, 1..=65_536),
            order: section.choice("order", default.order),
            attempts: section.number("attempts", default.attempts, 1..=100),
            timeout: section.millis("timeout_ms", default.timeout, 1..=HOUR),
            overflow: section.choice("overflow", default.overflow),
        };
        section.finish();
        delivery
    }
}

impl From<&Delivery> for router::Delivery {
    fn from(delivery: &Delivery) -> Self {
        Self {
            queue: delivery.queue,
            overflow: delivery.overflow,
            order: delivery.order,
            concurrency: delivery.concurrency,
            timeout: delivery.timeout,
            attempts: delivery.attempts,
            ..Self::default()
        }
    }
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            queue: 1_024,
            concurrency: 256,
            order: Order::PerChannel,
            attempts: 3,
            timeout: Duration::from_secs(30),
            overflow: Overflow::Block,
        }
    }
}

impl Choice for Order {
    const ALL: &'static [(&'static str, Self)] = &[
        ("per_channel", Self::PerChannel),
        ("serial", Self::Serial),
        ("unordered", Self::Unordered),
    ];
}

impl Choice for Overflow {
    const ALL: &'static [(&'static str, Self)] = &[
        ("block", Self::Block),
        ("drop_newest", Self::DropNewest),
        ("drop_oldest", Self::DropOldest),
        ("reject", Self::Reject),
    ];
}
