//! What can go wrong with a store.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{BoxError, Retry};

/// A store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// So much waits to be written that no more is taken. The disk is too slow, or stuck.
    #[error("the store at {path} is behind with writing", path = path.display())]
    Behind {
        /// The folder.
        path: PathBuf,
    },
    /// An earlier write failed. What was written before can still be read; the store writes again after a restart of the process.
    #[error("the store at {path} stopped writing after an error", path = path.display())]
    Broken {
        /// The folder.
        path: PathBuf,
    },
    /// What is on the disk cannot be read. [`Store::open`](super::Store::open) moves such a folder aside.
    #[error("the store at {path} is damaged: {reason}", path = path.display())]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The engine refused, or panicked.
    #[error("the store at {path} could not {action}: {source}", path = path.display())]
    Engine {
        /// What was tried.
        action: &'static str,
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: BoxError,
    },
    /// The folder holds files that are not a store's.
    #[error("{path} holds other files: a store needs a folder of its own", path = path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// The folder was written by another version of this program.
    #[error("the store at {path} has format {found}, this program reads {supported}", path = path.display())]
    Format {
        /// The format of the folder.
        found: u32,
        /// The folder.
        path: PathBuf,
        /// The format that this program reads.
        supported: u32,
    },
    /// The shelf holds as much as it may.
    #[error("the shelf `{shelf}` is full: it holds {entries} entries of {bytes} bytes in all")]
    Full {
        /// The shelf.
        shelf: String,
        /// How many entries it has.
        entries: u64,
        /// The length of their keys and values.
        bytes: u64,
    },
    /// A file or folder could not be made, read, renamed or protected.
    #[error("could not {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another process, or another store of this one, has the folder open.
    #[error("the store at {path} is in use by another process", path = path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// There is no store in the folder, or no folder.
    #[error("there is no store at {path}", path = path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// A value is longer than its shelf takes.
    #[error("a value of {length} bytes is longer than the {limit} that the shelf `{shelf}` takes")]
    Oversized {
        /// The shelf.
        shelf: String,
        /// The length of the value.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A value cannot be written as JSON, or what is kept under a key is not what was expected there.
    #[error("a value of the shelf `{shelf}` cannot be {action}: {source}")]
    Value {
        /// `read` or `written`.
        action: &'static str,
        /// The shelf.
        shelf: String,
        /// The cause.
        source: BoxError,
    },
}

impl StoreError {
    /// Tells whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Broken { .. }
            | Self::Damaged { .. }
            | Self::Foreign { .. }
            | Self::Format { .. }
            | Self::Full { .. }
            | Self::Missing { .. }
            | Self::Oversized { .. }
            | Self::Value { .. } => Retry::Never,
            Self::Behind { .. } => Retry::After(Duration::from_millis(100)),
            Self::Engine { .. } | Self::Io { .. } | Self::Locked { .. } => {
                Retry::After(Duration::from_secs(1))
            }
        }
    }
}
