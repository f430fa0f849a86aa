//! One question, one answer.

use actix::{Context, Handler, ResponseFuture};

use super::replies::filled;
use super::said;
use crate::prelude::*;

/// Replies to one message with another.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: nothing: it has no state.
#[derive(Clone, Debug)]
pub struct Ping {
    question: String,
    answer: String,
}

impl Ping {
    /// Replies to `question` with `answer`, in which `{name}` is the person's name and `{args}` what follows the question.
    #[must_use]
    pub fn new(question: impl Into<String>, answer: impl Into<String>) -> Self {
        Self {
            question: question.into(),
            answer: answer.into(),
        }
    }
}

impl Handler<Event<ChatMessage>> for Ping {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, message: Event<ChatMessage>, _: &mut Context<Self>) -> Self::Result {
        let asked = message.command(&self.question);
        let asked = asked.filter(|_| !message.is_own);
        let answer = asked.map(|args| filled(&self.answer, &message.author.display, args));
        said(answer.map(|answer| message.reply(answer)))
    }
}
