//! When something is said: a plain function of the date.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// The moments at which something happens, in whole seconds since 1970.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Timetable(When);

#[derive(Clone, Debug, PartialEq)]
enum When {
    /// At each multiple of so many seconds since 1970.
    Every(i64),
    At(TimesOfDay),
}

#[derive(Clone, Debug, PartialEq)]
struct TimesOfDay {
    times: Vec<Time>,
    /// All of them, if it is empty.
    days: Vec<Weekday>,
    zone: TimeZone,
}

impl Timetable {
    /// Describes moments at equal distances, counted from the beginning of 1970 in UTC: `1h` is each full hour.
    ///
    /// It is at least one second, in whole seconds.
    pub fn every(period: Duration) -> Self {
        let seconds = i64::try_from(period.as_secs()).unwrap_or(i64::MAX);
        Self(When::Every(seconds.max(1)))
    }

    /// Describes times of the day in a time zone; each day, if no `days` are named. A time that a clock leaves out in spring is as much
    /// later, and one that it has twice in autumn is the first of both.
    pub fn at(
        times: impl IntoIterator<Item = Time>,
        days: impl IntoIterator<Item = Weekday>,
        zone: TimeZone,
    ) -> Self {
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort_unstable();
        times.dedup();
        Self(When::At(TimesOfDay {
            times,
            days: days.into_iter().collect(),
            zone,
        }))
    }

    /// Returns the first moment after `date`; none if there is none any more.
    #[must_use]
    pub fn after(&self, date: u64) -> Option<u64> {
        let date = i64::try_from(date).ok()?;
        let next = match &self.0 {
            When::Every(seconds) => date
                .div_euclid(*seconds)
                .checked_add(1)?
                .checked_mul(*seconds)?,
            When::At(times) => times.around(date, 0..=8).find(|moment| *moment > date)?,
        };
        u64::try_from(next).ok()
    }

    /// Returns the last moment that is not after `date`; none if there was none before 1970.
    #[must_use]
    pub fn until(&self, date: u64) -> Option<u64> {
        let date = i64::try_from(date).ok()?;
        let last = match &self.0 {
            When::Every(seconds) => date.div_euclid(*seconds) * seconds,
            When::At(times) => {
                let until = times.around(date, -8..=1).filter(|moment| *moment <= date);
                until.last()?
            }
        };
        u64::try_from(last).ok()
    }
}

impl TimesOfDay {
    /// Returns the moments of the days that are so far from a date, in their order.
    fn around(&self, date: i64, days: RangeInclusive<i64>) -> impl Iterator<Item = i64> + '_ {
        let today = Timestamp::from_second(date).ok();
        let today = today.map(|now| now.to_zoned(self.zone.clone()).date());
        let days = days.filter_map(move |day| today?.checked_add(day.days()).ok());
        days.filter(|day| self.days.is_empty() || self.days.contains(&day.weekday()))
            .flat_map(move |day| {
                self.times.iter().filter_map(move |time| {
                    let moment = day.to_datetime(*time).to_zoned(self.zone.clone()).ok()?;
                    Some(moment.timestamp().as_second())
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};

    use super::*;

    /// Central Europe, whatever this machine knows of it.
    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    fn moment(year: i16, month: i8, day: i8, hour: i8, minute: i8) -> u64 {
        let moment = date(year, month, day).at(hour, minute, 0, 0);
        let moment = moment.to_zoned(TimeZone::UTC).unwrap().timestamp();
        moment.as_second().try_into().unwrap()
    }

    #[test]
    fn equal_distances_are_counted_from_1970() {
        let hourly = Timetable::every(Duration::from_secs(3_600));
        assert_eq!(
            hourly.after(moment(2026, 1, 1, 0, 0)),
            Some(moment(2026, 1, 1, 1, 0))
        );
        assert_eq!(
            hourly.after(moment(2026, 1, 1, 0, 59)),
            Some(moment(2026, 1, 1, 1, 0))
        );
        assert_eq!(
            hourly.until(moment(2026, 1, 1, 1, 0)),
            Some(moment(2026, 1, 1, 1, 0))
        );
        assert_eq!(
            hourly.until(moment(2026, 1, 1, 0, 59)),
            Some(moment(2026, 1, 1, 0, 0))
        );
    }

    #[test]
    fn a_time_of_day_is_that_of_its_zone_on_its_days() {
        let days = [Weekday::Monday, Weekday::Friday];
        let table = Timetable::at([time(9, 0, 0, 0), time(8, 30, 0, 0)], days, berlin());
        // The first of January 2026 is a Thursday; nine in the morning is eight in UTC.
        let friday = [moment(2026, 1, 2, 7, 30), moment(2026, 1, 2, 8, 0)];
        assert_eq!(table.after(moment(2026, 1, 1, 12, 0)), Some(friday[0]));
        assert_eq!(table.after(friday[0]), Some(friday[1]));
        assert_eq!(table.after(friday[1]), Some(moment(2026, 1, 5, 7, 30)));
        assert_eq!(table.until(moment(2026, 1, 4, 23, 0)), Some(friday[1]));
        assert_eq!(table.until(friday[1]), Some(friday[1]));
        assert_eq!(table.until(friday[1] - 1), Some(friday[0]));
        // In summer it is two hours.
        assert_eq!(
            table.after(moment(2026, 7, 2, 12, 0)),
            Some(moment(2026, 7, 3, 6, 30))
        );
    }

    #[test]
    fn clocks_that_are_put_forward_or_back_have_each_time_once() {
        let table = Timetable::at([time(2, 30, 0, 0)], [], berlin());
        // On 29 March 2026 there is no 2:30, and on 25 October there are two.
        assert_eq!(
            table.after(moment(2026, 3, 29, 0, 0)),
            Some(moment(2026, 3, 29, 1, 30))
        );
        assert_eq!(
            table.after(moment(2026, 10, 25, 0, 0)),
            Some(moment(2026, 10, 25, 0, 30))
        );
        assert_eq!(
            table.after(moment(2026, 10, 25, 0, 30)),
            Some(moment(2026, 10, 26, 1, 30))
        );
    }

    #[test]
    fn each_moment_comes_once_however_often_one_asks() {
        let table = Timetable::at([time(0, 0, 0, 0), time(12, 0, 0, 0)], [], berlin());
        let (mut at, mut number) = (moment(2026, 1, 1, 0, 0), 0);
        while let Some(next) = table
            .after(at)
            .filter(|next| *next < moment(2027, 1, 1, 0, 0))
        {
            assert!(next > at);
            assert_eq!(table.until(next), Some(next));
            (at, number) = (next, number + 1);
        }
        assert_eq!(number, 2 * 365);
    }
}
