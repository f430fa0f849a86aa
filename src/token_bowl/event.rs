//! What happens on Token Bowl Chat beside messages, as events.

use serde::{Deserialize, Serialize};

use super::model::Timestamp;

/// Somebody has read a message of the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReadReceipt {
    /// The message.
    pub message_id: String,
    /// Who has read it: a name.
    pub read_by: String,
    /// When; not every server says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Timestamp>,
}

/// Somebody types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Typing {
    /// Who: a name.
    pub username: String,
    /// To whom: a name, or none for the room.
    #[serde(default)]
    pub to_username: Option<String>,
    /// When; not every server says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

/// Something went wrong on a connection that goes on, or is made again; or in a handler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Problem {
    /// What kind of thing.
    pub kind: ProblemKind,
    /// What happened, in words: those of the server if it said something. The loss of a connection has the word `connection` in it.
    pub text: String,
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// It was lost; it is made again.
    Connection,
    /// The server sent something that is no JSON object.
    Decode,
    /// A handler of what came from there has given up an event.
    Handler,
    /// The server sent something that does not fit.
    Protocol,
    /// The server reports an error.
    Server,
}

/// Messages may have been lost: while the connection was down, as many came as the server keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Gap {
    /// The first moment of which messages may be lost.
    pub since: Timestamp,
    /// How many messages since then the server still has.
    pub kept: u64,
}
