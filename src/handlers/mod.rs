//! Ready-made handler actors: small bots to compose from, and models for one's own.

mod counter;
mod echo;
mod log;
mod ping;
mod replies;
mod welcome;

pub use counter::Counter;
pub use echo::Echo;
pub use log::Log;
pub use ping::Ping;
pub use replies::FixedReply;
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

actors!(Counter, Echo, Log, Ping, Welcome);
