//! What can go wrong with a device.

use std::io;
use std::path::PathBuf;

/// A device could not be made or started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TicosError {
    /// A configuration file is broken.
    #[error("{path}{}: {message}", line.map_or_else(String::new, |line| format!(", line {line}")), path = path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The line, from 1, if it is known.
        line: Option<usize>,
        /// What is wrong.
        message: String,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no home folder, and no other was given.
    #[error("there is no home folder: set HOME, or give a folder")]
    NoHome,
    /// The port is taken, or the address is not one of this machine.
    #[error("cannot listen on port {port} of {host}: {source}")]
    Port {
        /// The port.
        port: u16,
        /// The address.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// The message store cannot be opened.
    #[error("the message store cannot be opened: {0}")]
    Storage(#[from] StorageError),
}

/// A message store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The engine refused; the file is left as it is.
    #[error("{path}: {message}", path = path.display())]
    Engine {
        /// The file or folder.
        path: PathBuf,
        /// What the engine said.
        message: String,
    },
    /// A folder could not be made.
    #[error("cannot make {path}: {source}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No folder was set.
    #[error("no folder was set for the message store")]
    NoFolder,
    /// Anything else, by an engine of one's own.
    #[error("{0}")]
    Other(String),
}
