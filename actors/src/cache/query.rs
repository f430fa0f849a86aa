//! Which messages of a channel are asked for.

use serde::{Deserialize, Serialize};

use crate::event::{ChannelKey, Id};

/// A part of a channel, newest message first unless said otherwise.
///
/// # Examples
///
/// ```
/// use greenroom_actors::cache::Query;
/// use greenroom_actors::event::ChannelKey;
///
/// let general = ChannelKey::new(7, 42);
/// let page = Query::latest(general.clone(), 50).offset(100);
/// let earlier = Query::latest(general.clone(), 20).before(1_000);
/// let missed = Query::latest(general, 20).after(1_000).oldest_first();
/// # assert_eq!((page.offset, earlier.limit, missed.order), (100, 20, greenroom_actors::cache::Order::OldestFirst));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Query {
    /// The channel.
    pub channel: ChannelKey,
    /// Only messages with a larger id than this.
    pub after: Option<Id>,
    /// Only messages with a smaller id than this.
    pub before: Option<Id>,
    /// At most so many messages.
    pub limit: usize,
    /// So many messages are left out first.
    pub offset: usize,
    /// Which end comes first.
    pub order: Order,
}

/// The order of an answer: that of the ids, which is that of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum Order {
    /// The largest id first.
    #[default]
    NewestFirst,
    /// The smallest id first.
    OldestFirst,
}

impl Query {
    /// Asks for the newest `limit` messages of `channel`.
    #[must_use]
    pub fn latest(channel: ChannelKey, limit: usize) -> Self {
        Self {
            channel,
            after: None,
            before: None,
            limit,
            offset: 0,
            order: Order::NewestFirst,
        }
    }

    /// Asks only for messages with a larger id than `id` (default: no bound).
    #[must_use]
    pub fn after(mut self, id: impl Into<Id>) -> Self {
        self.after = Some(id.into());
        self
    }

    /// Asks only for messages with a smaller id than `id` (default: no bound).
    #[must_use]
    pub fn before(mut self, id: impl Into<Id>) -> Self {
        self.before = Some(id.into());
        self
    }

    /// Leaves out the first `messages` of the answer (default: 0).
    #[must_use]
    pub fn offset(mut self, messages: usize) -> Self {
        self.offset = messages;
        self
    }

    /// Asks for the smallest ids first (default: the largest).
    #[must_use]
    pub fn oldest_first(mut self) -> Self {
        self.order = Order::OldestFirst;
        self
    }

    /// Tells whether `id` lies between the bounds.
    pub(super) fn covers(&self, id: &Id) -> bool {
        self.after.as_ref().is_none_or(|after| id > after)
            && self.before.as_ref().is_none_or(|before| id < before)
    }

    /// Tells whether every id from `first` to `last` lies between the bounds.
    pub(super) fn covers_all(&self, first: &Id, last: &Id) -> bool {
        self.covers(first) && self.covers(last)
    }

    /// Tells whether no id from `first` to `last` can lie between the bounds.
    pub(super) fn misses(&self, first: &Id, last: &Id) -> bool {
        self.after.as_ref().is_some_and(|after| last <= after)
            || self.before.as_ref().is_some_and(|before| first >= before)
    }
}
