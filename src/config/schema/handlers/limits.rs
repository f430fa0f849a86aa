//! From when on alerts tell something.

use std::time::Duration;

use serde::Serialize;

use crate::config::reader::Section;
use crate::config::schema::{HOUR, millis};
use crate::handlers::Thresholds;

/// From when on something is told. A zero is never.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Limits {
    /// How often one actor may be started again within the period; 3 by default.
    pub restarts: usize,
    /// So many dead letters of one handler within the period are told; 1 by default.
    pub dead_letters: u64,
    /// How long a platform may be away; 30 s by default.
    #[serde(rename = "lost_ms", serialize_with = "millis")]
    pub lost: Duration,
    /// So many events that wait for one handler are told; 512 by default.
    pub waiting: usize,
    /// The period; 60 s by default.
    #[serde(rename = "period_ms", serialize_with = "millis")]
    pub period: Duration,
    /// What was told is not told again for so long; 10 min by default.
    #[serde(rename = "quiet_ms", serialize_with = "millis")]
    pub quiet: Duration,
    /// Whether it is told when something is over; `true` by default.
    pub all_clear: bool,
}

impl Limits {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let default = Thresholds::default();
        Self {
            restarts: section.number("restarts", default.restarts, 0..=900),
            dead_letters: section.number("dead_letters", default.dead_letters, 0..=1_000_000),
            lost: section.millis("lost_ms", default.lost, 0..=24 * HOUR),
            waiting: section.number("waiting", default.waiting, 0..=1_048_576),
            period: section.millis("period_ms", default.period, 1_000..=24 * HOUR),
            quiet: section.millis("quiet_ms", default.quiet, 0..=24 * HOUR),
            all_clear: section.flag("all_clear", default.all_clear),
        }
    }
}

impl From<Limits> for Thresholds {
    fn from(limits: Limits) -> Self {
        Self {
            restarts: limits.restarts,
            dead_letters: limits.dead_letters,
            lost: limits.lost,
            waiting: limits.waiting,
            period: limits.period,
            quiet: limits.quiet,
            all_clear: limits.all_clear,
        }
    }
}
