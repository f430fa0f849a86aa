//! A part of a store that holds values of one type.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::StoreError;
use super::store::Inner;
use super::table::Table;

/// A part of a [`Store`](super::Store) that holds values of type `V` under keys of bytes, in the order of the keys.
///
/// Clones are the same shelf. Values are kept as JSON. No call waits for the disk to write; reading may wait for it to read.
pub struct Shelf<V> {
    pub(super) store: Arc<Inner>,
    pub(super) table: Arc<Table>,
    pub(super) _type: PhantomData<fn(V) -> V>,
}

impl<V> Clone for Shelf<V> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            table: Arc::clone(&self.table),
            _type: PhantomData,
        }
    }
}

impl<V> fmt::Debug for Shelf<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf")
            .field("name", &self.table.name)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl<V> Shelf<V> {
    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.table.name
    }

    /// Returns how many entries there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.table.entries()
    }

    /// Says whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how long all keys and values are together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.table.bytes()
    }

    /// Removes an entry; says whether it was there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Broken`] and the like if the store cannot be read or written any more.
    pub fn remove(&self, key: impl AsRef<[u8]>) -> Result<bool, StoreError> {
        self.store.may_write()?;
        let removed = self.table.remove(key.as_ref())?;
        if removed {
            self.store.changed();
        }
        Ok(removed)
    }

    /// Returns the first key, in the order that the bytes have.
    ///
    /// # Errors
    ///
    /// If the disk cannot be read.
    pub fn first_key(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut first = None;
        self.table.scan(Bound::Unbounded, |key, _| {
            first = Some(key.to_vec());
            ControlFlow::Break(())
        })?;
        Ok(first)
    }

    /// Returns the last key, in the order that the bytes have.
    ///
    /// # Errors
    ///
    /// If the disk cannot be read.
    pub fn last_key(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.table.last_key()
    }
}

impl<V: Serialize + DeserializeOwned> Shelf<V> {
    /// Returns the value of `key`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Value`] if what is there is no `V`; others if the disk cannot be read.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<V>, StoreError> {
        let found = self.table.get(key.as_ref())?;
        found.map(|value| self.read(&value)).transpose()
    }

    /// Keeps `value` under `key`, in place of what was there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`] or [`StoreError::Oversized`] by the bounds of the shelf; [`StoreError::Behind`] or
    /// [`StoreError::Broken`] if the disk is too slow, or fails. Nothing has changed then.
    pub fn put(&self, key: impl AsRef<[u8]>, value: &V) -> Result<(), StoreError> {
        self.store.may_write()?;
        self.store.may_wait(self.table.waiting())?;
        let bytes = serde_json::to_vec(value).map_err(|error| StoreError::Value {
            action: "written",
            shelf: self.table.name.clone(),
            source: error.into(),
        })?;
        self.table.put(key.as_ref(), bytes)?;
        self.store.changed();
        Ok(())
    }

    /// Returns up to `limit` entries with their keys, from `start` on in the order of the keys. What cannot be read as `V` is left
    /// out and counted in [`StoreStats::unreadable`](super::StoreStats::unreadable).
    ///
    /// # Errors
    ///
    /// If the disk cannot be read.
    pub fn range(
        &self,
        start: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, V)>, StoreError> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        self.table.scan(start, |key, value| {
            match self.read(value) {
                Ok(value) => found.push((key.to_vec(), value)),
                Err(error) => {
                    tracing::warn!(%error, "left out");
                    self.table.count_unreadable();
                }
            }
            match found.len() < limit {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        Ok(found)
    }

    /// Returns up to `limit` entries whose keys begin with `prefix`.
    ///
    /// # Errors
    ///
    /// As [`range`](Self::range).
    pub fn prefixed(&self, prefix: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, V)>, StoreError> {
        let mut found = self.range(Bound::Included(prefix), limit)?;
        found.retain(|(key, _)| key.starts_with(prefix));
        Ok(found)
    }

    fn read(&self, value: &[u8]) -> Result<V, StoreError> {
        serde_json::from_slice(value).map_err(|error| StoreError::Value {
            action: "read",
            shelf: self.table.name.clone(),
            source: error.into(),
        })
    }
}
