//! What is said through the door: a line of JSON for each request, and one for its answer.

use greenroom_actors::cache::{ChannelInfo, Query};
use greenroom_actors::event::{ChannelKey, Id};
use serde::{Deserialize, Serialize};

/// What another process asks.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    Channels,
    Clear(ChannelKey),
    Count(Option<ChannelKey>),
    Delete(ChannelKey, Id),
    Flush,
    Get(ChannelKey, Id),
    List(Query),
    /// Messages as the lines of an export.
    Save(Vec<String>),
}

/// What it is told.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Channels(Vec<ChannelInfo>),
    Count(u64),
    Done,
    /// Messages as the lines of an export.
    Lines(Vec<String>),
    Refused(String),
}

/// The longest line: the longest message as base64, with room for the rest.
pub(super) const LINE_LIMIT: usize = 32 << 20;

/// How many messages go into one line at most.
pub(super) const PAGE: usize = 200;

/// How many bytes of messages go into one line, about.
pub(super) const PAGE_BYTES: usize = 1 << 20;
