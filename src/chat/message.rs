//! What is said, in and out.

use greenroom_actors::event::Id;
use greenroom_actors::utterance::Mention;
use serde::{Deserialize, Serialize};

/// Who said something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The platform's id of the user.
    pub id: Id,
    /// The user name.
    pub name: String,
    /// The name to show, as it is in this conversation; the user name if there is no other.
    pub display: String,
}

/// A message in a conversation, on whatever platform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// The platform's id of the message.
    pub id: Id,
    /// Who said it.
    pub author: Author,
    /// The text.
    pub text: String,
    /// Whether the bot itself said it.
    pub is_own: bool,
    /// The message that it answers, if any.
    pub reply_to: Option<Id>,
    /// When it was said, in seconds since 1970.
    pub at: u64,
    /// Whether it was said in a direct conversation, with the bot alone or with a group, and not in a channel of a space.
    #[serde(default)]
    pub is_direct: bool,
    /// Whom and what it mentions.
    #[serde(default)]
    pub mentions: Vec<Mention>,
}

impl ChatMessage {
    /// Returns what follows `command` if the text begins with it as a word of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use greenroom::chat::ChatMessage;
    ///
    /// let message = ChatMessage { text: "!tip @bob 10".into(), ..ChatMessage::default() };
    /// assert_eq!(message.command("!tip"), Some("@bob 10"));
    /// assert_eq!(message.command("!ti"), None);
    /// ```
    #[must_use]
    pub fn command(&self, command: &str) -> Option<&str> {
        let rest = self.text.trim_start().strip_prefix(command)?;
        (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
    }
}

/// The message that a reply quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quote {
    /// Its id.
    pub id: Id,
    /// Who said it.
    pub author: Author,
    /// Its text.
    pub text: String,
}

/// A message to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The text.
    pub text: String,
    /// The message that it answers, if any.
    pub quote: Option<Quote>,
}

impl<T: Into<String>> From<T> for Outgoing {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            quote: None,
        }
    }
}

/// A message that the platform has taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The platform's id of it.
    pub id: Id,
}
