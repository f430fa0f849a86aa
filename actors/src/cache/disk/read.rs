//! Reading.

use bytes::Bytes;

use super::DiskStore;
use super::index::{Channel, Value};
use crate::cache::chunk::{self, Row};
use crate::cache::error::CacheError;
use crate::cache::query::{Order, Query};
use crate::cache::record::Record;
use crate::event::{ChannelKey, Id};

impl DiskStore {
    pub(super) fn find(&self, key: &ChannelKey, id: &Id) -> Result<Option<Record>, CacheError> {
        let Some(channel) = self.channels.get(key) else {
            return Ok(None);
        };
        if let Some(row) = channel.tail.get(id) {
            return Ok(Some(record(key, id.clone(), row.clone())));
        }
        let Some((_, value)) = channel.chunks.at_or_before(id) else {
            return Ok(None);
        };
        if *id > value.span.last || channel.floor().is_some_and(|floor| id < floor) {
            return Ok(None);
        }
        let value = self.value(value)?;
        let found = chunk::find(&value, id).ok_or_else(|| self.damaged("a value is unreadable"))?;
        Ok(found.map(|row| record(key, id.clone(), row)))
    }

    /// Answers from memory; `None` if the disk is needed.
    pub(super) fn select_kept(&self, query: &Query) -> Option<Vec<Record>> {
        let mut page = Page::new(query, Source::Memory);
        let selected = self.select(&mut page);
        (matches!(selected, Ok(())) && !page.is_short).then_some(page.records)
    }

    /// Answers, and keeps in memory what was read of the end of the channel.
    pub(super) fn select_and_keep(&mut self, query: &Query) -> Result<Vec<Record>, CacheError> {
        let mut page = Page::new(query, Source::Disk);
        self.select(&mut page)?;
        for (first, value) in page.read {
            self.keep(&query.channel, &first, &value);
        }
        Ok(page.records)
    }

    fn select(&self, page: &mut Page<'_>) -> Result<(), CacheError> {
        let query = page.query;
        let Some(channel) = self.channels.get(&query.channel) else {
            return Ok(());
        };
        if query.after.is_some() && query.before.is_some() && query.after >= query.before {
            return Ok(());
        }
        let start = query
            .after
            .as_ref()
            .and_then(|after| channel.chunk_for(after));
        let mut chunks = channel.chunks.between(start, query.before.as_ref());
        let tail = channel.tail.0.iter().map(|item| (&item.id, &item.row));
        match query.order {
            Order::NewestFirst => {
                page.take_tail(tail.rev());
                while let Some((first, value)) = chunks.next_back().filter(|_| !page.is_full()) {
                    self.take_chunk(page, channel, first, value)?;
                }
            }
            Order::OldestFirst => {
                while let Some((first, value)) = chunks.next().filter(|_| !page.is_full()) {
                    self.take_chunk(page, channel, first, value)?;
                }
                page.take_tail(tail);
            }
        }
        Ok(())
    }

    /// Reads a value without what the limits took away.
    pub(super) fn rows(&self, key: &ChannelKey, first: &Id) -> Result<Vec<(Id, Row)>, CacheError> {
        let channel = self.channels.get(key);
        let value = channel.and_then(|channel| channel.chunks.get(first));
        let Some((channel, value)) = channel.zip(value) else {
            return Ok(Vec::new());
        };
        self.rows_of(channel, first, &self.value(value)?)
    }

    fn rows_of(
        &self,
        channel: &Channel,
        first: &Id,
        value: &Bytes,
    ) -> Result<Vec<(Id, Row)>, CacheError> {
        let mut rows = chunk::decode(value).ok_or_else(|| self.damaged("a value is unreadable"))?;
        if channel.is_front(first)
            && let Some(floor) = channel.floor()
        {
            rows.retain(|(id, _)| id >= floor);
        }
        Ok(rows)
    }

    pub(super) fn damaged(&self, reason: &str) -> CacheError {
        CacheError::Damaged {
            path: self.gate.path().to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn take_chunk(
        &self,
        page: &mut Page<'_>,
        channel: &Channel,
        first: &Id,
        value: &Value,
    ) -> Result<(), CacheError> {
        let last = &value.span.last;
        if page.query.misses(first, last) {
            return Ok(());
        }
        let rows = match channel.is_front(first) {
            true => channel.front_size().0,
            false => value.span.rows,
        };
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        if page.skip >= rows && page.query.covers_all(first, last) {
            page.skip -= rows;
            return Ok(());
        }
        let bytes = match (&value.kept, page.source) {
            (Some(kept), _) => kept.clone(),
            (None, Source::Disk) => {
                let bytes = self.value(value)?;
                page.read.push((first.clone(), bytes.clone()));
                bytes
            }
            (None, Source::Memory) => {
                page.is_short = true;
                return Ok(());
            }
        };
        let rows = self.rows_of(channel, first, &bytes)?;
        match page.query.order {
            Order::NewestFirst => page.take(rows.into_iter().rev()),
            Order::OldestFirst => page.take(rows.into_iter()),
        }
        Ok(())
    }

    fn value(&self, value: &Value) -> Result<Bytes, CacheError> {
        match &value.kept {
            Some(kept) => Ok(kept.clone()),
            None => self.values.read(&value.place),
        }
    }
}

/// What an answer may be made of.
#[derive(Clone, Copy, Debug)]
enum Source {
    Disk,
    Memory,
}

/// An answer that is being filled.
struct Page<'a> {
    query: &'a Query,
    source: Source,
    records: Vec<Record>,
    /// Values that came from the disk.
    read: Vec<(Id, Bytes)>,
    skip: usize,
    /// Whether something is missing that is not in memory. The page counts as full then.
    is_short: bool,
}

impl<'a> Page<'a> {
    fn new(query: &'a Query, source: Source) -> Self {
        Self {
            query,
            source,
            records: Vec::with_capacity(query.limit.min(64)),
            read: Vec::new(),
            skip: query.offset,
            is_short: false,
        }
    }

    fn is_full(&self) -> bool {
        self.is_short || self.records.len() >= self.query.limit
    }

    fn take_tail<'r>(&mut self, rows: impl Iterator<Item = (&'r Id, &'r Row)>) {
        for (id, row) in rows {
            if self.is_full() {
                return;
            }
            if self.wants(id) {
                let record = record(&self.query.channel, id.clone(), row.clone());
                self.records.push(record);
            }
        }
    }

    fn take(&mut self, rows: impl Iterator<Item = (Id, Row)>) {
        for (id, row) in rows {
            if self.is_full() {
                return;
            }
            if self.wants(&id) {
                self.records.push(record(&self.query.channel, id, row));
            }
        }
    }

    /// Tells whether a message belongs to the answer; it is the next one in order.
    fn wants(&mut self, id: &Id) -> bool {
        if !self.query.covers(id) {
            return false;
        }
        let is_skipped = self.skip > 0;
        self.skip -= usize::from(is_skipped);
        !is_skipped
    }
}

fn record(channel: &ChannelKey, id: Id, row: Row) -> Record {
    Record {
        channel: channel.clone(),
        id,
        at: row.at,
        format: row.format,
        body: row.body,
    }
}
