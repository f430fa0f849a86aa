//! What a wallet says. Pure.

use std::time::Duration;

use super::book::Offer;
use super::limits::Excess;
use crate::payman::error::PaymanError;

pub(super) const NOT_YOURS: &str =
    "That is not yours to answer, or no longer open. Nothing has changed.";
pub(super) const UNDER_WAY: &str = "One moment: a payment of yours is under way.";
pub(super) const TOO_LATE: &str = "That was too late. Nothing was paid.";

/// A sum of money.
pub(super) fn sum(offer: &Offer, currency: &str) -> String {
    match currency {
        "" => offer.amount.to_string(),
        currency => format!("{} {currency}", offer.amount),
    }
}

pub(super) fn question(offer: &Offer, currency: &str, within: Duration, buttons: bool) -> String {
    let (name, sum, seconds) = (&offer.asker.display, sum(offer, currency), within.as_secs());
    let how = match buttons {
        true => "Press a button",
        false => "Say yes or no",
    };
    format!(
        "{name}, pay {sum} to {}? {how} within {seconds} s.",
        offer.payee
    )
}

pub(super) fn usage(why: &str, prefix: &str) -> String {
    format!("{why} Say it like this: `{prefix} bob 10`")
}

pub(super) fn excess(excess: Excess, currency: &str) -> String {
    let most = match excess {
        Excess::Payment(most) => format!("one payment may be {most} {currency}"),
        Excess::Day(left) => format!("{left} {currency} are left for today"),
        Excess::Payments(most) => format!("all {most} payments of today are made"),
    };
    format!("That is more than I may pay for you: {}.", most.trim_end())
}

pub(super) fn stranger(payees: &[String]) -> String {
    format!("I pay nobody but {}.", payees.join(", "))
}

pub(super) fn declined(offer: &Offer) -> String {
    format!("All right, nothing is paid to {}.", offer.payee)
}

pub(super) fn paid(offer: &Offer, currency: &str, agent: &str) -> String {
    with(
        format!("Paid {} to {}.", sum(offer, currency), offer.payee),
        agent,
    )
}

pub(super) fn failed(offer: &Offer, currency: &str, agent: &str) -> String {
    let said = format!("Not paid: {} to {}.", sum(offer, currency), offer.payee);
    with(said, agent)
}

pub(super) fn not_asked(offer: &Offer, currency: &str, error: &PaymanError) -> String {
    let (sum, payee) = (sum(offer, currency), &offer.payee);
    format!("Not paid: {sum} to {payee}. Payman could not be asked: {error}. You can ask again.")
}

pub(super) fn unfinished(offer: &Offer, currency: &str, agent: &str) -> String {
    let (sum, payee) = (sum(offer, currency), &offer.payee);
    let said = format!(
        "I do not know yet whether {sum} goes to {payee}: Payman waits for something. I do not repeat it."
    );
    with(said, agent)
}

pub(super) fn unknown(offer: &Offer, currency: &str) -> String {
    let (sum, payee) = (sum(offer, currency), &offer.payee);
    format!(
        "I do not know whether {sum} was paid to {payee}: the answer was lost. I do not repeat it; look into the account before you ask again."
    )
}

fn with(said: String, agent: &str) -> String {
    match agent.trim() {
        "" => said,
        agent => format!("{said} Payman says: {agent}"),
    }
}
