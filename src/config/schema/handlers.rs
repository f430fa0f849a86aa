//! `[[handlers]]`: the ready-made handlers that a bot is composed of.

use serde::Serialize;

use super::{Delivery, Guard, LogLevel};
use crate::config::reader::Section;
use crate::config::value::Choice;

/// One ready-made handler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Handler {
    /// What it does, with the options of that kind.
    #[serde(flatten)]
    pub kind: HandlerKind,
    /// The name in logs, metrics and the supervision tree; by default that of the kind, with a number from the second one on.
    pub name: String,
    /// The events it handles.
    pub on: Vec<Trigger>,
    /// What it is spared.
    #[serde(flatten)]
    pub guard: Guard,
    /// How events are handed to it; what is left out is taken from the section `[delivery]`.
    pub delivery: Delivery,
}

/// What a ready-made handler does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum HandlerKind {
    /// Counts messages and says the number when it is asked.
    Counter {
        /// The message that asks; `!count` by default.
        prefix: String,
    },
    /// Says again what a person said.
    Echo {
        /// What a message must begin with to be repeated, without it; `!echo` by default, empty for every message.
        prefix: String,
    },
    /// Logs every event.
    Log {
        /// The level of the lines; `info` by default.
        level: LogLevel,
    },
    /// Answers one message with another.
    Ping {
        /// The message that it waits for; `!ping` by default.
        prefix: String,
        /// The answer; `pong` by default.
        reply: String,
    },
    /// Greets whoever joins.
    Welcome {
        /// The greeting, with `{name}` for the person's name; `Welcome, {name}!` by default.
        text: String,
    },
}

/// The events that a ready-made handler can be put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trigger {
    /// Somebody pressed a button of a message.
    Button,
    /// Somebody joined.
    MemberJoined,
    /// Somebody left.
    MemberLeft,
    /// Somebody said something.
    Message,
    /// Somebody took back a message.
    MessageDeleted,
    /// Somebody changed a message.
    MessageEdited,
    /// Somebody reacted to a message.
    Reaction,
}

impl Choice for Trigger {
    const ALL: &'static [(&'static str, Self)] = &[
        ("button", Self::Button),
        ("member_joined", Self::MemberJoined),
        ("member_left", Self::MemberLeft),
        ("message", Self::Message),
        ("message_deleted", Self::MessageDeleted),
        ("message_edited", Self::MessageEdited),
        ("reaction", Self::Reaction),
    ];
}

impl Handler {
    pub(super) fn read_all(sections: Vec<Section<'_>>, delivery: &Delivery) -> Vec<Self> {
        let mut handlers: Vec<Self> = Vec::with_capacity(sections.len());
        for section in sections {
            let handler = Self::read(section, delivery, &handlers);
            handlers.extend(handler);
        }
        handlers
    }

    fn read(mut section: Section<'_>, delivery: &Delivery, others: &[Self]) -> Option<Self> {
        let Some(name) = section.required_choice::<KindName>("kind") else {
            // Which other keys are right depends on the kind: nothing more can be said.
            return None;
        };
        let kind = name.read(&mut section);
        let handler = Self {
            name: section.filled("name", &free_name(kind.name(), others)),
            on: section
                .choices("on")
                .unwrap_or_else(|| kind.default_triggers()),
            guard: Guard::read(&mut section),
            delivery: Delivery::read(section.section("delivery"), delivery),
            kind,
        };
        if others.iter().any(|other| other.name == handler.name) {
            let message = format!(
                "another handler has the name `{}` already: give this one a `name` of its own",
                handler.name
            );
            section.fault("name", message);
        }
        section.finish();
        Some(handler)
    }
}

impl HandlerKind {
    /// Returns the name of the kind, as the file gives it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Counter { .. } => "counter",
            Self::Echo { .. } => "echo",
            Self::Log { .. } => "log",
            Self::Ping { .. } => "ping",
            Self::Welcome { .. } => "welcome",
        }
    }

    fn default_triggers(&self) -> Vec<Trigger> {
        match self {
            Self::Log { .. } => Trigger::ALL.iter().map(|(_, trigger)| *trigger).collect(),
            Self::Welcome { .. } => vec![Trigger::MemberJoined],
            Self::Counter { .. } | Self::Echo { .. } | Self::Ping { .. } => vec![Trigger::Message],
        }
    }
}

fn free_name(kind: &str, others: &[Handler]) -> String {
    let same = |name: &str| others.iter().any(|other| other.name == name);
    let mut name = kind.to_owned();
    for number in 2.. {
        if !same(&name) {
            break;
        }
        name = format!("{kind}-{number}");
    }
    name
}

/// A kind without its options.
#[derive(Clone, Copy, Debug)]
enum KindName {
    Counter,
    Echo,
    Log,
    Ping,
    Welcome,
}

impl KindName {
    fn read(self, section: &mut Section<'_>) -> HandlerKind {
        match self {
            Self::Counter => HandlerKind::Counter {
                prefix: section.filled("prefix", "!count"),
            },
            Self::Echo => HandlerKind::Echo {
                prefix: section.text("prefix", "!echo"),
            },
            Self::Log => HandlerKind::Log {
                level: section.choice("level", LogLevel::Info),
            },
            Self::Ping => HandlerKind::Ping {
                prefix: section.filled("prefix", "!ping"),
                reply: section.filled("reply", "pong"),
            },
            Self::Welcome => HandlerKind::Welcome {
                text: section.filled("text", "Welcome, {name}!"),
            },
        }
    }
}

impl Choice for KindName {
    const ALL: &'static [(&'static str, Self)] = &[
        ("counter", Self::Counter),
        ("echo", Self::Echo),
        ("log", Self::Log),
        ("ping", Self::Ping),
        ("welcome", Self::Welcome),
    ];
}
