//! What a wallet keeps in the bot's store: the question that is open to each user in each channel, and what was paid for each today.

use std::ops::Bound;

use greenroom_actors::clock;
use greenroom_actors::event::{ChannelKey, Envelope, Id};
use greenroom_actors::store::{Bounds, Shelf, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::limits::{Excess, Limits, Spent};
use crate::chat::{Author, Payment, PaymentOutcome, Quote};

/// A payment that somebody has asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Offer {
    /// Its own, and never that of another.
    pub(super) id: String,
    pub(super) platform: String,
    pub(super) bot: String,
    pub(super) channel: ChannelKey,
    pub(super) asker: Author,
    /// The message that asked for it.
    pub(super) message: Id,
    pub(super) text: String,
    pub(super) payee: String,
    pub(super) amount: Amount,
    /// In milliseconds since 1970.
    pub(super) expires_at: u64,
    pub(super) standing: Standing,
}

/// How it is with a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    /// Nobody has said yes yet.
    Open,
    /// Payman may have been asked, by the client of this run.
    Asked { run: String, day: u64 },
    /// It is known what became of it, and may not have been told yet.
    Settled {
        outcome: PaymentOutcome,
        text: String,
    },
}

impl Offer {
    pub(super) fn is_expired(&self) -> bool {
        self.standing == Standing::Open && self.expires_at <= clock::unix_millis()
    }

    pub(super) fn is_of(&self, envelope: &Envelope) -> bool {
        self.platform == envelope.origin.platform() && self.bot == envelope.origin.bot()
    }

    pub(super) fn quote(&self) -> Quote {
        Quote {
            id: self.message.clone(),
            author: self.asker.clone(),
            text: self.text.clone(),
        }
    }

    pub(super) fn payment(&self, currency: &str, outcome: PaymentOutcome) -> Payment {
        Payment {
            from: self.asker.clone(),
            to: self.payee.clone(),
            amount: self.amount.to_string(),
            currency: currency.to_owned(),
            outcome,
        }
    }
}

/// The shelves of a wallet.
#[derive(Clone, Debug)]
pub(super) struct Book {
    store: Store,
    offers: Shelf<Offer>,
    spent: Shelf<Spent>,
}

impl Book {
    pub(super) fn open(name: &str, store: &Store) -> Result<Self, StoreError> {
        let bounds = Bounds::default().entries(OFFERS);
        let users = Bounds::default().entries(USERS);
        Ok(Self {
            store: store.clone(),
            offers: store.shelf(&format!("wallet-{name}"), bounds)?,
            spent: store.shelf(&format!("wallet-{name}-spent"), users)?,
        })
    }

    pub(super) fn offer(&self, key: &[u8]) -> Result<Option<Offer>, StoreError> {
        self.offers.get(key)
    }

    /// Returns all payments, with their keys.
    pub(super) fn offers(&self) -> Result<Vec<(Vec<u8>, Offer)>, StoreError> {
        self.offers.range(Bound::Unbounded, usize::MAX)
    }

    pub(super) fn put(&self, key: &[u8], offer: &Offer) -> Result<(), StoreError> {
        match self.offers.put(key, offer) {
            Err(StoreError::Full { .. }) => {
                self.sweep()?;
                self.offers.put(key, offer)
            }
            put => put,
        }
    }

    pub(super) fn remove(&self, key: &[u8]) -> Result<(), StoreError> {
        self.offers.remove(key).map(drop)
    }

    /// Forgets what nobody has answered in time.
    fn sweep(&self) -> Result<(), StoreError> {
        for (key, offer) in self.offers()? {
            if offer.is_expired() {
                self.remove(&key)?;
            }
        }
        Ok(())
    }

    /// Says whether a payment of today is allowed.
    pub(super) fn check(
        &self,
        user: &[u8],
        amount: Amount,
        limits: &Limits,
    ) -> Result<Result<Spent, Excess>, StoreError> {
        let spent = self.spent.get(user)?.unwrap_or_default().on(today());
        Ok(spent.plus(amount, limits))
    }

    /// Counts a payment.
    pub(super) fn spend(&self, user: &[u8], spent: &Spent) -> Result<(), StoreError> {
        match self.spent.put(user, spent) {
            Err(StoreError::Full { .. }) => {
                self.forget_days()?;
                self.spent.put(user, spent)
            }
            put => put,
        }
    }

    /// Takes back what was counted on `day` and was not paid.
    pub(super) fn release(&self, user: &[u8], amount: Amount, day: u64) -> Result<(), StoreError> {
        match self.spent.get(user)? {
            Some(spent) if spent.day == day => self.spent.put(user, &spent.less(amount)),
            _ => Ok(()),
        }
    }

    /// Forgets what was paid on other days than this one.
    fn forget_days(&self) -> Result<(), StoreError> {
        let today = today();
        for (user, spent) in self.spent.range(Bound::Unbounded, usize::MAX)? {
            if spent.day < today {
                self.spent.remove(&user)?;
            }
        }
        Ok(())
    }

    /// Waits until all of it is on the disk.
    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        self.store.flush().await
    }
}

fn today() -> u64 {
    clock::unix_seconds() / 86_400
}

const OFFERS: u64 = 10_000;
const USERS: u64 = 100_000;
