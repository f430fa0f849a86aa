//! How often the same person, or the same channel, is served.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Call, Middleware, Verdict};
use crate::clock;
use crate::limiter;

/// Serves each key so many times in a period, and skips, or puts off, the rest.
///
/// The further attempts at one event cost nothing, nor does the replay of a dead letter. Up to 10,000 keys are remembered.
pub struct Cooldown {
    key: Key,
    table: Mutex<Table>,
    waits: bool,
}

type Key = Box<dyn Fn(&Call<'_>) -> Option<String> + Send + Sync>;

/// By handler and key.
type Table = limiter::Cooldown<(String, String)>;

impl fmt::Debug for Cooldown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cooldown")
            .field("waits", &self.waits)
            .finish_non_exhaustive()
    }
}

impl Cooldown {
    /// Serves each handler once in any window of `period` for each key; what has no key is always served.
    #[must_use]
    pub fn keyed(
        period: Duration,
        key: impl Fn(&Call<'_>) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            key: Box::new(key),
            table: Mutex::new(limiter::Cooldown::new(period)),
            waits: false,
        }
    }

    /// Serves each channel of each platform once in any window of `period`.
    #[must_use]
    pub fn per_channel(period: Duration) -> Self {
        Self::keyed(period, |call| {
            let envelope = call.envelope();
            Some(format!(
                "{} {}",
                envelope.origin.platform(),
                envelope.channel
            ))
        })
    }

    /// Serves each handler once in any window of `period`.
    #[must_use]
    pub fn global(period: Duration) -> Self {
        Self::keyed(period, |_| Some(String::new()))
    }

    /// Sets how often each key is served in a period (default: 1).
    #[must_use]
    pub fn uses(self, uses: usize) -> Self {
        self.change(|table| table.uses(uses))
    }

    /// Sets how many keys are remembered (default: 10,000).
    #[must_use]
    pub fn capacity(self, keys: usize) -> Self {
        self.change(|table| table.capacity(keys))
    }

    /// Puts off what comes too soon instead of skipping it.
    #[must_use]
    pub fn waits(mut self) -> Self {
        self.waits = true;
        self
    }

    fn change(
        self,
        change: impl FnOnce(limiter::Cooldown<(String, String)>) -> limiter::Cooldown<(String, String)>,
    ) -> Self {
        let table = self
            .table
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        Self {
            table: Mutex::new(change(table)),
            ..self
        }
    }
}

impl Middleware for Cooldown {
    fn before(&self, call: &Call<'_>) -> Verdict {
        if call.attempt() > 1 || call.is_owed() {
            return Verdict::Pass;
        }
        let Some(key) = (self.key)(call) else {
            return Verdict::Pass;
        };
        let now = clock::now();
        let admitted = self
            .table
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .admit((call.handler().to_owned(), key), now);
        match admitted {
            Ok(()) => Verdict::Pass,
            Err(free) if self.waits => Verdict::Wait(free.saturating_duration_since(now)),
            Err(_) => Verdict::skip("cooling down"),
        }
    }
}
