//! A wallet in chat: pays what people ask for, after they have confirmed it, up to limits for each.

mod actor;
mod amount;
mod book;
mod limits;
mod request;
mod words;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom_actors::connection::Connected;
use greenroom_actors::router::{Delivery, Registration};
use greenroom_actors::store::{Store, StoreError};

pub use actor::WalletActor;
pub use amount::{Amount, AmountError};
pub use limits::Limits;
#[cfg(feature = "cli")]
pub(crate) use request::is_name as is_payee;

use super::client::PaymanClient;
use crate::chat::{ButtonPressed, ChatMessage, Payment};

/// A handler that pays by Payman: `pay bob 10` asks for a confirmation, and is paid once that is given.
///
/// | | |
/// |---|---|
/// | who may confirm | only who has asked, and in the same channel; by a button where the platform has them, else by saying "yes" or "no" |
/// | for how long | two minutes, unless [told otherwise](Self::expires_after); a new request takes the place of one that is open |
/// | how often it is paid | once: a handler that crashes waits for the same answer of Payman |
/// | if nobody knows | that is told, and never tried again; it counts as spent |
/// | limits | [`Limits`] for each user, kept in the store, as are open questions: a restart changes neither |
/// | to whom | one word, so that nobody gives the agent a second order in the same breath; or only to [those listed](Self::payees) |
///
/// What became of a payment is also an event, [`Payment`](crate::chat::Payment).
///
/// # Examples
///
/// ```
/// use greenroom::payman::{Amount, Limits, Payman, Settings, Wallet};
/// use greenroom::prelude::*;
///
/// let payman = Payman::new(Settings::new("sim-payman-client", "sim-payman-secret"));
/// let limits = Limits { payment: Amount::whole(20), ..Limits::default() };
/// let wallet = Wallet::new(payman.client()).limits(limits);
/// let bot = Bot::builder("payer")
///     .platform(payman)
///     .stored_handler("wallet", move |store| wallet.register("wallet", store));
/// # drop(bot);
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is registered"]
pub struct Wallet {
    client: PaymanClient,
    terms: Terms,
    delivery: Delivery,
}

/// On which terms it pays.
#[derive(Clone, Debug)]
struct Terms {
    prefix: String,
    currency: String,
    payees: Vec<String>,
    limits: Limits,
    expires_after: Duration,
}

impl Terms {
    /// Says whether the prefix is one that nobody says in passing.
    fn is_command(&self) -> bool {
        !self.prefix.starts_with(char::is_alphanumeric)
    }
}

impl Wallet {
    /// Makes one that pays by this client.
    pub fn new(client: PaymanClient) -> Self {
        Self {
            client,
            terms: Terms {
                prefix: "pay".to_owned(),
                currency: "USD".to_owned(),
                payees: Vec::new(),
                limits: Limits::default(),
                expires_after: Duration::from_secs(120),
            },
            delivery: Delivery::default(),
        }
    }

    /// Sets the word before payee and amount, in whatever case; `pay` by default. With one that is a word of the language, what names no
    /// amount is taken for small talk.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.terms.prefix = prefix.into();
        self
    }

    /// Sets what is paid in, `USD` by default; empty leaves that to the agent.
    pub fn currency(mut self, currency: impl Into<String>) -> Self {
        self.terms.currency = currency.into();
        self
    }

    /// Pays these only, as they are written here; by default whomever somebody names.
    pub fn payees<T: Into<String>>(mut self, payees: impl IntoIterator<Item = T>) -> Self {
        self.terms.payees = payees.into_iter().map(Into::into).collect();
        self
    }

    /// Sets how much it pays for each user.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.terms.limits = limits;
        self
    }

    /// Sets how long a question stays open; two minutes by default.
    pub fn expires_after(mut self, within: Duration) -> Self {
        self.terms.expires_after = within;
        self
    }

    /// Sets how events are delivered to it; handling one may take as long as an ask at least.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Makes the handler, which keeps under this name in `store` what it must not forget.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn register(
        self,
        name: &str,
        store: &Store,
    ) -> Result<Registration<WalletActor>, StoreError> {
        let patience = self.client.shared.settings.timeout + BESIDE;
        let delivery = Delivery {
            timeout: self.delivery.timeout.max(patience),
            ..self.delivery
        };
        let shared = Arc::new(actor::Shared {
            name: name.to_owned(),
            book: book::Book::open(name, store)?,
            client: self.client,
            terms: self.terms,
            busy: Mutex::new(BTreeSet::new()),
        });
        let registration = Registration::new(name, move || WalletActor::new(Arc::clone(&shared)));
        Ok(registration
            .delivery(delivery)
            .on::<ChatMessage>()
            .on::<ButtonPressed>()
            .on::<Connected>()
            .emits::<Payment>())
    }
}

/// What handling a confirmation may take beside the ask: a token, and the words.
const BESIDE: Duration = Duration::from_secs(60);
