//! Reading what the platform's own clients have kept.

use std::path::Path;

use greenroom_actors::store::StoreError;
use rusqlite::{Connection, OpenFlags, Row};

use super::{Memory, Message, NOBODY};
use crate::ticos::error::StorageError;

/// Hands every row of a `ticos.db` on; the file itself is not changed.
pub(super) fn read(
    file: &Path,
    mut message: impl FnMut(&Message) -> Result<(), StoreError>,
    mut memory: impl FnMut(&Memory) -> Result<(), StoreError>,
) -> Result<(), StorageError> {
    let broken = |message: String| StorageError::Engine {
        path: file.to_owned(),
        message,
    };
    let sql = |error: rusqlite::Error| broken(error.to_string());
    let database =
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(sql)?;
    let (mut taken, mut left) = (0_u64, 0_u64);
    if let Some(user) = user_column(&database, "messages").map_err(sql)? {
        let query = format!("SELECT id, role, content, item_id, {user}, datetime FROM messages");
        let mut statement = database.prepare(&query).map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        while let Some(row) = rows.next().map_err(sql)? {
            match message_of(row) {
                Ok(row) => {
                    message(&row).map_err(|error| broken(error.to_string()))?;
                    taken += 1;
                }
                Err(_) => left += 1,
            }
        }
    }
    if let Some(user) = user_column(&database, "memories").map_err(sql)? {
        let query = format!("SELECT id, type, content, {user}, datetime FROM memories");
        let mut statement = database.prepare(&query).map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        while let Some(row) = rows.next().map_err(sql)? {
            match memory_of(row) {
                Ok(row) => {
                    memory(&row).map_err(|error| broken(error.to_string()))?;
                    taken += 1;
                }
                Err(_) => left += 1,
            }
        }
    }
    tracing::info!(file = %file.display(), taken, left, "imported");
    Ok(())
}

/// Returns what to read as the user; none if there is no such table.
fn user_column(database: &Connection, table: &str) -> rusqlite::Result<Option<&'static str>> {
    let mut statement = database.prepare(&format!("PRAGMA table_info({table})"))?;
    let names = statement.query_map([], |row| row.get::<_, String>(1))?;
    let names: Vec<String> = names.collect::<Result<_, _>>()?;
    Ok(match names.is_empty() {
        true => None,
        false if names.iter().any(|name| name == "user_id") => Some("user_id"),
        false => Some("'nobody'"),
    })
}

pub(super) fn message_of(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: row.get(0)?,
        role: parsed(row, 1)?,
        content: row.get(2)?,
        item_id: row.get(3)?,
        user_id: row.get::<_, Option<String>>(4)?.unwrap_or_else(nobody),
        datetime: row.get(5)?,
    })
}

pub(super) fn memory_of(row: &Row<'_>) -> rusqlite::Result<Memory> {
    Ok(Memory {
        id: row.get(0)?,
        kind: parsed(row, 1)?,
        content: row.get(2)?,
        user_id: row.get::<_, Option<String>>(3)?.unwrap_or_else(nobody),
        datetime: row.get(4)?,
    })
}

fn nobody() -> String {
    NOBODY.to_owned()
}

fn parsed<T: std::str::FromStr<Err = super::UnknownName>>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}
