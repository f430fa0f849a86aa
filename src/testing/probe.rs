//! Writes down what a bot is handed and what happens to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use actix::{Actor, Context, Handler};
use greenroom_actors::connection::{Connected, Disconnected, HeartbeatMissed, Reconnecting};
use greenroom_actors::event::Event;
use greenroom_actors::router::{Outcome, Registration};
use greenroom_actors::supervisor::Restarted;
use serde_json::{Value, json};

use super::trace::Trace;
use crate::chat::ChatMessage;

/// How often each message was handed to the handlers, by its id.
pub(super) type Handed = Arc<Mutex<BTreeMap<String, u32>>>;

/// A handler beside those of the test.
///
/// * **Who starts it**: the stage, with the bot.
/// * **What ends it**: the end of the bot.
/// * **What happens to its mailbox then**: it is emptied first, as any handler's.
/// * **What it may lose**: nothing.
pub(super) struct Probe {
    bot: String,
    trace: Trace,
    handed: Handed,
}

impl Probe {
    pub(super) fn register(bot: &str, trace: &Trace, handed: &Handed) -> Registration<Self> {
        let (bot, trace, handed) = (bot.to_owned(), trace.clone(), Arc::clone(handed));
        let make = move || Self {
            bot: bot.clone(),
            trace: trace.clone(),
            handed: Arc::clone(&handed),
        };
        Registration::new(NAME, make)
            .on::<ChatMessage>()
            .on::<Connected>()
            .on::<Disconnected>()
            .on::<HeartbeatMissed>()
            .on::<Reconnecting>()
            .on::<Restarted>()
    }

    fn note(&self, what: &'static str, mut fields: Value) {
        fields["bot"] = self.bot.as_str().into();
        self.trace.note(what, fields);
    }
}

impl Actor for Probe {
    type Context = Context<Self>;
}

impl Handler<Event<ChatMessage>> for Probe {
    type Result = Outcome;

    fn handle(&mut self, message: Event<ChatMessage>, _: &mut Self::Context) -> Outcome {
        if message.is_own {
            return Ok(());
        }
        let id = message.id.to_string();
        self.note("event", json!({"id": id, "text": message.text}));
        let mut handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
        *handed.entry(id).or_default() += 1;
        Ok(())
    }
}

macro_rules! told {
    ($($Type:ident = $name:literal,)*) => {$(
        impl Handler<Event<$Type>> for Probe {
            type Result = Outcome;

            fn handle(&mut self, told: Event<$Type>, _: &mut Self::Context) -> Outcome {
                self.note($name, serde_json::to_value(told.payload()).unwrap_or_default());
                Ok(())
            }
        }
    )*};
}

told! {
    Connected = "connected",
    Disconnected = "disconnected",
    HeartbeatMissed = "heartbeat_missed",
    Reconnecting = "reconnecting",
    Restarted = "restarted",
}

const NAME: &str = "greenroom testing";
