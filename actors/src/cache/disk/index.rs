//! What is known in memory of one channel.

use std::collections::VecDeque;

use bytes::Bytes;

use super::values::Place;
use crate::cache::chunk::{self, Row, Span};
use crate::cache::codec::Reader;
use crate::cache::record::ChannelInfo;
use crate::event::{ChannelKey, Id};

/// One channel: its values on the disk, its tail in memory.
#[derive(Debug, Default)]
pub(super) struct Channel {
    /// The values.
    pub(super) chunks: Chunks,
    /// Messages that fill no value yet; each id is larger than all in `chunks`.
    pub(super) tail: Tail,
    /// How many messages are kept.
    pub(super) messages: u64,
    /// The length of their bodies.
    pub(super) bytes: u64,
    /// What the limits left of the first value, once it was looked into. Empty: all of it.
    pub(super) front: VecDeque<Front>,
    /// The first file of the journal that the tail needs.
    pub(super) since: Option<u32>,
    /// The place in the store's order of ages.
    pub(super) age: Option<u64>,
}

/// The values of a channel, by their first id. They come in that order but for exceptions, and go at the front: a tree would be no
/// faster, and is two kilobytes for a channel of one value.
#[derive(Debug, Default)]
pub(super) struct Chunks(VecDeque<(Id, Value)>);

impl Chunks {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn first(&self) -> Option<&(Id, Value)> {
        self.0.front()
    }

    pub(super) fn last(&self) -> Option<&(Id, Value)> {
        self.0.back()
    }

    pub(super) fn get(&self, first: &Id) -> Option<&Value> {
        let place = self.place(first).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, first: &Id) -> Option<&mut Value> {
        let place = self.place(first).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// The last value that begins at or before `id`.
    pub(super) fn at_or_before(&self, id: &Id) -> Option<&(Id, Value)> {
        let after = self.0.partition_point(|(first, _)| first <= id);
        self.0.get(after.checked_sub(1)?)
    }

    /// The first value that begins after `id`.
    pub(super) fn after(&self, id: &Id) -> Option<&(Id, Value)> {
        let after = self.0.partition_point(|(first, _)| first <= id);
        self.0.get(after)
    }

    /// The values from the one that begins with `start`, or from the first, to the last that begins before `end`.
    pub(super) fn between(
        &self,
        start: Option<&Id>,
        end: Option<&Id>,
    ) -> impl DoubleEndedIterator<Item = &(Id, Value)> {
        let before = |id: &Id| self.0.partition_point(|(first, _)| first < id);
        let start = start.map_or(0, before);
        let end = end.map_or(self.0.len(), before).max(start);
        self.0.range(start..end)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(Id, Value)> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut (Id, Value)> {
        self.0.iter_mut()
    }

    pub(super) fn insert(&mut self, first: Id, value: Value) {
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact(1 + self.0.len() / 2);
        }
        match self.place(&first) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.0.insert(place, (first, value)),
        }
    }

    pub(super) fn remove(&mut self, first: &Id) -> Option<Value> {
        let place = self.place(first).ok()?;
        self.0.remove(place).map(|(_, value)| value)
    }

    pub(super) fn pop_first(&mut self) -> Option<(Id, Value)> {
        self.0.pop_front()
    }

    pub(super) fn into_values(self) -> impl Iterator<Item = Value> {
        self.0.into_iter().map(|(_, value)| value)
    }

    fn place(&self, first: &Id) -> Result<usize, usize> {
        if self.0.back().is_some_and(|(last, _)| last < first) {
            return Err(self.0.len());
        }
        self.0.binary_search_by(|(one, _)| one.cmp(first))
    }
}

/// One value: where it is, and what is in it.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) place: Place,
    pub(super) span: Span,
    /// The value itself, if it is one of the channel's last.
    pub(super) kept: Option<Bytes>,
}

impl Value {
    /// Writes what the engine keeps.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.push(VERSION);
        self.place.put(&mut out);
        chunk::put_span(&mut out, &self.span);
        out
    }

    /// Reads what [`Self::encode`] wrote; `None` if it is something else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.u8()? != VERSION {
            return None;
        }
        let place = Place::read(&mut reader)?;
        let span = chunk::read_span(&mut reader)?;
        reader.0.is_empty().then_some(Self {
            place,
            span,
            kept: None,
        })
    }
}

/// One message of the first value of a channel.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) id: Id,
    pub(super) at: u64,
    pub(super) bytes: u64,
}

/// A message of a tail.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) id: Id,
    pub(super) row: Row,
    /// The file of the journal that has it, or one before.
    pub(super) since: u32,
}

/// Messages in ascending order of ids. They come in that order but for exceptions.
#[derive(Debug, Default)]
pub(super) struct Tail(pub(super) VecDeque<Item>);

impl Tail {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn first(&self) -> Option<&Item> {
        self.0.front()
    }

    pub(super) fn last(&self) -> Option<&Item> {
        self.0.back()
    }

    pub(super) fn get(&self, id: &Id) -> Option<&Row> {
        let place = self.place(id).ok()?;
        self.0.get(place).map(|item| &item.row)
    }

    /// Puts a message in; returns what it replaces.
    pub(super) fn insert(&mut self, item: Item) -> Option<Row> {
        if self.0.back().is_none_or(|last| last.id < item.id) {
            self.0.push_back(item);
            return None;
        }
        match self.place(&item.id) {
            Ok(place) => {
                let old = self.0.get_mut(place)?;
                Some(std::mem::replace(&mut old.row, item.row))
            }
            Err(place) => {
                self.0.insert(place, item);
                None
            }
        }
    }

    pub(super) fn remove(&mut self, id: &Id) -> Option<Row> {
        let place = self.place(id).ok()?;
        self.0.remove(place).map(|item| item.row)
    }

    /// The first file of the journal that has one of the messages.
    pub(super) fn since(&self) -> Option<u32> {
        self.0.iter().map(|item| item.since).min()
    }

    fn place(&self, id: &Id) -> Result<usize, usize> {
        self.0.binary_search_by(|item| item.id.cmp(id))
    }
}

impl Channel {
    /// The largest id that lies in a value.
    pub(super) fn settled(&self) -> Option<&Id> {
        self.chunks.last().map(|(_, value)| &value.span.last)
    }

    /// Tells whether `id` belongs into a value rather than into the tail.
    pub(super) fn settles(&self, id: &Id) -> bool {
        self.settled().is_some_and(|last| id <= last)
    }

    /// The value that `id` is in, or would be in: the last that begins at or before it, else the first.
    pub(super) fn chunk_for(&self, id: &Id) -> Option<&Id> {
        let at_or_before = self.chunks.at_or_before(id);
        at_or_before
            .or_else(|| self.chunks.first())
            .map(|(first, _)| first)
    }

    /// Tells whether the value that begins with `first` is the first one.
    pub(super) fn is_front(&self, first: &Id) -> bool {
        self.chunks.first().is_some_and(|(front, _)| front == first)
    }

    /// The smallest id that is kept, if the first value has smaller ones which the limits took away.
    pub(super) fn floor(&self) -> Option<&Id> {
        self.front.front().map(|front| &front.id)
    }

    /// How many messages, and bytes, of the first value are kept.
    pub(super) fn front_size(&self) -> (u64, u64) {
        if self.front.is_empty() {
            let first = self.chunks.first();
            return first.map_or((0, 0), |(_, value)| (value.span.rows, value.span.bytes));
        }
        let bytes = self.front.iter().map(|front| front.bytes).sum();
        (self.front.len() as u64, bytes)
    }

    /// The time of the oldest message: that of the smallest id, or before the first value was looked into, the smallest in it.
    pub(super) fn oldest_at(&self) -> Option<u64> {
        let front = self.front.front().map(|front| front.at);
        front
            .or_else(|| self.chunks.first().map(|(_, value)| value.span.oldest))
            .or_else(|| self.tail.first().map(|item| item.row.at))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.tail.is_empty()
    }

    pub(super) fn info(&self, key: &ChannelKey) -> Option<ChannelInfo> {
        let settled = self.chunks.first().map(|(first, _)| first);
        let oldest = self
            .floor()
            .or(settled)
            .or_else(|| self.tail.first().map(|item| &item.id))?;
        let newest = self.tail.last().map(|item| &item.id);
        let newest = newest.or_else(|| self.settled())?;
        Some(ChannelInfo {
            channel: key.clone(),
            messages: self.messages,
            bytes: self.bytes,
            oldest: oldest.clone(),
            newest: newest.clone(),
        })
    }
}

/// The first byte of a whole value is 1: the format before this one had them here.
const VERSION: u8 = 2;
