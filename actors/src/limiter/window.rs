//! How many actions in any window of a period.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Instant;

/// Allows so many actions in any window of a period: a sliding window, so never a double burst at its edges.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use greenroom_actors::{clock, limiter::Window};
///
/// let (mut window, now) = (Window::new(1, Duration::from_secs(1)), clock::now());
/// assert!(window.admit(now).is_ok());
/// assert_eq!(window.admit(now), Err(now + Duration::from_secs(1)));
/// ```
#[derive(Clone, Debug)]
pub struct Window {
    limit: usize,
    period: Duration,
    taken: VecDeque<Instant>,
}

impl Window {
    /// Allows `limit` actions (at least 1) in any window of `period`.
    #[must_use]
    pub fn new(limit: usize, period: Duration) -> Self {
        Self {
            limit: limit.max(1),
            period,
            taken: VecDeque::new(),
        }
    }

    /// Takes one action.
    ///
    /// # Errors
    ///
    /// The earliest moment at which it will be allowed.
    pub fn admit(&mut self, now: Instant) -> Result<(), Instant> {
        while let Some(first) = self.taken.front().copied() {
            let free = first + self.period;
            if free > now {
                if self.taken.len() >= self.limit {
                    return Err(free);
                }
                break;
            }
            self.taken.pop_front();
        }
        self.taken.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_the_limit_in_any_window() {
        let (mut window, start) = (Window::new(80, Duration::from_secs(1)), crate::clock::now());
        let mut admitted = Vec::new();
        for millis in 0..5_000 {
            let now = start + Duration::from_millis(millis);
            if window.admit(now).is_ok() {
                admitted.push(now);
            }
        }
        assert_eq!(admitted.len(), 400);
        assert!(
            admitted
                .windows(81)
                .all(|run| run[80] - run[0] >= Duration::from_secs(1))
        );
    }
}
