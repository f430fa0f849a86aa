//! What a bot has done in a conversation, for handlers that take part in it: a robot's body, a log.

use greenroom_actors::event::Id;
use serde::{Deserialize, Serialize};

use super::Author;

/// An assistant of the bot has answered somebody; it comes once the answer is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The message that was answered.
    pub message: Id,
    /// The answer.
    pub text: String,
}

/// What became of a payment that somebody has asked the bot for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Who asked for it.
    pub from: Author,
    /// Who was to get it.
    pub to: String,
    /// How much, as a decimal number.
    pub amount: String,
    /// Of which currency.
    pub currency: String,
    /// What became of it.
    pub outcome: PaymentOutcome,
}

/// What became of a payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PaymentOutcome {
    /// Whoever asked for it has taken that back.
    Declined,
    /// It was not made.
    Failed,
    /// It was made.
    Paid,
    /// Nobody here knows; it is not repeated.
    #[default]
    Unknown,
}
