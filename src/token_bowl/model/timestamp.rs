//! Moments, as the server writes them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::calendar::{DAY, Moment, days};

/// A moment, to the microsecond. It is written as `2026-01-02T03:04:05.678901+00:00`, without a fraction if that is zero.
///
/// # Examples
///
/// ```
/// use greenroom::token_bowl::model::Timestamp;
///
/// let moment: Timestamp = "2026-01-02T03:04:05.5Z".parse()?;
/// assert_eq!(moment.to_string(), "2026-01-02T03:04:05.500000+00:00");
/// assert_eq!(moment, "2026-01-02T05:04:05.5+02:00".parse()?);
/// # Ok::<(), greenroom::token_bowl::model::InvalidTimestamp>(())
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// A text that is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date in the form of ISO 8601")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// Makes a moment out of microseconds since 1970.
    #[must_use]
    pub fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Returns the microseconds since 1970.
    #[must_use]
    pub fn unix_micros(self) -> i64 {
        self.0
    }

    /// Returns the whole seconds since 1970; 0 for what was before.
    #[must_use]
    pub fn unix_seconds(self) -> u64 {
        u64::try_from(self.0.div_euclid(SECOND)).unwrap_or(0)
    }

    /// Returns the moment so much earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (second, micros) = (self.0.div_euclid(SECOND), self.0.rem_euclid(SECOND));
        let Moment {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = Moment::at(second);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        f.write_str("+00:00")
    }
}

impl From<Timestamp> for String {
    fn from(moment: Timestamp) -> Self {
        moment.to_string()
    }
}

impl TryFrom<String> for Timestamp {
    type Error = InvalidTimestamp;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or(InvalidTimestamp)
    }
}

/// Reads `YYYY-MM-DD`, and after a `T` or a space `hh:mm[:ss[.fraction]]` and an offset; without an offset it is UTC.
fn parse(text: &str) -> Option<Timestamp> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 2)?;
    let (date, rest) = number(rest.strip_prefix('-')?, 2)?;
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&date) {
        return None;
    }
    let day = days(year, month, date);
    if rest.is_empty() {
        return Some(Timestamp(day * DAY * SECOND));
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (hour, rest) = number(rest, 2)?;
    let (minute, mut rest) = number(rest.strip_prefix(':')?, 2)?;
    let (mut second, mut micros) = (0, 0);
    if let Some(after) = rest.strip_prefix(':') {
        (second, rest) = number(after, 2)?;
        if let Some(after) = rest.strip_prefix(['.', ',']) {
            (micros, rest) = fraction(after)?;
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let second = day * DAY + hour * 3_600 + minute * 60 + second - offset(rest)?;
    Some(Timestamp(second * SECOND + micros))
}

/// Reads so many digits.
fn number(text: &str, digits: usize) -> Option<(i64, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let are_digits = number.bytes().all(|byte| byte.is_ascii_digit());
    Some((number.parse().ok().filter(|_| are_digits)?, rest))
}

/// Reads the digits of a fraction as microseconds; what is finer is dropped.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(length)?;
    let shown = &digits[..length.min(6)];
    let micros: i64 = format!("{shown:0<6}").parse().ok()?;
    (length > 0).then_some((micros, rest))
}

/// Reads `Z`, `+hh:mm`, `+hhmm`, `+hh` or nothing, as seconds.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "" | "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = number(rest, 2)?;
    let (minutes, rest) = match rest {
        "" => (0, ""),
        rest => number(rest.strip_prefix(':').unwrap_or(rest), 2)?,
    };
    let is_valid = rest.is_empty() && hours <= 23 && minutes <= 59;
    is_valid.then_some(sign * (hours * 3_600 + minutes * 60))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const SECOND: i64 = 1_000_000;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_server_writes_them() {
        for text in [
            "2026-01-02T03:04:05.678901+00:00",
            "2026-01-02T03:04:05+00:00",
            "2024-02-29T23:59:59.000001+00:00",
            "1969-12-31T23:59:59.999999+00:00",
            "2100-03-01T00:00:00+00:00",
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        assert_eq!(
            "2001-09-09T01:46:40Z".parse(),
            Ok(Timestamp(1_000_000_000 * SECOND))
        );
    }

    #[test]
    fn other_forms_of_the_same_moment_are_read() {
        let moment = Ok(Timestamp(1_000_000_000 * SECOND + 120_000));
        for text in [
            "2001-09-09T01:46:40.12Z",
            "2001-09-09 01:46:40.120000",
            "2001-09-09t03:16:40.1200009+0130",
            "2001-09-08T20:46:40,12-05",
        ] {
            assert_eq!(text.parse(), moment, "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "yesterday",
            "2001-13-01",
            "2001-02-29",
            "2001-09-09T24:00",
            "2001-09-09T01:46:40.Z",
            "2001-09-09T01:46:40 00:00",
            "2001-09-09T01:46:40+",
            "+001-09-09",
            "2001-09-09T01:46:4☃",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(InvalidTimestamp), "{text}");
        }
    }
}
