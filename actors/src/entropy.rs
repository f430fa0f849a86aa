//! The only place that makes random numbers: one injected seed, from which every consumer derives a stream of its own.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

thread_local! {
    static REPEATED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Makes all that [`Entropy::from_system`] gives on this thread follow from `seed`, or again from the operating system: for tests and
/// simulations that shall repeat.
pub fn repeat_on_this_thread(seed: Option<u64>) {
    REPEATED.set(seed);
}

/// A seeded source of randomness; clones share one stream.
///
/// # Examples
///
/// ```
/// use greenroom_actors::entropy::Entropy;
///
/// let (a, b) = (Entropy::seeded(7), Entropy::seeded(7));
/// assert_eq!(a.next_u64(), b.next_u64());
/// ```
#[derive(Clone, Debug)]
pub struct Entropy {
    seed: u64,
    stream: Arc<Mutex<StdRng>>,
}

impl Entropy {
    /// Creates the stream of `seed`.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self {
            seed,
            stream: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))),
        }
    }

    /// Creates a stream from a seed that the operating system gives; or [`repeat_on_this_thread`] if that was called.
    #[must_use]
    pub fn from_system() -> Self {
        let repeated = REPEATED.take().map(|state| {
            REPEATED.set(Some(state.wrapping_add(1)));
            Self::seeded(state)
        });
        repeated.unwrap_or_else(|| Self::seeded(rand::random()))
    }

    /// Returns the seed that this stream began with, for reports.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Derives an independent stream, the same one for the same seed and `name`.
    #[must_use]
    pub fn derive(&self, name: &str) -> Self {
        Self::seeded(self.seed ^ crate::event::stable_hash(name.as_bytes()))
    }

    /// Draws a number from the whole range of `u64`.
    #[must_use]
    pub fn next_u64(&self) -> u64 {
        self.with(Rng::next_u64)
    }

    /// Draws a duration from zero to `limit`, both included.
    #[must_use]
    pub fn duration_up_to(&self, limit: Duration) -> Duration {
        let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.with(|stream| stream.random_range(0..=nanos)))
    }

    /// Returns true with probability `rate` (0 to 1; values outside are clamped).
    #[must_use]
    pub fn chance(&self, rate: f64) -> bool {
        self.with(|stream| stream.random_bool(rate.clamp(0.0, 1.0)))
    }

    fn with<R>(&self, draw: impl FnOnce(&mut StdRng) -> R) -> R {
        draw(&mut self.stream.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
