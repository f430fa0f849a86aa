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

/// A connection that was live is lost, or was closed; told once for each [`Connected`]. At a shutdown it comes after all else was handled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disconnected {
    /// Why, in words.
    pub reason: String,
}

impl Disconnected {
    const STOPPING: &str = "the bot stops";

    /// Tells that a connection that is live ends since the bot stops.
    pub(super) fn stopping() -> Self {
        Self {
            reason: Self::STOPPING.to_owned(),
        }
    }

    /// Says whether it ends since the bot stops: nothing was lost.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.reason == Self::STOPPING
    }
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

/// A heartbeat was not answered in time, or a peer that speaks by itself was silent for too long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatMissed {
    /// How long a sign of life was waited for, in milliseconds.
    pub limit_ms: u64,
}
