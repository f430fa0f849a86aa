//! When a schedule says something.

use std::time::Duration;

use greenroom_actors::command::parse_duration;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::config::reader::Section;
use crate::config::value::Choice;
use crate::handlers::{Missed, Timetable};

/// When a schedule says something: `every`, or `at`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct When {
    /// The distance, such as `1h`, counted from the beginning of 1970 in UTC; none if `at` is there.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub every: String,
    /// The times of day, such as `09:00`; none if `every` is there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<String>,
    /// The days; each by default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
    /// The time zone of `at`, such as `Europe/Berlin`; that of this machine by default, which is `local`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub time_zone: String,
    /// All of it.
    #[serde(skip)]
    pub table: Timetable,
}

impl When {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let every = section.text("every", "");
        let at = section.names("at");
        let days = section.choices::<Day>("days").unwrap_or_default();
        let has_at = section.has("at");
        let zone = section.text("time_zone", if has_at { LOCAL } else { "" });
        match (section.has("every"), has_at) {
            (true, true) => section.fault(
                "every",
                "says when, and `at` does, too: one of them is enough",
            ),
            (false, false) => section.fault("every", "is required, or `at`"),
            _ => {}
        }
        for key in ["days", "time_zone"] {
            if section.has(key) && !has_at {
                section.fault(key, "says nothing without `at`");
            }
        }
        let period = parse_duration(&every).filter(|period| is_whole(*period));
        if section.has("every") && period.is_none() {
            section.fault(
                "every",
                "must be a time of whole seconds, such as 90s, 15m, 1h or 1d",
            );
        }
        let time_zone = time_zone(&zone);
        if has_at && time_zone.is_none() {
            section.fault("time_zone", "is no time zone that this machine knows, such as Europe/Berlin or UTC, and not `local`");
        }
        let times: Vec<Time> = at.iter().filter_map(|time| time.parse().ok()).collect();
        if times.len() < at.len() {
            section.fault("at", "must be times of the day, such as 09:00");
        }
        let table = match period {
            Some(period) => Timetable::every(period),
            None => Timetable::at(
                times,
                days.iter().map(|day| Weekday::from(*day)),
                time_zone.unwrap_or(TimeZone::UTC),
            ),
        };
        Self {
            every,
            at,
            days,
            time_zone: zone,
            table,
        }
    }
}

fn is_whole(period: Duration) -> bool {
    period.as_secs() > 0 && period.subsec_nanos() == 0
}

fn time_zone(name: &str) -> Option<TimeZone> {
    match name {
        LOCAL => Some(TimeZone::system()),
        "UTC" => Some(TimeZone::UTC),
        // The name of a zone, or its rules as POSIX has them.
        _ => TimeZone::get(name).or_else(|_| TimeZone::posix(name)).ok(),
    }
}

/// The time zone of this machine.
const LOCAL: &str = "local";

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// Friday.
    Fri,
    /// Monday.
    Mon,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
    /// Thursday.
    Thu,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
}

impl From<Day> for Weekday {
    fn from(day: Day) -> Self {
        match day {
            Day::Fri => Self::Friday,
            Day::Mon => Self::Monday,
            Day::Sat => Self::Saturday,
            Day::Sun => Self::Sunday,
            Day::Thu => Self::Thursday,
            Day::Tue => Self::Tuesday,
            Day::Wed => Self::Wednesday,
        }
    }
}

impl Choice for Day {
    const ALL: &'static [(&'static str, Self)] = &[
        ("mon", Self::Mon),
        ("tue", Self::Tue),
        ("wed", Self::Wed),
        ("thu", Self::Thu),
        ("fri", Self::Fri),
        ("sat", Self::Sat),
        ("sun", Self::Sun),
    ];
}

impl Choice for Missed {
    const ALL: &'static [(&'static str, Self)] = &[("once", Self::Once), ("skip", Self::Skip)];
}
