//! Telling what happens: as a line for a person, as an object for a program.

use std::io::{self, IsTerminal, Read};

use serde::Serialize;
use serde_json::Value;

use crate::cli::{Cell, Failure, FailureKind, Tone, remark};
use crate::token_bowl::model::{Message, MessageType, Unread};
use crate::token_bowl::{Problem, ReadReceipt, Typing};

/// Something that happened, as a program reads it.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    pub(super) event: &'static str,
    pub(super) data: Value,
    #[serde(skip)]
    pub(super) cells: Vec<Cell>,
}

impl Told {
    fn new(event: &'static str, data: &impl Serialize, cells: Vec<Cell>) -> Self {
        Self {
            event,
            data: serde_json::to_value(data).unwrap_or_default(),
            cells,
        }
    }

    pub(super) fn is_message(&self) -> bool {
        self.event == "message"
    }
}

impl From<&Message> for Told {
    fn from(message: &Message) -> Self {
        Self::new("message", message, line(message).to_vec())
    }
}

impl From<&Typing> for Told {
    fn from(typing: &Typing) -> Self {
        let text = match &typing.to_username {
            Some(_) => "types to you",
            None => "types",
        };
        Self::new("typing", typing, aside(&typing.username, text))
    }
}

impl From<&ReadReceipt> for Told {
    fn from(receipt: &ReadReceipt) -> Self {
        let text = format!("has read {}", receipt.message_id);
        Self::new("read_receipt", receipt, aside(&receipt.read_by, &text))
    }
}

impl From<&Unread> for Told {
    fn from(unread: &Unread) -> Self {
        let text = format!("{} unread", unread.total_unread);
        Self::new("unread_count", unread, aside("", &text))
    }
}

impl From<&Problem> for Told {
    fn from(problem: &Problem) -> Self {
        let cells = vec![
            Cell::new("", Tone::Faint),
            Cell::new(&problem.text, Tone::Bad),
        ];
        Self::new("error", problem, cells)
    }
}

fn aside(who: &str, text: &str) -> Vec<Cell> {
    vec![
        Cell::new("", Tone::Faint),
        Cell::new(who, Tone::Accent),
        Cell::new(text, Tone::Faint),
    ]
}

/// Returns the columns of a message: when, who, to whom, and what was said.
pub(super) fn line(message: &Message) -> [Cell; 3] {
    let time = message.timestamp.to_string();
    let time = time.get(..19).unwrap_or(&time).replace('T', " ");
    let mut from = String::new();
    if let Some(emoji) = &message.from_user_emoji {
        from.push_str(emoji);
        from.push(' ');
    } else if message.from_user_bot {
        from.push_str("🤖 ");
    }
    from.push_str(&message.from_username);
    if let (MessageType::Direct, Some(to)) = (&message.message_type, &message.to_username) {
        from.push_str(" → ");
        from.push_str(to);
    }
    [
        Cell::new(&time, Tone::Faint),
        Cell::new(&from, Tone::Strong),
        Cell::plain(&message.content),
    ]
}

/// Returns what is to be said.
pub(super) fn text_of(given: &str) -> Result<String, Failure> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    if io::stdin().is_terminal() {
        remark("Say something, and end it with Ctrl-D:");
    }
    let mut text = String::new();
    let read = io::stdin().read_to_string(&mut text);
    read.map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))?;
    match text.strip_suffix('\n').unwrap_or(&text) {
        "" => Err(Failure::new(FailureKind::Usage, "there is nothing to say")),
        text => Ok(text.to_owned()),
    }
}
