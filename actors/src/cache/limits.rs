//! How much is kept.

use std::time::Duration;

/// What may be kept of one channel, or in all; what is beyond goes, oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bound {
    /// How old a message may become, by its own time.
    pub age: Option<Duration>,
    /// How long the bodies may be together.
    pub bytes: Option<u64>,
    /// How many messages.
    pub messages: Option<u64>,
}

impl Bound {
    /// No bound at all.
    pub const NONE: Self = Self {
        age: None,
        bytes: None,
        messages: None,
    };

    /// Bounds the age (default: unbounded).
    #[must_use]
    pub fn age(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }

    /// Bounds the length of the bodies together (default: unbounded).
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// Bounds the number of messages (default: unbounded).
    #[must_use]
    pub fn messages(mut self, messages: u64) -> Self {
        self.messages = Some(messages);
        self
    }

    /// Tells whether so much is too much.
    pub(super) fn exceeded_by(&self, messages: u64, bytes: u64) -> bool {
        self.messages.is_some_and(|most| messages > most)
            || self.bytes.is_some_and(|most| bytes > most)
    }

    /// The part of this bound that one of `shards` may use.
    fn share(self, shards: usize) -> Self {
        let share = |all: u64| (all / shards.max(1) as u64).max(all.min(1));
        Self {
            age: self.age,
            bytes: self.bytes.map(share),
            messages: self.messages.map(share),
        }
    }
}

/// The bounds of a cache.
///
/// Within a channel the smallest id is the oldest. Between channels the time of the oldest message decides. The bounds in all are
/// shared out evenly over the shards, so a cache of many shards with few channels keeps less than they say, never more.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use greenroom_actors::cache::{Bound, Limits};
///
/// let limits = Limits::default()
///     .per_channel(Bound::NONE.messages(200))
///     .total(Bound::NONE.bytes(64 << 20).age(Duration::from_secs(30 * 86_400)));
/// assert_eq!(limits.per_channel.messages, Some(200));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// What may be kept of each channel.
    pub per_channel: Bound,
    /// What may be kept of all channels together.
    pub total: Bound,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_channel: Bound::NONE.messages(10_000),
            total: Bound::NONE.messages(1_000_000).bytes(512 << 20),
        }
    }
}

impl Limits {
    /// Sets the bounds of each channel (default: 10,000 messages).
    #[must_use]
    pub fn per_channel(mut self, bound: Bound) -> Self {
        self.per_channel = bound;
        self
    }

    /// Sets the bounds of all channels together (default: 1,000,000 messages and 512 MiB).
    #[must_use]
    pub fn total(mut self, bound: Bound) -> Self {
        self.total = bound;
        self
    }

    /// The smaller of the two ages, in seconds.
    pub(super) fn age(&self) -> Option<u64> {
        let ages = [self.per_channel.age, self.total.age];
        ages.into_iter().flatten().min().map(|age| age.as_secs())
    }

    pub(super) fn share(self, shards: usize) -> Self {
        Self {
            per_channel: self.per_channel,
            total: self.total.share(shards),
        }
    }
}
