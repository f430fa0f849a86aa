//! What can go wrong with a cache.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{BoxError, Retry};

/// A cache could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// What is on the disk cannot be read. At the next start it is moved aside.
    #[error("the cache at {path} is damaged: {reason}", path = path.display())]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The engine refused, or panicked.
    #[error("the cache at {path} could not {action}", path = path.display())]
    Engine {
        /// What was tried.
        action: &'static str,
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: BoxError,
    },
    /// The folder was written by another version of this program.
    #[error("the cache at {path} has format {found}, this program reads {supported}", path = path.display())]
    Format {
        /// The format of the folder.
        found: u32,
        /// The folder.
        path: PathBuf,
        /// The format that this program reads.
        supported: u32,
    },
    /// A line of an import is not a message.
    #[error("line {line} is not a message")]
    Import {
        /// The line, counted from 1.
        line: u64,
        /// The cause.
        source: BoxError,
    },
    /// A file or folder could not be read, written or renamed.
    #[error("could not {action} {path}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another process, or another cache of this one, has the folder open.
    #[error("the cache at {path} is in use by another process", path = path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The message is longer than a cache takes.
    #[error("a message of {length} bytes is longer than the {limit} that a cache takes")]
    Oversized {
        /// The length of the body.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// The shard does not run, or ended before it answered: whether the request was done is unknown. All requests can be repeated.
    #[error("the cache shard is not running")]
    Unavailable,
}

impl CacheError {
    /// Tells whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Damaged { .. }
            | Self::Format { .. }
            | Self::Import { .. }
            | Self::Oversized { .. } => Retry::Never,
            Self::Engine { .. } | Self::Io { .. } | Self::Locked { .. } => {
                Retry::After(Duration::from_secs(1))
            }
            Self::Unavailable => Retry::After(Duration::from_millis(100)),
        }
    }
}
