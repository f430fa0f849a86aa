//! Writing.

use std::collections::BTreeMap;
use std::mem;
use std::ops::Bound::{Excluded, Unbounded};

use bytes::Bytes;

use super::DiskStore;
use super::index::Channel;
use crate::cache::chunk::{self, MAX_ROWS, MIN_ROWS, Row, Span};
use crate::cache::codec::chunk_key;
use crate::cache::error::CacheError;
use crate::cache::record::Record;
use crate::event::{ChannelKey, Id};

/// What becomes of ids that lie in values: a new row, or none.
type Edits = BTreeMap<Id, Option<Row>>;

/// Longer bodies are refused.
const MAX_BODY: usize = 16 << 20;

impl DiskStore {
    pub(super) fn save_all(&mut self, records: Vec<Record>) -> Result<(), CacheError> {
        let mut edits: BTreeMap<ChannelKey, Edits> = BTreeMap::new();
        let mut outcome = Ok(());
        for Record {
            channel,
            id,
            at,
            format,
            body,
        } in records
        {
            if body.len() > MAX_BODY {
                outcome = Err(CacheError::Oversized {
                    length: body.len(),
                    limit: MAX_BODY,
                });
                break;
            }
            let body = Bytes::copy_from_slice(&body);
            let row = Row { at, format, body };
            self.totals.saved += 1;
            if self
                .channels
                .get(&channel)
                .is_some_and(|known| known.settles(&id))
            {
                edits.entry(channel).or_default().insert(id, Some(row));
            } else if let Err(error) = self.append(&channel, id, row) {
                outcome = Err(error);
                break;
            }
        }
        for (channel, edits) in edits {
            outcome = outcome.and(self.edit(&channel, edits).map(|_| ()));
            outcome = outcome.and(self.enforce(&channel));
        }
        outcome
    }

    pub(super) fn remove(&mut self, key: &ChannelKey, id: &Id) -> Result<bool, CacheError> {
        let Some(channel) = self.channels.get_mut(key) else {
            return Ok(false);
        };
        let removed = if let Some(row) = channel.tail.remove(id) {
            channel.messages -= 1;
            channel.bytes -= row.bytes();
            self.totals.messages -= 1;
            self.totals.bytes -= row.bytes();
            self.tidy(key);
            1
        } else if self.find(key, id)?.is_some() {
            self.edit(key, BTreeMap::from([(id.clone(), None)]))?
        } else {
            0
        };
        if removed > 0 {
            self.journal.pending.delete(key, id);
            self.write_journal()?;
            self.trim_front(key)?;
        }
        Ok(removed > 0)
    }

    /// Writes the first value without what the limits took away: with a message fewer, they would not take it away again.
    fn trim_front(&mut self, key: &ChannelKey) -> Result<(), CacheError> {
        let channel = self
            .channels
            .get(key)
            .filter(|channel| !channel.front.is_empty());
        let Some(first) = channel
            .and_then(|channel| channel.chunks.keys().next())
            .cloned()
        else {
            return Ok(());
        };
        let rows = self.rows(key, &first)?;
        self.replace(key, Some(&first), &rows)
    }

    pub(super) fn remove_channel(&mut self, key: &ChannelKey) -> Result<u64, CacheError> {
        let Some(channel) = self.channels.get(key) else {
            return Ok(0);
        };
        let mut batch = sled::Batch::default();
        for first in channel.chunks.keys() {
            batch.remove(chunk_key(key, first));
        }
        self.gate
            .call("clear a channel", || self.chunks.apply_batch(batch))?;
        let messages = channel.messages;
        self.drop_channel(key);
        self.journal.pending.clear_channel(key);
        self.write_journal()?;
        Ok(messages)
    }

    /// Puts a message at the end of its channel.
    pub(super) fn append(&mut self, key: &ChannelKey, id: Id, row: Row) -> Result<(), CacheError> {
        self.journal.pending.save(key, &id, &row);
        let batch = self.journal.next;
        self.put_in_tail(key, id, row, batch);
        let rows = self
            .channels
            .get(key)
            .map_or(0, |channel| channel.tail.len());
        if rows >= MAX_ROWS {
            self.settle(key)?;
        }
        self.enforce(key)?;
        if self.journal.pending.operations >= self.settings.write_messages {
            self.write_journal()?;
        }
        Ok(())
    }

    /// Puts a message into the tail; it is or will be in the journal from `batch` on.
    pub(super) fn put_in_tail(&mut self, key: &ChannelKey, id: Id, row: Row, batch: u64) {
        if !self.channels.contains_key(key) {
            self.channels.insert(key.clone(), Channel::default());
        }
        let Some(channel) = self.channels.get_mut(key) else {
            return;
        };
        if channel.since.is_none() {
            channel.since = Some(batch);
            self.unsettled.insert((batch, key.clone()));
        }
        let bytes = row.bytes();
        let old = channel.tail.insert(id, row);
        let (old_rows, old_bytes) = old.map_or((0, 0), |row| (1, row.bytes()));
        channel.messages = channel.messages + 1 - old_rows;
        channel.bytes = channel.bytes + bytes - old_bytes;
        self.totals.messages = self.totals.messages + 1 - old_rows;
        self.totals.bytes = self.totals.bytes + bytes - old_bytes;
        self.note_age(key);
    }

    /// Writes a channel's tail into a value, the last one if that has room.
    pub(super) fn settle(&mut self, key: &ChannelKey) -> Result<(), CacheError> {
        let Some(channel) = self.channels.get(key) else {
            return Ok(());
        };
        let tail = channel.tail.len();
        let small = channel.chunks.last_key_value().filter(|(_, span)| {
            let rows = usize::try_from(span.rows).unwrap_or(usize::MAX);
            rows < MIN_ROWS && rows + tail <= MAX_ROWS
        });
        let small = small.map(|(first, _)| first.clone());
        if tail > 0 {
            let mut rows = match &small {
                Some(first) => self.rows(key, first)?,
                None => Vec::with_capacity(tail),
            };
            rows.extend(
                channel
                    .tail
                    .iter()
                    .map(|(id, row)| (id.clone(), row.clone())),
            );
            self.replace(key, small.as_ref(), &rows)?;
        }
        if let Some(channel) = self.channels.get_mut(key) {
            channel.tail.clear();
            if let Some(since) = channel.since.take() {
                self.unsettled.remove(&(since, key.clone()));
            }
        }
        self.note_age(key);
        Ok(())
    }

    /// Changes messages that lie in values; returns how many it removed.
    pub(super) fn edit(&mut self, key: &ChannelKey, mut edits: Edits) -> Result<u64, CacheError> {
        let mut removed = 0;
        while let Some((id, _)) = edits.first_key_value() {
            // The limits may have taken away meanwhile what the id was to be written beside.
            let channel = self.channels.get(key).filter(|channel| channel.settles(id));
            let chunk = channel.and_then(|channel| channel.chunk_for(id).zip(channel.settled()));
            let Some((channel, (first, last))) = channel.zip(chunk) else {
                if let Some((id, Some(row))) = edits.pop_first() {
                    self.append(key, id, row)?;
                }
                continue;
            };
            let next = channel.chunks.range((Excluded(first), Unbounded)).next();
            let mut later = edits.split_off(next.map_or(last, |(next, _)| next));
            if next.is_none()
                && let Some(row) = later.remove(last)
            {
                edits.insert(last.clone(), row);
            }
            let first = first.clone();
            removed += self.edit_chunk(key, &first, mem::replace(&mut edits, later))?;
        }
        Ok(removed)
    }

    fn edit_chunk(
        &mut self,
        key: &ChannelKey,
        first: &Id,
        edits: Edits,
    ) -> Result<u64, CacheError> {
        let mut rows: BTreeMap<Id, Row> = self.rows(key, first)?.into_iter().collect();
        let before = (rows.len() as u64, sum(rows.values()));
        let mut removed = 0;
        for (id, row) in edits {
            match row {
                Some(row) => drop(rows.insert(id, row)),
                None => removed += u64::from(rows.remove(&id).is_some()),
            }
        }
        let after = (rows.len() as u64, sum(rows.values()));
        let rows: Vec<(Id, Row)> = rows.into_iter().collect();
        self.replace(key, Some(first), &rows)?;
        if let Some(channel) = self.channels.get_mut(key) {
            channel.messages = channel.messages + after.0 - before.0;
            channel.bytes = channel.bytes + after.1 - before.1;
            self.totals.messages = self.totals.messages + after.0 - before.0;
            self.totals.bytes = self.totals.bytes + after.1 - before.1;
        }
        self.tidy(key);
        Ok(removed)
    }

    /// Writes `rows`, in ascending order, in place of the value that began with `old`.
    pub(super) fn replace(
        &mut self,
        key: &ChannelKey,
        old: Option<&Id>,
        rows: &[(Id, Row)],
    ) -> Result<(), CacheError> {
        let pieces = rows.len().div_ceil(MAX_ROWS).max(1);
        let size = rows.len().div_ceil(pieces).max(1);
        let mut spans = Vec::with_capacity(pieces);
        let mut batch = sled::Batch::default();
        let mut single = None;
        for piece in rows.chunks(size) {
            let (Some((first, _)), Some(span)) = (piece.first(), Span::of(piece)) else {
                continue;
            };
            let at = chunk_key(key, first);
            let value = chunk::encode(piece, &span);
            spans.push((first.clone(), span));
            if pieces == 1 && old.is_none_or(|old| old == first) {
                single = Some((at, value));
            } else {
                batch.insert(at, value);
            }
        }
        if let Some((at, value)) = single {
            self.gate.call("write", || self.chunks.insert(at, value))?;
        } else {
            let old = old.filter(|old| spans.iter().all(|(first, _)| first != *old));
            if let Some(old) = old {
                batch.remove(chunk_key(key, old));
            }
            self.gate.call("write", || self.chunks.apply_batch(batch))?;
        }
        if let Some(channel) = self.channels.get_mut(key) {
            if let Some(old) = old {
                if channel.is_front(old) {
                    channel.front.clear();
                }
                channel.chunks.remove(old);
            }
            channel.chunks.extend(spans);
        }
        Ok(())
    }

    /// Hands to the engine what waits, and drops what the journal does not need any more.
    pub(super) fn write_journal(&mut self) -> Result<(), CacheError> {
        let journal = &mut self.journal;
        if journal.pending.operations > 0 {
            let bytes = journal.pending.bytes.as_slice();
            let at = journal.next.to_be_bytes();
            self.gate.call("write", || self.log.insert(at, bytes))?;
            journal.batches.push_back((journal.next, bytes.len()));
            journal.bytes += bytes.len();
            journal.next += 1;
            journal.pending.clear();
            self.trim_journal()?;
            if self.settings.flush_every.is_zero() {
                self.sync()?;
            }
        }
        Ok(())
    }

    pub(super) fn sync(&self) -> Result<(), CacheError> {
        self.gate
            .call("flush", || self.database.flush())
            .map(|_| ())
    }

    fn trim_journal(&mut self) -> Result<(), CacheError> {
        while let Some((batch, length)) = self.journal.batches.front().copied() {
            let needs = self.unsettled.first().filter(|(since, _)| *since <= batch);
            if let Some((_, key)) = needs {
                if self.journal.bytes <= self.settings.journal_bytes {
                    break;
                }
                let key = key.clone();
                self.settle(&key)?;
                continue;
            }
            self.gate
                .call("write", || self.log.remove(batch.to_be_bytes()))?;
            self.journal.batches.pop_front();
            self.journal.bytes -= length;
        }
        Ok(())
    }

    /// Keeps the order of ages, releases the journal if the tail is empty, and drops the channel if it is empty.
    pub(super) fn tidy(&mut self, key: &ChannelKey) {
        let Some(channel) = self.channels.get_mut(key) else {
            return;
        };
        if channel.is_empty() {
            self.drop_channel(key);
            return;
        }
        if channel.tail.is_empty()
            && let Some(since) = channel.since.take()
        {
            self.unsettled.remove(&(since, key.clone()));
        }
        self.note_age(key);
    }

    pub(super) fn note_age(&mut self, key: &ChannelKey) {
        let Some(channel) = self.channels.get_mut(key) else {
            return;
        };
        let now = channel.oldest_at();
        if channel.age != now {
            if let Some(old) = mem::replace(&mut channel.age, now) {
                self.by_age.remove(&(old, key.clone()));
            }
            if let Some(now) = now {
                self.by_age.insert((now, key.clone()));
            }
        }
    }

    fn drop_channel(&mut self, key: &ChannelKey) {
        let Some(channel) = self.channels.remove(key) else {
            return;
        };
        self.totals.messages -= channel.messages;
        self.totals.bytes -= channel.bytes;
        if let Some(age) = channel.age {
            self.by_age.remove(&(age, key.clone()));
        }
        if let Some(since) = channel.since {
            self.unsettled.remove(&(since, key.clone()));
        }
    }
}

fn sum<'r>(rows: impl Iterator<Item = &'r Row>) -> u64 {
    rows.map(Row::bytes).sum()
}
