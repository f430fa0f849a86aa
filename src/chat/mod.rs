//! Chat in one vocabulary for all platforms.

mod author;
mod command;
mod deeds;
mod events;
mod message;
mod room;
mod speak;

pub use author::author;
pub use command::{Call, Check, Command, Commands, Dialogue, DialogueRef};
pub use deeds::{Answered, Payment, PaymentOutcome};
pub use events::{
    ButtonPressed, MemberJoined, MemberLeft, MessageDeleted, MessageEdited, Reaction,
};
pub use greenroom_actors::utterance::{Mention, MentionKind};
pub use message::{Author, Button, ButtonStyle, ChatMessage, File, Outgoing, Quote, Sent};
pub(crate) use room::Door;
pub use room::Room;
pub use speak::{Abilities, Emoji, Reply, Speak, Speaker};
