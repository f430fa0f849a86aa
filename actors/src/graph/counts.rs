//! Counting by node, without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::identity::{OUTSIDE, Running};

/// Counts by which node something is done. A node is found by walking a list, which is short: few nodes do the same thing.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    outside: AtomicU64,
    first: OnceLock<Box<Entry>>,
}

#[derive(Debug)]
struct Entry {
    node: u64,
    count: AtomicU64,
    next: OnceLock<Box<Self>>,
}

impl Counts {
    /// Counts once for the node whose code runs now.
    pub(crate) fn count(&self) {
        self.count_times(1);
    }

    /// Counts so many times for the node whose code runs now.
    pub(crate) fn count_times(&self, times: u64) {
        self.entry(Running::current().node)
            .fetch_add(times, Ordering::Relaxed);
    }

    /// Enters a node that has not done it yet.
    pub(crate) fn declare(&self, node: u64) {
        self.entry(node);
    }

    /// Returns all nodes with their counts, in the order in which they came; the outside only if something was counted.
    pub(crate) fn read(&self) -> Vec<(u64, u64)> {
        let mut all = Vec::new();
        let mut place = &self.first;
        while let Some(entry) = place.get() {
            all.push((entry.node, entry.count.load(Ordering::Relaxed)));
            place = &entry.next;
        }
        let outside = self.outside.load(Ordering::Relaxed);
        if outside > 0 {
            all.push((OUTSIDE, outside));
        }
        all
    }

    fn entry(&self, node: u64) -> &AtomicU64 {
        if node == OUTSIDE {
            return &self.outside;
        }
        let mut place = &self.first;
        for _ in 0..LIMIT {
            let entry = place.get_or_init(|| {
                Box::new(Entry {
                    node,
                    count: AtomicU64::new(0),
                    next: OnceLock::new(),
                })
            });
            if entry.node == node {
                return &entry.count;
            }
            place = &entry.next;
        }
        // More than a picture can show: counted, but no longer told apart.
        &self.outside
    }
}

const LIMIT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::identity::{NodeRef, RunsAs};

    #[tokio::test]
    async fn each_node_is_counted_on_its_own() {
        let (counts, a, b) = (Counts::default(), NodeRef::new(), NodeRef::new());
        counts.declare(b.number());
        for node in [&a, &b, &a] {
            RunsAs::new(node, Box::pin(async { counts.count() })).await;
        }
        assert_eq!(counts.read(), [(b.number(), 1), (a.number(), 2)]);
        counts.count();
        assert_eq!(counts.read().last(), Some(&(OUTSIDE, 1)));
    }

    #[test]
    fn the_list_is_bounded_and_nothing_is_lost() {
        let counts = Counts::default();
        for node in 1..=1_000 {
            counts.entry(node).fetch_add(1, Ordering::Relaxed);
        }
        let all = counts.read();
        assert_eq!(all.len(), LIMIT + 1);
        assert_eq!(all.iter().map(|(_, count)| count).sum::<u64>(), 1_000);
    }
}
