//! The journal: what went over a platform's wires, in one form for all platforms.
//!
//! Entries keep the bytes as they came; JSON is made only when somebody reads the journal. Of a body above
//! [`Journal::WHOLE`] bytes only the first [`Journal::HEAD`] are kept: `{"hex":…,"bytes":N}` shows these and how many there were.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use serde_json::{Map, Value, json};

/// Who sent it: `In` came from a client, `Out` went to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a client.
    In,
    /// To a client.
    Out,
}

/// What an entry carried.
#[derive(Clone, Debug)]
pub enum Body {
    /// The bytes of an HTTP body: shown as JSON, as text, or as `{"hex":…}`, whatever they are.
    Http {
        /// The bytes.
        bytes: Bytes,
        /// The content type that they came with, or nothing.
        content_type: String,
    },
    /// The end of a websocket, by a close frame.
    Close {
        /// The code, if there was one.
        code: Option<u16>,
        /// What came with it.
        reason: String,
    },
    /// The beginning of a body that is too long for the journal: shown as `{"hex":…,"bytes":N}`.
    Cut {
        /// The first bytes.
        head: Bytes,
        /// How many there were.
        bytes: usize,
    },
    /// A fault that was applied, as it is described.
    Fault(Value),
    /// A frame that a function of its wire can show.
    Frame {
        /// The bytes.
        bytes: Bytes,
        /// Makes JSON of them.
        show: fn(&Bytes) -> Value,
    },
}

/// One thing that went over a wire.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The number of the entry, counted from 1.
    pub seq: u64,
    /// Who sent it.
    pub direction: Direction,
    /// The request that it belongs to; none for frames of a websocket.
    pub http: Option<Http>,
    /// Where the websocket of a frame was opened, if the platform has several kinds of them.
    pub path: Option<&'static str>,
    /// What it carried.
    pub body: Body,
}

/// The HTTP part of an entry.
#[derive(Clone, Debug, Default)]
pub struct Http {
    /// The method of the request.
    pub method: String,
    /// The request target with its query, as received.
    pub path: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The status, in answers.
    pub status: Option<u16>,
}

impl Entry {
    /// Shows the entry in the form that all platforms share.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut row = self.head();
        row.insert("body".into(), self.body.to_json());
        Value::Object(row)
    }

    /// Shows all but the body.
    pub(crate) fn head(&self) -> Map<String, Value> {
        let mut row = Map::new();
        row.insert("seq".into(), self.seq.into());
        row.insert("direction".into(), self.direction.name().into());
        match &self.http {
            Some(http) => http.fill(&mut row),
            None => {
                let kind = match self.body {
                    Body::Close { .. } => "close",
                    Body::Fault(_) => "fault",
                    Body::Cut { .. } | Body::Frame { .. } | Body::Http { .. } => "ws",
                };
                row.insert("kind".into(), kind.into());
                if let Some(path) = self.path {
                    row.insert("path".into(), path.into());
                }
            }
        }
        row
    }

    fn weight(&self) -> usize {
        let head = self.http.as_ref().map_or(0, |http| {
            let headers = http
                .headers
                .iter()
                .map(|(name, value)| name.len() + value.len() + 48);
            http.path.len() + headers.sum::<usize>()
        });
        head + self.body.len() + std::mem::size_of::<Self>()
    }
}

impl Direction {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

impl Http {
    fn fill(&self, row: &mut Map<String, Value>) {
        let headers: Map<String, Value> = self
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        row.insert("kind".into(), "http".into());
        row.insert("method".into(), self.method.as_str().into());
        row.insert("path".into(), self.path.as_str().into());
        row.insert("headers".into(), Value::Object(headers));
        if let Some(status) = self.status {
            row.insert("status".into(), status.into());
        }
    }
}

impl Body {
    /// Wraps a close frame.
    pub(super) fn closed(reason: Option<&(u16, String)>) -> Self {
        Self::Close {
            code: reason.map(|(code, _)| *code),
            reason: reason.map(|(_, text)| text.clone()).unwrap_or_default(),
        }
    }

    /// Leaves of a long body what the journal keeps.
    fn bounded(self) -> Self {
        match &self {
            Self::Frame { bytes, .. } | Self::Http { bytes, .. }
                if bytes.len() > Journal::WHOLE =>
            {
                Self::Cut {
                    // a copy, since a slice would keep all of it
                    head: Bytes::copy_from_slice(&bytes[..Journal::HEAD]),
                    bytes: bytes.len(),
                }
            }
            _ => self,
        }
    }

    /// Shows the body: JSON parsed, text as text, other bytes as `{"hex":…}`, none as `null`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Close { code, reason } => json!({"code": code, "reason": reason}),
            Self::Fault(fault) => fault.clone(),
            Self::Cut { head, bytes } => {
                let mut shown = hex(head);
                shown["bytes"] = (*bytes).into();
                shown
            }
            Self::Frame { bytes, show } => show(bytes),
            Self::Http {
                bytes,
                content_type,
            } => show_http(bytes, content_type),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Close { reason, .. } => reason.len(),
            Self::Fault(_) => 256,
            Self::Cut { head, .. } => head.len(),
            Self::Frame { bytes, .. } | Self::Http { bytes, .. } => bytes.len(),
        }
    }
}

/// The entries of one platform: the newest [`Journal::LIMIT`], and of these at most [`Journal::BYTES`] bytes.
#[derive(Default)]
pub struct Journal {
    entries: VecDeque<Entry>,
    last: u64,
    weight: usize,
    #[cfg(feature = "testing")]
    tap: Option<Tap>,
}

/// Is told of every entry.
#[cfg(feature = "testing")]
pub(crate) type Tap = Box<dyn Fn(Sight<'_>) + Send>;

/// What can be seen of a platform.
#[cfg(feature = "testing")]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sight<'a> {
    /// Something went over a wire.
    Entry(&'a Entry),
    /// Something was said.
    Spoken(&'a super::host::Spoken),
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// The largest number of entries that is kept.
    pub const LIMIT: usize = 100_000;
    /// The largest number of bytes that is kept.
    pub const BYTES: usize = 128 << 20;
    /// The longest body of which all is kept.
    pub const WHOLE: usize = 64 << 10;
    /// How many bytes of a longer body are kept.
    pub const HEAD: usize = 4 << 10;

    /// Adds an entry and forgets the oldest ones if the journal is full.
    pub fn push(&mut self, direction: Direction, http: Option<Http>, body: Body) {
        self.add(direction, http, None, body);
    }

    /// Adds a frame of a websocket that was opened at `path`, if that is to be shown.
    pub(super) fn push_frame(
        &mut self,
        direction: Direction,
        path: Option<&'static str>,
        body: Body,
    ) {
        self.add(direction, None, path, body);
    }

    fn add(
        &mut self,
        direction: Direction,
        http: Option<Http>,
        path: Option<&'static str>,
        body: Body,
    ) {
        self.last += 1;
        let entry = Entry {
            seq: self.last,
            direction,
            http,
            path,
            body: body.bounded(),
        };
        #[cfg(feature = "testing")]
        if let Some(tap) = &self.tap {
            tap(Sight::Entry(&entry));
        }
        self.weight += entry.weight();
        self.entries.push_back(entry);
        while self.entries.len() > Self::LIMIT
            || (self.weight > Self::BYTES && self.entries.len() > 1)
        {
            if let Some(oldest) = self.entries.pop_front() {
                self.weight -= oldest.weight();
            }
        }
    }

    /// Tells `tap` of every entry from now on.
    #[cfg(feature = "testing")]
    pub(crate) fn tap(&mut self, tap: Tap) {
        self.tap = Some(tap);
    }

    /// Tells what was said; it is no entry, since it is in what went over the wires.
    #[cfg(feature = "testing")]
    pub(crate) fn heard(&self, spoken: &[super::host::Spoken]) {
        if let Some(tap) = &self.tap {
            spoken.iter().for_each(|spoken| tap(Sight::Spoken(spoken)));
        }
    }

    /// Returns the entries with a number above `seq`, oldest first.
    #[must_use]
    pub fn since(&self, seq: u64) -> Vec<Entry> {
        let from = self.entries.partition_point(|entry| entry.seq <= seq);
        self.entries.range(from..).cloned().collect()
    }

    /// Returns the number of the newest entry, 0 if there was none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Returns how many entries were forgotten.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.last - self.entries.len() as u64
    }
}

/// Shows bytes that are neither JSON nor text.
#[must_use]
pub fn hex(bytes: &[u8]) -> Value {
    use std::fmt::Write;

    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // writing to a string cannot fail
        let _ = write!(text, "{byte:02x}");
    }
    json!({ "hex": text })
}

fn show_http(bytes: &Bytes, content_type: &str) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let maybe_json = content_type.contains("json") || matches!(first, Some(b'{' | b'['));
    if maybe_json && let Ok(value) = serde_json::from_slice(bytes) {
        return value;
    }
    let is_text = ["text/", "json", "form-urlencoded"]
        .iter()
        .any(|kind| content_type.contains(kind));
    match std::str::from_utf8(bytes) {
        Ok(text) if is_text => text.into(),
        _ => hex(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(bytes: &'static [u8], content_type: &str) -> Body {
        Body::Http {
            bytes: Bytes::from_static(bytes),
            content_type: content_type.into(),
        }
    }

    #[test]
    fn shows_bodies_as_what_they_are() {
        assert_eq!(http(b"", "").to_json(), Value::Null);
        assert_eq!(
            http(b"{\"a\":1}", "application/proto").to_json(),
            json!({"a": 1})
        );
        assert_eq!(
            http(b"{broken", "application/json").to_json(),
            json!("{broken")
        );
        assert_eq!(
            http(b"a=b", "application/x-www-form-urlencoded").to_json(),
            json!("a=b")
        );
        assert_eq!(
            http(&[0x28, 3], "application/proto").to_json(),
            json!({"hex": "2803"})
        );
        assert_eq!(http(&[0xff], "text/plain").to_json(), json!({"hex": "ff"}));
    }

    #[test]
    fn an_entry_has_the_shared_form() {
        let mut journal = Journal::default();
        let head = Http {
            method: "GET".into(),
            path: "/a?b=c".into(),
            headers: vec![("accept".into(), "*/*".into())],
            status: None,
        };
        journal.push(Direction::In, Some(head), http(b"", ""));
        journal.push(
            Direction::Out,
            None,
            Body::Frame {
                bytes: Bytes::new(),
                show: |_| json!({"pong": {}}),
            },
        );
        let rows: Vec<Value> = journal.since(0).iter().map(Entry::to_json).collect();
        assert_eq!(
            rows,
            [
                json!({"seq": 1, "direction": "in", "kind": "http", "method": "GET", "path": "/a?b=c", "headers": {"accept": "*/*"}, "body": null}),
                json!({"seq": 2, "direction": "out", "kind": "ws", "body": {"pong": {}}}),
            ]
        );
        assert_eq!(journal.since(1).len(), 1);
        assert!(journal.since(2).is_empty());
    }

    #[test]
    fn keeps_the_beginning_of_a_long_body() {
        let mut journal = Journal::default();
        for bytes in [Journal::WHOLE, Journal::WHOLE + 1] {
            journal.push(
                Direction::In,
                None,
                Body::Frame {
                    bytes: vec![7; bytes].into(),
                    show: |bytes| bytes.len().into(),
                },
            );
        }
        let rows: Vec<Value> = journal.since(0).iter().map(Entry::to_json).collect();
        assert_eq!(rows[0]["body"], Journal::WHOLE);
        let cut = json!({"hex": "07".repeat(Journal::HEAD), "bytes": Journal::WHOLE + 1});
        assert_eq!((&rows[1]["kind"], &rows[1]["body"]), (&json!("ws"), &cut));
        assert!(journal.weight < 2 * Journal::WHOLE);
    }

    #[test]
    fn never_keeps_more_than_its_limit() {
        let mut journal = Journal::default();
        for _ in 0..=Journal::LIMIT {
            journal.push(Direction::In, None, http(b"x", ""));
        }
        assert_eq!(journal.since(0).len(), Journal::LIMIT);
        assert_eq!(journal.forgotten(), 1);
        assert_eq!(journal.since(0)[0].seq, 2);
    }
}
