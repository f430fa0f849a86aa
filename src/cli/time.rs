//! Dates for a person to read.

use crate::calendar::Moment;

/// Writes a date in seconds since 1970 as `2026-01-31 12:34:56Z`.
pub(super) fn utc(seconds: u64) -> String {
    let Moment {
        year,
        month,
        day,
        hour,
        minute,
        second,
    } = Moment::at(i64::try_from(seconds).unwrap_or(i64::MAX));
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_399, "2000-02-28 23:59:59Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (1_000_000_000, "2001-09-09 01:46:40Z"),
            (1_735_689_599, "2024-12-31 23:59:59Z"),
            (1_767_225_600, "2026-01-01 00:00:00Z"),
            (4_107_542_400, "2100-03-01 00:00:00Z"),
        ] {
            assert_eq!(utc(seconds), date);
        }
        let longest = utc(u64::MAX);
        assert!(longest.ends_with('Z'), "{longest}");
    }
}
