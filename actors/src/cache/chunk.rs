//! A value: up to [`MAX_ROWS`] messages of one channel. Pure.
//!
//! `version u8 | rows u32 | bytes u64 | oldest u64 | newest u64 | last id | table | bodies`, where the table has
//! `id | at u64 | format u8 | length u32` for each message in ascending order of ids: it can be searched without touching a body.

use bytes::Bytes;

use super::codec::{Reader, put_id};
use crate::event::Id;

/// The most messages that one value holds.
pub(super) const MAX_ROWS: usize = 32;

/// A value with fewer messages than this is filled up before another one is begun.
pub(super) const MIN_ROWS: usize = 16;

/// What is kept of a message beside its channel and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) at: u64,
    pub(super) format: u8,
    pub(super) body: Bytes,
}

impl Row {
    pub(super) fn bytes(&self) -> u64 {
        self.body.len() as u64
    }
}

/// What the index knows of a value without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) last: Id,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) oldest: u64,
    pub(super) newest: u64,
}

impl Span {
    /// Summarises rows in ascending order of ids; `None` for no rows.
    pub(super) fn of(rows: &[(Id, Row)]) -> Option<Self> {
        let (last, _) = rows.last()?;
        let times = || rows.iter().map(|(_, row)| row.at);
        Some(Self {
            last: last.clone(),
            rows: rows.len() as u64,
            bytes: rows.iter().map(|(_, row)| row.bytes()).sum(),
            oldest: times().min()?,
            newest: times().max()?,
        })
    }
}

/// Writes rows that are in ascending order of ids.
pub(super) fn encode(rows: &[(Id, Row)], span: &Span) -> Vec<u8> {
    let bodies = usize::try_from(span.bytes).unwrap_or_default();
    let mut out = Vec::with_capacity(48 + rows.len() * 22 + bodies);
    out.push(VERSION);
    put_span(&mut out, span);
    for (id, row) in rows {
        put_id(&mut out, id);
        put_row(&mut out, row);
    }
    for (_, row) in rows {
        out.extend_from_slice(&row.body);
    }
    out
}

/// Reads the summary only; `None` if the value is not one of ours.
pub(super) fn span(value: &[u8]) -> Option<Span> {
    header(&mut Reader(value))
}

/// Reads all rows, which share `value`'s memory; `None` if the value is not one of ours.
pub(super) fn decode(value: &Bytes) -> Option<Vec<(Id, Row)>> {
    let mut reader = Reader(value);
    let span = header(&mut reader)?;
    let mut start = value.len().checked_sub(usize::try_from(span.bytes).ok()?)?;
    let mut rows = Vec::with_capacity(usize::try_from(span.rows).ok()?.min(MAX_ROWS));
    for _ in 0..span.rows {
        let id = reader.id()?;
        let (at, format, length) = entry(&mut reader)?;
        let end = start.checked_add(length)?;
        if end > value.len() {
            return None;
        }
        let body = value.slice(start..end);
        start = end;
        rows.push((id, Row { at, format, body }));
    }
    (start == value.len() && reader.0.len() as u64 == span.bytes).then_some(rows)
}

/// Reads one row; the outer `None` says that the value is not one of ours.
pub(super) fn find(value: &Bytes, id: &Id) -> Option<Option<Row>> {
    let mut reader = Reader(value);
    let span = header(&mut reader)?;
    let mut start = value.len().checked_sub(usize::try_from(span.bytes).ok()?)?;
    for _ in 0..span.rows {
        let found = reader.id()? == *id;
        let (at, format, length) = entry(&mut reader)?;
        let end = start.checked_add(length)?;
        if end > value.len() {
            return None;
        }
        if found {
            let body = value.slice(start..end);
            return Some(Some(Row { at, format, body }));
        }
        start = end;
    }
    Some(None)
}

/// Appends what precedes a body: time, format and length.
pub(super) fn put_row(out: &mut Vec<u8>, row: &Row) {
    out.extend_from_slice(&row.at.to_be_bytes());
    out.push(row.format);
    out.extend_from_slice(&length(row.body.len()).to_be_bytes());
}

/// Reads what [`put_row`] wrote.
pub(super) fn entry(reader: &mut Reader<'_>) -> Option<(u64, u8, usize)> {
    Some((
        reader.u64()?,
        reader.u8()?,
        usize::try_from(reader.u32()?).ok()?,
    ))
}

fn header(reader: &mut Reader<'_>) -> Option<Span> {
    if reader.u8()? != VERSION {
        return None;
    }
    read_span(reader)
}

/// Appends a summary: rows, bytes, times, last id.
pub(super) fn put_span(out: &mut Vec<u8>, span: &Span) {
    out.extend_from_slice(&u32::try_from(span.rows).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(&span.bytes.to_be_bytes());
    out.extend_from_slice(&span.oldest.to_be_bytes());
    out.extend_from_slice(&span.newest.to_be_bytes());
    put_id(out, &span.last);
}

/// Reads what [`put_span`] wrote.
pub(super) fn read_span(reader: &mut Reader<'_>) -> Option<Span> {
    let rows = u64::from(reader.u32()?);
    Some(Span {
        rows,
        bytes: reader.u64()?,
        oldest: reader.u64()?,
        newest: reader.u64()?,
        last: reader.id()?,
    })
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn rows() -> impl Strategy<Value = Vec<(Id, Row)>> {
        let row = (
            any::<u64>(),
            any::<u8>(),
            prop::collection::vec(any::<u8>(), 0..40),
        )
            .prop_map(|(at, format, body)| Row {
                at,
                format,
                body: body.into(),
            });
        let id = prop_oneof![
            any::<i64>().prop_map(Id::from),
            "[a-c]{0,3}".prop_map(Id::from)
        ];
        prop::collection::btree_map(id, row, 1..MAX_ROWS)
            .prop_map(|rows: BTreeMap<Id, Row>| rows.into_iter().collect())
    }

    proptest! {
        #[test]
        fn rows_read_back(rows in rows()) {
            let summary = Span::of(&rows).expect("rows");
            let value = Bytes::from(encode(&rows, &summary));
            prop_assert_eq!(span(&value), Some(summary));
            for (id, row) in &rows {
                prop_assert_eq!(find(&value, id), Some(Some(row.clone())));
            }
            prop_assert_eq!(decode(&value), Some(rows));
        }

        #[test]
        fn cut_values_are_refused(rows in rows(), cut in any::<prop::sample::Index>()) {
            let value = encode(&rows, &Span::of(&rows).expect("rows"));
            let cut = cut.index(value.len());
            prop_assert_eq!(decode(&Bytes::copy_from_slice(&value[..cut])), None);
        }

        #[test]
        fn garbage_is_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            let value = Bytes::from(bytes);
            let _ = (decode(&value), find(&value, &Id::from(1)));
        }
    }
}
