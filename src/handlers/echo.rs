//! Says again what was said.

use actix::{Context, Handler, ResponseFuture};

use super::said;
use crate::prelude::*;

/// Replies to a message that begins with a prefix with the rest of it.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: nothing: it has no state.
#[derive(Clone, Debug)]
pub struct Echo {
    prefix: String,
}

impl Echo {
    /// Listens for `prefix`; the empty one is every message.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }
}

impl Handler<Event<ChatMessage>> for Echo {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, message: Event<ChatMessage>, _: &mut Context<Self>) -> Self::Result {
        let text = match self.prefix.as_str() {
            "" => Some(message.text.as_str()),
            prefix => message.command(prefix),
        };
        let text = text.filter(|text| !message.is_own && !text.is_empty());
        said(text.map(|text| message.reply(text)))
    }
}
