//! The only place that reads time.
//!
//! Durations are measured with tokio's clock, which a test can pause. The date of an instant is derived from it: one reading of
//! the system clock per thread at first use, plus what tokio's clock has advanced since, so that paused time moves dates as well.

use std::cell::Cell;
use std::pin::Pin;
use std::task::Context;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use tokio::time::Instant;
use tokio::time::Sleep;

thread_local! {
    static ORIGIN: Cell<Option<(Instant, SystemTime)>> = const { Cell::new(None) };
}

/// Reads tokio's clock.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// Returns the moment `duration` after `start`; if there is none, one so far away that it will not come.
pub(crate) fn after(start: Instant, duration: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
    start.checked_add(duration).unwrap_or_else(|| start + FAR)
}

/// Returns the date, in step with [`now`].
#[must_use]
pub fn date() -> SystemTime {
    let (instant, date) = ORIGIN.get().unwrap_or_else(|| {
        let first = (now(), system_date());
        ORIGIN.set(Some(first));
        first
    });
    date + now().saturating_duration_since(instant)
}

/// Makes it so many seconds after 1970 on this thread now, whatever the system says: for tests and simulations that shall repeat.
pub fn set_date(unix_seconds: u64) {
    ORIGIN.set(Some((
        now(),
        UNIX_EPOCH + Duration::from_secs(unix_seconds),
    )));
}

/// Returns the date as whole seconds since 1970.
#[must_use]
pub fn unix_seconds() -> u64 {
    since_epoch().as_secs()
}

/// Returns the date as whole milliseconds since 1970.
#[must_use]
pub fn unix_millis() -> u64 {
    millis(since_epoch())
}

/// Returns whole milliseconds, as many as fit.
pub(crate) fn millis(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000);
    seconds.saturating_add(duration.subsec_millis().into())
}

/// Wakes a task at a moment that may change; for what is polled by hand.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Wakes the task of `cx` at `due`, and at no other moment that was set before.
    pub(crate) fn set(&mut self, due: Option<Instant>, cx: &mut Context<'_>) {
        let Some(due) = due else {
            self.0 = None;
            return;
        };
        match &mut self.0 {
            Some(sleep) if sleep.deadline() == due => {}
            Some(sleep) => sleep.as_mut().reset(due),
            none => *none = Some(Box::pin(tokio::time::sleep_until(due))),
        }
        if let Some(sleep) = &mut self.0
            && sleep.as_mut().poll(cx).is_ready()
        {
            cx.waker().wake_by_ref();
        }
    }
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
        set_date(1_000);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(unix_seconds(), 1_001);
    }
}
