//! The pace of calls.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use greenroom_actors::clock::{self, Instant};

/// The least time between two calls; clones share it, also on other threads.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use greenroom::platform::http::{HttpClient, Pace};
///
/// let pace = Pace::new(Duration::from_millis(1_250));
/// # let _ = pace;
/// ```
#[derive(Clone, Debug)]
pub struct Pace {
    spacing: Duration,
    next: Arc<Mutex<Option<Instant>>>,
}

impl Pace {
    /// Begins with a call that is free.
    #[must_use]
    pub fn new(spacing: Duration) -> Self {
        Self {
            spacing,
            next: Arc::default(),
        }
    }

    /// Waits for the turn of the caller; those who wait go in the order in which they came.
    pub async fn turn(&self) {
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = next.map_or_else(clock::now, |next| next.max(clock::now()));
            *next = Some(turn + self.spacing);
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}
