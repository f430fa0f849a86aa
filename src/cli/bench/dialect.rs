//! What is spoken in a benchmark.

use std::fmt;
use std::str::FromStr;

use greenroom_proto::mezon::{UnknownWire, Wire};
use serde::{Serialize, Serializer};

/// A platform and its wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Protobuf in binary messages.
    Mezon(Wire),
    /// JSON in text messages.
    TokenBowl,
}

impl Dialect {
    pub(super) const V1: Self = Self::Mezon(Wire::V1);
    pub(super) const V2: Self = Self::Mezon(Wire::V2);
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mezon(wire) => wire.fmt(f),
            Self::TokenBowl => f.write_str("json"),
        }
    }
}

impl FromStr for Dialect {
    type Err = UnknownWire;

    fn from_str(text: &str) -> Result<Self, UnknownWire> {
        match text {
            "json" => Ok(Self::TokenBowl),
            wire => wire.parse().map(Self::Mezon),
        }
    }
}

impl Serialize for Dialect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
