//! What is known in memory of one channel.

use std::collections::{BTreeMap, VecDeque};

use crate::cache::chunk::{Row, Span};
use crate::cache::record::ChannelInfo;
use crate::event::{ChannelKey, Id};

/// One channel: its values on the disk, its tail in memory.
#[derive(Debug, Default)]
pub(super) struct Channel {
    /// The values, by their first id.
    pub(super) chunks: BTreeMap<Id, Span>,
    /// Messages that fill no value yet; each id is larger than all in `chunks`.
    pub(super) tail: BTreeMap<Id, Row>,
    /// How many messages are kept.
    pub(super) messages: u64,
    /// The length of their bodies.
    pub(super) bytes: u64,
    /// What the limits left of the first value, once it was looked into. Empty: all of it.
    pub(super) front: VecDeque<Front>,
    /// The first journal batch that the tail needs.
    pub(super) since: Option<u64>,
    /// The place in the store's order of ages.
    pub(super) age: Option<u64>,
}

/// One message of the first value of a channel.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) id: Id,
    pub(super) at: u64,
    pub(super) bytes: u64,
}

impl Channel {
    /// The largest id that lies in a value.
    pub(super) fn settled(&self) -> Option<&Id> {
        self.chunks.last_key_value().map(|(_, span)| &span.last)
    }

    /// Tells whether `id` belongs into a value rather than into the tail.
    pub(super) fn settles(&self, id: &Id) -> bool {
        self.settled().is_some_and(|last| id <= last)
    }

    /// The value that `id` is in, or would be in: the last that begins at or before it, else the first.
    pub(super) fn chunk_for(&self, id: &Id) -> Option<&Id> {
        let at_or_before = self.chunks.range(..=id).next_back();
        at_or_before
            .or_else(|| self.chunks.first_key_value())
            .map(|(first, _)| first)
    }

    /// Tells whether the value that begins with `first` is the first one.
    pub(super) fn is_front(&self, first: &Id) -> bool {
        self.chunks
            .first_key_value()
            .is_some_and(|(front, _)| front == first)
    }

    /// The smallest id that is kept, if the first value has smaller ones which the limits took away.
    pub(super) fn floor(&self) -> Option<&Id> {
        self.front.front().map(|front| &front.id)
    }

    /// How many messages, and bytes, of the first value are kept.
    pub(super) fn front_size(&self) -> (u64, u64) {
        if self.front.is_empty() {
            let span = self.chunks.first_key_value();
            return span.map_or((0, 0), |(_, span)| (span.rows, span.bytes));
        }
        let bytes = self.front.iter().map(|front| front.bytes).sum();
        (self.front.len() as u64, bytes)
    }

    /// The time of the oldest message: that of the smallest id, or before the first value was looked into, the smallest in it.
    pub(super) fn oldest_at(&self) -> Option<u64> {
        let front = self.front.front().map(|front| front.at);
        front
            .or_else(|| self.chunks.first_key_value().map(|(_, span)| span.oldest))
            .or_else(|| self.tail.first_key_value().map(|(_, row)| row.at))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.tail.is_empty()
    }

    pub(super) fn info(&self, key: &ChannelKey) -> Option<ChannelInfo> {
        let settled = self.chunks.keys().next();
        let oldest = self
            .floor()
            .or(settled)
            .or_else(|| self.tail.keys().next())?;
        let newest = self.tail.keys().next_back().or_else(|| self.settled())?;
        Some(ChannelInfo {
            channel: key.clone(),
            messages: self.messages,
            bytes: self.bytes,
            oldest: oldest.clone(),
            newest: newest.clone(),
        })
    }
}
