//! One event that could not be handled.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::event::{ChannelKey, Event, Id, Payload};

/// Why an event was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The handler failed at every attempt, or said that trying again is useless; its last words.
    Failed(String),
    /// The queue was full and the policy dropped it.
    Overflow,
    /// The handler was stopped for good while it waited.
    Stopped,
}

impl Reason {
    /// The kinds of reasons.
    pub(crate) const KINDS: [&'static str; 3] = ["failed", "overflow", "stopped"];

    /// Returns the place of its kind in [`KINDS`](Self::KINDS).
    pub(crate) fn place(&self) -> usize {
        match self {
            Self::Failed(_) => 0,
            Self::Overflow => 1,
            Self::Stopped => 2,
        }
    }

    /// Returns the name of the kind: `failed`, `overflow` or `stopped`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        Self::KINDS[self.place()]
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(words) => write!(f, "failed: {words}"),
            Self::Overflow => f.write_str("overflow"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

/// An event that could not be handled by one registration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Names it within its store; newer ones have larger numbers.
    pub number: u64,
    /// Which registration gave it up.
    pub handler: String,
    /// The type of its payload.
    pub event: String,
    /// The platform it came from.
    pub platform: String,
    /// The bot that it came to.
    pub bot: String,
    /// The platform's id of it.
    pub id: Id,
    /// Its conversation.
    pub channel: ChannelKey,
    /// Its place among the events of its origin.
    pub sequence: u64,
    /// What it followed from; written as in the log, in 16 hexadecimal digits.
    #[serde(with = "hexadecimal")]
    pub trace: u64,
    /// When it was received or emitted, in milliseconds since 1970.
    pub received_ms: u64,
    /// How often it was tried, in its last round.
    pub attempts: u32,
    /// How often it was replayed.
    #[serde(default)]
    pub replays: u32,
    /// It is to be replayed when the bot starts.
    #[serde(default)]
    pub requested: bool,
    /// Why it was given up.
    pub reason: Reason,
    /// What became of the last replay, if it did not come to an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it was given up, in seconds since 1970.
    pub at: u64,
    /// The length of the payload if that was too long to be kept; such a letter cannot be replayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omitted_bytes: Option<u64>,
    /// Its payload.
    pub payload: serde_json::Value,
}

impl DeadLetter {
    pub(crate) fn new<T: Payload>(
        handler: &str,
        event: &Event<T>,
        attempts: u32,
        reason: Reason,
    ) -> Self {
        let envelope = event.envelope();
        let age = clock::now().saturating_duration_since(envelope.received_at);
        Self {
            number: 0,
            handler: handler.to_owned(),
            event: Event::<T>::name().to_owned(),
            platform: envelope.origin.platform().to_owned(),
            bot: envelope.origin.bot().to_owned(),
            id: envelope.id.clone(),
            channel: envelope.channel.clone(),
            sequence: envelope.sequence,
            trace: envelope.trace,
            received_ms: clock::unix_millis().saturating_sub(clock::millis(age)),
            attempts,
            replays: 0,
            requested: false,
            reason,
            note: None,
            at: clock::unix_seconds(),
            omitted_bytes: None,
            payload: serde_json::to_value(event.payload())
                .unwrap_or_else(|error| error.to_string().into()),
        }
    }

    /// Returns when it was received, in tokio's time as far as that goes back.
    pub(crate) fn received_at(&self) -> clock::Instant {
        let age = clock::unix_millis().saturating_sub(self.received_ms);
        let now = clock::now();
        now.checked_sub(Duration::from_millis(age)).unwrap_or(now)
    }
}

/// Numbers beyond 2^53, which many readers of JSON round.
mod hexadecimal {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference"
    )]
    pub(super) fn serialize<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{number:016x}"))
    }

    /// Reads plain numbers too, as stores of earlier versions have them.
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Digits(String),
        }
        match Written::deserialize(from)? {
            Written::Number(number) => Ok(number),
            Written::Digits(digits) => u64::from_str_radix(&digits, 16).map_err(D::Error::custom),
        }
    }
}

/// Where the store keeps the event that is being delivered once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ticket {
    /// Among the dead letters.
    Dead(u64),
    /// Among what a shutdown left over.
    Left(u64),
}
