//! The one way to sled, for whoever keeps something on disk.

use std::any::Any;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::marker::PhantomData;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::StoreError;
use crate::clock;

/// Calls the engine: its errors and panics become ours, of type `E`.
///
/// After a write that failed, sled waits for ever in the next flush, and in the drop of its last handle, if what failed was a large
/// page. So the gate closes then for everything but reads, and the handles are kept until the process ends.
pub struct Gate<E> {
    broken: Arc<AtomicBool>,
    path: Arc<Path>,
    _error: PhantomData<fn() -> E>,
}

impl<E> Clone for Gate<E> {
    fn clone(&self) -> Self {
        Self {
            broken: Arc::clone(&self.broken),
            path: Arc::clone(&self.path),
            _error: PhantomData,
        }
    }
}

impl<E> std::fmt::Debug for Gate<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("path", &self.path)
            .field("broken", &self.is_broken())
            .finish()
    }
}

impl<E> Gate<E> {
    /// Makes an open gate for the folder `path`.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            broken: Arc::default(),
            path: path.into(),
            _error: PhantomData,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Says whether a write has failed.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Keeps `handle` until the process ends if dropping it could wait for ever.
    #[expect(clippy::mem_forget, reason = "that is what it is for")]
    pub fn keep<T: Clone>(&self, handle: &T) {
        if self.is_broken() {
            std::mem::forget(handle.clone());
        }
    }
}

impl<E: From<StoreError>> Gate<E> {
    /// Calls the engine; `read` is what may be done behind a closed gate.
    ///
    /// # Errors
    ///
    /// What the engine says, its panics included.
    pub fn call<T>(
        &self,
        action: &'static str,
        call: impl FnOnce() -> sled::Result<T>,
    ) -> Result<T, E> {
        let reads = action == "read";
        let path = || self.path.to_path_buf();
        if !reads && self.is_broken() {
            return Err(StoreError::Broken { path: path() }.into());
        }
        let outcome = catch_unwind(AssertUnwindSafe(call));
        if !reads && !matches!(outcome, Ok(Ok(_))) {
            self.broken.store(true, Ordering::Relaxed);
        }
        let error = match outcome {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error @ sled::Error::Io(_))) => StoreError::Engine {
                action,
                path: path(),
                source: error.into(),
            },
            Ok(Err(error)) => damaged(&self.path, error.to_string()),
            Err(panic) => damaged(&self.path, text(panic.as_ref())),
        };
        Err(error.into())
    }
}

/// Opens the database in the folder `path`, which is made if it does not exist.
///
/// The engine's own threads hold the lock for some milliseconds after the last handle is gone, and so may a process that is about to
/// end: that is waited for, half a second at most.
///
/// # Errors
///
/// If it cannot be opened; nothing is moved aside.
pub fn open(
    path: &Path,
    cache_capacity: u64,
    flush_every: Duration,
) -> Result<sled::Db, StoreError> {
    open_in_segments(path, cache_capacity, flush_every, SEGMENT)
}

/// As [`open`], with a log in segments of so many bytes, a power of two. The engine holds several of them in memory, so small ones suit a
/// program that has little; values above a quarter of one get files of their own. A database that exists keeps the size that it has.
///
/// # Errors
///
/// As [`open`].
pub fn open_in_segments(
    path: &Path,
    cache_capacity: u64,
    flush_every: Duration,
    segment: usize,
) -> Result<sled::Db, StoreError> {
    let period = clock::millis(flush_every);
    let config = sled::Config::new()
        .path(path)
        .cache_capacity(cache_capacity)
        .flush_every_ms((period > 0).then_some(period))
        .segment_size(segment_of(path).unwrap_or(segment));
    for _ in 0..LOCK_ATTEMPTS {
        match open_at_once(path, &config) {
            Err(StoreError::Locked { .. }) => thread::park_timeout(LOCK_PAUSE),
            other => return other,
        }
    }
    open_at_once(path, &config)
}

/// Returns the size of the segments of a database, if there is one: the engine takes no other.
fn segment_of(path: &Path) -> Option<usize> {
    let conf = fs::read(path.join("conf")).ok()?;
    let conf = String::from_utf8_lossy(&conf);
    let mut lines = conf.lines();
    lines.find_map(|line| line.strip_prefix("segment_size: ")?.parse().ok())
}

fn open_at_once(path: &Path, config: &sled::Config) -> Result<sled::Db, StoreError> {
    let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
    match opened.map_err(|panic| damaged(path, text(panic.as_ref())))? {
        Ok(database) => Ok(database),
        Err(sled::Error::Io(source)) => Err(classify(path, source)),
        Err(error) => Err(damaged(path, error.to_string())),
    }
}

fn classify(path: &Path, source: std::io::Error) -> StoreError {
    if source.to_string().contains("could not acquire lock") {
        return StoreError::Locked {
            path: path.to_owned(),
        };
    }
    match source.kind() {
        ErrorKind::InvalidData
        | ErrorKind::InvalidInput
        | ErrorKind::Other
        | ErrorKind::UnexpectedEof => damaged(path, source.to_string()),
        _ => failed("open", path, source),
    }
}

/// Closes the folder and the engine's files to others.
pub(crate) fn protect(path: &Path) -> Result<(), StoreError> {
    let close = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode))
            .map_err(|error| failed("protect", path, error))
    };
    close(path, 0o700)?;
    let files = FILES.iter().map(|file| path.join(file));
    files
        .filter(|file| file.is_file())
        .try_for_each(|file| close(&file, 0o600))
}

/// Renames a folder that cannot be read, so that a new one can be begun; returns where it went.
pub(crate) fn move_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let stamp = clock::unix_seconds();
    let mut aside = beside(path, &format!("corrupt-{stamp}"));
    let mut number = 1;
    while aside.exists() {
        aside = beside(path, &format!("corrupt-{stamp}-{number}"));
        number += 1;
    }
    fs::rename(path, &aside).map_err(|source| failed("move aside", path, source))?;
    Ok(aside)
}

/// Returns the path with `.suffix` after its last part.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

pub(crate) fn failed(action: &'static str, path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> StoreError {
    StoreError::Damaged {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

/// Returns the text of an engine's panic.
pub(crate) fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the engine panicked".to_owned())
}

/// The engine's own files.
pub(crate) const FILES: [&str; 2] = ["conf", "db"];
/// What the engine takes by default.
const SEGMENT: usize = 512 << 10;
const LOCK_ATTEMPTS: usize = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_keeps_its_segments_whatever_is_asked_for_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        assert_eq!(segment_of(&path), None);
        let opened = |segment| open_in_segments(&path, 1 << 20, Duration::ZERO, segment).unwrap();
        let database = opened(SEGMENT);
        database.insert("key", "value").unwrap();
        drop(database);
        for _ in 0..2 {
            let database = opened(64 << 10);
            assert_eq!(database.get("key").unwrap().unwrap(), "value");
            assert_eq!(segment_of(&path), Some(SEGMENT));
        }
        let path = folder.path().join("small");
        drop(open_in_segments(&path, 1 << 20, Duration::ZERO, 64 << 10).unwrap());
        assert_eq!(segment_of(&path), Some(64 << 10));
        drop(open(&path, 1 << 20, Duration::ZERO).unwrap());
    }
}
