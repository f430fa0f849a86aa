//! One at a time for each key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// Locks by key; a key costs memory only while somebody has it, or waits for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Locks(Arc<Mutex<Map>>);

type Map = BTreeMap<Vec<u8>, Arc<tokio::sync::Mutex<()>>>;

/// Holds a key until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    locks: Locks,
    key: Vec<u8>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Locks {
    fn map(&self) -> MutexGuard<'_, Map> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a key, behind those who have waited longer.
    pub(super) async fn hold(&self, key: &[u8]) -> Held {
        let lock = Arc::clone(self.map().entry(key.to_owned()).or_default());
        // Made before the wait, so that a wait that is given up leaves nothing behind.
        let mut held = Held {
            locks: self.clone(),
            key: key.to_owned(),
            guard: None,
        };
        held.guard = Some(lock.lock_owned().await);
        held
    }

    /// Takes a key if nobody has it.
    pub(super) fn try_hold(&self, key: &[u8]) -> Option<Held> {
        let mut map = self.map();
        let lock = Arc::clone(map.entry(key.to_owned()).or_default());
        let guard = lock.try_lock_owned().ok()?;
        Some(Held {
            locks: self.clone(),
            key: key.to_owned(),
            guard: Some(guard),
        })
    }

    /// Says whether somebody has a key.
    pub(super) fn is_held(&self, key: &[u8]) -> bool {
        self.map().contains_key(key)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut map = self.locks.map();
        self.guard = None;
        if map
            .get(&self.key)
            .is_some_and(|lock| Arc::strong_count(lock) == 1)
        {
            map.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_at_a_time_for_each_key_and_nothing_is_left() {
        let locks = Locks::default();
        let first = locks.hold(b"a").await;
        assert!(locks.is_held(b"a") && !locks.is_held(b"b"));
        assert!(locks.try_hold(b"a").is_none());
        drop(locks.try_hold(b"b"));
        let second = locks.hold(b"a");
        tokio::pin!(second);
        assert!(second.as_mut().now_or_never().is_none());
        assert!(locks.hold(b"a").now_or_never().is_none(), "given up");
        drop(first);
        assert!(
            locks.try_hold(b"a").is_none(),
            "it is the turn of the one who waits"
        );
        drop(second.await);
        assert!(locks.map().is_empty());
    }
}
