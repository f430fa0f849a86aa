//! Messages out of the SQLite database that other clients of Mezon keep.
//!
//! One row a message, in a table with the columns `id`, `channel_id`, `content` and `create_time_seconds` at least; the clients write
//! `clan_id`, `sender_id`, `mentions`, `attachments`, `reactions`, `msg_references` and `topic_id` beside them. Whether the clan belongs
//! to the table's key, which differs between the clients, is of no matter.

use std::collections::BTreeMap;
use std::path::Path;

use greenroom_actors::cache::{Cache, Record};
use greenroom_actors::event::{ChannelKey, Id};
use greenroom_proto::mezon::{Wire, api, encode};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};
use serde::Serialize;
use serde_json::Value;

use super::look::messages;
use super::progress::Progress;
use super::store::Stores;
use crate::cli::Failure;
use crate::mezon::V2_FORMAT;

/// What became of the rows.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Tally {
    imported: u64,
    /// Messages that are kept already: they stay as they are, since the cache knows more of a message than such a database.
    known: u64,
    skipped: u64,
    reasons: BTreeMap<&'static str, u64>,
}

/// `greenroom cache import --from-sqlite`.
pub(super) async fn import(file: &Path, stores: &Stores) -> Result<(), Failure> {
    let source = Source::open(file)?;
    let progress = Progress::new("read");
    let tally = stores
        .first
        .work(async |cache| source.copy(cache, &progress).await);
    let tally = tally.await;
    progress.finish();
    let tally = tally?;
    stores.printer.text(&tally.to_string(), &tally)?;
    Ok(())
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "imported {}", messages(self.imported))?;
        if self.known > 0 {
            write!(f, ", {} were kept already", self.known)?;
        }
        if self.skipped > 0 {
            let reasons = self
                .reasons
                .iter()
                .map(|(reason, rows)| format!("{rows} {reason}"));
            let reasons: Vec<String> = reasons.collect();
            write!(f, ", skipped {}: {}", self.skipped, reasons.join(", "))?;
        }
        Ok(())
    }
}

/// A database with a table of messages.
struct Source {
    connection: Connection,
    table: String,
    /// Those of [`COLUMNS`] that the table has.
    columns: Vec<&'static str>,
    file: String,
}

const REQUIRED: [&str; 4] = ["id", "channel_id", "content", "create_time_seconds"];
const COLUMNS: [&str; 11] = [
    "id",
    "channel_id",
    "content",
    "create_time_seconds",
    "clan_id",
    "sender_id",
    "mentions",
    "attachments",
    "reactions",
    "msg_references",
    "topic_id",
];

impl Source {
    fn open(file: &Path) -> Result<Self, Failure> {
        let name = file.display().to_string();
        let cannot =
            |error: &dyn std::fmt::Display| Failure::failed(format!("cannot read {name}: {error}"));
        // SQLite itself only says that it could not open it.
        std::fs::File::open(file).map_err(|error| cannot(&error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(file, flags).map_err(|error| cannot(&error))?;
        let tables = tables(&connection).map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => {
                Failure::failed(format!("{name} is not a SQLite database"))
            }
            _ => cannot(&error),
        })?;
        for table in tables {
            let has = columns(&connection, &table).map_err(|error| cannot(&error))?;
            if REQUIRED
                .iter()
                .all(|column| has.iter().any(|found| found == column))
            {
                let known = COLUMNS.into_iter();
                let columns = known.filter(|column| has.iter().any(|found| found == column));
                return Ok(Self {
                    columns: columns.collect(),
                    connection,
                    table,
                    file: name,
                });
            }
        }
        Err(Failure::failed(format!(
            "{name} has no table of messages: one with the columns {} is needed",
            REQUIRED.join(", ")
        )))
    }

    /// Copies all rows into `cache`; done again, it changes nothing.
    async fn copy(&self, cache: &Cache, progress: &Progress) -> Result<Tally, Failure> {
        let cannot =
            |error: rusqlite::Error| Failure::failed(format!("cannot read {}: {error}", self.file));
        // In the order of the channels and of time, as the cache takes them best.
        let sql = format!(
            "SELECT {} FROM {} ORDER BY channel_id, CAST(id AS INTEGER)",
            self.columns.join(", "),
            quoted(&self.table)
        );
        let mut select = self.connection.prepare(&sql).map_err(cannot)?;
        let mut rows = select.query([]).map_err(cannot)?;
        let (mut tally, mut batch) = (Tally::default(), Vec::with_capacity(BATCH));
        while let Some(row) = rows.next().map_err(cannot)? {
            progress.tick();
            match self.record(row) {
                Ok(record) => batch.push(record),
                Err(reason) => {
                    tally.skipped += 1;
                    *tally.reasons.entry(reason).or_default() += 1;
                }
            }
            if batch.len() >= BATCH {
                save(cache, &mut batch, &mut tally).await?;
            }
        }
        save(cache, &mut batch, &mut tally).await?;
        Ok(tally)
    }

    /// Reads a row; the error says why that cannot be done.
    fn record(&self, row: &Row<'_>) -> Result<Record, &'static str> {
        let value = |name: &str| {
            let place = self.columns.iter().position(|column| *column == name);
            place
                .and_then(|place| row.get_ref(place).ok())
                .unwrap_or(ValueRef::Null)
        };
        let message_id = id(value("id"))
            .filter(|id| *id != 0)
            .ok_or("without a number as id")?;
        let channel_id = id(value("channel_id")).filter(|id| *id != 0);
        let channel_id = channel_id.ok_or("without a number as channel_id")?;
        let clan_id = id(value("clan_id")).ok_or("with a clan_id that is no number")?;
        let time = match value("create_time_seconds") {
            ValueRef::Null => Some(0),
            ValueRef::Integer(time) => u32::try_from(time).ok(),
            ValueRef::Real(time) if (0.0..=f64::from(u32::MAX)).contains(&time) => {
                Some(time as u32)
            }
            ValueRef::Text(text) => std::str::from_utf8(text)
                .ok()
                .and_then(|text| text.parse().ok()),
            _ => None,
        };
        let create_time_seconds = time.ok_or("with a time that is none")?;
        let list = |name| list(value(name)).ok_or("with a list that is no JSON");
        let message = api::ChannelMessage {
            clan_id,
            channel_id,
            message_id,
            sender_id: id(value("sender_id")).ok_or("with a sender_id that is no number")?,
            topic_id: id(value("topic_id")).ok_or("with a topic_id that is no number")?,
            content: content(value("content")).ok_or("with a content that is no text")?,
            mentions: list("mentions")?.into(),
            attachments: list("attachments")?.into(),
            reactions: list("reactions")?.into(),
            references: list("msg_references")?.into(),
            create_time_seconds,
            ..Default::default()
        };
        Ok(Record {
            channel: ChannelKey::new(clan_id, channel_id),
            id: Id::from(message_id),
            at: create_time_seconds.into(),
            format: V2_FORMAT,
            body: encode(Wire::V2, &message).into(),
        })
    }
}

/// Keeps what is not kept yet.
async fn save(cache: &Cache, batch: &mut Vec<Record>, tally: &mut Tally) -> Result<(), Failure> {
    let mut new = Vec::with_capacity(batch.len());
    for record in batch.drain(..) {
        match cache.get(&record.channel, &record.id).await? {
            Some(_) => tally.known += 1,
            None => new.push(record),
        }
    }
    tally.imported += new.len() as u64;
    cache.save(new).await?;
    Ok(())
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql =
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name <> 'messages', name";
    let mut select = connection.prepare(sql)?;
    let names = select.query_map([], |row| row.get(0))?;
    names.collect()
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut select = connection.prepare("SELECT name FROM pragma_table_info(?)")?;
    let names = select.query_map([table], |row| row.get(0))?;
    names.collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Reads an id, 0 for none.
fn id(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Null => Some(0),
        ValueRef::Integer(number) => Some(number),
        ValueRef::Text([]) => Some(0),
        ValueRef::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        ValueRef::Blob(_) | ValueRef::Real(_) => None,
    }
}

/// Reads a list as JSON text; empty for none.
fn list(value: ValueRef<'_>) -> Option<Vec<u8>> {
    let text = match value {
        ValueRef::Null | ValueRef::Text([]) => return Some(Vec::new()),
        ValueRef::Text(text) => text,
        ValueRef::Blob(_) | ValueRef::Integer(_) | ValueRef::Real(_) => return None,
    };
    match serde_json::from_slice(text).ok()? {
        Value::Null => Some(Vec::new()),
        Value::Array(rows) if rows.is_empty() => Some(Vec::new()),
        Value::Array(_) => Some(text.to_vec()),
        // Some write the text of a list as a text.
        Value::String(inner) => match serde_json::from_str(&inner).ok()? {
            Value::Array(_) => Some(inner.into_bytes()),
            _ => None,
        },
        _ => None,
    }
}

/// Reads a content. What is no JSON is kept as it is, as the platform itself does.
fn content(value: ValueRef<'_>) -> Option<String> {
    let text = match value {
        ValueRef::Null => return Some("{}".to_owned()),
        ValueRef::Text(text) => std::str::from_utf8(text).ok()?,
        ValueRef::Blob(_) | ValueRef::Integer(_) | ValueRef::Real(_) => return None,
    };
    Some(match serde_json::from_str(text) {
        Ok(Value::String(inner)) => inner,
        _ => text.to_owned(),
    })
}

const BATCH: usize = 500;
