//! The changes of all channels of a batch, in order: `length u32 | sum u32 | version u8 | operations`. Done again at the next open,
//! they give the tails, and what the engine had not flushed. Pure.

use bytes::Bytes;

use super::chunk::{Row, entry, put_row};
use super::codec::{Reader, put_channel, put_id};
use crate::event::{ChannelKey, Id};

/// One change of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// All messages are gone.
    Clear,
    /// One message is gone.
    Delete(Id),
    /// All messages up to this id are gone.
    Forget(Id),
    /// A message is there, in place of an older one of the same id.
    Save(Id, Row),
}

/// Operations that wait for the next batch, as they will be written.
#[derive(Debug, Default)]
pub(super) struct Pending {
    bytes: Vec<u8>,
    pub(super) operations: usize,
}

impl Pending {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.operations = 0;
    }

    pub(super) fn save(&mut self, channel: &ChannelKey, id: &Id, row: &Row) {
        self.begin(SAVE, channel);
        put_id(&mut self.bytes, id);
        put_row(&mut self.bytes, row);
        self.bytes.extend_from_slice(&row.body);
    }

    pub(super) fn delete(&mut self, channel: &ChannelKey, id: &Id) {
        self.begin(DELETE, channel);
        put_id(&mut self.bytes, id);
    }

    pub(super) fn forget(&mut self, channel: &ChannelKey, through: &Id) {
        self.begin(FORGET, channel);
        put_id(&mut self.bytes, through);
    }

    pub(super) fn clear_channel(&mut self, channel: &ChannelKey) {
        self.begin(CLEAR, channel);
    }

    /// Returns the batch as it is written.
    pub(super) fn seal(&mut self) -> &[u8] {
        if let Some((header, batch)) = self.bytes.split_first_chunk_mut::<HEADER>() {
            let length = u32::try_from(batch.len()).unwrap_or(u32::MAX);
            header[..4].copy_from_slice(&length.to_be_bytes());
            header[4..].copy_from_slice(&crc32fast::hash(batch).to_be_bytes());
        }
        &self.bytes
    }

    /// Returns the operations.
    pub(super) fn batch(&self) -> &[u8] {
        self.bytes.get(HEADER..).unwrap_or_default()
    }

    fn begin(&mut self, tag: u8, channel: &ChannelKey) {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(&[0; HEADER]);
            self.bytes.push(VERSION);
        }
        self.bytes.push(tag);
        put_channel(&mut self.bytes, channel);
        self.operations += 1;
    }
}

/// Reads a batch; `None` if it is not one of ours. Bodies are copies, so that a kept message does not keep its batch.
pub(super) fn decode(value: &[u8]) -> Option<Vec<(ChannelKey, Operation)>> {
    let mut operations = Vec::new();
    let mut reader = Reader(value);
    if reader.u8()? != VERSION {
        return None;
    }
    while !reader.0.is_empty() {
        operations.push(operation(&mut reader)?);
    }
    Some(operations)
}

fn operation(reader: &mut Reader<'_>) -> Option<(ChannelKey, Operation)> {
    let tag = reader.u8()?;
    let channel = reader.channel()?;
    let operation = match tag {
        CLEAR => Operation::Clear,
        DELETE => Operation::Delete(reader.id()?),
        FORGET => Operation::Forget(reader.id()?),
        SAVE => {
            let id = reader.id()?;
            let (at, format, length) = entry(reader)?;
            let body = Bytes::copy_from_slice(reader.bytes(length)?);
            Operation::Save(id, Row { at, format, body })
        }
        _ => return None,
    };
    Some((channel, operation))
}

/// What precedes the operations of a batch: their length and sum.
pub(super) const HEADER: usize = 8;
const VERSION: u8 = 1;
const SAVE: u8 = 1;
const DELETE: u8 = 2;
const FORGET: u8 = 3;
const CLEAR: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_read_back_in_order() {
        let channel = ChannelKey::new("space", 7);
        let row = Row {
            at: 1,
            format: 2,
            body: Bytes::from_static(b"hello"),
        };
        let mut pending = Pending::default();
        pending.save(&channel, &Id::from(1), &row);
        pending.delete(&channel, &Id::from("x"));
        pending.forget(&channel, &Id::from(3));
        pending.clear_channel(&channel);
        assert_eq!(pending.operations, 4);
        let operations = decode(pending.batch()).expect("a batch");
        let operations: Vec<_> = operations
            .into_iter()
            .map(|(_, operation)| operation)
            .collect();
        assert_eq!(
            operations,
            [
                Operation::Save(Id::from(1), row),
                Operation::Delete(Id::from("x")),
                Operation::Forget(Id::from(3)),
                Operation::Clear,
            ]
        );
        let batch = pending.batch();
        assert_eq!(decode(&batch[..batch.len() - 1]), None);
    }
}
