//! Durations as people write them.

use std::time::Duration;

/// Reads a duration such as `90s`, `10m`, `1h30m`, `2d`, `500ms`: whole numbers, each with a unit. `None` if it is none, or too long.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use greenroom_actors::command::parse_duration;
///
/// assert_eq!(parse_duration("1h30m"), Some(Duration::from_secs(5_400)));
/// assert_eq!(parse_duration("10"), None);
/// ```
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, behind) = rest.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let letters = behind
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        let unit = UNITS
            .iter()
            .find(|(names, _)| names.iter().any(|name| name.eq_ignore_ascii_case(unit)))?;
        total = total.checked_add(Duration::from_millis(number.checked_mul(unit.1)?))?;
        if behind.is_empty() {
            return Some(total);
        }
        rest = behind;
    }
}

/// Writes a duration for people, in whole seconds rounded up: `1 min 30 s`.
pub(super) fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let parts: Vec<_> = parts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .take(2)
        .map(|(number, unit)| format!("{number} {unit}"))
        .collect();
    match parts.is_empty() {
        true => "0 s".to_owned(),
        false => parts.join(" "),
    }
}

const UNITS: [(&[&str], u64); 6] = [
    (&["ms"], 1),
    (&["s", "sec"], 1_000),
    (&["m", "min"], 60_000),
    (&["h"], 3_600_000),
    (&["d"], 86_400_000),
    (&["w"], 604_800_000),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, millis) in [
            ("0s", 0),
            ("500ms", 500),
            ("90s", 90_000),
            ("10M", 600_000),
            ("1h30m", 5_400_000),
            ("1w2d", 777_600_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for odd in [
            "",
            "10",
            "m",
            "-1m",
            "1.5h",
            "1h30",
            "1 h",
            "1y",
            "99999999999999999999s",
            "18446744073709551615w",
        ] {
            assert_eq!(parse_duration(odd), None, "{odd}");
        }
        for (millis, text) in [
            (0, "0 s"),
            (1, "1 s"),
            (90_000, "1 min 30 s"),
            (90_061_000, "1 d 1 h"),
        ] {
            assert_eq!(spoken(Duration::from_millis(millis)), text);
        }
    }
}
