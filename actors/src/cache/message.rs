//! What a shard can be asked. Each request concerns the shard's own channels only; [`Cache`](super::Cache) asks the right ones.

use actix::Message;
use bytes::Bytes;

use super::batch::Batch;
use super::error::CacheError;
use super::query::Query;
use super::record::{ChannelInfo, Record};
use super::store::{Recovery, StoreStats};
use crate::event::{ChannelKey, Id};

/// Keeps messages, each in place of what has its channel and id.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<(), CacheError>")]
pub struct Save(
    /// The messages, all of the shard's channels.
    pub Vec<Record>,
);

/// Keeps the messages of a batch, each in place of what has its channel and id.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<(), CacheError>")]
pub struct SaveBatch(
    /// The messages, all of the shard's channels.
    pub Batch,
);

/// Finds one message.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Option<Record>, CacheError>")]
pub struct Get {
    /// Its channel.
    pub channel: ChannelKey,
    /// Its id.
    pub id: Id,
}

/// Finds a part of a channel.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Vec<Record>, CacheError>")]
pub struct List(
    /// The part.
    pub Query,
);

/// Counts the messages of a channel, or of all of the shard.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<u64, CacheError>")]
pub struct Count(
    /// The channel.
    pub Option<ChannelKey>,
);

/// Lists the shard's channels in the order of their keys.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Vec<ChannelInfo>, CacheError>")]
pub struct Channels;

/// Replaces the body of a message; answers false if it is not there.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<bool, CacheError>")]
pub struct Update {
    /// Its channel.
    pub channel: ChannelKey,
    /// Its id.
    pub id: Id,
    /// What the new body is.
    pub format: u8,
    /// The new body.
    pub body: Bytes,
}

/// Removes a message; answers false if it is not there.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<bool, CacheError>")]
pub struct Delete {
    /// Its channel.
    pub channel: ChannelKey,
    /// Its id.
    pub id: Id,
}

/// Removes a channel; answers how many messages it had.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<u64, CacheError>")]
pub struct Clear(
    /// The channel.
    pub ChannelKey,
);

/// Makes everything durable that was saved before.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<(), CacheError>")]
pub struct Flush;

/// Reports the shard's figures; does not open the files.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<StoreStats, CacheError>")]
pub struct Stats;

/// Opens the files of all shards, and says what was found.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Recovery, CacheError>")]
pub struct Open;

/// Flushes and closes the files of all shards; the next use opens them again.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<(), CacheError>")]
pub struct Close;

/// Gives the space of removed messages back to the system: copies all shards, which wait meanwhile.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<(), CacheError>")]
pub struct Compact;
