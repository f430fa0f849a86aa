//! The handler actor of a wallet.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix::prelude::*;
use greenroom_actors::clock;
use greenroom_actors::connection::Connected;
use greenroom_actors::event::{Event, Payload};
use greenroom_actors::router::{Cancellable, Outcome};
use greenroom_actors::utterance::Scope;

use super::Terms;
use super::book::{Book, Offer, Standing};
use super::request::{self, Heard, Request};
use super::words;
use crate::chat::{
    Author, Button, ButtonPressed, ButtonStyle, ChatMessage, Outgoing, Payment, PaymentOutcome,
    Reply, Speak,
};
use crate::payman::client::PaymanClient;
use crate::payman::codec::new_id;
use crate::payman::model::TaskState;
use crate::payman::outgoing::Ask;

/// Pays by Payman what people ask for, after they have confirmed it; see [`Wallet`](super::Wallet).
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: nothing: questions, payments and what was spent are in the store. The next incarnation waits for the same
///   answer of Payman; the next run of the program tells that the outcome is unknown.
pub struct WalletActor {
    shared: Arc<Shared>,
}

/// What the incarnations share.
pub(super) struct Shared {
    pub(super) name: String,
    pub(super) client: PaymanClient,
    pub(super) terms: Terms,
    pub(super) book: Book,
    /// The payments that are being seen to.
    pub(super) busy: Mutex<BTreeSet<Vec<u8>>>,
}

impl fmt::Debug for WalletActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WalletActor")
            .field(&self.shared.name)
            .finish()
    }
}

impl WalletActor {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Actor for WalletActor {
    type Context = Context<Self>;
}

impl Handler<Event<ChatMessage>> for WalletActor {
    type Result = Cancellable;

    fn handle(&mut self, message: Event<ChatMessage>, _: &mut Self::Context) -> Cancellable {
        if message.is_own {
            return Cancellable::done(Ok(()));
        }
        let shared = Arc::clone(&self.shared);
        if request::behind(&message.text, &shared.terms.prefix).is_some() {
            return Cancellable::new(Box::pin(async move { shared.asked(message).await }));
        }
        // Where there are buttons, a word in passing is no consent.
        match request::answer(&message.text).filter(|_| !message.has_buttons()) {
            Some(yes) => Cancellable::new(Box::pin(async move {
                let author = message.author.clone();
                shared.answered(&message, &author, None, yes).await
            })),
            None => Cancellable::done(Ok(())),
        }
    }
}

impl Handler<Event<ButtonPressed>> for WalletActor {
    type Result = Cancellable;

    fn handle(&mut self, pressed: Event<ButtonPressed>, _: &mut Self::Context) -> Cancellable {
        let Some((offer, yes)) = self.shared.button(&pressed.button) else {
            return Cancellable::done(Ok(()));
        };
        let (shared, offer) = (Arc::clone(&self.shared), offer.to_owned());
        Cancellable::new(Box::pin(async move {
            let user = pressed.user.clone();
            shared.answered(&pressed, &user, Some(&offer), yes).await
        }))
    }
}

impl Handler<Event<Connected>> for WalletActor {
    type Result = Cancellable;

    fn handle(&mut self, connected: Event<Connected>, _: &mut Self::Context) -> Cancellable {
        let shared = Arc::clone(&self.shared);
        Cancellable::new(Box::pin(async move { shared.catch_up(&connected).await }))
    }
}

impl Shared {
    /// Somebody wants something to be paid.
    async fn asked(&self, message: Event<ChatMessage>) -> Outcome {
        let terms = &self.terms;
        let rest = request::behind(&message.text, &terms.prefix).unwrap_or_default();
        let wrong = match request::read(rest, &terms.currency) {
            Heard::Request(request) => match terms.payees.as_slice() {
                [] => Ok(request),
                known if known.contains(&request.payee) => Ok(request),
                known => Err(words::stranger(known)),
            },
            Heard::SmallTalk if !terms.is_command() && !message.is_direct => return Ok(()),
            Heard::SmallTalk => Err(words::usage("To whom, and how much?", &terms.prefix)),
            Heard::Wrong(why) => Err(words::usage(&why, &terms.prefix)),
        };
        let request = match wrong {
            Ok(request) => request,
            Err(answer) => return said(message.reply(answer).await),
        };
        let key = Scope::UserInChannel.key(&message);
        let Some(held) = self.hold(&key) else {
            return said(message.reply(words::UNDER_WAY).await);
        };
        let earlier = self.book.offer(&key)?;
        match earlier.map(|offer| (offer.standing.clone(), offer)) {
            Some((Standing::Asked { .. }, _)) => {
                return said(message.reply(words::UNDER_WAY).await);
            }
            Some((Standing::Settled { text, .. }, offer)) => {
                // It could not be told until now.
                self.tell(&message, &key, &offer, text).await?;
            }
            _ => {}
        }
        let user = Scope::User.key(&message);
        if let Err(excess) = self.book.check(&user, request.amount, &terms.limits)? {
            let answer = words::excess(excess, &terms.currency);
            return said(message.reply(answer).await);
        }
        let offer = self.offer(&message, request);
        self.book.put(&key, &offer)?;
        self.book.flush().await?;
        // The answer may come before the platform has said that it has the question.
        drop(held);
        said(message.reply(self.question(&message, &offer)).await)
    }

    fn offer(&self, message: &Event<ChatMessage>, request: Request) -> Offer {
        let envelope = message.envelope();
        let within = u64::try_from(self.terms.expires_after.as_millis()).unwrap_or(u64::MAX);
        Offer {
            id: new_id("", &self.client.shared.ids),
            platform: envelope.origin.platform().to_owned(),
            bot: envelope.origin.bot().to_owned(),
            channel: envelope.channel.clone(),
            asker: message.author.clone(),
            message: message.id.clone(),
            text: message.text.clone(),
            payee: request.payee,
            amount: request.amount,
            expires_at: clock::unix_millis().saturating_add(within),
            standing: Standing::Open,
        }
    }

    fn question(&self, at: &Event<ChatMessage>, offer: &Offer) -> Outgoing {
        let (terms, buttons) = (&self.terms, at.has_buttons());
        let text = words::question(offer, &terms.currency, terms.expires_after, buttons);
        let id = |answer: &str| format!("wallet/{}/{}/{answer}", self.name, offer.id);
        let pay = format!("Pay {}", words::sum(offer, &terms.currency));
        Outgoing::from(text)
            .button(Button::new(id("yes"), pay, ButtonStyle::Success))
            .button(Button::new(id("no"), "Do not pay", ButtonStyle::Danger))
    }

    /// Reads the id of a button: which payment, and whether it is a yes.
    fn button<'a>(&self, id: &'a str) -> Option<(&'a str, bool)> {
        let own = id.strip_prefix("wallet/")?.strip_prefix(&self.name)?;
        match own.strip_prefix('/')?.split_once('/')? {
            (offer, "yes") => Some((offer, true)),
            (offer, "no") => Some((offer, false)),
            _ => None,
        }
    }

    /// Somebody says yes or no; `pressed` is the payment that the button belongs to.
    async fn answered<T: Payload>(
        &self,
        event: &Event<T>,
        user: &Author,
        pressed: Option<&str>,
        yes: bool,
    ) -> Outcome {
        // Only what whoever speaks has asked for is found.
        let key = Scope::UserInChannel.key_of(event.envelope(), &user.id);
        let offer = self.book.offer(&key)?;
        let meant = offer.filter(|offer| pressed.is_none_or(|id| offer.id == id));
        let Some(offer) = meant else {
            return match pressed {
                Some(_) => said(event.say(words::NOT_YOURS).await),
                None => Ok(()),
            };
        };
        let Some(_busy) = self.hold(&key) else {
            return said(event.say(words::UNDER_WAY).await);
        };
        let (outcome, text) = match &offer.standing {
            Standing::Open if offer.is_expired() => {
                return self
                    .tell(event, &key, &offer, words::TOO_LATE.to_owned())
                    .await;
            }
            Standing::Open if !yes => (PaymentOutcome::Declined, words::declined(&offer)),
            Standing::Open => {
                let account = Scope::User.key_of(event.envelope(), &user.id);
                match self
                    .book
                    .check(&account, offer.amount, &self.terms.limits)?
                {
                    Err(excess) => {
                        let text = words::excess(excess, &self.terms.currency);
                        (PaymentOutcome::Failed, text)
                    }
                    Ok(spent) => {
                        // What may be paid is counted before it can be.
                        self.book.spend(&account, &spent)?;
                        let run = self.client.shared.run.to_string();
                        let standing = Standing::Asked {
                            run,
                            day: spent.day,
                        };
                        self.book.put(
                            &key,
                            &Offer {
                                standing,
                                ..offer.clone()
                            },
                        )?;
                        self.pay(&account, &offer, spent.day).await?
                    }
                }
            }
            Standing::Asked { run, day } if **run == *self.client.shared.run => {
                let account = Scope::User.key_of(event.envelope(), &user.id);
                self.pay(&account, &offer, *day).await?
            }
            Standing::Asked { .. } => {
                let text = words::unknown(&offer, &self.terms.currency);
                (PaymentOutcome::Unknown, text)
            }
            Standing::Settled { text, .. } => {
                return self.tell(event, &key, &offer, text.clone()).await;
            }
        };
        self.settle(event, &key, &offer, outcome, text).await
    }

    /// Asks Payman, once for this payment however often it is called in one run.
    async fn pay(
        &self,
        account: &[u8],
        offer: &Offer,
        day: u64,
    ) -> Result<(PaymentOutcome, String), greenroom_actors::router::HandlerError> {
        let currency = &self.terms.currency;
        // A run that ends from here on must not leave this to be asked again.
        self.book.flush().await?;
        let order = format!("Pay {} to {}", words::sum(offer, currency), offer.payee);
        let answer = self
            .client
            .ask(Ask::new(order).new_session().once(&offer.id))
            .await;
        let (outcome, text) = match answer {
            Ok(answer) => {
                let (text, state) = (answer.text(), answer.progress.state);
                let said = match text.trim() {
                    "" => answer.progress.status_message.unwrap_or_default(),
                    text => text.to_owned(),
                };
                match state {
                    TaskState::Completed => {
                        (PaymentOutcome::Paid, words::paid(offer, currency, &said))
                    }
                    TaskState::Canceled | TaskState::Failed | TaskState::Rejected => (
                        PaymentOutcome::Failed,
                        words::failed(offer, currency, &said),
                    ),
                    _ => {
                        let text = words::unfinished(offer, currency, &said);
                        (PaymentOutcome::Unknown, text)
                    }
                }
            }
            Err(error) if error.may_have_run() => {
                tracing::warn!(wallet = self.name, payment = offer.id, %error, "it is not known whether this was paid");
                (PaymentOutcome::Unknown, words::unknown(offer, currency))
            }
            Err(error) => (
                PaymentOutcome::Failed,
                words::not_asked(offer, currency, &error),
            ),
        };
        if outcome == PaymentOutcome::Failed {
            self.book.release(account, offer.amount, day)?;
        }
        Ok((outcome, text))
    }

    /// Keeps what became of a payment, and tells it.
    async fn settle<T: Payload>(
        &self,
        event: &Event<T>,
        key: &[u8],
        offer: &Offer,
        outcome: PaymentOutcome,
        text: String,
    ) -> Outcome {
        let standing = Standing::Settled {
            outcome,
            text: text.clone(),
        };
        self.book.put(
            key,
            &Offer {
                standing,
                ..offer.clone()
            },
        )?;
        event
            .emit(offer.payment(&self.terms.currency, outcome))
            .await;
        self.tell(event, key, offer, text).await
    }

    /// Tells what became of a payment, and closes it.
    async fn tell<T: Payload>(
        &self,
        event: &Event<T>,
        key: &[u8],
        offer: &Offer,
        text: String,
    ) -> Outcome {
        event
            .say(Outgoing::from(text).quoting(offer.quote()))
            .await?;
        self.book.remove(key)?;
        self.book.flush().await?;
        Ok(())
    }

    /// A platform is there again: tells what could not be told, and what an earlier run has left without an outcome.
    async fn catch_up(&self, connected: &Event<Connected>) -> Outcome {
        let envelope = connected.envelope();
        let own = self.book.offers()?.into_iter();
        for (key, offer) in own.filter(|(_, offer)| offer.is_of(envelope)) {
            let currency = &self.terms.currency;
            let (outcome, text) = match &offer.standing {
                Standing::Asked { run, .. } if **run != *self.client.shared.run => {
                    (PaymentOutcome::Unknown, words::unknown(&offer, currency))
                }
                Standing::Settled { outcome, text } => (*outcome, text.clone()),
                Standing::Asked { .. } | Standing::Open => continue,
            };
            let Some(_busy) = self.hold(&key) else {
                continue;
            };
            let payment: Payment = offer.payment(currency, outcome);
            let (origin, channel) = (&envelope.origin, offer.channel.clone());
            let place = Event::new(origin, offer.message.clone(), channel, payment);
            match offer.standing {
                Standing::Settled { .. } => self.tell(&place, &key, &offer, text).await?,
                _ => self.settle(&place, &key, &offer, outcome, text).await?,
            }
        }
        Ok(())
    }

    /// Takes a payment in hand, unless somebody has it.
    fn hold(&self, key: &[u8]) -> Option<Held<'_>> {
        let is_free = self.busy().insert(key.to_owned());
        is_free.then(|| Held {
            shared: self,
            key: key.to_owned(),
        })
    }

    fn busy(&self) -> MutexGuard<'_, BTreeSet<Vec<u8>>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A payment that somebody sees to, until this is dropped.
struct Held<'a> {
    shared: &'a Shared,
    key: Vec<u8>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.shared.busy().remove(&self.key);
    }
}

fn said<E: Into<greenroom_actors::router::HandlerError>>(
    said: Result<crate::chat::Sent, E>,
) -> Outcome {
    said.map(drop).map_err(Into::into)
}
