//! What a bridge lets pass, and when.

use std::sync::Arc;
use std::time::Duration;

use futures::future::FutureExt;
use greenroom_actors::connection::RequestError;
use greenroom_actors::error::Retry;
use greenroom_actors::event::Id;
use greenroom_actors::router::middleware::{Call, Middleware, Verdict};

use super::Shared;
use crate::chat::{ChatMessage, Door, MessageDeleted, MessageEdited, author};

/// Lets pass what happened in the other rooms, and was neither done by the bot nor by whom the bridge ignores.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) shared: Arc<Shared>,
}

impl Middleware for Wanted {
    fn before(&self, call: &Call<'_>) -> Verdict {
        let shared = &self.shared;
        let Some(room) = shared.room_of(call.envelope()) else {
            return match shared.unknown(call.envelope()) {
                Some(door) => find(door),
                None => Verdict::skip("said in no room of the bridge"),
            };
        };
        let author = author(call);
        let id = author.map_or(&Id::NONE, |author| &author.id);
        let edited = || {
            call.payload::<MessageEdited>()
                .map(|edited| &edited.message)
        };
        let message = call.payload::<ChatMessage>().or_else(edited);
        if message.is_some_and(|message| message.is_own) || shared.is_me(room, id) {
            return Verdict::skip("done by the bot itself");
        }
        if author.is_some_and(|author| shared.ignores(author)) {
            return Verdict::skip("done by whom the bridge ignores");
        }
        if message.is_some_and(|message| shared.memory.is_echo(&message.text, room, id)) {
            tracing::warn!(channel = %call.envelope().channel, author = %id, "another bridge repeats what this one says: not carried once more");
            return Verdict::skip("come back by another bridge");
        }
        Verdict::Pass
    }
}

/// Finds out which conversation a room is, and asks again then.
fn find(door: &Door) -> Verdict {
    let door = door.clone();
    let finding = async move {
        match door.find().await {
            Ok(_) => Verdict::Wait(Duration::ZERO),
            Err(error) => cannot_enter(&door, &error),
        }
    };
    Verdict::Ask(finding.boxed())
}

fn cannot_enter(door: &Door, error: &RequestError) -> Verdict {
    match error.retry() {
        Retry::Never => {
            tracing::error!(room = %door.room(), %error, "the bridge does not hear this room");
            Verdict::skip("nobody knows whether it was said in a room of the bridge")
        }
        Retry::After(wait) => Verdict::Wait(wait.max(Door::LOOK_EVERY)),
        Retry::Now => Verdict::Wait(Door::LOOK_EVERY),
    }
}

/// Puts off what is to be said in a room while its platform is not connected: an outage is no failed attempt. What happens to a message
/// that was not said there yet passes, so that it is said as it is then.
#[derive(Debug)]
pub(super) struct WhileOpen {
    pub(super) shared: Arc<Shared>,
    pub(super) room: usize,
}

impl Middleware for WhileOpen {
    fn before(&self, call: &Call<'_>) -> Verdict {
        if self.shared.door(self.room).is_open() {
            return Verdict::Pass;
        }
        let edited = call.payload::<MessageEdited>();
        let deleted = call.payload::<MessageDeleted>();
        let amended = edited
            .map(|edited| &edited.message.id)
            .or_else(|| deleted.map(|deleted| &deleted.message));
        let place = amended.zip(self.shared.room_of(call.envelope()));
        let waits_too = place.is_some_and(|(id, room)| {
            let place = (room, id.clone());
            self.shared.memory.copies(&place, self.room).is_empty()
        });
        match waits_too {
            true => Verdict::Pass,
            false => Verdict::Wait(Door::LOOK_EVERY),
        }
    }
}
