//! Logs what happens.

use actix::{Context, Handler};
use greenroom_actors::event::Payload;
use tracing::Level;

use crate::chat::{
    ButtonPressed, MemberJoined, MemberLeft, MessageDeleted, MessageEdited, Reaction,
};
use crate::prelude::*;

/// Logs each event it is subscribed to, as JSON.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: nothing: it has no state.
#[derive(Clone, Debug)]
pub struct Log {
    level: Level,
}

impl Log {
    /// Logs at this level.
    #[must_use]
    pub fn new(level: Level) -> Self {
        Self { level }
    }

    fn write<T: Payload>(&self, event: &Event<T>) -> Outcome {
        let name = Event::<T>::name();
        let channel = &event.envelope().channel;
        let payload = serde_json::to_string(event.payload())?;
        match self.level {
            Level::ERROR => tracing::error!(event = name, %channel, "{payload}"),
            Level::WARN => tracing::warn!(event = name, %channel, "{payload}"),
            Level::INFO => tracing::info!(event = name, %channel, "{payload}"),
            Level::DEBUG => tracing::debug!(event = name, %channel, "{payload}"),
            Level::TRACE => tracing::trace!(event = name, %channel, "{payload}"),
        }
        Ok(())
    }
}

macro_rules! logs {
    ($($event:ty),* $(,)?) => {$(
        impl Handler<Event<$event>> for Log {
            type Result = Outcome;

            fn handle(&mut self, event: Event<$event>, _: &mut Context<Self>) -> Outcome {
                self.write(&event)
            }
        }
    )*};
}

logs!(
    ButtonPressed,
    ChatMessage,
    MemberJoined,
    MemberLeft,
    MessageDeleted,
    MessageEdited,
    Reaction,
);
