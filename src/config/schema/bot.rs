//! `[bot]`: the bot as a whole.

use serde::Serialize;

use crate::bot::Placement;
use crate::config::reader::Section;
use crate::config::value::Choice;

/// The bot as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Bot {
    /// The name in logs, metrics and the supervision tree; `greenroom` by default.
    pub name: String,
    /// How many threads the work is spread over; 1 by default.
    pub arbiters: usize,
    /// How it is spread over them; `connections` by default.
    pub placement: Placement,
    /// The seed of all random numbers, for runs that repeat; chosen by the system by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Bot {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let bot = Self {
            name: section.filled("name", &default.name),
            arbiters: section.number("arbiters", default.arbiters, 1..=256),
            placement: section.choice("placement", default.placement),
            seed: section.optional_number("seed", 0..=i64::MAX.unsigned_abs()),
        };
        section.finish();
        bot
    }
}

impl Default for Bot {
    fn default() -> Self {
        Self {
            name: "greenroom".to_owned(),
            arbiters: 1,
            placement: Placement::default(),
            seed: None,
        }
    }
}

impl Choice for Placement {
    const ALL: &'static [(&'static str, Self)] = &[
        ("connections", Self::Connections),
        ("sockets", Self::Sockets),
    ];
}
