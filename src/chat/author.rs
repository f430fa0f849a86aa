//! Who did what a handler is called for.

use greenroom_actors::router::middleware::Call;

use super::{
    Author, ButtonPressed, ChatMessage, MemberJoined, MemberLeft, MessageEdited, Payment, Reaction,
};

/// Returns who did what this call is about, if it is a chat event that says so. For keys of cooldowns, and for permissions.
#[must_use]
pub fn author<'a>(call: &Call<'a>) -> Option<&'a Author> {
    call.payload::<ChatMessage>()
        .map(|event| &event.author)
        .or_else(|| {
            call.payload::<MessageEdited>()
                .map(|event| &event.message.author)
        })
        .or_else(|| call.payload::<Reaction>().map(|event| &event.user))
        .or_else(|| call.payload::<ButtonPressed>().map(|event| &event.user))
        .or_else(|| call.payload::<MemberJoined>().map(|event| &event.user))
        .or_else(|| call.payload::<MemberLeft>().map(|event| &event.user))
        .or_else(|| call.payload::<Payment>().map(|event| &event.from))
}
