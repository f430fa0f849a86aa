//! `[supervision]`: when and how crashed actors start again.

use std::time::Duration;

use serde::Serialize;

use super::{HOUR, millis};
use crate::config::reader::Section;

/// When and how crashed actors start again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Supervision {
    /// How many restarts within `period` are too many for a supervisor; it gives up after 5 by default.
    pub intensity: u32,
    /// The window in which restarts are counted; 30 s by default.
    #[serde(rename = "period_ms", serialize_with = "millis")]
    pub period: Duration,
    /// The delay before the first restart; 100 ms by default. It doubles with each one that follows.
    #[serde(rename = "backoff_min_ms", serialize_with = "millis")]
    pub backoff_min: Duration,
    /// The longest delay before a restart; 30 s by default.
    #[serde(rename = "backoff_max_ms", serialize_with = "millis")]
    pub backoff_max: Duration,
    /// How long an actor must be well for the delay to begin anew; 60 s by default.
    #[serde(rename = "backoff_reset_ms", serialize_with = "millis")]
    pub backoff_reset: Duration,
    /// The time that an actor has to stop; 5 s by default.
    #[serde(rename = "shutdown_ms", serialize_with = "millis")]
    pub shutdown: Duration,
}

impl Supervision {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let supervision = Self {
            intensity: section.number("intensity", default.intensity, 0..=10_000),
            period: section.millis("period_ms", default.period, 1..=24 * HOUR),
            backoff_min: section.millis("backoff_min_ms", default.backoff_min, 1..=HOUR),
            backoff_max: section.millis("backoff_max_ms", default.backoff_max, 1..=24 * HOUR),
            backoff_reset: section.millis("backoff_reset_ms", default.backoff_reset, 1..=24 * HOUR),
            shutdown: section.millis("shutdown_ms", default.shutdown, 1..=HOUR),
        };
        if supervision.backoff_min > supervision.backoff_max {
            section.fault("backoff_max_ms", "must not be less than backoff_min_ms");
        }
        section.finish();
        supervision
    }
}

impl Default for Supervision {
    fn default() -> Self {
        Self {
            intensity: 5,
            period: Duration::from_secs(30),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(30),
            backoff_reset: Duration::from_secs(60),
            shutdown: Duration::from_secs(5),
        }
    }
}
