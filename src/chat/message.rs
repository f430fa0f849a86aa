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
    /// The files that came with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<File>,
}

/// A file of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub url: String,
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
    /// What people can press below it, where the platform [has that](super::Speak::has_buttons). Elsewhere it is left out, so the text
    /// should say how to answer.
    pub buttons: Vec<Button>,
}

impl<T: Into<String>> From<T> for Outgoing {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

impl Outgoing {
    /// Quotes this message.
    #[must_use]
    pub fn quoting(mut self, quote: Quote) -> Self {
        self.quote = Some(quote);
        self
    }

    /// Adds a button, whose presses come as [`ButtonPressed`](super::ButtonPressed) with its id.
    ///
    /// # Examples
    ///
    /// ```
    /// use greenroom::chat::{Button, ButtonStyle, Outgoing};
    ///
    /// let question = Outgoing::from("Really?")
    ///     .button(Button::new("yes", "Yes", ButtonStyle::Success))
    ///     .button(Button::new("no", "No", ButtonStyle::Danger));
    /// assert_eq!(question.buttons.len(), 2);
    /// ```
    #[must_use]
    pub fn button(mut self, button: Button) -> Self {
        self.buttons.push(button);
        self
    }
}

/// Something that people can press.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Button {
    /// What its events name it by.
    pub id: String,
    /// What stands on it.
    pub label: String,
    /// How it looks.
    pub style: ButtonStyle,
}

impl Button {
    /// Makes a button.
    #[must_use]
    pub fn new(id: impl Into<String>, label: impl Into<String>, style: ButtonStyle) -> Self {
        Self {
            id: id.into(),
            label: label.into(),
            style,
        }
    }
}

/// How a button looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ButtonStyle {
    /// What cannot be taken back, or ends something.
    Danger,
    /// What most will press.
    Primary,
    /// What is beside it.
    #[default]
    Secondary,
    /// What is good.
    Success,
}

/// A message that the platform has taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The platform's id of it.
    pub id: Id,
}
