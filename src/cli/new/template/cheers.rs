//! Counts cheers.

use actix::{Actor, Context, Handler, ResponseFuture};
use greenroom::prelude::*;
use serde::{Deserialize, Serialize};

/// What `greenroom.toml` says of a handler of `kind = "cheers"`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Options {
    command: String,
}

/// Counts how often somebody said the command. When it fails, a new one begins at 0.
#[derive(Debug)]
pub struct Cheers {
    command: String,
    count: u64,
}

impl Cheers {
    /// Makes one that has heard nothing yet.
    pub fn new(options: &Options) -> Self {
        Self {
            command: options.command.clone(),
            count: 0,
        }
    }
}

impl Actor for Cheers {
    type Context = Context<Self>;
}

impl Handler<Event<ChatMessage>> for Cheers {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, message: Event<ChatMessage>, _: &mut Context<Self>) -> Self::Result {
        let is_cheer = !message.is_own && message.command(&self.command).is_some();
        // A message that could not be handled comes again, and counts once all the same.
        self.count += u64::from(is_cheer && message.attempt() == 1);
        let count = self.count;
        Box::pin(async move {
            if is_cheer {
                message.reply(format!("Hooray number {count}!")).await?;
            }
            Ok(())
        })
    }
}
