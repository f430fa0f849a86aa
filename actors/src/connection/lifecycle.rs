//! What a connection tells of itself, as ordinary events.

use actix::{Actor, Context};
use serde::{Deserialize, Serialize};

use crate::router::Router;
use crate::supervisor::{ChildSpec, NodeKind};

/// Declares for pictures that a child is a connection, and which events every connection publishes.
pub fn declared<A: Actor<Context = Context<A>>>(
    spec: ChildSpec<A>,
    router: &Router,
) -> ChildSpec<A> {
    spec.kind(NodeKind::Connection)
        .publishes::<Connected>(router)
        .publishes::<Disconnected>(router)
        .publishes::<Reconnecting>(router)
        .publishes::<HeartbeatMissed>(router)
}

/// A connection is live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// How long it was down before, in milliseconds; `None` the first time.
    pub down_for_ms: Option<u64>,
    /// How often it has reconnected so far.
    pub reconnects: u64,
}

/// A connection that was live is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disconnected {
    /// Why, in words.
    pub reason: String,
}

/// A connection will be tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconnecting {
    /// Which try it will be, from 1.
    pub attempt: u32,
    /// How long it waits before, in milliseconds.
    pub delay_ms: u64,
    /// What went wrong, in words.
    pub reason: String,
}

/// A heartbeat was not answered in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatMissed {
    /// How long its answer was waited for, in milliseconds.
    pub limit_ms: u64,
}
