//! The file that keeps a session over restarts.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::private_file::PrivateFile;

/// A session as it is stored.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Stored<S> {
    pub(super) account: String,
    pub(super) obtained_at: u64,
    pub(super) session: S,
}

/// A [`PrivateFile`] that keeps a session.
#[derive(Clone, Debug)]
pub struct SessionStore {
    file: PrivateFile,
}

impl SessionStore {
    /// Keeps the session in `path`; folders are made as needed, for the owner only.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            file: PrivateFile::new(path),
        }
    }

    /// Returns the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Reads the session, if there is one. A file that others may read is closed to them.
    pub(super) fn load<S: DeserializeOwned>(&self) -> Result<Option<Stored<S>>, StoreError> {
        let Some(text) = self.file.read()? else {
            return Ok(None);
        };
        // The cause is left out: it may quote the file.
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|_| self.file.failed("understand", "it is not a stored session"))
    }

    pub(super) fn save<S: Serialize>(&self, stored: &Stored<S>) -> Result<(), StoreError> {
        let text =
            serde_json::to_vec(stored).map_err(|error| self.file.failed("serialize", error))?;
        self.file.replace(&text)
    }

    pub(super) fn remove(&self) -> Result<(), StoreError> {
        self.file.remove()
    }
}
