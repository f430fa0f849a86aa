//! Ready-made handler actors: small bots to compose from, and models for one's own.

mod alerts;
mod bridge;
mod counter;
mod echo;
mod log;
mod mentioned;
mod monitor;
mod ping;
mod replies;
#[cfg(feature = "schedule")]
mod schedule;
mod welcome;

pub use alerts::{Alert, Alerts, Thresholds, Watcher};
pub use bridge::{Bridge, Carrier};
pub use counter::Counter;
pub use echo::Echo;
pub use log::Log;
pub use mentioned::Mentioned;
pub use monitor::Monitor;
pub use ping::Ping;
pub use replies::FixedReply;
#[cfg(feature = "schedule")]
pub use schedule::{Clock, Due, Missed, Schedule, Timetable};
pub use welcome::Welcome;

use actix::{Actor, Context, ResponseFuture};
use greenroom_actors::connection::RequestError;

use crate::chat::Sent;
use crate::prelude::*;

/// Waits until what a handler says has left, if it says something.
fn said(
    saying: Option<impl Future<Output = Result<Sent, RequestError>> + 'static>,
) -> ResponseFuture<Outcome> {
    Box::pin(async move {
        if let Some(saying) = saying {
            saying.await?;
        }
        Ok(())
    })
}

/// Implements what all ready-made actors have in common.
macro_rules! actors {
    ($($name:ident),*) => {$(
        impl Actor for $name {
            type Context = Context<Self>;
        }
    )*};
}

actors!(Counter, Echo, Log, Mentioned, Monitor, Ping, Welcome);
