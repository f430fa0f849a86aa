//! What happens around messages, on whatever platform.

use greenroom_actors::event::Id;
use serde::{Deserialize, Serialize};

use super::{Author, ChatMessage};

/// Somebody joined: the space if the event has no channel, else the channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberJoined {
    /// Who.
    pub user: Author,
}

/// Somebody left, or was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberLeft {
    /// Who; platforms often tell the id only.
    pub user: Author,
}

/// Somebody changed a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageEdited {
    /// The message as it is now.
    pub message: ChatMessage,
}

/// Somebody took back a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageDeleted {
    /// The message's id.
    pub message: Id,
}

/// Somebody reacted to a message, or took a reaction back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// The message's id.
    pub message: Id,
    /// Who.
    pub user: Author,
    /// The emoji, as the platform writes it.
    pub emoji: String,
    /// The platform's id of the emoji; none where emoji have no ids.
    #[serde(default)]
    pub emoji_id: Id,
    /// Whether it was taken back.
    pub removed: bool,
}

/// Somebody pressed a button of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ButtonPressed {
    /// The message's id.
    pub message: Id,
    /// Who.
    pub user: Author,
    /// The button's id.
    pub button: String,
    /// What the platform sends with it.
    pub data: String,
}
