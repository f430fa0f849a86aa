//! `[shutdown]`: how long stopping may take.

use std::time::Duration;

use serde::Serialize;

use super::{HOUR, millis};
use crate::config::reader::Section;

/// How long stopping may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Shutdown {
    /// How long handlers may take to finish what waits for them; 20 s by default.
    #[serde(rename = "drain_ms", serialize_with = "millis")]
    pub drain: Duration,
    /// How long all of it may take; 60 s by default. What is not done by then is left for the next start.
    #[serde(rename = "total_ms", serialize_with = "millis")]
    pub total: Duration,
}

impl Shutdown {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let shutdown = Self {
            drain: section.millis("drain_ms", default.drain, 0..=HOUR),
            total: section.millis("total_ms", default.total, 1..=HOUR),
        };
        if shutdown.drain > shutdown.total {
            section.fault("total_ms", "must not be less than drain_ms");
        }
        section.finish();
        shutdown
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            drain: Duration::from_secs(20),
            total: Duration::from_secs(60),
        }
    }
}
