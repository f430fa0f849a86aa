//! Messages on their way into a cache.

use bytes::Bytes;

use super::record::Record;
use crate::event::{ChannelKey, Id};

/// Messages that are handed to a cache together. Their bodies are copied into one block, once, and no further on the way: this is
/// what to use where messages come by the hundred thousand.
///
/// # Examples
///
/// ```
/// use greenroom_actors::cache::Batch;
/// use greenroom_actors::event::{ChannelKey, Id};
///
/// let mut batch = Batch::new();
/// batch.push(ChannelKey::new(7, 42), Id::from(1), 0, 1, b"hello");
/// assert_eq!((batch.len(), batch.bytes()), (1, 5));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    bodies: Vec<u8>,
    entries: Vec<Entry>,
    /// So many messages at the front are left out.
    skipped: usize,
}

/// A message without its body, which ends at `end` and begins where the one before it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) channel: ChannelKey,
    pub(super) id: Id,
    pub(super) at: u64,
    pub(super) format: u8,
    pub(super) end: usize,
}

impl Batch {
    /// Creates a batch without messages.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a batch with room for so many messages, and so many bytes of bodies.
    #[must_use]
    pub fn with_capacity(messages: usize, bytes: usize) -> Self {
        Self {
            bodies: Vec::with_capacity(bytes),
            entries: Vec::with_capacity(messages),
            skipped: 0,
        }
    }

    /// Adds a message; the meaning of the parts is that of [`Record`].
    pub fn push(&mut self, channel: ChannelKey, id: Id, at: u64, format: u8, body: &[u8]) {
        self.bodies.extend_from_slice(body);
        let end = self.bodies.len();
        self.entries.push(Entry {
            channel,
            id,
            at,
            format,
            end,
        });
    }

    /// Returns how many messages it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len() - self.skipped
    }

    /// Returns true if it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Leaves out the message that was added first, if there is one. Its memory is free when the batch is.
    pub fn drop_first(&mut self) {
        self.skipped = self.entries.len().min(self.skipped + 1);
    }

    /// Returns how long the bodies are together, those of messages that are left out included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bodies.len()
    }

    /// Returns the messages one by one; their bodies share the batch's memory.
    #[must_use]
    pub fn into_records(self) -> Vec<Record> {
        let (mut start, entries, bodies) = self.into_parts();
        let records = entries.map(|entry| {
            let body = bodies.slice(start..entry.end);
            start = entry.end;
            Record {
                channel: entry.channel,
                id: entry.id,
                at: entry.at,
                format: entry.format,
                body,
            }
        });
        records.collect()
    }

    /// Returns where the first body begins, the messages, and the bodies.
    pub(super) fn into_parts(self) -> (usize, impl Iterator<Item = Entry>, Bytes) {
        let last = self.skipped.checked_sub(1);
        let start = last.and_then(|last| self.entries.get(last));
        let start = start.map_or(0, |entry| entry.end);
        let entries = self.entries.into_iter().skip(self.skipped);
        (start, entries, self.bodies.into())
    }

    /// Shares the messages out over `shards` batches.
    pub(super) fn split(self, shards: usize, shard_of: impl Fn(&ChannelKey) -> usize) -> Vec<Self> {
        if shards == 1 {
            return vec![self];
        }
        let mut parts = vec![Self::default(); shards];
        let (mut start, entries, bodies) = self.into_parts();
        for entry in entries {
            let body = bodies.get(start..entry.end).unwrap_or_default();
            start = entry.end;
            if let Some(part) = parts.get_mut(shard_of(&entry.channel)) {
                part.push(entry.channel, entry.id, entry.at, entry.format, body);
            }
        }
        parts
    }
}

impl From<Vec<Record>> for Batch {
    fn from(records: Vec<Record>) -> Self {
        let bytes = records.iter().map(|record| record.body.len()).sum();
        let mut batch = Self::with_capacity(records.len(), bytes);
        for record in records {
            let Record {
                channel,
                id,
                at,
                format,
                body,
            } = record;
            batch.push(channel, id, at, format, &body);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(number: usize) -> ChannelKey {
        ChannelKey::new(1, number as i64)
    }

    #[test]
    fn messages_come_out_as_they_went_in() {
        let bodies = ["one", "", "three", "four"];
        let mut batch = Batch::new();
        for (number, body) in bodies.iter().enumerate() {
            batch.push(channel(number), Id::from(5), 7, 1, body.as_bytes());
        }
        let records = batch.clone().into_records();
        assert!(
            records
                .iter()
                .map(|record| &record.body[..])
                .eq(bodies.map(str::as_bytes))
        );
        assert_eq!(Batch::from(records.clone()), batch);
        batch.drop_first();
        assert_eq!(
            (batch.len(), batch.clone().into_records()),
            (3, records[1..].to_vec())
        );
        let parts = batch
            .clone()
            .split(2, |key| usize::from(*key == channel(3)));
        let parts = parts.into_iter().map(Batch::into_records);
        assert!(parts.eq([records[1..3].to_vec(), records[3..].to_vec()]));
        (0..9).for_each(|_| batch.drop_first());
        assert!(batch.is_empty() && batch.into_records().is_empty());
    }
}
