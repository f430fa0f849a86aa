//! Amounts of money: exact, without floats.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount of money, counted exactly in millionths.
///
/// # Examples
///
/// ```
/// use greenroom::payman::Amount;
///
/// let amount: Amount = "0.10".parse()?;
/// assert_eq!(amount.to_string(), "0.1");
/// assert!("1e3".parse::<Amount>().is_err() && "-1".parse::<Amount>().is_err());
/// # Ok::<(), greenroom::payman::AmountError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(u64);

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AmountError {
    /// It has other characters than digits and one point.
    #[error("is not a number such as 10 or 2.50")]
    NotANumber,
    /// It is more than can be counted.
    #[error("is too much")]
    TooMuch,
    /// It is finer than a millionth.
    #[error("has more than six decimals")]
    TooFine,
}

impl Amount {
    /// Makes an amount of whole units; more than can be counted is the most that can.
    #[must_use]
    pub const fn whole(units: u64) -> Self {
        Self(units.saturating_mul(UNIT))
    }

    /// Says whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Adds another; none if that is more than can be counted.
    #[must_use]
    pub const fn plus(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// Takes another away; nothing is left if that is more.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
        if !is_digits(whole) || !is_digits(decimals) {
            return Err(AmountError::NotANumber);
        }
        let decimals = decimals.trim_end_matches('0');
        if decimals.len() > DECIMALS {
            return Err(AmountError::TooFine);
        }
        let whole: u64 = whole.parse().map_err(|_| AmountError::TooMuch)?;
        let parts = format!("{decimals:0<DECIMALS$}")
            .parse()
            .unwrap_or_default();
        let sum = whole
            .checked_mul(UNIT)
            .and_then(|whole| whole.checked_add(parts));
        sum.map(Self).ok_or(AmountError::TooMuch)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, parts) = (self.0 / UNIT, self.0 % UNIT);
        match parts {
            0 => write!(f, "{whole}"),
            _ => {
                let decimals = format!("{parts:0DECIMALS$}");
                write!(f, "{whole}.{}", decimals.trim_end_matches('0'))
            }
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

const DECIMALS: usize = 6;
const UNIT: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (text, shown) in [
            ("10", "10"),
            ("010", "10"),
            ("2.50", "2.5"),
            ("0.000001", "0.000001"),
            ("0.1000000", "0.1"),
            ("18446744073709.551615", "18446744073709.551615"),
        ] {
            let amount: Amount = text.parse().unwrap();
            assert_eq!(amount.to_string(), shown, "{text}");
        }
        let tenths = std::iter::repeat_n("0.1".parse().unwrap(), 10);
        let sum = tenths.fold(Amount::default(), |sum, tenth| sum.plus(tenth).unwrap());
        assert_eq!(sum, Amount::whole(1));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        use AmountError::{NotANumber, TooFine, TooMuch};

        for (text, error) in [
            ("", NotANumber),
            (".5", NotANumber),
            ("5.", NotANumber),
            ("-1", NotANumber),
            ("+1", NotANumber),
            ("1e3", NotANumber),
            ("1,000", NotANumber),
            ("1.2.3", NotANumber),
            ("\u{661}", NotANumber),
            ("0.0000001", TooFine),
            ("18446744073709.551616", TooMuch),
            ("99999999999999999999999", TooMuch),
        ] {
            assert_eq!(text.parse::<Amount>(), Err(error), "{text}");
        }
    }
}
