//! The settings of a cache.

use std::path::PathBuf;
use std::time::Duration;

use super::limits::Limits;

/// Where a cache is, and when it writes what.
///
/// # Examples
///
/// ```
/// use greenroom_actors::cache::Settings;
///
/// let settings = Settings::new("greenroom-cache").shards(4).cache_capacity(16 << 20);
/// # assert_eq!(settings.shards, 4);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The memory of what was written or read last, in bytes: a quarter for the engine's index, the rest for the latest messages.
    pub cache_capacity: u64,
    /// How often what was written is made to survive a crash of the process or of the machine.
    pub flush_every: Duration,
    /// The most that waits in memory for values to fill, in bytes; it is in the journal already.
    pub journal_bytes: usize,
    /// How much is kept.
    pub limits: Limits,
    /// The folder.
    pub path: PathBuf,
    /// How many shards share the work.
    pub shards: usize,
    /// How long a message waits at most before it is handed to the engine.
    pub write_every: Duration,
    /// How many messages wait at most before they are handed to the engine.
    pub write_messages: usize,
}

impl Settings {
    /// Creates the default settings for the folder `path`, which is made at first use.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            cache_capacity: 32 << 20,
            flush_every: Duration::from_millis(500),
            journal_bytes: 32 << 20,
            limits: Limits::default(),
            path: path.into(),
            shards: 2,
            write_every: Duration::from_millis(50),
            write_messages: 256,
        }
    }

    /// Sets the memory of what was written or read last, in bytes (default: 32 MiB): a quarter of it is the engine's, for the index, the
    /// rest has the latest messages of each channel.
    #[must_use]
    pub fn cache_capacity(mut self, bytes: u64) -> Self {
        self.cache_capacity = bytes;
        self
    }

    /// Sets how often the engine makes durable what it was given (default: 500 ms); zero does so with each batch.
    #[must_use]
    pub fn flush_every(mut self, period: Duration) -> Self {
        self.flush_every = period;
        self
    }

    /// Sets how much may wait in memory for values to fill (default: 32 MiB over all shards). More helps where many channels are
    /// busy at once: their messages then fill values instead of being written twice.
    #[must_use]
    pub fn journal_bytes(mut self, bytes: usize) -> Self {
        self.journal_bytes = bytes;
        self
    }

    /// Sets how much is kept (default: see [`Limits`]).
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the number of shards (default: 2; at least 1). A folder made with another number is laid out anew at the next open.
    #[must_use]
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = shards.max(1);
        self
    }

    /// Sets the batch: it is handed to the engine when it has `messages` or is `period` old (default: 256 or 50 ms).
    #[must_use]
    pub fn write_behind(mut self, messages: usize, period: Duration) -> Self {
        self.write_messages = messages.max(1);
        self.write_every = period;
        self
    }
}
