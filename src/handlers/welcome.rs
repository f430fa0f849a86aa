//! Greets whoever joins.

use actix::{Context, Handler, ResponseFuture};

use super::said;
use crate::chat::MemberJoined;
use crate::prelude::*;

/// Greets people who join a channel, or a space that has a channel for it.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: nothing: it has no state.
#[derive(Clone, Debug)]
pub struct Welcome {
    text: String,
}

impl Welcome {
    /// Says `text`, with `{name}` replaced by the person's name.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }
}

impl Handler<Event<MemberJoined>> for Welcome {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, joined: Event<MemberJoined>, _: &mut Context<Self>) -> Self::Result {
        let text = self.text.replace("{name}", &joined.user.display);
        let nowhere = joined.envelope().channel.channel.is_none();
        if nowhere {
            let place = &joined.envelope().channel;
            tracing::warn!(%place, "somebody joined and is not welcomed: there is no welcome channel to speak in");
        }
        said((!nowhere).then(|| joined.say(text)))
    }
}
