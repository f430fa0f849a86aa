//! The message cache: the latest messages of every channel, on disk, in bounds.
//!
//! [`Cache`] is the handle, [`CacheShard`] the actor that it asks, [`MessageStore`] what the actor needs of a storage engine.
//! The cache knows no platform: a [`Record`] has a channel, an id, a time, and a body that only the adapter can read.
//!
//! | what | when |
//! |---|---|
//! | a read sees it | as soon as `save` was handled |
//! | it survives a panic of the shard | as soon as `save` was handled |
//! | it survives `kill -9` | after `write_behind` (256 changes or 50 ms), or `flush_now` |
//! | it survives a loss of power | after that and `flush_every` (500 ms), or `flush_now` |

mod batch;
mod chunk;
mod codec;
mod disk;
mod error;
mod export;
mod handle;
mod journal;
mod limits;
mod message;
mod query;
mod record;
mod settings;
mod shard;
mod shared;
mod store;

pub use batch::Batch;
pub use disk::DiskBackend;
pub use error::CacheError;
pub use export::{from_line, import_into, to_line};
pub use handle::Cache;
pub use limits::{Bound, Limits};
pub use message::{
    Channels, Clear, Close, Compact, Count, Delete, Flush, Get, List, Open, Save, SaveBatch, Stats,
    Update,
};
pub use query::{Order, Query};
pub use record::{ChannelInfo, Record};
pub use settings::Settings;
pub use shard::CacheShard;
pub use store::{Backend, MessageStore, Opened, Recovery, StoreStats};
