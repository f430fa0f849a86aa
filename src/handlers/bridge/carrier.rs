//! Says in one room what was said in the others.

use std::sync::Arc;

use actix::{Actor, Context, Handler, ResponseFuture};
use greenroom_actors::connection::RequestError;
use greenroom_actors::event::{Event, Payload};

use super::Shared;
use super::memory::{Amendment, Place};
use super::wording::{line, pieces};
use crate::chat::{
    ChatMessage, Door, Emoji, MessageDeleted, MessageEdited, Outgoing, Reaction, Speaker,
};
use crate::prelude::*;

/// Says in one room of a [`Bridge`](super::Bridge) what was said in the others.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: nothing; what it remembers outlives it.
#[derive(Clone, Debug)]
pub struct Carrier {
    pub(super) shared: Arc<Shared>,
    /// The room that it speaks in.
    pub(super) room: usize,
}

impl Actor for Carrier {
    type Context = Context<Self>;
}

impl Carrier {
    /// Returns the message that an event is about, if it happened in one of the other rooms.
    fn place<T: Payload>(&self, event: &Event<T>, message: &Id) -> Option<Place> {
        let room = self.shared.room_of(event.envelope())?;
        Some((room, message.clone()))
    }

    /// Returns the way into its room, the conversation, and what the platform can do there.
    async fn enter(&self) -> Result<(&Door, ChannelKey, Arc<dyn Speaker>), RequestError> {
        let door = self.shared.door(self.room);
        Ok((door, door.find().await?, door.speaker()?))
    }

    async fn carry(self, event: Event<ChatMessage>) -> Outcome {
        let Some(place) = self.place(&event, &event.id) else {
            return Ok(());
        };
        let (door, _, speaker) = self.enter().await?;
        let memory = &self.shared.memory;
        let mut text = event.text.clone();
        match memory.amendment(&place, self.room) {
            Some(Amendment::Withdrawn) => return Ok(()),
            Some(Amendment::Changed(changed)) => text = changed,
            None => {}
        }
        let said = memory.copies(&place, self.room).len();
        let parts = self.words(&place, &event, &text, &*speaker);
        for part in parts.into_iter().skip(said) {
            memory.spoke(&part, place.0, &event.author.id);
            let saying = Box::pin(door.say(part));
            let sent = event.saying(event.on_behalf(saying)).await?;
            memory.said(&place, self.room, sent.id);
        }
        // While it was said, it may have been changed.
        match memory.amendment(&place, self.room) {
            Some(Amendment::Withdrawn) => self.withdraw(&place).await,
            Some(Amendment::Changed(text)) => self.change(&event, &event, &place, &text).await,
            None => Ok(()),
        }
    }

    fn words(
        &self,
        place: &Place,
        message: &ChatMessage,
        text: &str,
        speaker: &dyn Speaker,
    ) -> Vec<String> {
        if text.trim().is_empty() && message.attachments.is_empty() {
            return Vec::new();
        }
        let calls_names = speaker.abilities().calls_names;
        let platform = &self.shared.door(place.0).room().platform;
        let line = line(&self.shared.template, message, text, platform, calls_names);
        pieces(&line, |piece| speaker.fits(piece))
    }

    /// Changes what a message has become here: as many parts as there are, and the rest is said.
    async fn change<T: Payload>(
        &self,
        event: &Event<T>,
        message: &ChatMessage,
        place: &Place,
        text: &str,
    ) -> Outcome {
        let (door, key, speaker) = self.enter().await?;
        if !speaker.abilities().edits {
            return Ok(());
        }
        let copies = self.shared.memory.copies(place, self.room);
        let parts = self.words(place, message, text, &*speaker);
        for (id, part) in copies.iter().zip(&parts) {
            speaker
                .edit(&key, id, Outgoing::from(part.as_str()))
                .await?;
        }
        for id in copies.iter().skip(parts.len()) {
            speaker.delete(&key, id).await?;
        }
        for part in parts.into_iter().skip(copies.len()) {
            let sent = event.saying(Box::pin(door.say(part))).await?;
            self.shared.memory.said(place, self.room, sent.id);
        }
        Ok(())
    }

    async fn withdraw(&self, place: &Place) -> Outcome {
        let (_, key, speaker) = self.enter().await?;
        if !speaker.abilities().deletes {
            return Ok(());
        }
        for id in self.shared.memory.copies(place, self.room) {
            speaker.delete(&key, &id).await?;
        }
        self.shared.memory.forget(place, self.room);
        Ok(())
    }

    /// Leaves word of what has happened to a message that was not said here yet; says whether it was.
    fn is_here(&self, place: &Place, amendment: impl FnOnce() -> Amendment) -> bool {
        let memory = &self.shared.memory;
        let is_here = !memory.copies(place, self.room).is_empty();
        if !is_here {
            memory.amend(place, self.room, amendment());
        }
        is_here
    }
}

impl Handler<Event<ChatMessage>> for Carrier {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, event: Event<ChatMessage>, _: &mut Context<Self>) -> Self::Result {
        Box::pin(self.clone().carry(event))
    }
}

impl Handler<Event<MessageEdited>> for Carrier {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, event: Event<MessageEdited>, _: &mut Context<Self>) -> Self::Result {
        let carrier = self.clone();
        Box::pin(async move {
            let message = &event.message;
            match carrier.place(&event, &message.id) {
                Some(place) => {
                    let changed = || Amendment::Changed(message.text.clone());
                    match carrier.is_here(&place, changed) {
                        true => carrier.change(&event, message, &place, &message.text).await,
                        false => Ok(()),
                    }
                }
                None => Ok(()),
            }
        })
    }
}

impl Handler<Event<MessageDeleted>> for Carrier {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, event: Event<MessageDeleted>, _: &mut Context<Self>) -> Self::Result {
        let carrier = self.clone();
        Box::pin(async move {
            match carrier.place(&event, &event.message) {
                Some(place) if carrier.is_here(&place, || Amendment::Withdrawn) => {
                    carrier.withdraw(&place).await
                }
                _ => Ok(()),
            }
        })
    }
}

impl Handler<Event<Reaction>> for Carrier {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, event: Event<Reaction>, _: &mut Context<Self>) -> Self::Result {
        let carrier = self.clone();
        Box::pin(async move {
            let place = carrier.place(&event, &event.message);
            let memory = &carrier.shared.memory;
            let same = place.and_then(|place| memory.counterpart(&place, carrier.room));
            let Some(same) = same else { return Ok(()) };
            // An emoji is one of its platform.
            let platform = event.envelope().origin.platform();
            if platform != carrier.shared.door(carrier.room).room().platform {
                return Ok(());
            }
            let (_, key, speaker) = carrier.enter().await?;
            if speaker.abilities().reacts {
                let emoji = Emoji {
                    id: event.emoji_id.clone(),
                    name: event.emoji.clone(),
                };
                speaker.react(&key, &same, &emoji, event.removed).await?;
            }
            Ok(())
        })
    }
}
