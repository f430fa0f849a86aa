//! The default engine: sled, in a folder beside the file that SQLite would have.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use greenroom_actors::store::{Gate, StoreError, open_engine_in_segments};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sled::{Db, IVec, Tree};

use super::incremental::is_same_utterance;
use super::{
    Memory, Message, MessageRole, StorageService, file_of, is_sqlite, make_folder, number,
};
use crate::ticos::error::StorageError;

/// The default store: rows in sled, readable at once, on the disk within 50 ms and at the latest when it is closed.
///
/// It is the folder `ticos.db.sled` where SQLite would have `ticos.db`. With the feature `ticos-sqlite` an existing `ticos.db` is
/// imported when the folder is made.
pub struct SledStorageService {
    incremental: bool,
    place: Mutex<Option<(PathBuf, Option<String>)>>,
    open: RwLock<Option<Open>>,
    /// What reads before it writes does so alone.
    writing: Mutex<()>,
}

struct Open {
    gate: Gate<StoreError>,
    database: Db,
    messages: Rows,
    memories: Rows,
    /// Item and key of the message, so that the first stored comes first.
    items: Tree,
    next_memory: AtomicU64,
}

/// Rows by date and number, and the date by number.
struct Rows {
    rows: Tree,
    dates: Tree,
    count: OnceLock<AtomicU64>,
}

impl fmt::Debug for SledStorageService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledStorageService").finish_non_exhaustive()
    }
}

impl Default for SledStorageService {
    fn default() -> Self {
        Self::new()
    }
}

impl SledStorageService {
    /// Makes a store that is not open yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            incremental: true,
            place: Mutex::default(),
            open: RwLock::default(),
            writing: Mutex::default(),
        }
    }

    /// Sets whether a message of a user that the next one extends is deleted; true by default.
    #[must_use]
    pub fn incremental(mut self, incremental: bool) -> Self {
        self.incremental = incremental;
        self
    }

    fn with<R: Default>(&self, run: impl FnOnce(&Open) -> Result<R, StoreError>) -> R {
        let open = self.read();
        let Some(open) = open.as_ref() else {
            tracing::error!("the message store is not open");
            return R::default();
        };
        run(open).unwrap_or_else(|error| {
            tracing::error!(%error, "the message store");
            R::default()
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, Option<Open>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageService for SledStorageService {
    fn set_store_root_dir(&self, root: &Path, db_filename: Option<&str>) {
        let place = (root.to_owned(), db_filename.map(str::to_owned));
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }

    fn initialize(&self) -> Result<(), StorageError> {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let (root, name) = place.as_ref().ok_or(StorageError::NoFolder)?;
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.is_some() {
            tracing::warn!("the message store is open already");
            return Ok(());
        }
        let file = file_of(root, name.as_deref());
        make_folder(&file)?;
        let opened = Open::at(&file)?;
        if opened.is_empty() {
            opened.import(&file)?;
        }
        *open = Some(opened);
        Ok(())
    }

    fn save_message(&self, message: &Message) -> bool {
        let _alone = self.alone();
        self.with(|open| open.put_message(message).map(|()| true))
    }

    fn get_message(&self, id: &str) -> Option<Message> {
        self.with(|open| open.message(id))
    }

    fn update_message(&self, id: &str, message: &Message) -> bool {
        let _alone = self.alone();
        self.with(|open| {
            if open.message(id)?.is_none() {
                return Ok(false);
            }
            if id != message.id {
                open.remove_message(id)?;
            }
            open.put_message(message)?;
            if self.incremental && message.role == MessageRole::User {
                open.drop_extended(message)?;
            }
            Ok(true)
        })
    }

    fn delete_message(&self, id: &str) -> bool {
        let _alone = self.alone();
        self.with(|open| open.remove_message(id))
    }

    fn get_messages(&self, offset: i64, limit: i64, desc: bool) -> Vec<Message> {
        self.with(|open| open.messages.page(&open.gate, offset, limit, desc))
    }

    fn get_message_by_item_id(&self, item_id: &str) -> Option<Message> {
        self.with(|open| {
            let first = open.gate.call("read", || {
                open.items.scan_prefix(item(item_id)).next().transpose()
            })?;
            let Some((key, _)) = first else {
                return Ok(None);
            };
            let id = &key[item(item_id).len()..];
            open.messages.get(&open.gate, id)
        })
    }

    fn save_memory(&self, memory: &Memory) -> bool {
        let _alone = self.alone();
        self.with(|open| {
            let known = memory.id > 0
                && open
                    .memories
                    .get::<Memory>(&open.gate, &memory_key(memory.id))?
                    .is_some();
            let mut memory = memory.clone();
            if !known {
                let id = open.next_memory.fetch_add(1, Ordering::Relaxed);
                memory.id = i64::try_from(id).unwrap_or(i64::MAX);
            }
            open.put_memory(&memory).map(|()| true)
        })
    }

    fn get_memory(&self, id: i64) -> Option<Memory> {
        self.with(|open| open.memories.get(&open.gate, &memory_key(id)))
    }

    fn update_memory(&self, id: i64, memory: &Memory) -> bool {
        let _alone = self.alone();
        self.with(|open| {
            let known: Option<Memory> = open.memories.get(&open.gate, &memory_key(id))?;
            if known.is_none() {
                return Ok(false);
            }
            let mut memory = memory.clone();
            memory.id = id;
            open.put_memory(&memory).map(|()| true)
        })
    }

    fn delete_memory(&self, id: i64) -> bool {
        let _alone = self.alone();
        self.with(|open| open.memories.remove(&open.gate, &memory_key(id)))
    }

    fn get_latest_memory(&self) -> Option<Memory> {
        self.get_memories(0, 1, true).pop()
    }

    fn get_memories(&self, offset: i64, limit: i64, desc: bool) -> Vec<Memory> {
        self.with(|open| open.memories.page(&open.gate, offset, limit, desc))
    }

    fn close(&self) {
        let open = self
            .open
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(open) = open else {
            return;
        };
        let flushed = open.gate.call("write", || open.database.flush());
        if let Err(error) = flushed {
            tracing::error!(%error, "the message store could not be written");
        }
        open.gate.keep(&open.database);
    }

    fn count_messages(&self) -> u64 {
        self.with(|open| Ok(open.messages.count()))
    }

    fn count_memories(&self) -> u64 {
        self.with(|open| Ok(open.memories.count()))
    }

    fn last_message_id(&self) -> u64 {
        self.with(|open| {
            let last = open.gate.call("read", || open.messages.dates.last())?;
            Ok(last.map_or(0, |(key, _)| number_of(&key)))
        })
    }
}

impl Open {
    fn at(file: &Path) -> Result<Self, StorageError> {
        let mut path = file.as_os_str().to_owned();
        path.push(".sled");
        let path = PathBuf::from(path);
        let broken = |error: StoreError| StorageError::Engine {
            path: path.clone(),
            message: error.to_string(),
        };
        let opened = open_engine_in_segments(&path, CACHE, FLUSH, SEGMENT);
        let database = opened.map_err(&broken)?;
        let gate: Gate<StoreError> = Gate::new(&path);
        let tree = |name: &str| {
            gate.call("open", || database.open_tree(name))
                .map_err(&broken)
        };
        let rows = |rows: &str, dates: &str| {
            Ok::<_, StorageError>(Rows {
                rows: tree(rows)?,
                dates: tree(dates)?,
                count: OnceLock::new(),
            })
        };
        let memories = rows("memories", "memory dates")?;
        let last = gate
            .call("read", || memories.dates.last())
            .map_err(&broken)?;
        let last = last.map_or(0, |(key, _)| number_of(&key));
        Ok(Self {
            messages: rows("messages", "message dates")?,
            items: tree("items")?,
            next_memory: AtomicU64::new(last + 1),
            memories,
            database,
            gate,
        })
    }

    fn is_empty(&self) -> bool {
        self.messages.dates.is_empty() && self.memories.dates.is_empty()
    }

    /// Takes over what a client of the platform has kept in SQLite.
    fn import(&self, file: &Path) -> Result<(), StorageError> {
        match is_sqlite(file) {
            None => Ok(()),
            Some(false) => Err(StorageError::Engine {
                path: file.to_owned(),
                message: "it is not a database".to_owned(),
            }),
            #[cfg(feature = "ticos-sqlite")]
            Some(true) => super::import::read(
                file,
                |message| self.put_message(message),
                |memory| {
                    let next = u64::try_from(memory.id).unwrap_or(0).saturating_add(1);
                    self.next_memory.fetch_max(next, Ordering::Relaxed);
                    self.put_memory(memory)
                },
            ),
            #[cfg(not(feature = "ticos-sqlite"))]
            Some(true) => {
                tracing::warn!(file = %file.display(), "not imported: this program was built without the feature ticos-sqlite");
                Ok(())
            }
        }
    }

    fn message(&self, id: &str) -> Result<Option<Message>, StoreError> {
        self.messages.get(&self.gate, &message_key(id))
    }

    fn put_message(&self, message: &Message) -> Result<(), StoreError> {
        let key = message_key(&message.id);
        if let Some(before) = self.message(&message.id)?
            && before.item_id != message.item_id
        {
            self.forget_item(&before)?;
        }
        self.messages
            .put(&self.gate, &key, &message.datetime, message)?;
        if let Some(id) = &message.item_id {
            let key = [item(id), key].concat();
            self.gate.call("write", || self.items.insert(key, &[]))?;
        }
        Ok(())
    }

    fn remove_message(&self, id: &str) -> Result<bool, StoreError> {
        let Some(message) = self.message(id)? else {
            return Ok(false);
        };
        self.forget_item(&message)?;
        self.messages.remove(&self.gate, &message_key(id))
    }

    fn forget_item(&self, message: &Message) -> Result<(), StoreError> {
        if let Some(id) = &message.item_id {
            let key = [item(id), message_key(&message.id)].concat();
            self.gate.call("write", || self.items.remove(key))?;
        }
        Ok(())
    }

    /// Deletes the user's message before this one if this one extends it, or the other way round.
    fn drop_extended(&self, message: &Message) -> Result<(), StoreError> {
        let key = message_key(&message.id);
        let before = self
            .gate
            .call("read", || self.messages.dates.get_lt(&key))?;
        let Some((key, _)) = before else {
            return Ok(());
        };
        let before: Option<Message> = self.messages.get(&self.gate, &key)?;
        match before {
            Some(before)
                if before.role == MessageRole::User
                    && is_same_utterance(&before.content, &message.content) =>
            {
                self.remove_message(&before.id).map(drop)
            }
            _ => Ok(()),
        }
    }

    fn put_memory(&self, memory: &Memory) -> Result<(), StoreError> {
        let key = memory_key(memory.id);
        self.memories
            .put(&self.gate, &key, &memory.datetime, memory)
    }
}

impl Rows {
    fn get<R: DeserializeOwned>(
        &self,
        gate: &Gate<StoreError>,
        key: &[u8],
    ) -> Result<Option<R>, StoreError> {
        let found = gate.call("read", || {
            let Some(date) = self.dates.get(key)? else {
                return Ok(None);
            };
            self.rows.get(row_key(&date, key))
        })?;
        Ok(found.and_then(|row| read(&row)))
    }

    fn put<R: Serialize>(
        &self,
        gate: &Gate<StoreError>,
        key: &[u8],
        date: &str,
        row: &R,
    ) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(row).map_err(|error| StoreError::Value {
            action: "written",
            shelf: "messages".to_owned(),
            source: error.into(),
        })?;
        // Counted before, if anybody has asked.
        let count = self.count.get();
        let before = gate.call("write", || {
            self.rows.insert(row_key(date.as_bytes(), key), bytes)?;
            self.dates.insert(key, date)
        })?;
        match before {
            None => {
                if let Some(count) = count {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
            Some(before) if before != date.as_bytes() => {
                gate.call("write", || self.rows.remove(row_key(&before, key)))?;
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn remove(&self, gate: &Gate<StoreError>, key: &[u8]) -> Result<bool, StoreError> {
        let count = self.count.get();
        let date = gate.call("write", || self.dates.remove(key))?;
        let Some(date) = date else {
            return Ok(false);
        };
        gate.call("write", || self.rows.remove(row_key(&date, key)))?;
        if let Some(count) = count {
            count.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(true)
    }

    fn page<R: DeserializeOwned>(
        &self,
        gate: &Gate<StoreError>,
        offset: i64,
        limit: i64,
        desc: bool,
    ) -> Result<Vec<R>, StoreError> {
        let skip = usize::try_from(offset).unwrap_or(0);
        let take = usize::try_from(limit).unwrap_or(usize::MAX);
        gate.call("read", || {
            let all = self.rows.iter();
            let rows: Box<dyn Iterator<Item = sled::Result<(IVec, IVec)>>> = match desc {
                true => Box::new(all.rev()),
                false => Box::new(all),
            };
            let page = rows.skip(skip).take(take);
            page.filter_map(|row| row.map(|(_, row)| read(&row)).transpose())
                .collect()
        })
    }

    fn count(&self) -> u64 {
        let count = || AtomicU64::new(self.dates.len() as u64);
        self.count.get_or_init(count).load(Ordering::Relaxed)
    }
}

/// Reads a row; one that cannot be read is told and left out.
fn read<R: DeserializeOwned>(row: &[u8]) -> Option<R> {
    serde_json::from_slice(row)
        .inspect_err(|error| tracing::error!(%error, "a row of the message store cannot be read"))
        .ok()
}

/// Orders messages by number, and those without a number by their id.
fn message_key(id: &str) -> Vec<u8> {
    let number = number(id);
    let text: &str = if number.to_string() == id { "" } else { id };
    [&number.to_be_bytes(), text.as_bytes()].concat()
}

fn memory_key(id: i64) -> Vec<u8> {
    u64::try_from(id).unwrap_or(0).to_be_bytes().to_vec()
}

fn number_of(key: &[u8]) -> u64 {
    let bytes = key.first_chunk::<8>();
    bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn row_key(date: &[u8], key: &[u8]) -> Vec<u8> {
    [date, &[0], key].concat()
}

/// Begins with its length, so that no item is the beginning of another.
fn item(id: &str) -> Vec<u8> {
    [&(id.len() as u64).to_be_bytes(), id.as_bytes()].concat()
}

/// The memory of the engine, in bytes. With this and small segments it takes 10 MiB for 20,000 rows, at its default 25 MiB.
const CACHE: u64 = 2 << 20;
const SEGMENT: usize = 64 << 10;
const FLUSH: Duration = Duration::from_millis(50);
