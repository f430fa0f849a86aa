//! Identifiers that platforms give.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// An opaque identifier: a number or a text, whichever the platform uses.
///
/// A text that is the canonical decimal form of an `i64` is the same id as the number; the empty text and `0` are both "none".
/// It prints as the platform writes it.
///
/// # Examples
///
/// ```
/// use greenroom_actors::event::Id;
///
/// assert_eq!(Id::from("42"), Id::from(42));
/// assert_eq!(Id::from(""), Id::NONE);
/// assert_eq!(Id::from("general").to_string(), "general");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct Id(Repr);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    Number(i64),
    Text(Arc<str>),
}

impl Id {
    /// The absent id.
    pub const NONE: Self = Self(Repr::Number(0));

    /// Returns the id as a number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        match self.0 {
            Repr::Number(number) => Some(number),
            Repr::Text(_) => None,
        }
    }

    /// Returns true for the absent id.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    fn mix(&self, state: u64) -> u64 {
        match &self.0 {
            Repr::Number(number) => fold(state, &number.to_be_bytes()),
            Repr::Text(text) => fold(state, text.as_bytes()),
        }
    }
}

impl Default for Id {
    fn default() -> Self {
        Self::NONE
    }
}

impl From<i64> for Id {
    fn from(number: i64) -> Self {
        Self(Repr::Number(number))
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        match text.parse::<i64>() {
            _ if text.is_empty() => Self::NONE,
            Ok(number) if is_canonical(text) => Self(Repr::Number(number)),
            _ => Self(Repr::Text(text.into())),
        }
    }
}

impl From<&String> for Id {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<String> for Id {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&Self> for Id {
    fn from(id: &Self) -> Self {
        id.clone()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.to_string()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Number(number) => number.fmt(f),
            Repr::Text(text) => text.fmt(f),
        }
    }
}

impl PartialEq<i64> for Id {
    fn eq(&self, other: &i64) -> bool {
        self.0 == Repr::Number(*other)
    }
}

impl PartialEq<str> for Id {
    fn eq(&self, other: &str) -> bool {
        let other = Self::from(other);
        *self == other
    }
}

/// Names a conversation across all platforms: events of one key are handled in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChannelKey {
    /// The space that the channel belongs to (a clan, a server), or none.
    pub space: Id,
    /// The channel.
    pub channel: Id,
}

impl ChannelKey {
    /// Creates the key of `channel` in `space`.
    #[must_use]
    pub fn new(space: impl Into<Id>, channel: impl Into<Id>) -> Self {
        Self {
            space: space.into(),
            channel: channel.into(),
        }
    }

    /// Returns a hash that never changes between runs and versions, for partitions and shards.
    #[must_use]
    pub fn partition(&self) -> u64 {
        self.channel.mix(self.space.mix(OFFSET))
    }
}

impl fmt::Display for ChannelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.space, self.channel)
    }
}

/// Hashes bytes (FNV-1a, 64 bit): the same in every run and version.
#[must_use]
pub fn stable_hash(bytes: &[u8]) -> u64 {
    fold(OFFSET, bytes)
}

fn fold(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
    })
}

fn is_canonical(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.starts_with('+') && (text == "0" || !digits.starts_with('0'))
}

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_decimals_are_numbers() {
        assert_eq!(Id::from("9223372036854775807").number(), Some(i64::MAX));
        assert_eq!(Id::from("-1").number(), Some(-1));
        for text in ["007", "+1", "-0", "9223372036854775808", "1a", " 1"] {
            let id = Id::from(text);
            assert_eq!(id.number(), None, "{text}");
            assert_eq!(id.to_string(), text);
        }
    }
}
