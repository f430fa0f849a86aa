//! Writing.

use std::collections::BTreeMap;
use std::fs::File;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;

use super::DiskStore;
use super::index::{Item, Value};
use crate::cache::batch::Batch;
use crate::cache::chunk::{self, MAX_ROWS, MIN_ROWS, Row, Span};
use crate::cache::codec::chunk_key;
use crate::cache::error::CacheError;
use crate::event::{ChannelKey, Id};

/// What becomes of ids that lie in values: a new row, or none.
pub(super) type Edits = BTreeMap<Id, Option<Row>>;

/// What became of a message.
#[derive(Debug)]
pub(super) enum Put {
    /// Nothing: it belongs into a value.
    Belongs(Item),
    /// It is in the tail.
    Done,
    /// It is in the tail, and there is more than the limits allow.
    Exceeds,
}

/// Longer bodies are refused.
const MAX_BODY: usize = 16 << 20;

impl DiskStore {
    pub(super) fn save_all(&mut self, batch: Batch) -> Result<(), CacheError> {
        let mut edits: BTreeMap<ChannelKey, Edits> = BTreeMap::new();
        let mut outcome = Ok(());
        let (mut start, entries, bodies) = batch.into_parts();
        for entry in entries {
            let length = entry.end - start;
            if length > MAX_BODY {
                let limit = MAX_BODY;
                outcome = Err(CacheError::Oversized { length, limit });
                break;
            }
            let row = Row {
                at: entry.at,
                format: entry.format,
                body: bodies.slice(start..entry.end),
            };
            start = entry.end;
            self.totals.saved += 1;
            match self.append(&entry.channel, entry.id, row) {
                Ok(None) => {}
                Ok(Some(Item { id, row, .. })) => {
                    let edits = edits.entry(entry.channel).or_default();
                    edits.insert(id, Some(row));
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        for (channel, edits) in edits {
            outcome = outcome.and(self.edit(&channel, edits).map(|_| ()));
            outcome = outcome.and(self.enforce(&channel));
        }
        outcome
    }

    pub(super) fn remove(&mut self, key: &ChannelKey, id: &Id) -> Result<bool, CacheError> {
        if self.find(key, id)?.is_none() {
            return Ok(false);
        }
        self.journal.pending.delete(key, id);
        self.write_journal()?;
        let Some(channel) = self.channels.get_mut(key) else {
            return Ok(false);
        };
        if let Some(row) = channel.tail.remove(id) {
            channel.messages -= 1;
            channel.bytes -= row.bytes();
            self.totals.messages -= 1;
            self.totals.bytes -= row.bytes();
            self.totals.tail -= 1;
            self.tidy(key);
        } else {
            self.edit(key, BTreeMap::from([(id.clone(), None)]))?;
        }
        self.trim_front(key)?;
        Ok(true)
    }

    /// Writes the first value without what the limits took away: with a message fewer, they would not take it away again.
    fn trim_front(&mut self, key: &ChannelKey) -> Result<(), CacheError> {
        let channel = self
            .channels
            .get(key)
            .filter(|channel| !channel.front.is_empty());
        let Some(first) = channel
            .and_then(|channel| channel.chunks.first())
            .map(|(first, _)| first.clone())
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
        let messages = channel.messages;
        self.journal.pending.clear_channel(key);
        self.write_journal()?;
        self.drop_values(key)?;
        self.drop_channel(key);
        Ok(messages)
    }

    /// Removes the values of a channel.
    pub(super) fn drop_values(&mut self, key: &ChannelKey) -> Result<(), CacheError> {
        let Some(channel) = self.channels.get_mut(key) else {
            return Ok(());
        };
        let mut batch = sled::Batch::default();
        for (first, _) in channel.chunks.iter() {
            batch.remove(chunk_key(key, first));
        }
        self.gate
            .call("clear a channel", || self.index.apply_batch(batch))?;
        let (mut rows, mut bytes) = channel.front_size();
        for (place, mut value) in mem::take(&mut channel.chunks).into_values().enumerate() {
            if place > 0 {
                rows += value.span.rows;
                bytes += value.span.bytes;
            }
            self.values.free(&value.place);
            self.kept.forget(&mut value);
        }
        channel.front.clear();
        channel.messages -= rows;
        channel.bytes -= bytes;
        self.totals.messages -= rows;
        self.totals.bytes -= bytes;
        Ok(())
    }

    /// Puts a message at the end of its channel. If it belongs into a value, it is only noted in the journal, and comes back.
    fn append(&mut self, key: &ChannelKey, id: Id, row: Row) -> Result<Option<Item>, CacheError> {
        self.journal.pending.save(key, &id, &row);
        let since = self.journal.current();
        let put = self.put_in_tail(key, Item { id, row, since });
        if matches!(put, Put::Exceeds) {
            self.enforce(key)?;
        }
        self.write_if_many()?;
        Ok(match put {
            Put::Belongs(item) => Some(item),
            Put::Done | Put::Exceeds => None,
        })
    }

    /// Puts a message into the tail, if that is its place.
    pub(super) fn put_in_tail(&mut self, key: &ChannelKey, item: Item) -> Put {
        let channel = match self.channels.get_mut(key) {
            Some(channel) => channel,
            None => self.channels.entry(key.clone()).or_default(),
        };
        if channel.settles(&item.id) {
            return Put::Belongs(item);
        }
        if channel.since.is_none_or(|since| item.since < since) {
            if let Some(old) = channel.since.replace(item.since) {
                self.unsettled.remove(&(old, key.clone()));
            }
            self.unsettled.insert((item.since, key.clone()));
        }
        let bytes = item.row.bytes();
        let is_first = channel.chunks.is_empty()
            && channel.tail.first().is_none_or(|first| item.id <= first.id);
        let old = channel.tail.insert(item);
        if old.is_none() && channel.tail.len() == MAX_ROWS {
            self.full.push(key.clone());
        }
        let (old_rows, old_bytes) = old.map_or((0, 0), |row| (1, row.bytes()));
        channel.messages = channel.messages + 1 - old_rows;
        channel.bytes = channel.bytes + bytes - old_bytes;
        self.totals.tail = self.totals.tail + 1 - old_rows;
        self.totals.messages = self.totals.messages + 1 - old_rows;
        self.totals.bytes = self.totals.bytes + bytes - old_bytes;
        let bound = &self.settings.limits.per_channel;
        let exceeds = bound.exceeded_by(channel.messages, channel.bytes);
        if is_first {
            self.note_age(key);
        }
        match exceeds || self.exceeds() {
            true => Put::Exceeds,
            false => Put::Done,
        }
    }

    /// Writes the tails that fill values.
    pub(super) fn settle_full(&mut self) -> Result<(), CacheError> {
        while let Some(key) = self.full.last().cloned() {
            let tail = self.channels.get(&key).map_or(0, |one| one.tail.len());
            self.settle(&key, tail / MAX_ROWS * MAX_ROWS)?;
            self.full.pop();
        }
        Ok(())
    }

    /// Writes the first messages of a channel's tail into values, the last one if that has room.
    pub(super) fn settle(&mut self, key: &ChannelKey, most: usize) -> Result<(), CacheError> {
        let Some(channel) = self.channels.get(key) else {
            return Ok(());
        };
        let number = most.min(channel.tail.len());
        let last = channel.chunks.last();
        let small = last.filter(|(_, value)| {
            let rows = usize::try_from(value.span.rows).unwrap_or(usize::MAX);
            rows < MIN_ROWS && rows + number <= MAX_ROWS
        });
        let small = small.map(|(first, _)| first.clone());
        if number > 0 {
            let mut rows = match &small {
                Some(first) => self.rows(key, first)?,
                None => Vec::with_capacity(number),
            };
            let Some(channel) = self.channels.get_mut(key) else {
                return Ok(());
            };
            let begun = rows.len();
            let since = channel.since.unwrap_or_default();
            let taken = channel.tail.0.drain(..number);
            rows.extend(taken.map(|item| (item.id, item.row)));
            let replaced = self.replace(key, small.as_ref(), &rows);
            if let Err(error) = replaced {
                if let Some(channel) = self.channels.get_mut(key) {
                    let taken = rows.drain(begun..).rev();
                    let back = taken.map(|(id, row)| Item { id, row, since });
                    back.for_each(|item| channel.tail.0.push_front(item));
                }
                return Err(error);
            }
            self.totals.tail -= number as u64;
        }
        self.note_since(key);
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
            let next = channel.chunks.after(first);
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
        let (mut removed, mut is_changed) = (0, false);
        for (id, row) in edits {
            match row {
                Some(row) if rows.get(&id) == Some(&row) => {}
                Some(row) => {
                    rows.insert(id, row);
                    is_changed = true;
                }
                None => removed += u64::from(rows.remove(&id).is_some()),
            }
        }
        if removed == 0 && !is_changed {
            return Ok(0);
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
    fn replace(
        &mut self,
        key: &ChannelKey,
        old: Option<&Id>,
        rows: &[(Id, Row)],
    ) -> Result<(), CacheError> {
        let pieces = rows.len().div_ceil(MAX_ROWS).max(1);
        let size = rows.len().div_ceil(pieces).max(1);
        let mut written = Vec::with_capacity(pieces);
        for piece in rows.chunks(size) {
            let (Some((first, _)), Some(span)) = (piece.first(), Span::of(piece)) else {
                continue;
            };
            let bytes = chunk::encode(piece, &span);
            let place = self.values.append(&bytes)?;
            let value = Value {
                place,
                span,
                kept: None,
            };
            written.push((first.clone(), value, Bytes::from(bytes)));
        }
        let gone = old.filter(|old| written.iter().all(|(first, ..)| first != *old));
        if let ([(first, value, _)], None) = (written.as_slice(), gone) {
            let (at, entry) = (chunk_key(key, first), value.encode());
            self.gate.call("write", || self.index.insert(at, entry))?;
        } else {
            let mut batch = sled::Batch::default();
            for (first, value, _) in &written {
                batch.insert(chunk_key(key, first), value.encode());
            }
            if let Some(old) = gone {
                batch.remove(chunk_key(key, old));
            }
            self.gate.call("write", || self.index.apply_batch(batch))?;
        }
        let Some(channel) = self.channels.get_mut(key) else {
            return Ok(());
        };
        if let Some(old) = old {
            if channel.is_front(old) {
                channel.front.clear();
            }
            if let Some(mut value) = channel.chunks.remove(old) {
                self.values.free(&value.place);
                self.kept.forget(&mut value);
            }
        }
        let mut bytes = Vec::with_capacity(written.len());
        for (first, value, encoded) in written {
            channel.chunks.insert(first.clone(), value);
            bytes.push((first, encoded));
        }
        for (first, encoded) in bytes {
            self.keep(key, &first, &encoded);
        }
        Ok(())
    }

    fn write_if_many(&mut self) -> Result<(), CacheError> {
        match self.journal.pending.operations >= self.settings.write_messages {
            true => self.write_journal(),
            false => Ok(()),
        }
    }

    /// Writes what waits, and what the journal made safe to write; drops what is not needed any more.
    pub(super) fn write_journal(&mut self) -> Result<(), CacheError> {
        let Some(file) = self.journal.write()?.cloned() else {
            return Ok(());
        };
        if self.settings.flush_every.is_zero() {
            self.journal.sync()?;
        }
        self.settle_full()?;
        self.move_some()?;
        self.hand_over(Some(&file));
        self.trim_journal()
    }

    /// Tells the flusher what it has to flush.
    fn hand_over(&self, journal: Option<&Arc<File>>) {
        let end = self.values.end();
        let values = end.map(|(_, _, file)| file);
        let end = end.map(|(number, length, _)| (number, length));
        self.unflushed.add(journal.into_iter().chain(values), end);
    }

    /// Flushes everything at once, and removes the files that are not needed then.
    pub(super) fn sync(&mut self) -> Result<(), CacheError> {
        self.journal.sync()?;
        self.hand_over(None);
        self.flusher.flush()?;
        self.trim_journal()?;
        self.flusher.flush()
    }

    /// Settles tails if the journal is too long, and removes the files that nothing needs.
    fn trim_journal(&mut self) -> Result<(), CacheError> {
        let mut is_settled = false;
        while let Some(number) = self.journal.first() {
            let needs = self.unsettled.first().filter(|(since, _)| *since <= number);
            if let Some((_, key)) = needs {
                if !self.journal.is_full() {
                    break;
                }
                let key = key.clone();
                self.settle(&key, usize::MAX)?;
                is_settled = true;
                continue;
            }
            self.journal.settled(number, self.unflushed.next());
        }
        if is_settled {
            self.hand_over(None);
        }
        let flushed = self.unflushed.done();
        self.journal.release(flushed)?;
        self.values.release(self.unflushed.next(), flushed)
    }

    /// Moves some values out of a file that is mostly not needed.
    fn move_some(&mut self) -> Result<(), CacheError> {
        if self.moving.is_empty() {
            let Some(file) = self.values.wasteful() else {
                return Ok(());
            };
            for (key, channel) in &self.channels {
                let there = |value: &Value| value.place.file == file;
                let firsts = channel.chunks.iter().filter(|(_, value)| there(value));
                self.moving
                    .extend(firsts.map(|(first, _)| (key.clone(), first.clone())));
            }
        }
        for _ in 0..MOVES {
            let Some((key, first)) = self.moving.pop() else {
                break;
            };
            let channel = self.channels.get_mut(&key);
            let value = channel.and_then(|channel| channel.chunks.get_mut(&first));
            let Some(value) = value.filter(|one| self.values.is_wasteful(one.place.file)) else {
                continue;
            };
            let bytes = match &value.kept {
                Some(kept) => kept.clone(),
                None => match self.values.read(&value.place) {
                    Err(CacheError::Damaged { .. }) => {
                        self.values.leave(value.place.file);
                        continue;
                    }
                    read => read?,
                },
            };
            let place = self.values.append(&bytes)?;
            let old = mem::replace(&mut value.place, place);
            let (at, entry) = (chunk_key(&key, &first), value.encode());
            self.gate.call("write", || self.index.insert(at, entry))?;
            self.values.free(&old);
        }
        Ok(())
    }

    /// Keeps the order of ages, releases the journal if the tail is empty, and drops the channel if it is empty.
    pub(super) fn tidy(&mut self, key: &ChannelKey) {
        let Some(channel) = self.channels.get(key) else {
            return;
        };
        if channel.is_empty() {
            self.drop_channel(key);
            return;
        }
        self.note_since(key);
        self.note_age(key);
    }

    /// Notes which part of the journal the tail needs.
    fn note_since(&mut self, key: &ChannelKey) {
        let Some(channel) = self.channels.get_mut(key) else {
            return;
        };
        let now = channel.tail.since();
        if channel.since != now {
            if let Some(old) = mem::replace(&mut channel.since, now) {
                self.unsettled.remove(&(old, key.clone()));
            }
            if let Some(now) = now {
                self.unsettled.insert((now, key.clone()));
            }
        }
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
        self.totals.tail -= channel.tail.len() as u64;
        for mut value in channel.chunks.into_values() {
            self.values.free(&value.place);
            self.kept.forget(&mut value);
        }
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

/// So many values at most are moved with each batch of the journal.
const MOVES: usize = 32;
