//! The last values of each channel in memory, so that the latest messages are found without the disk.

use std::collections::VecDeque;

use bytes::Bytes;

use super::DiskStore;
use super::index::Value;
use crate::event::{ChannelKey, Id};

/// The values that are in memory, the one that came first at the front. Some of them may be gone already.
#[derive(Debug, Default)]
pub(super) struct Kept {
    order: VecDeque<(ChannelKey, Id)>,
    bytes: u64,
    number: usize,
}

impl Kept {
    /// Counts a value that goes; whoever removes it from the index says so.
    pub(super) fn forget(&mut self, value: &mut Value) {
        if let Some(bytes) = value.kept.take() {
            self.bytes -= bytes.len() as u64;
            self.number -= 1;
        }
    }
}

impl DiskStore {
    /// Keeps a value in memory if it has some of the channel's last [`ROWS`] messages, tail aside.
    pub(super) fn keep(&mut self, key: &ChannelKey, first: &Id, bytes: &Bytes) {
        let Some(channel) = self.channels.get_mut(key) else {
            return;
        };
        let mut rows = 0;
        for (id, value) in channel.chunks.iter_mut().rev() {
            if rows >= ROWS {
                if value.kept.is_none() {
                    break;
                }
                self.kept.forget(value);
            } else if id == first && value.kept.is_none() {
                self.kept.bytes += bytes.len() as u64;
                self.kept.number += 1;
                self.kept.order.push_back((key.clone(), id.clone()));
                value.kept = Some(bytes.clone());
            }
            rows += value.span.rows;
        }
        self.trim_kept();
    }

    fn trim_kept(&mut self) {
        // A quarter of the memory is the engine's own.
        let limit = self.settings.cache_capacity / 4 * 3 / self.settings.shards as u64;
        while self.kept.bytes > limit {
            let Some((key, first)) = self.kept.order.pop_front() else {
                return;
            };
            let channel = self.channels.get_mut(&key);
            if let Some(value) = channel.and_then(|channel| channel.chunks.get_mut(&first)) {
                self.kept.forget(value);
            }
        }
        if self.kept.order.len() > 2 * self.kept.number + SLACK {
            let channels = &self.channels;
            self.kept.order.retain(|(key, first)| {
                let value = channels.get(key).and_then(|one| one.chunks.get(first));
                value.is_some_and(|value| value.kept.is_some())
            });
        }
    }
}

/// So many messages of each channel, beside its tail, are in memory if there is room.
const ROWS: u64 = 50;
/// So many places of values that are gone may wait in the order beyond one for each that is there.
const SLACK: usize = 1_024;
