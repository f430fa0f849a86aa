//! Chat in one vocabulary for all platforms.

mod author;
mod events;
mod message;
mod speak;

pub use author::author;
pub use events::{
    ButtonPressed, MemberJoined, MemberLeft, MessageDeleted, MessageEdited, Reaction,
};
pub use message::{Author, ChatMessage, Outgoing, Quote, Sent};
pub use speak::{Reply, Speak, Speaker};
