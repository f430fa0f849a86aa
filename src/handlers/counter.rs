//! Counts messages.

use actix::{Context, Handler, ResponseFuture};

use super::said;
use crate::prelude::*;

/// Counts the messages of people and says the number when it is asked. A restart begins at 0.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: its count.
#[derive(Clone, Debug)]
pub struct Counter {
    question: String,
    messages: u64,
}

impl Counter {
    /// Says the number when it hears `question`.
    #[must_use]
    pub fn new(question: impl Into<String>) -> Self {
        Self {
            question: question.into(),
            messages: 0,
        }
    }
}

impl Handler<Event<ChatMessage>> for Counter {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, message: Event<ChatMessage>, _: &mut Context<Self>) -> Self::Result {
        if message.is_own {
            return said(None::<futures::future::BoxFuture<'static, _>>);
        }
        self.messages += u64::from(message.attempt() == 1);
        let asked = message.command(&self.question).is_some();
        said(asked.then(|| message.reply(format!("{} messages so far", self.messages))))
    }
}
