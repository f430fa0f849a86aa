//! Writes down what is said.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use actix::{Actor, Context, Handler};
use greenroom_actors::event::Event;
use greenroom_actors::router::Outcome;
use serde::Serialize;

use super::{beginning, show};
use crate::token_bowl::model::{Message, MessageType, Timestamp};

/// Appends each message to a file, as one line of JSON: `timestamp`, `from`, `to` (null for the room), `type` and `content`. On the
/// console it shows a line with the first 50 characters.
///
/// The file is made if it does not exist, readable by its owner only.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown; or a file that cannot be opened, after which it is started again.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: nothing that was written; a message is handled once its line is with the system.
#[derive(Debug)]
pub struct MessageLog {
    path: PathBuf,
    console: bool,
    file: Option<File>,
}

/// A line of the file.
#[derive(Debug, Serialize)]
pub struct MessageLogLine<'a> {
    /// When it was said.
    pub timestamp: Timestamp,
    /// Who said it: a name.
    pub from: &'a str,
    /// To whom: a name, or none for the room.
    pub to: Option<&'a str>,
    /// Where it was said: `room`, `direct` or `system`.
    #[serde(rename = "type")]
    pub kind: &'a MessageType,
    /// The text.
    pub content: &'a str,
}

impl<'a> From<&'a Message> for MessageLogLine<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            timestamp: message.timestamp,
            from: &message.from_username,
            to: message.to_username.as_deref(),
            kind: &message.message_type,
            content: &message.content,
        }
    }
}

impl MessageLog {
    /// Writes into this file, and on the console too if `console`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, console: bool) -> Self {
        Self {
            path: path.into(),
            console,
            file: None,
        }
    }

    fn write(&mut self, message: &Message) -> io::Result<()> {
        let mut line = serde_json::to_vec(&MessageLogLine::from(message))?;
        line.push(b'\n');
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(open(&self.path)?),
        };
        if let Err(error) = file.write_all(&line) {
            // Whatever is wrong with it, the next try opens it anew.
            self.file = None;
            return Err(error);
        }
        if self.console {
            let from = beginning(&message.from_username, 50);
            let text = beginning(&message.content, SHOWN);
            show(&format!("[{}] {from}: {text}", message.message_type))?;
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(path);
    file.map_err(|error| {
        let said = format!("cannot open {}: {error}", path.display());
        io::Error::new(error.kind(), said)
    })
}

impl Actor for MessageLog {
    type Context = Context<Self>;
}

impl Handler<Event<Message>> for MessageLog {
    type Result = Outcome;

    fn handle(&mut self, message: Event<Message>, _: &mut Context<Self>) -> Outcome {
        self.write(&message)?;
        Ok(())
    }
}

/// How much of a message the console shows, in characters.
const SHOWN: usize = 50;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn tbc_29_a_message_is_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("messages.jsonl");
        let mut log = MessageLog::new(&path, false);
        let message = |kind: &str, to: Option<&str>| -> Message {
            serde_json::from_value(json!({
                "id": "1", "from_username": "alice", "to_username": to, "content": "two\nlines 🦊",
                "message_type": kind, "timestamp": "2026-01-02T03:04:05.5Z",
            }))
            .unwrap()
        };
        log.write(&message("room", None)).unwrap();
        log.write(&message("direct", Some("bob"))).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let line = |kind: &str, to: Option<&str>| {
            json!({
                "timestamp": "2026-01-02T03:04:05.500000+00:00", "from": "alice", "to": to, "type": kind,
                "content": "two\nlines 🦊",
            })
        };
        assert_eq!(lines, [line("room", None), line("direct", Some("bob"))]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_that_cannot_be_opened_says_which() {
        let mut log = MessageLog::new("/nowhere/messages.jsonl", false);
        let message = json!({
            "id": "1", "from_username": "a", "content": "x", "message_type": "room",
            "timestamp": "2026-01-02T03:04:05Z",
        });
        let error = log.write(&serde_json::from_value(message).unwrap());
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("/nowhere/messages.jsonl")
        );
    }
}
