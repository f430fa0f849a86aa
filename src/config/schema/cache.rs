//! `[cache]`: the message cache.

use std::path::PathBuf;
use std::time::Duration;

use greenroom_actors::cache::{Bound, Limits, Settings};
use serde::Serialize;

use super::{HOUR, bound, millis};
use crate::config::reader::Section;
use crate::config::value::Choice;

/// The message cache. A bound of `None` is written as 0 in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Cache {
    /// Whether messages are kept; true by default.
    pub enabled: bool,
    /// The folder of the messages of Mezon; `./mezon-cache` by default.
    pub path: PathBuf,
    /// The folder of the messages of Token Bowl Chat; `./token-bowl-cache` by default.
    pub token_bowl_path: PathBuf,
    /// How many actors share the channels; 1 by default.
    pub shards: usize,
    /// How many messages are written together at most; 256 by default.
    pub batch: usize,
    /// How long a message may wait for others to be written with; 50 ms by default.
    #[serde(rename = "batch_ms", serialize_with = "millis")]
    pub batch_wait: Duration,
    /// How often what was written is made to survive a crash: the most that `kill -9` may lose; 500 ms by default.
    #[serde(rename = "flush_ms", serialize_with = "millis")]
    pub flush: Duration,
    /// How many messages may wait to be written; 8,192 by default.
    pub queue: usize,
    /// What happens if that many wait already; `block` by default.
    pub overflow: CacheOverflow,
    /// The memory of the store's own cache, in MiB; 32 by default.
    pub memory_mib: u64,
    /// The memory of messages that wait to be written in order, in MiB; 32 by default.
    pub journal_mib: usize,
    /// How many messages of one channel are kept; 10,000 by default.
    #[serde(serialize_with = "bound")]
    pub max_per_channel: Option<u64>,
    /// How many bytes of one channel are kept; no bound by default.
    #[serde(serialize_with = "bound")]
    pub max_bytes_per_channel: Option<u64>,
    /// How many messages are kept in all; 1,000,000 by default.
    #[serde(serialize_with = "bound")]
    pub max_total: Option<u64>,
    /// How many bytes are kept in all; 512 MiB by default.
    #[serde(serialize_with = "bound")]
    pub max_bytes_total: Option<u64>,
    /// How many seconds a message is kept; no bound by default.
    #[serde(serialize_with = "bound")]
    pub max_age_s: Option<u64>,
}

impl Cache {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let path = default.path.to_string_lossy();
        let token_bowl_path = default.token_bowl_path.to_string_lossy();
        let cache = Self {
            enabled: section.flag("enabled", default.enabled),
            path: section.filled("path", &path).into(),
            token_bowl_path: section.filled("token_bowl_path", &token_bowl_path).into(),
            shards: section.number("shards", default.shards, 1..=64),
            batch: section.number("batch", default.batch, 1..=65_536),
            batch_wait: section.millis("batch_ms", default.batch_wait, 1..=HOUR),
            flush: section.millis("flush_ms", default.flush, 0..=HOUR),
            queue: section.number("queue", default.queue, 1..=1_048_576),
            overflow: section.choice("overflow", default.overflow),
            memory_mib: section.number("memory_mib", default.memory_mib, 1..=65_536),
            journal_mib: section.number("journal_mib", default.journal_mib, 1..=65_536),
            max_per_channel: section.bound("max_per_channel", default.max_per_channel),
            max_bytes_per_channel: section
                .bound("max_bytes_per_channel", default.max_bytes_per_channel),
            max_total: section.bound("max_total", default.max_total),
            max_bytes_total: section.bound("max_bytes_total", default.max_bytes_total),
            max_age_s: section.bound("max_age_s", default.max_age_s),
        };
        section.finish();
        cache
    }
}

impl From<&Cache> for Settings {
    fn from(cache: &Cache) -> Self {
        let bound = |messages, bytes, age: Option<u64>| {
            let mut bound = Bound::NONE;
            (bound.messages, bound.bytes) = (messages, bytes);
            bound.age = age.map(Duration::from_secs);
            bound
        };
        let limits = Limits::default()
            .per_channel(bound(
                cache.max_per_channel,
                cache.max_bytes_per_channel,
                None,
            ))
            .total(bound(
                cache.max_total,
                cache.max_bytes_total,
                cache.max_age_s,
            ));
        Self::new(&cache.path)
            .cache_capacity(cache.memory_mib << 20)
            .flush_every(cache.flush)
            .journal_bytes(cache.journal_mib << 20)
            .limits(limits)
            .shards(cache.shards)
            .write_behind(cache.batch, cache.batch_wait)
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            enabled: true,
            path: "./mezon-cache".into(),
            token_bowl_path: "./token-bowl-cache".into(),
            shards: 1,
            batch: 256,
            batch_wait: Duration::from_millis(50),
            flush: Duration::from_millis(500),
            queue: 8_192,
            overflow: CacheOverflow::Block,
            memory_mib: 32,
            journal_mib: 32,
            max_per_channel: Some(10_000),
            max_bytes_per_channel: None,
            max_total: Some(1_000_000),
            max_bytes_total: Some(512 << 20),
            max_age_s: None,
        }
    }
}

/// What happens to a message that arrives while the cache's queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheOverflow {
    /// Its connection waits: no message is left out of the cache.
    #[default]
    Block,
    /// The oldest message in the queue is left out of the cache and counted: no connection ever waits for the disk.
    DropOldest,
}

impl Choice for CacheOverflow {
    const ALL: &'static [(&'static str, Self)] =
        &[("block", Self::Block), ("drop_oldest", Self::DropOldest)];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_cache_but_for_the_shards() {
        let cache = Cache::default();
        let settings = Settings::new("./mezon-cache").shards(1);
        assert_eq!(Settings::from(&cache), settings);
    }
}
