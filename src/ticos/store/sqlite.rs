//! The other engine: SQLite, in the very file that the platform's own clients use.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::import::{memory_of, message_of};
use super::incremental::is_same_utterance;
use super::{Memory, Message, MessageRole, StorageService, file_of, make_folder};
use crate::ticos::error::StorageError;

/// Messages and memories in `ticos.db`, as the platform's clients write it since 0.7: older files are brought up to date.
///
/// Writes are committed in groups: after 50 ms, 256 of them, or when the store is closed. Rows can be read at once.
pub struct SQLiteStorageService {
    incremental: bool,
    place: Mutex<Option<(PathBuf, Option<String>)>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    open: Mutex<Open>,
    /// Something waits to be committed, or the store was closed.
    changed: Condvar,
}

#[derive(Default)]
struct Open {
    database: Option<Connection>,
    /// How many writes the transaction that is open has.
    writes: usize,
    /// Counts the openings, so that a committer knows its own.
    epoch: u64,
}

impl fmt::Debug for SQLiteStorageService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SQLiteStorageService")
            .finish_non_exhaustive()
    }
}

impl Default for SQLiteStorageService {
    fn default() -> Self {
        Self::new()
    }
}

impl SQLiteStorageService {
    /// Makes a store that is not open yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            incremental: true,
            place: Mutex::default(),
            shared: Arc::default(),
        }
    }

    /// Sets whether a message of a user that the next one extends is deleted; true by default.
    #[must_use]
    pub fn incremental(mut self, incremental: bool) -> Self {
        self.incremental = incremental;
        self
    }

    fn read<R: Default>(&self, run: impl FnOnce(&Connection) -> rusqlite::Result<R>) -> R {
        let open = self.shared.lock();
        let Some(database) = &open.database else {
            tracing::error!("the message store is not open");
            return R::default();
        };
        told(run(database))
    }

    fn write<R: Default>(&self, run: impl FnOnce(&Connection) -> rusqlite::Result<R>) -> R {
        let mut open = self.shared.lock();
        let Some(database) = &open.database else {
            tracing::error!("the message store is not open");
            return R::default();
        };
        if open.writes == 0 && !told(database.execute_batch("BEGIN").map(|()| true)) {
            return R::default();
        }
        let outcome = run(database);
        open.writes += 1;
        if open.writes == 1 {
            self.shared.changed.notify_one();
        }
        if open.writes >= GROUP {
            open.commit();
        }
        told(outcome)
    }
}

fn told<R: Default>(outcome: rusqlite::Result<R>) -> R {
    outcome.unwrap_or_else(|error| {
        tracing::error!(%error, "the message store");
        R::default()
    })
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn commit(&mut self) {
        if let Some(database) = self.database.as_ref().filter(|_| self.writes > 0) {
            told(database.execute_batch("COMMIT"));
        }
        self.writes = 0;
    }
}

/// Commits what waits, until the store of this opening is closed.
fn commit_in_groups(shared: &Weak<Shared>, epoch: u64) {
    while let Some(shared) = shared.upgrade() {
        let open = shared.lock();
        let idle = |open: &mut Open| open.epoch == epoch && open.writes == 0;
        let waited = shared.changed.wait_timeout_while(open, LOOK, idle);
        let (open, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if open.epoch != epoch {
            return;
        }
        if waited.timed_out() {
            continue;
        }
        drop(open);
        std::thread::park_timeout(PERIOD);
        let mut open = shared.lock();
        if open.epoch == epoch {
            open.commit();
        }
    }
}

impl StorageService for SQLiteStorageService {
    fn set_store_root_dir(&self, root: &Path, db_filename: Option<&str>) {
        let place = (root.to_owned(), db_filename.map(str::to_owned));
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }

    fn initialize(&self) -> Result<(), StorageError> {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let (root, name) = place.as_ref().ok_or(StorageError::NoFolder)?;
        let mut open = self.shared.lock();
        if open.database.is_some() {
            tracing::warn!("the message store is open already");
            return Ok(());
        }
        let file = file_of(root, name.as_deref());
        make_folder(&file)?;
        let database = prepared(&file).map_err(|error| StorageError::Engine {
            path: file.clone(),
            message: error.to_string(),
        })?;
        open.database = Some(database);
        open.writes = 0;
        open.epoch += 1;
        let (shared, epoch) = (Arc::downgrade(&self.shared), open.epoch);
        let committer = std::thread::Builder::new().name("ticos store".to_owned());
        let started = committer.spawn(move || commit_in_groups(&shared, epoch));
        started
            .map_err(|error| StorageError::Other(format!("no thread for the store: {error}")))?;
        Ok(())
    }

    fn save_message(&self, message: &Message) -> bool {
        self.write(|database| {
            let mut insert = database.prepare(
                "INSERT OR REPLACE INTO messages (id, role, content, item_id, user_id, datetime) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            let changed = insert.execute(params![
                message.id,
                message.role.name(),
                message.content,
                message.item_id,
                message.user_id,
                message.datetime
            ])?;
            Ok(changed > 0)
        })
    }

    fn get_message(&self, id: &str) -> Option<Message> {
        self.read(|database| {
            let mut select = database.prepare(&format!("{MESSAGES} WHERE id = ?1"))?;
            select.query_row([id], message_of).optional()
        })
    }

    fn update_message(&self, id: &str, message: &Message) -> bool {
        self.write(|database| {
            let mut update = database.prepare(
                "UPDATE messages SET id = ?1, role = ?2, content = ?3, item_id = ?4, user_id = ?5, datetime = ?6 WHERE id = ?7",
            )?;
            let changed = update.execute(params![
                message.id,
                message.role.name(),
                message.content,
                message.item_id,
                message.user_id,
                message.datetime,
                id
            ])?;
            if changed > 0 && self.incremental && message.role == MessageRole::User {
                drop_extended(database, message)?;
            }
            Ok(changed > 0)
        })
    }

    fn delete_message(&self, id: &str) -> bool {
        self.write(|database| {
            let deleted = database.execute("DELETE FROM messages WHERE id = ?1", [id])?;
            Ok(deleted > 0)
        })
    }

    fn get_messages(&self, offset: i64, limit: i64, desc: bool) -> Vec<Message> {
        let order = order(desc);
        self.read(|database| {
            let query = format!(
                "{MESSAGES} ORDER BY datetime {order}, CAST(id AS INTEGER) {order} LIMIT ?1 OFFSET ?2"
            );
            let mut select = database.prepare(&query)?;
            let rows = select.query_map([limit.max(-1), offset.max(0)], message_of)?;
            rows.collect()
        })
    }

    fn get_message_by_item_id(&self, item_id: &str) -> Option<Message> {
        self.read(|database| {
            let query =
                format!("{MESSAGES} WHERE item_id = ?1 ORDER BY CAST(id AS INTEGER) LIMIT 1");
            let mut select = database.prepare(&query)?;
            select.query_row([item_id], message_of).optional()
        })
    }

    fn save_memory(&self, memory: &Memory) -> bool {
        self.write(|database| {
            let id = Some(memory.id).filter(|id| *id > 0);
            let changed = database.execute(
                "INSERT OR REPLACE INTO memories (id, type, content, user_id, datetime) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, memory.kind.name(), memory.content, memory.user_id, memory.datetime],
            )?;
            Ok(changed > 0)
        })
    }

    fn get_memory(&self, id: i64) -> Option<Memory> {
        self.read(|database| {
            let query = format!("{MEMORIES} WHERE id = ?1");
            database.query_row(&query, [id], memory_of).optional()
        })
    }

    fn update_memory(&self, id: i64, memory: &Memory) -> bool {
        self.write(|database| {
            let changed = database.execute(
                "UPDATE memories SET type = ?1, content = ?2, user_id = ?3, datetime = ?4 WHERE id = ?5",
                params![memory.kind.name(), memory.content, memory.user_id, memory.datetime, id],
            )?;
            Ok(changed > 0)
        })
    }

    fn delete_memory(&self, id: i64) -> bool {
        self.write(|database| {
            let deleted = database.execute("DELETE FROM memories WHERE id = ?1", [id])?;
            Ok(deleted > 0)
        })
    }

    fn get_latest_memory(&self) -> Option<Memory> {
        self.get_memories(0, 1, true).pop()
    }

    fn get_memories(&self, offset: i64, limit: i64, desc: bool) -> Vec<Memory> {
        let order = order(desc);
        self.read(|database| {
            let query =
                format!("{MEMORIES} ORDER BY datetime {order}, id {order} LIMIT ?1 OFFSET ?2");
            let mut select = database.prepare(&query)?;
            let rows = select.query_map([limit.max(-1), offset.max(0)], memory_of)?;
            rows.collect()
        })
    }

    fn close(&self) {
        let mut open = self.shared.lock();
        open.commit();
        open.epoch += 1;
        if let Some(database) = open.database.take()
            && let Err((_, error)) = database.close()
        {
            tracing::error!(%error, "the message store could not be closed");
        }
        drop(open);
        self.shared.changed.notify_all();
    }

    fn count_messages(&self) -> u64 {
        self.read(|database| count(database, "messages"))
    }

    fn count_memories(&self) -> u64 {
        self.read(|database| count(database, "memories"))
    }

    fn last_message_id(&self) -> u64 {
        self.read(|database| {
            let query = "SELECT MAX(CAST(id AS INTEGER)) FROM messages";
            let last: Option<i64> = database.query_row(query, [], |row| row.get(0))?;
            Ok(u64::try_from(last.unwrap_or(0)).unwrap_or(0))
        })
    }
}

impl Drop for SQLiteStorageService {
    fn drop(&mut self) {
        self.close();
    }
}

/// Opens a file and brings it to the newest version.
fn prepared(file: &Path) -> rusqlite::Result<Connection> {
    let database = Connection::open(file)?;
    database.busy_timeout(Duration::from_secs(5))?;
    database.execute_batch("BEGIN IMMEDIATE")?;
    let exists = |table: &str| -> rusqlite::Result<bool> {
        let query = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?1";
        database.query_row(query, [table], |row| Ok(row.get::<_, i64>(0)? > 0))
    };
    let is_old = exists("messages")? && !exists("db_version")?;
    database.execute_batch(SCHEMA)?;
    if is_old {
        for table in ["messages", "memories"] {
            let query =
                format!("SELECT COUNT(*) FROM pragma_table_info('{table}') WHERE name = 'user_id'");
            let has: i64 = database.query_row(&query, [], |row| row.get(0))?;
            if has == 0 {
                database.execute_batch(&format!(
                    "ALTER TABLE {table} ADD COLUMN user_id TEXT DEFAULT 'nobody'"
                ))?;
            }
        }
    }
    let now = super::local(greenroom_actors::clock::unix_seconds());
    database.execute(
        "INSERT OR IGNORE INTO db_version (id, version, updated_at) VALUES (1, 1, ?1)",
        [now],
    )?;
    database.execute_batch(INDEXES)?;
    database.execute_batch("COMMIT")?;
    Ok(database)
}

/// Deletes the user's message before this one if this one extends it, or the other way round.
fn drop_extended(database: &Connection, message: &Message) -> rusqlite::Result<()> {
    let query = format!(
        "{MESSAGES} WHERE CAST(id AS INTEGER) < CAST(?1 AS INTEGER) ORDER BY CAST(id AS INTEGER) DESC LIMIT 1"
    );
    let mut select = database.prepare(&query)?;
    let before = select.query_row([&message.id], message_of).optional()?;
    if let Some(before) = before
        && before.role == MessageRole::User
        && is_same_utterance(&before.content, &message.content)
    {
        database.execute("DELETE FROM messages WHERE id = ?1", [&before.id])?;
    }
    Ok(())
}

fn count(database: &Connection, table: &str) -> rusqlite::Result<u64> {
    let query = format!("SELECT COUNT(*) FROM {table}");
    let count: i64 = database.query_row(&query, [], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

fn order(desc: bool) -> &'static str {
    if desc { "DESC" } else { "ASC" }
}

const MESSAGES: &str = "SELECT id, role, content, item_id, user_id, datetime FROM messages";
const MEMORIES: &str = "SELECT id, type, content, user_id, datetime FROM memories";
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, role TEXT NOT NULL, content TEXT NOT NULL, item_id TEXT, user_id TEXT DEFAULT 'nobody', datetime TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS memories (id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, content TEXT NOT NULL, user_id TEXT DEFAULT 'nobody', datetime TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS db_version (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, updated_at TEXT NOT NULL);";
const INDEXES: &str = "
CREATE INDEX IF NOT EXISTS messages_by_item ON messages (item_id);
CREATE INDEX IF NOT EXISTS messages_by_date ON messages (datetime, CAST(id AS INTEGER));
CREATE INDEX IF NOT EXISTS messages_by_number ON messages (CAST(id AS INTEGER));
CREATE INDEX IF NOT EXISTS memories_by_date ON memories (datetime, id);";
/// So many writes at most are one transaction.
const GROUP: usize = 256;
/// So long a transaction is open at most.
const PERIOD: Duration = Duration::from_millis(50);
/// How often a committer looks whether its store is still there.
const LOOK: Duration = Duration::from_secs(60);
