//! What a bot gets to hear.

use serde::{Deserialize, Serialize};

use super::model::Thought;

/// A model has answered, whoever asked: in a bot it is an event, `Event<ChatAnswered>`, in the channel of
/// [`Chat::for_event`](super::Chat::for_event) if that was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChatAnswered {
    /// What was said to it.
    pub prompt: String,
    /// Who was asked.
    pub provider: String,
    /// Which model.
    pub model: String,
    /// What it answered.
    pub content: String,
    /// What it thought before.
    pub thinking: Vec<Thought>,
}
