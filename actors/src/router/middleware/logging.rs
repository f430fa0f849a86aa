//! A line in the log for each attempt.

use std::time::Duration;

use tracing::Level;

use super::{Call, End, Middleware};

/// Logs what became of each attempt: handler, event, channel, attempt, time taken. Never what an event contains.
#[derive(Clone, Copy, Debug)]
pub struct Logging {
    level: Level,
}

impl Default for Logging {
    /// Logs at `DEBUG`.
    fn default() -> Self {
        Self::new(Level::DEBUG)
    }
}

impl Logging {
    /// Logs at this level; failures at `WARN` if that is more urgent.
    #[must_use]
    pub fn new(level: Level) -> Self {
        Self { level }
    }
}

impl Middleware for Logging {
    fn after(&self, call: &Call<'_>, end: &End<'_>, elapsed: Duration) {
        let envelope = call.envelope();
        macro_rules! line {
            ($level:ident, $($field:tt)*) => {
                tracing::$level!(
                    handler = call.handler(), event = call.event(), id = %envelope.id, channel = %envelope.channel,
                    trace = envelope.trace, attempt = call.attempt(), ?elapsed, $($field)*
                )
            };
        }
        macro_rules! at_level {
            ($($field:tt)*) => {
                match self.level {
                    Level::ERROR => line!(error, $($field)*),
                    Level::WARN => line!(warn, $($field)*),
                    Level::INFO => line!(info, $($field)*),
                    Level::DEBUG => line!(debug, $($field)*),
                    Level::TRACE => line!(trace, $($field)*),
                }
            };
        }
        match end {
            End::Handled => at_level!("handled"),
            End::Skipped(why) => at_level!(why, "skipped"),
            End::Waiting(wait) => at_level!(?wait, "put off"),
            End::Failed(error) if self.level > Level::WARN => line!(warn, %error, "failed"),
            End::Failed(error) => at_level!(%error, "failed"),
        }
    }
}
