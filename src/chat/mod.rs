//! Chat in one vocabulary for all platforms.

mod author;
mod command;
mod events;
mod message;
mod speak;

pub use author::author;
pub use command::{Call, Check, Command, Commands, Dialogue, DialogueRef};
pub use events::{
    ButtonPressed, MemberJoined, MemberLeft, MessageDeleted, MessageEdited, Reaction,
};
pub use greenroom_actors::utterance::{Mention, MentionKind};
pub use message::{Author, ChatMessage, Outgoing, Quote, Sent};
pub use speak::{Reply, Speak, Speaker};
