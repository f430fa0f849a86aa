//! Reading.

use std::ops::Bound::{Excluded, Included, Unbounded};

use bytes::Bytes;

use super::DiskStore;
use super::database::guard;
use super::index::Channel;
use crate::cache::chunk::{self, Row, Span};
use crate::cache::codec::chunk_key;
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
        let Some((first, span)) = channel.chunks.range(..=id).next_back() else {
            return Ok(None);
        };
        if *id > span.last || channel.floor().is_some_and(|floor| id < floor) {
            return Ok(None);
        }
        let value = self.value(key, first)?;
        let found = chunk::find(&value, id).ok_or_else(|| self.damaged("a value is unreadable"))?;
        Ok(found.map(|row| record(key, id.clone(), row)))
    }

    pub(super) fn select(&self, query: &Query) -> Result<Vec<Record>, CacheError> {
        let Some(channel) = self.channels.get(&query.channel) else {
            return Ok(Vec::new());
        };
        let mut page = Page {
            query,
            records: Vec::with_capacity(query.limit.min(64)),
            skip: query.offset,
        };
        if query.after.is_some() && query.before.is_some() && query.after >= query.before {
            return Ok(Vec::new());
        }
        let start = query
            .after
            .as_ref()
            .and_then(|after| channel.chunk_for(after));
        let end = query.before.as_ref();
        let start = start.filter(|start| end.is_none_or(|end| *start < end));
        let bounds = (
            start.map_or(Unbounded, Included),
            end.map_or(Unbounded, Excluded),
        );
        let mut chunks = channel.chunks.range::<Id, _>(bounds);
        match query.order {
            Order::NewestFirst => {
                page.take(channel.tail.iter().rev());
                while let Some((first, span)) = chunks.next_back().filter(|_| !page.is_full()) {
                    self.take_chunk(&mut page, channel, first, span)?;
                }
            }
            Order::OldestFirst => {
                while let Some((first, span)) = chunks.next().filter(|_| !page.is_full()) {
                    self.take_chunk(&mut page, channel, first, span)?;
                }
                page.take(channel.tail.iter());
            }
        }
        Ok(page.records)
    }

    /// Reads a value without what the limits took away.
    pub(super) fn rows(&self, key: &ChannelKey, first: &Id) -> Result<Vec<(Id, Row)>, CacheError> {
        let value = self.value(key, first)?;
        let mut rows =
            chunk::decode(&value).ok_or_else(|| self.damaged("a value is unreadable"))?;
        let channel = self
            .channels
            .get(key)
            .filter(|channel| channel.is_front(first));
        if let Some(floor) = channel.and_then(Channel::floor) {
            rows.retain(|(id, _)| id >= floor);
        }
        Ok(rows)
    }

    pub(super) fn damaged(&self, reason: &str) -> CacheError {
        CacheError::Damaged {
            path: self.path.to_path_buf(),
            reason: reason.to_owned(),
        }
    }

    fn take_chunk(
        &self,
        page: &mut Page<'_>,
        channel: &Channel,
        first: &Id,
        span: &Span,
    ) -> Result<(), CacheError> {
        if page.query.misses(first, &span.last) {
            return Ok(());
        }
        let rows = match channel.is_front(first) {
            true => channel.front_size().0,
            false => span.rows,
        };
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        if page.skip >= rows && page.query.covers_all(first, &span.last) {
            page.skip -= rows;
            return Ok(());
        }
        let rows = self.rows(&page.query.channel, first)?;
        let rows = rows.iter().map(|(id, row)| (id, row));
        match page.query.order {
            Order::NewestFirst => page.take(rows.rev()),
            Order::OldestFirst => page.take(rows),
        }
        Ok(())
    }

    fn value(&self, key: &ChannelKey, first: &Id) -> Result<Bytes, CacheError> {
        let at = chunk_key(key, first);
        let value = guard(&self.path, "read", || self.chunks.get(at))?;
        let value = value.ok_or_else(|| self.damaged("a value is missing"))?;
        Ok(Bytes::from_owner(value))
    }
}

/// An answer that is being filled.
struct Page<'a> {
    query: &'a Query,
    records: Vec<Record>,
    skip: usize,
}

impl Page<'_> {
    fn is_full(&self) -> bool {
        self.records.len() >= self.query.limit
    }

    fn take<'r>(&mut self, rows: impl Iterator<Item = (&'r Id, &'r Row)>) {
        for (id, row) in rows {
            if self.is_full() {
                return;
            }
            if !self.query.covers(id) {
                continue;
            }
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.records
                .push(record(&self.query.channel, id.clone(), row.clone()));
        }
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
