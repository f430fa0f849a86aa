//! What the cache keeps.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::event::{ChannelKey, Id};

/// One message as the cache keeps it: what it says is known to the adapter only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The conversation.
    pub channel: ChannelKey,
    /// The message; ids of one channel are in the order of time.
    pub id: Id,
    /// When it was made, in seconds since 1970.
    pub at: u64,
    /// What `body` is; the adapter gives the numbers.
    pub format: u8,
    /// The message as the platform sent it.
    pub body: Bytes,
}

/// What the cache holds of one channel.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ChannelInfo {
    /// The channel.
    pub channel: ChannelKey,
    /// How many messages are kept.
    pub messages: u64,
    /// The length of their bodies.
    pub bytes: u64,
    /// The first message that is kept.
    pub oldest: Id,
    /// The last message that is kept: what came after it while the bot was away can be asked for.
    pub newest: Id,
}
