//! The only place that reads time.
//!
//! Durations are measured with tokio's clock, which a test can pause. The date of an instant is derived from it: one reading of
//! the system clock per thread at first use, plus what tokio's clock has advanced since, so that paused time moves dates as well.

use std::cell::OnceCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use tokio::time::Instant;

thread_local! {
    static ORIGIN: OnceCell<(Instant, SystemTime)> = const { OnceCell::new() };
}

/// Reads tokio's clock.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// Returns the date, in step with [`now`].
#[must_use]
pub fn date() -> SystemTime {
    ORIGIN.with(|origin| {
        let (instant, date) = origin.get_or_init(|| (now(), system_date()));
        *date + now().saturating_duration_since(*instant)
    })
}

/// Returns the date as whole seconds since 1970.
#[must_use]
pub fn unix_seconds() -> u64 {
    since_epoch().as_secs()
}

/// Returns the date as whole milliseconds since 1970.
#[must_use]
pub fn unix_millis() -> u64 {
    u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX)
}

fn since_epoch() -> Duration {
    date().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the system clock"
)]
fn system_date() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn dates_follow_paused_time() {
        let before = unix_seconds();
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(unix_seconds() - before, 3_600);
    }
}
