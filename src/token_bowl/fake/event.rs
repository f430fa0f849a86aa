//! What happens in the world, before anybody is told.

use super::world::{Message, UserNo};

/// Something that others are told.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A message was stored.
    Sent(Message),
    /// Somebody has read a message.
    Read { message: Message, reader: UserNo },
    /// Somebody writes, to the room or to a user.
    Typing { from: UserNo, to: Option<String> },
    /// A user has marked everything read.
    AllRead(UserNo),
    /// A user is no more.
    Gone(UserNo),
}
