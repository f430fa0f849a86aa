//! The one way to the engine.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cache::error::CacheError;

/// Calls the engine: its errors and panics become ours.
///
/// After a write that failed, sled waits for ever in the next flush, and in the drop of its last handle, if what failed was a large
/// page. So the gate closes then for everything but reads, and the handles are kept until the process ends.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    broken: Arc<AtomicBool>,
    path: Arc<Path>,
}

impl Gate {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            broken: Arc::default(),
            path: path.into(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Keeps `handle` until the process ends if dropping it could wait for ever.
    #[expect(clippy::mem_forget, reason = "that is what it is for")]
    pub(super) fn keep<T: Clone>(&self, handle: &T) {
        if self.is_broken() {
            std::mem::forget(handle.clone());
        }
    }

    pub(super) fn call<T>(
        &self,
        action: &'static str,
        call: impl FnOnce() -> sled::Result<T>,
    ) -> Result<T, CacheError> {
        let reads = action == "read";
        if !reads && self.is_broken() {
            return Err(CacheError::Broken {
                path: self.path.to_path_buf(),
            });
        }
        let outcome = catch_unwind(AssertUnwindSafe(call));
        if !reads && !matches!(outcome, Ok(Ok(_))) {
            self.broken.store(true, Ordering::Relaxed);
        }
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error @ sled::Error::Io(_))) => Err(CacheError::Engine {
                action,
                path: self.path.to_path_buf(),
                source: error.into(),
            }),
            Ok(Err(error)) => Err(damaged(&self.path, error.to_string())),
            Err(panic) => Err(damaged(&self.path, text(panic.as_ref()))),
        }
    }
}

pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> CacheError {
    CacheError::Damaged {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

pub(super) fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the engine panicked".to_owned())
}
