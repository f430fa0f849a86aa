//! How a step ends, and how a dialogue does.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::event::Id;

/// What comes after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<S> {
    /// The dialogue is over.
    Done,
    /// The message was not meant for the dialogue: nothing changes, and neither does the time that is left.
    Pass,
    /// The same state once more, with its time from the beginning.
    Stay(S),
    /// Another state.
    To(S),
    /// Another state, in which the next message must come within this long.
    Within(S, Duration),
}

/// A dialogue is over because nothing came in time. It is an ordinary event in the channel of the dialogue's last message.
///
/// If a dialogue expires while the bot is not running, the event comes when its platform is connected again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DialogueExpired {
    /// The name of the dialogue.
    pub dialogue: String,
    /// Who said the last message of it.
    pub user: Id,
    /// The last state.
    pub state: serde_json::Value,
}

impl DialogueExpired {
    /// Returns the last state, if it is an `S`.
    #[must_use]
    pub fn state<S: DeserializeOwned>(&self) -> Option<S> {
        S::deserialize(&self.state).ok()
    }
}

/// A dialogue was given up because its state could not be read, such as after an upgrade that changed its type. It is an ordinary event
/// in the channel of the message that would have gone on with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DialogueDropped {
    /// The name of the dialogue.
    pub dialogue: String,
    /// Who said the last message of it.
    pub user: Id,
    /// The state that could not be read.
    pub state: serde_json::Value,
    /// Why not.
    pub error: String,
}

/// What a dialogue has done since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DialogueFigures {
    /// How many are open now.
    pub open: u64,
    /// How many have begun.
    pub begun: u64,
    /// How many came to their end.
    pub done: u64,
    /// How many were cancelled by a word, or from outside.
    pub cancelled: u64,
    /// How many have expired.
    pub expired: u64,
    /// How many had a state that could not be read.
    pub dropped: u64,
    /// How many could not begin, because too many were open.
    pub refused: u64,
}
