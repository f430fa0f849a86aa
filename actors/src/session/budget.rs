//! How often a login may be tried.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{self, Instant};

/// At most so many logins in any window of time. Clones share one count, so that it survives a restart of the actor.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use greenroom_actors::session::LoginBudget;
///
/// let budget = LoginBudget::new(1, Duration::from_secs(60));
/// assert!(budget.take().is_ok());
/// assert!(budget.clone().take().unwrap_err() <= Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
pub struct LoginBudget {
    logins: usize,
    tries: Arc<Mutex<VecDeque<Instant>>>,
    window: Duration,
}

impl Default for LoginBudget {
    fn default() -> Self {
        Self::new(5, Duration::from_secs(60))
    }
}

impl LoginBudget {
    /// Allows `logins` tries in each `window` (default: 5 in 60 s; at least one).
    #[must_use]
    pub fn new(logins: usize, window: Duration) -> Self {
        Self {
            logins: logins.max(1),
            tries: Arc::default(),
            window,
        }
    }

    /// Takes one try.
    ///
    /// # Errors
    ///
    /// How long to wait, if there is none.
    pub fn take(&self) -> Result<(), Duration> {
        let now = clock::now();
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        while tries
            .front()
            .is_some_and(|first| now.duration_since(*first) >= self.window)
        {
            tries.pop_front();
        }
        if tries.len() >= self.logins
            && let Some(first) = tries.front()
        {
            return Err(self.window.saturating_sub(now.duration_since(*first)));
        }
        tries.push_back(now);
        Ok(())
    }
}
