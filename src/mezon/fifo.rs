//! A bounded map.

use std::collections::{BTreeMap, VecDeque};

/// A map that forgets what it got first once it is full. Replacing a value forgets nothing.
#[derive(Clone, Debug)]
pub(super) struct Fifo<V, K = i64> {
    values: BTreeMap<K, V>,
    order: VecDeque<K>,
    limit: usize,
}

impl<V, K: Copy + Ord> Fifo<V, K> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            values: BTreeMap::new(),
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
        self.remember(id);
    }

    fn remember(&mut self, id: K) {
        self.order.push_back(id);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
    }

    /// Returns the value, which is made if there is none.
    pub(super) fn get_or(&mut self, id: K, make: impl FnOnce() -> V) -> &mut V {
        if !self.values.contains_key(&id) {
            self.remember(id);
        }
        self.values.entry(id).or_insert_with(make)
    }

    pub(super) fn remove(&mut self, id: K) -> Option<V> {
        let removed = self.values.remove(&id)?;
        self.order.retain(|kept| *kept != id);
        Some(removed)
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
