//! Single figures: all that is no ratio of two rates.

use serde::Serialize;

use super::compare::grouped;
use crate::cli::{Cell, Tone};

/// Something that was measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figure {
    pub(super) scenario: &'static str,
    pub(super) what: String,
    pub(super) unit: &'static str,
    pub(super) value: f64,
    /// The same of the bare client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) baseline: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) goal: Option<Goal>,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    pub(super) fn new(
        scenario: &'static str,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) -> Self {
        Self {
            scenario,
            what: what.into(),
            unit,
            value,
            baseline: None,
            goal: None,
        }
    }

    pub(super) fn beside(self, baseline: Option<f64>) -> Self {
        Self { baseline, ..self }
    }

    pub(super) fn goal(self, goal: Goal) -> Self {
        Self {
            goal: Some(goal),
            ..self
        }
    }

    /// The heads of the columns.
    pub(super) fn heads() -> Vec<Cell> {
        ["scenario", "figure", "value", "bare client", "goal"]
            .map(|head| Cell::new(head, Tone::Faint))
            .to_vec()
    }

    pub(super) fn cells(&self) -> Vec<Cell> {
        let with_unit = |value| {
            format!("{} {}", rounded(value), self.unit)
                .trim_end()
                .to_owned()
        };
        let goal = match self.goal {
            None => String::new(),
            Some(Goal::AtLeast(goal)) => format!("at least {}", rounded(goal)),
            Some(Goal::AtMost(goal)) => format!("at most {}", rounded(goal)),
        };
        let tone = match self.goal {
            None => Tone::Plain,
            Some(goal) if goal.is_met(self.value) => Tone::Good,
            Some(_) => Tone::Warning,
        };
        vec![
            Cell::new(self.scenario, Tone::Accent),
            Cell::plain(&self.what),
            Cell::new(&with_unit(self.value), tone),
            Cell::plain(&self.baseline.map_or_else(String::new, with_unit)),
            Cell::plain(&goal),
        ]
    }
}

impl Goal {
    pub(super) fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(goal) => value >= goal,
            Self::AtMost(goal) => value <= goal,
        }
    }
}

/// Writes a number with as many digits as are of interest.
pub(super) fn rounded(value: f64) -> String {
    match value.abs() {
        n if n >= 1_000.0 => grouped(value),
        n if n >= 100.0 || n == n.trunc() => format!("{value:.0}"),
        n if n >= 10.0 => format!("{value:.1}"),
        n if n >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// Bytes as MiB.
pub(super) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
