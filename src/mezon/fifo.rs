//! A bounded map.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use foldhash::fast::FixedState;

/// A map that forgets what it got first once it is full. Replacing a value forgets nothing.
#[derive(Clone, Debug)]
pub(super) struct Fifo<V, K = i64> {
    /// Never listed in its own order.
    values: HashMap<K, V, FixedState>,
    order: VecDeque<K>,
    limit: usize,
}

impl<V, K: Copy + Eq + Hash> Fifo<V, K> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            values: HashMap::default(),
            order: VecDeque::new(),
            limit: limit.max(1),
        }
    }

    pub(super) fn get(&self, id: K) -> Option<&V> {
        self.values.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: K) -> Option<&mut V> {
        self.values.get_mut(&id)
    }

    pub(super) fn set(&mut self, id: K, value: V) {
        if self.values.insert(id, value).is_some() {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > self.limit {
            self.pop();
        }
    }

    /// Returns the value, which is made if there is none.
    pub(super) fn get_or(&mut self, id: K, make: impl FnOnce() -> V) -> &mut V {
        // Only a full map has to know beforehand whether it is to forget something.
        if self.is_full() && !self.values.contains_key(&id) {
            self.pop();
        }
        self.values.entry(id).or_insert_with(|| {
            self.order.push_back(id);
            make()
        })
    }

    /// Returns true if a new value costs the oldest its place.
    pub(super) fn is_full(&self) -> bool {
        self.order.len() >= self.limit
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.order.clear();
    }

    pub(super) fn remove(&mut self, id: K) -> Option<V> {
        let removed = self.values.remove(&id)?;
        self.order.retain(|kept| *kept != id);
        Some(removed)
    }

    /// Forgets what it got first.
    pub(super) fn pop(&mut self) -> Option<V> {
        let oldest = self.order.pop_front()?;
        self.values.remove(&oldest)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.order.iter().filter_map(|id| self.values.get(id))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (K, &V)> {
        self.order
            .iter()
            .filter_map(|id| Some((*id, self.values.get(id)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d28_the_oldest_goes_first_and_a_replacement_costs_nobody_the_place() {
        let mut cache: Fifo<&str> = Fifo::new(2);
        cache.set(1, "a");
        cache.set(2, "b");
        cache.set(1, "c");
        assert_eq!(
            (cache.get(1), cache.get(2), cache.values().count()),
            (Some(&"c"), Some(&"b"), 2)
        );
        cache.set(3, "d");
        assert_eq!(
            (cache.get(1), cache.get(2), cache.get(3)),
            (None, Some(&"b"), Some(&"d"))
        );
        assert_eq!(cache.remove(2), Some("b"));
        cache.set(4, "e");
        assert_eq!(cache.values().collect::<Vec<_>>(), [&"d", &"e"]);
    }
}
