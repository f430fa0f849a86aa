//! Chat in one vocabulary for all platforms.

mod message;
mod speak;

pub use message::{Author, ChatMessage, Outgoing, Quote, Sent};
pub use speak::{Reply, Speak, Speaker};
