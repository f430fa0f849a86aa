//! Answers whoever mentions the bot.

use actix::{Context, Handler, ResponseFuture};

use super::replies::filled;
use super::said;
use crate::prelude::*;

/// Replies to messages that mention the bot, where they were said: in the room, or directly. It never answers the bot itself.
///
/// On Token Bowl Chat a message mentions the bot if its name occurs in the text, in whatever case.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: nothing: it has no state.
#[derive(Clone, Debug)]
pub struct Mentioned {
    reply: String,
}

impl Mentioned {
    /// Replies with this text, in which `{name}` is the person's name and `{args}` what the person said.
    #[must_use]
    pub fn new(reply: impl Into<String>) -> Self {
        Self {
            reply: reply.into(),
        }
    }
}

impl Handler<Event<ChatMessage>> for Mentioned {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, message: Event<ChatMessage>, _: &mut Context<Self>) -> Self::Result {
        let is_meant = !message.is_own && message.mentions.iter().any(|mention| mention.is_me);
        let reply = is_meant.then(|| filled(&self.reply, &message.author.display, &message.text));
        said(reply.map(|reply| message.reply(reply)))
    }
}
