//! Maps that forget: a simulated platform runs for days, and keeps what it was told lately.

use std::borrow::Borrow;
use std::collections::{BTreeMap, VecDeque};

/// A map that forgets its oldest entries.
#[derive(Debug)]
pub(crate) struct Bounded<K, T> {
    limit: usize,
    order: VecDeque<K>,
    entries: BTreeMap<K, T>,
}

impl<K: Clone + Ord, T> Bounded<K, T> {
    /// Makes a map of at most `limit` entries.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            order: VecDeque::new(),
            entries: BTreeMap::new(),
        }
    }

    /// Adds an entry, or changes the one that is there.
    pub(crate) fn insert(&mut self, key: K, value: T) {
        self.make_room(&key);
        self.entries.insert(key, value);
    }

    /// Returns an entry, which is made if it is not there.
    pub(crate) fn entry(&mut self, key: K, make: impl FnOnce() -> T) -> &mut T {
        self.make_room(&key);
        self.entries.entry(key).or_insert_with(make)
    }

    fn make_room(&mut self, key: &K) {
        if self.entries.contains_key(key) {
            return;
        }
        self.order.push_back(key.clone());
        while self.order.len() > self.limit {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&T>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key)
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut T>
    where
        K: Borrow<Q>,
    {
        self.entries.get_mut(key)
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<T>
    where
        K: Borrow<Q>,
    {
        // Its place in the order goes with the oldest ones.
        self.entries.remove(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Keeps the entries for which `keep` holds.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.entries.retain(|_, value| keep(value));
        self.order.retain(|key| self.entries.contains_key(key));
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.values_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_oldest() {
        let mut map = Bounded::new(2);
        for (key, value) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
            map.insert(key.to_owned(), value);
        }
        assert_eq!(
            (map.get("a"), map.get("b"), map.get("c"), map.len()),
            (None, Some(&2), Some(&4), 2)
        );
        *map.entry("d".to_owned(), || 1) += 4;
        assert_eq!((map.remove("c"), map.len()), (Some(4), 1));
        map.retain(|value| *value > 5);
        assert_eq!((map.get("d"), map.len()), (None, 0));
    }
}
