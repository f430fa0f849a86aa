//! How much one user may have paid. Pure.

use serde::{Deserialize, Serialize};

use super::amount::Amount;

/// How much a [`Wallet`](super::Wallet) pays for one user. A day is one of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most that one payment may be; 100.
    pub payment: Amount,
    /// The most that all payments of a day may be; 500.
    pub day: Amount,
    /// How many payments a day may have; 20.
    pub payments: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payment: Amount::whole(100),
            day: Amount::whole(500),
            payments: 20,
        }
    }
}

/// What was paid for one user on a day. What may have been paid counts as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spent {
    /// Days since 1970.
    pub(super) day: u64,
    pub(super) amount: Amount,
    pub(super) payments: u32,
}

/// Why a payment is more than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// One payment may be so much.
    Payment(Amount),
    /// So much is left of the day.
    Day(Amount),
    /// All payments of the day are made.
    Payments(u32),
}

impl Spent {
    /// Returns what was paid on `day`.
    pub(super) fn on(self, day: u64) -> Self {
        match self.day == day {
            true => self,
            false => Self {
                day,
                ..Self::default()
            },
        }
    }

    /// Adds a payment, if that is allowed.
    pub(super) fn plus(self, amount: Amount, limits: &Limits) -> Result<Self, Excess> {
        if amount > limits.payment {
            return Err(Excess::Payment(limits.payment));
        }
        if self.payments >= limits.payments {
            return Err(Excess::Payments(limits.payments));
        }
        let sum = self.amount.plus(amount).filter(|sum| *sum <= limits.day);
        let sum = sum.ok_or(Excess::Day(limits.day.less(self.amount)))?;
        Ok(Self {
            amount: sum,
            payments: self.payments + 1,
            ..self
        })
    }

    /// Takes a payment back that was not made.
    pub(super) fn less(self, amount: Amount) -> Self {
        Self {
            amount: self.amount.less(amount),
            payments: self.payments.saturating_sub(1),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_holds_up_to_its_last_unit() {
        let limits = Limits {
            payment: Amount::whole(10),
            day: Amount::whole(25),
            payments: 3,
        };
        let spent = Spent::default().on(7);
        let more = "10.000001".parse().unwrap();
        assert_eq!(
            spent.plus(more, &limits),
            Err(Excess::Payment(limits.payment))
        );
        let twice = spent.plus(Amount::whole(10), &limits).unwrap();
        let twice = twice.plus(Amount::whole(10), &limits).unwrap();
        assert_eq!(
            twice.plus(Amount::whole(6), &limits),
            Err(Excess::Day(Amount::whole(5)))
        );
        let thrice = twice.plus(Amount::whole(5), &limits).unwrap();
        let cent = "0.01".parse().unwrap();
        assert_eq!(thrice.plus(cent, &limits), Err(Excess::Payments(3)));
        assert_eq!(thrice.less(Amount::whole(5)), twice);
        assert_eq!(
            thrice.on(8),
            Spent {
                day: 8,
                ..Spent::default()
            }
        );
    }
}
