//! The message store of a device: what it keeps, and the engines that can keep it.

mod date;
#[cfg(feature = "ticos-sqlite")]
mod import;
mod incremental;
mod keeper;
mod sled;
#[cfg(feature = "ticos-sqlite")]
mod sqlite;

use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::StorageError;

pub(super) use self::date::local;
pub(super) use self::keeper::{Keeper, Place};
pub use self::sled::SledStorageService;
#[cfg(feature = "ticos-sqlite")]
pub use self::sqlite::SQLiteStorageService;

/// Who said a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageRole {
    /// The agent.
    Assistant,
    /// An instruction.
    System,
    /// The person before the device.
    User,
}

impl MessageRole {
    /// Returns the name under which it is stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Assistant => "assistant",
            Self::System => "system",
            Self::User => "user",
        }
    }
}

impl FromStr for MessageRole {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name {
            "assistant" => Ok(Self::Assistant),
            "system" => Ok(Self::System),
            "user" => Ok(Self::User),
            other => Err(UnknownName(other.to_owned())),
        }
    }
}

/// For how long a memory is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryType {
    /// For good.
    LongTerm,
    /// For a while.
    ShortTerm,
}

impl MemoryType {
    /// Returns the name under which it is stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LongTerm => "long_term",
            Self::ShortTerm => "short_term",
        }
    }
}

impl FromStr for MemoryType {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name {
            "long_term" => Ok(Self::LongTerm),
            "short_term" => Ok(Self::ShortTerm),
            other => Err(UnknownName(other.to_owned())),
        }
    }
}

/// A role or a type of memory that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a role nor a type of memory")]
pub struct UnknownName(String);

/// A message of the conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// A decimal number.
    pub id: String,
    /// Who said it.
    pub role: MessageRole,
    /// The text; empty while a user's words are not known yet.
    pub content: String,
    /// The agent's id of the item, if it has one.
    pub item_id: Option<String>,
    /// The user; `nobody` if there is only one.
    pub user_id: String,
    /// When it was said, in local time: `YYYY-MM-DD HH:MM:SS`.
    pub datetime: String,
}

/// What a device remembers of earlier conversations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// A number from 1; 0 for one that is not stored yet.
    pub id: i64,
    /// For how long it is meant.
    #[serde(rename = "type")]
    pub kind: MemoryType,
    /// The text.
    pub content: String,
    /// The user; `nobody` if there is only one.
    pub user_id: String,
    /// When it was made, in local time: `YYYY-MM-DD HH:MM:SS`.
    pub datetime: String,
}

/// Keeps messages and memories. [`SledStorageService`] is the default; one of one's own is given to `enable_local_storage`.
///
/// Calls may come from any thread, and may block. Before [`initialize`](Self::initialize) and after [`close`](Self::close) every
/// operation returns its empty value and logs an error.
pub trait StorageService: Send + Sync {
    /// Sets the folder below which the store is, and the name of its file: absolute, or relative to `root/.config/ticos`.
    fn set_store_root_dir(&self, root: &Path, db_filename: Option<&str>);

    /// Makes the folder and the store, if they are not there, and opens it. A second call does nothing.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; what cannot be read is left alone.
    fn initialize(&self) -> Result<(), StorageError>;

    /// Adds a message, or replaces the one of this id; says whether that worked.
    fn save_message(&self, message: &Message) -> bool;

    /// Returns a message by its id.
    fn get_message(&self, id: &str) -> Option<Message>;

    /// Replaces the message of this id; says whether there was one. A message of a user that this one extends is deleted.
    fn update_message(&self, id: &str, message: &Message) -> bool;

    /// Deletes a message; says whether there was one.
    fn delete_message(&self, id: &str) -> bool;

    /// Returns a page of messages by date, ties by number. A negative limit means all, a negative offset 0.
    fn get_messages(&self, offset: i64, limit: i64, desc: bool) -> Vec<Message>;

    /// Returns the first message of this item.
    fn get_message_by_item_id(&self, item_id: &str) -> Option<Message>;

    /// Adds a memory, whose id is given by the store; says whether that worked.
    fn save_memory(&self, memory: &Memory) -> bool;

    /// Returns a memory by its id.
    fn get_memory(&self, id: i64) -> Option<Memory>;

    /// Replaces the memory of this id; says whether there was one.
    fn update_memory(&self, id: i64, memory: &Memory) -> bool;

    /// Deletes a memory; says whether there was one.
    fn delete_memory(&self, id: i64) -> bool;

    /// Returns the newest memory by date, ties by number.
    fn get_latest_memory(&self) -> Option<Memory>;

    /// Returns a page of memories, as [`get_messages`](Self::get_messages).
    fn get_memories(&self, offset: i64, limit: i64, desc: bool) -> Vec<Memory>;

    /// Makes everything durable and lets the store go.
    fn close(&self);

    /// Returns how many messages there are.
    fn count_messages(&self) -> u64 {
        self.get_messages(0, -1, true).len() as u64
    }

    /// Returns how many memories there are.
    fn count_memories(&self) -> u64 {
        self.get_memories(0, -1, true).len() as u64
    }

    /// Returns the greatest id of a message; 0 if there is none.
    fn last_message_id(&self) -> u64 {
        let all = self.get_messages(0, -1, true);
        all.iter()
            .map(|message| number(&message.id))
            .max()
            .unwrap_or(0)
    }
}

/// Returns the number that an id is, 0 if it is none.
fn number(id: &str) -> u64 {
    id.parse().unwrap_or(0)
}

/// The user of a device that knows one only.
pub(super) const NOBODY: &str = "nobody";
/// The name of the store if none is chosen.
const DB_FILENAME: &str = "ticos.db";

/// Returns the file of a store.
fn file_of(root: &Path, db_filename: Option<&str>) -> std::path::PathBuf {
    let folder = root.join(".config").join("ticos");
    // An absolute name replaces the folder.
    folder.join(db_filename.unwrap_or(DB_FILENAME))
}

/// Makes the folder of a file.
fn make_folder(file: &Path) -> Result<(), StorageError> {
    let Some(folder) = file.parent() else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|source| StorageError::Folder {
        path: folder.to_owned(),
        source,
    })
}

/// The beginning of every SQLite database.
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";

/// Says whether a file is there, and whether it is a SQLite database; an empty one is a database that nobody has written to.
fn is_sqlite(file: &Path) -> Option<bool> {
    use std::io::Read;

    let mut opened = std::fs::File::open(file).ok()?;
    if !opened.metadata().ok()?.is_file() {
        return None;
    }
    let mut head = Vec::new();
    let read = (&mut opened)
        .take(SQLITE_MAGIC.len() as u64)
        .read_to_end(&mut head);
    Some(read.is_ok() && (head.is_empty() || head == SQLITE_MAGIC))
}
