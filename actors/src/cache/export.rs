//! Messages as lines of JSON, out of a cache and into one.
//!
//! A line is `{"space":"7","channel":"42","id":"1","at":1700000000,"format":1,"body":"<base64>"}`. A caller that can read the bodies
//! may have them written as JSON in `"content"` instead, and read back from there.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::CacheError;
use super::handle::Cache;
use super::query::Query;
use super::record::Record;
use crate::error::BoxError;
use crate::event::{ChannelKey, Id};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line {
    space: Id,
    channel: Id,
    id: Id,
    at: u64,
    format: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<Value>,
}

/// Writes a message as one line, without the line's end. `readable` gives the body as JSON; where it gives none, base64 is written.
///
/// # Examples
///
/// ```
/// use greenroom_actors::cache::{Record, from_line, to_line};
/// use greenroom_actors::event::{ChannelKey, Id};
///
/// let record = Record { channel: ChannelKey::new(7, 42), id: Id::from(1), at: 5, format: 1, body: "hello".into() };
/// let line = to_line(&record, |_| None);
/// assert_eq!(line, r#"{"space":"7","channel":"42","id":"1","at":5,"format":1,"body":"aGVsbG8="}"#);
/// assert_eq!(from_line(&line, |_, _| Err("no reader".into())).unwrap(), record);
/// ```
#[must_use]
pub fn to_line(record: &Record, readable: impl Fn(&Record) -> Option<Value>) -> String {
    let content = readable(record);
    let body = content.is_none().then(|| STANDARD.encode(&record.body));
    let line = Line {
        space: record.channel.space.clone(),
        channel: record.channel.channel.clone(),
        id: record.id.clone(),
        at: record.at,
        format: record.format,
        body,
        content,
    };
    serde_json::to_string(&line).unwrap_or_default()
}

/// Reads a message from a line. `parse` makes a body of the given format from JSON, for lines that have `"content"`.
///
/// # Errors
///
/// If the line is not such an object, or `parse` refuses its content. Trying again is useless.
pub fn from_line(
    line: &str,
    parse: impl Fn(u8, &Value) -> Result<Bytes, BoxError>,
) -> Result<Record, BoxError> {
    let line: Line = serde_json::from_str(line)?;
    let body = match (&line.body, &line.content) {
        (Some(body), None) => Bytes::from(STANDARD.decode(body)?),
        (None, Some(content)) => parse(line.format, content)?,
        _ => return Err("one of `body` and `content` is needed".into()),
    };
    Ok(Record {
        channel: ChannelKey::new(line.space, line.channel),
        id: line.id,
        at: line.at,
        format: line.format,
        body,
    })
}

impl Cache {
    /// Writes all messages to `out`, a line each: channel by channel, the smallest id first. Messages saved meanwhile may be missed.
    /// Returns how many lines it wrote.
    ///
    /// # Errors
    ///
    /// If a shard does not run or cannot read, or `out` cannot be written.
    pub async fn export(
        &self,
        out: &mut impl Write,
        readable: impl Fn(&Record) -> Option<Value>,
    ) -> Result<u64, CacheError> {
        let mut lines = 0;
        for info in self.channels().await? {
            lines += self.export_channel(info.channel, out, &readable).await?;
        }
        out.flush().map_err(|source| failed("write", source))?;
        Ok(lines)
    }

    /// Writes the messages of one channel to `out`, as [`export`](Self::export) does with those of all. Returns how many lines it wrote.
    ///
    /// # Errors
    ///
    /// As [`export`](Self::export).
    pub async fn export_channel(
        &self,
        channel: ChannelKey,
        out: &mut impl Write,
        readable: impl Fn(&Record) -> Option<Value>,
    ) -> Result<u64, CacheError> {
        let mut lines = 0;
        let mut query = Query::latest(channel, PAGE).oldest_first();
        loop {
            let page = self.list(query.clone()).await?;
            let Some(last) = page.last() else { break };
            query = query.after(&last.id);
            for record in &page {
                let line = to_line(record, &readable);
                writeln!(out, "{line}").map_err(|source| failed("write", source))?;
                lines += 1;
            }
        }
        out.flush().map_err(|source| failed("write", source))?;
        Ok(lines)
    }

    /// Saves the messages that `lines` has, each in place of what has its channel and id; empty lines are left out. Returns how many
    /// it saved.
    ///
    /// # Errors
    ///
    /// If a line is not a message (those before it are saved), `lines` cannot be read, or a shard does not run or cannot write.
    pub async fn import(
        &self,
        lines: impl BufRead,
        parse: impl Fn(u8, &Value) -> Result<Bytes, BoxError>,
    ) -> Result<u64, CacheError> {
        import_into(lines, parse, |_| self).await
    }
}

/// As [`Cache::import`], with lines for several caches: `cache_of` says for which a message is.
///
/// # Errors
///
/// As [`Cache::import`].
pub async fn import_into<'a>(
    lines: impl BufRead,
    parse: impl Fn(u8, &Value) -> Result<Bytes, BoxError>,
    cache_of: impl Fn(&Record) -> &'a Cache,
) -> Result<u64, CacheError> {
    let mut batch = Vec::with_capacity(PAGE);
    let mut cache: Option<&Cache> = None;
    let mut saved = 0;
    let mut broken = Ok(());
    for (number, line) in (1..).zip(lines.lines()) {
        let line = line.map_err(|source| failed("read", source))?;
        if line.trim().is_empty() {
            continue;
        }
        let record = match from_line(&line, &parse) {
            Ok(record) => record,
            Err(source) => {
                broken = Err(CacheError::Import {
                    line: number,
                    source,
                });
                break;
            }
        };
        let into = cache_of(&record);
        if let Some(last) = cache
            && (batch.len() >= PAGE || !std::ptr::eq(last, into))
        {
            last.save(std::mem::take(&mut batch)).await?;
        }
        cache = Some(into);
        batch.push(record);
        saved += 1;
    }
    if let Some(last) = cache {
        last.save(batch).await?;
    }
    broken.map(|()| saved)
}

fn failed(action: &'static str, source: std::io::Error) -> CacheError {
    CacheError::Io {
        action,
        path: PathBuf::from("the lines"),
        source,
    }
}

const PAGE: usize = 500;
