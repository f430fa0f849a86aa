//! What happened when, in virtual time.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greenroom_actors::clock::{self, Instant};
use serde_json::{Map, Value, json};

use crate::simulator::{Body, Entry};

/// What happened in a test, line by line: one JSON object each, with `at_ms`, the virtual milliseconds since the stage was set, and
/// `what`. Clones share the lines.
///
/// | `what` | who | further fields |
/// |---|---|---|
/// | `stage` | the test begins | `seed`, `date` in seconds since 1970 |
/// | `start`, `stop` | the test starts or stops a bot | `bot` |
/// | `say`, `emit`, `fault`, `chaos` | the test does something to a platform | `platform`, `input`: what exactly |
/// | `http` | a platform gets a request or answers | `platform`, `direction`, `method`, `path`, `status` in answers |
/// | `ws` | a platform gets or sends a message on a socket | `platform`, `direction`, `body` |
/// | `befell` | a fault met somebody | `platform`, `fault` |
/// | `said` | a platform has a message on record | `platform`, `from`, `channel`, `text`, `id` |
/// | `event` | a message was handed to the handlers of a bot | `bot`, `id`, `text`, `attempt` |
/// | `connected`, `reconnecting`, `disconnected`, `heartbeat_missed`, `restarted` | a bot | `bot`, and what it tells |
///
/// The values of headers and queries are left out, since tokens travel in them. The same seed gives the same lines, byte for byte.
#[derive(Clone)]
pub struct Trace {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    lines: VecDeque<Line>,
    start: Instant,
    forgotten: u64,
    limit: usize,
    with_frames: bool,
}

#[derive(Clone)]
struct Line {
    at: Duration,
    what: What,
}

#[derive(Clone)]
enum What {
    /// Written down as it is.
    Plain(&'static str, Map<String, Value>),
    /// Shown when somebody looks.
    Entry(&'static str, Entry),
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.lock();
        f.debug_struct("Trace")
            .field("lines", &inner.lines.len())
            .field("forgotten", &inner.forgotten)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lock().lines {
            writeln!(f, "{}", line.to_json())?;
        }
        Ok(())
    }
}

impl Trace {
    pub(super) fn new(limit: usize, with_frames: bool) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                lines: VecDeque::new(),
                start: clock::now(),
                forgotten: 0,
                limit,
                with_frames,
            })),
        }
    }

    /// Returns all lines as text, one JSON object a line.
    #[must_use]
    pub fn text(&self) -> String {
        self.to_string()
    }

    /// Returns all lines as JSON.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        self.lock().lines.iter().map(Line::to_json).collect()
    }

    /// Returns how many lines there are, those that were forgotten included.
    #[must_use]
    pub fn count(&self) -> u64 {
        let inner = self.lock();
        inner.lines.len() as u64 + inner.forgotten
    }

    /// Returns how many of the oldest lines were forgotten, since there were more than the stage keeps. What was forgotten cannot be
    /// [replayed](super::replay).
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.lock().forgotten
    }

    /// Counts the lines of this kind.
    #[must_use]
    pub fn count_of(&self, what: &str) -> usize {
        let inner = self.lock();
        inner
            .lines
            .iter()
            .filter(|line| line.what() == what)
            .count()
    }

    /// Writes all lines to a file, to be read by [`replay`](super::replay) or by people.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        std::fs::write(path, self.text())
    }

    /// Shows the last lines for a person.
    #[must_use]
    pub fn tail(&self, lines: usize) -> String {
        let inner = self.lock();
        let from = inner.lines.len().saturating_sub(lines);
        let shown = inner.lines.range(from..).map(|line| {
            let text = line.to_json().to_string();
            match text.char_indices().nth(WIDTH) {
                Some((end, _)) => format!("  {}…\n", &text[..end]),
                None => format!("  {text}\n"),
            }
        });
        shown.collect()
    }

    /// Adds a line.
    pub(super) fn note(&self, what: &'static str, fields: Value) {
        let fields = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        self.add(What::Plain(what, fields));
    }

    /// Adds what went over a wire of a platform.
    pub(super) fn wire(&self, platform: &'static str, entry: &Entry) {
        if self.lock().with_frames || matches!(entry.body, Body::Fault(_)) {
            self.add(What::Entry(platform, entry.clone()));
        }
    }

    fn add(&self, what: What) {
        let inner = &mut *self.lock();
        let at = clock::now().saturating_duration_since(inner.start);
        inner.lines.push_back(Line { at, what });
        if inner.lines.len() > inner.limit {
            inner.lines.pop_front();
            inner.forgotten += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn what(&self) -> &str {
        match &self.what {
            What::Plain(what, _) => what,
            What::Entry(_, entry) => match (&entry.body, &entry.http) {
                (Body::Fault(_), _) => "befell",
                (_, Some(_)) => "http",
                (_, None) => "ws",
            },
        }
    }

    fn to_json(&self) -> Value {
        let mut row = Map::new();
        row.insert("at_ms".into(), (self.at.as_millis() as u64).into());
        row.insert("what".into(), self.what().into());
        match &self.what {
            What::Plain(_, fields) => row.extend(fields.clone()),
            What::Entry(platform, entry) => {
                row.insert("platform".into(), (*platform).into());
                show(entry, &mut row);
            }
        }
        Value::Object(row)
    }
}

fn show(entry: &Entry, row: &mut Map<String, Value>) {
    if let Body::Fault(fault) = &entry.body {
        row.insert("fault".into(), fault.clone());
        return;
    }
    let whole = entry.head();
    for name in ["direction", "method", "status"] {
        if let Some(value) = whole.get(name) {
            row.insert(name.into(), value.clone());
        }
    }
    match whole.get("path").and_then(Value::as_str) {
        Some(path) => {
            let path = path.split('?').next().unwrap_or_default();
            row.insert("path".into(), path.into());
        }
        None => {
            let body = match entry.body.len() {
                length if length > SHOWN => json!({"bytes": length}),
                _ => entry.body.to_json(),
            };
            row.insert("body".into(), body);
        }
    }
}

/// The largest message that is shown, in bytes.
const SHOWN: usize = 16_384;
/// The longest line for a person, in characters.
const WIDTH: usize = 400;
