//! The way to the engine, with the errors of a cache.

use std::path::{Path, PathBuf};

use crate::cache::error::CacheError;
use crate::store::{StoreError, engine};

pub(super) type Gate = engine::Gate<CacheError>;

pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> CacheError {
    engine::damaged(path, reason).into()
}

impl From<StoreError> for CacheError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Broken { path } => Self::Broken { path },
            StoreError::Damaged { path, reason } => Self::Damaged { path, reason },
            StoreError::Engine {
                action,
                path,
                source,
            } => Self::Engine {
                action,
                path,
                source,
            },
            StoreError::Io {
                action,
                path,
                source,
            } => Self::Io {
                action,
                path,
                source,
            },
            StoreError::Locked { path } => Self::Locked { path },
            // The others come from shelves, which a cache does not use.
            other => Self::Engine {
                action: "be used as a shelf",
                path: PathBuf::new(),
                source: other.into(),
            },
        }
    }
}
