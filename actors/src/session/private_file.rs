//! A file for secrets.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::error::StoreError;
use crate::error::BoxError;

/// A file that only its owner may read, from the moment it exists; it is replaced as a whole or not at all.
///
/// # Examples
///
/// ```
/// use greenroom_actors::session::PrivateFile;
///
/// let file = PrivateFile::new(std::env::temp_dir().join(format!("secret-{}", std::process::id())));
/// assert_eq!(file.read()?, None);
/// file.replace(b"token")?;
/// assert_eq!(file.read()?.as_deref(), Some(b"token".as_slice()));
/// file.remove()?;
/// # Ok::<(), greenroom_actors::session::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PrivateFile {
    path: PathBuf,
}

impl PrivateFile {
    /// Names the file; it need not exist.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Returns where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file, if there is one. One that others may read is closed to them.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be opened, closed to others or read, or is larger than 1 MiB.
    pub fn read(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("open", error)),
        };
        self.close_to_others(&file)
            .map_err(|error| self.failed("protect", error))?;
        let mut bytes = Vec::new();
        file.take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| self.failed("read", error))?;
        if bytes.len() as u64 > LARGEST {
            return Err(self.failed("read", format!("it is larger than {LARGEST} bytes")));
        }
        Ok(Some(bytes))
    }

    /// Writes the file in place of the one that was there. Folders are made as needed, for the owner only.
    ///
    /// # Errors
    ///
    /// Fails if a folder or the file cannot be made or written; what was there before is there still.
    pub fn replace(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let new = self.new_path();
        self.write(&new, bytes)
            .inspect_err(|_| drop(fs::remove_file(&new)))
    }

    /// Removes the file; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be removed.
    pub fn remove(&self) -> Result<(), StoreError> {
        remove(&self.path).map_err(|error| self.failed("remove", error))
    }

    fn write(&self, new: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            create_folder(folder).map_err(|error| self.failed("make the folder of", error))?;
        }
        remove(new).map_err(|error| self.failed("replace", error))?;
        let mut file = private()
            .open(new)
            .map_err(|error| self.failed("create", error))?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        written.map_err(|error| self.failed("write", error))?;
        fs::rename(new, &self.path).map_err(|error| self.failed("replace", error))?;
        let folder = folder.map(File::open).and_then(Result::ok);
        folder
            .map_or(Ok(()), |folder| folder.sync_all())
            .map_err(|error| self.failed("keep", error))
    }

    /// Two programs may write at once: each has a name of its own for what is not finished.
    fn new_path(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        name.into()
    }

    pub(super) fn failed(&self, action: &'static str, source: impl Into<BoxError>) -> StoreError {
        StoreError {
            action,
            path: self.path.clone(),
            source: source.into(),
        }
    }

    #[cfg(unix)]
    fn close_to_others(&self, file: &File) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        if file.metadata()?.permissions().mode() & 0o077 == 0 {
            return Ok(());
        }
        tracing::warn!(file = %self.path.display(), "could be read by others; its mode is 0600 now");
        file.set_permissions(fs::Permissions::from_mode(0o600))
    }

    #[cfg(not(unix))]
    fn close_to_others(&self, _: &File) -> std::io::Result<()> {
        Ok(())
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
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

/// Bytes.
const LARGEST: u64 = 1_048_576;
