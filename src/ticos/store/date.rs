//! Dates as the platform writes them: local time, without a zone, in whole seconds.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Writes a date in the time zone of this machine.
pub(in crate::ticos) fn local(unix_seconds: u64) -> String {
    let seconds = i64::try_from(unix_seconds).unwrap_or(i64::MAX);
    let at = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    written(at, TimeZone::system())
}

fn written(at: Timestamp, zone: TimeZone) -> String {
    let date = at.to_zoned(zone).datetime();
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        date.year(),
        date.month(),
        date.day(),
        date.hour(),
        date.minute(),
        date.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_in_its_zone() {
        let at = Timestamp::from_second(1_795_170_221).unwrap();
        assert_eq!(written(at, TimeZone::UTC), "2026-11-20 10:23:41");
        let east = TimeZone::fixed(jiff::tz::offset(8));
        assert_eq!(written(at, east), "2026-11-20 18:23:41");
    }
}
