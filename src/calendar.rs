//! Seconds since 1970 as dates and times of day, UTC, and back.
//!
//! Years begin in March here, so that the leap day is the last one of its year.

/// A date and the time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
}

impl Moment {
    /// Reads seconds since 1970, which may be before.
    pub(crate) fn at(seconds: i64) -> Self {
        let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let days = days + DAYS_TO_1970;
        let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let from_march = (5 * day + 2) / 153;
        let day = day - (153 * from_march + 2) / 5 + 1;
        let (month, carry) = match from_march < 10 {
            true => (from_march + 3, 0),
            false => (from_march - 9, 1),
        };
        Self {
            year: era * 400 + year + carry,
            month,
            day,
            hour: second / 3_600,
            minute: second / 60 % 60,
            second: second % 60,
        }
    }
}

/// Returns the days from 1 January 1970 to a date.
#[cfg(feature = "token-bowl")]
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let month = (month + 9) % 12;
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970
}

/// The seconds of a day.
pub(crate) const DAY: i64 = 86_400;
/// The days of 400 years.
const ERA: i64 = 146_097;
/// The days from 1 March of the year 0 to 1 January 1970.
const DAYS_TO_1970: i64 = 719_468;

#[cfg(all(test, feature = "token-bowl"))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_date_leads_back_to_its_day(day in -1_000_000_i64..1_000_000, second in 0..DAY) {
            let moment = Moment::at(day * DAY + second);
            prop_assert_eq!(days(moment.year, moment.month, moment.day), day);
            let of_day = moment.hour * 3_600 + moment.minute * 60 + moment.second;
            prop_assert_eq!(of_day, second);
            prop_assert!((1..=12).contains(&moment.month) && (1..=31).contains(&moment.day));
        }
    }
}
