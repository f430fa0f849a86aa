//! The file that keeps a session over restarts.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use crate::error::BoxError;

/// A session as it is stored.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Stored<S> {
    pub(super) account: String,
    pub(super) obtained_at: u64,
    pub(super) session: S,
}

/// A file that only its owner may read, from the moment it exists; it is replaced as a whole or not at all.
#[derive(Clone, Debug)]
pub struct SessionStore {
    path: PathBuf,
}

impl SessionStore {
    /// Keeps the session in `path`; folders are made as needed, for the owner only.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Returns the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the session, if there is one. A file that others may read is closed to them.
    pub(super) fn load<S: DeserializeOwned>(&self) -> Result<Option<Stored<S>>, StoreError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("open", error)),
        };
        close_to_others(&file).map_err(|error| self.failed("protect", error))?;
        let text = std::io::read_to_string(file).map_err(|error| self.failed("read", error))?;
        // The cause is left out: it may quote the file.
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|_| self.failed("understand", "it is not a stored session"))
    }

    pub(super) fn save<S: Serialize>(&self, stored: &Stored<S>) -> Result<(), StoreError> {
        let text = serde_json::to_vec(stored).map_err(|error| self.failed("serialize", error))?;
        let new = self.new_path();
        self.write(&new, &text)
            .inspect_err(|_| drop(fs::remove_file(&new)))
    }

    pub(super) fn remove(&self) -> Result<(), StoreError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.failed("remove", error)),
            _ => Ok(()),
        }
    }

    fn write(&self, new: &Path, text: &[u8]) -> Result<(), StoreError> {
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            create_folder(folder).map_err(|error| self.failed("make the folder of", error))?;
        }
        match fs::remove_file(new) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(self.failed("replace", error));
            }
            _ => {}
        }
        let mut file = private()
            .open(new)
            .map_err(|error| self.failed("create", error))?;
        let written = file.write_all(text).and_then(|()| file.sync_all());
        written.map_err(|error| self.failed("write", error))?;
        fs::rename(new, &self.path).map_err(|error| self.failed("replace", error))?;
        let folder = folder.map(File::open).and_then(Result::ok);
        folder
            .map_or(Ok(()), |folder| folder.sync_all())
            .map_err(|error| self.failed("keep", error))
    }

    fn new_path(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".new");
        name.into()
    }

    fn failed(&self, action: &'static str, source: impl Into<BoxError>) -> StoreError {
        StoreError {
            action,
            path: self.path.clone(),
            source: source.into(),
        }
    }
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    options
}

#[cfg(unix)]
fn create_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

#[cfg(not(unix))]
fn create_folder(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn close_to_others(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if file.metadata()?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    tracing::warn!("a session file could be read by others; its mode is 0600 now");
    file.set_permissions(fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn close_to_others(_: &File) -> std::io::Result<()> {
    Ok(())
}
