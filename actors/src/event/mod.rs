//! Events: typed messages with an envelope.

mod id;

pub use id::{ChannelKey, Id, stable_hash};
