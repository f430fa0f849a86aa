//! `[[handlers]]`: the ready-made handlers that a bot is composed of.

use std::time::Duration;

use serde::Serialize;

use super::{Delivery, Guard, HOUR, LogLevel, millis};
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
    /// Answers commands with fixed texts, and explains them.
    Commands {
        /// What stands before each command; `!` by default.
        prefix: String,
        /// Whether a mention of the bot is a prefix too; `false` by default.
        mention: bool,
        /// Whether case does not count; `false` by default.
        ignore_case: bool,
        /// Whether a misspelt command is answered; `false` by default.
        suggestions: bool,
        /// The command that explains the others; `help` by default, empty for none.
        help: String,
        /// The commands.
        commands: Vec<Command>,
    },
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

/// One command with a fixed answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Command {
    /// The name, without the prefix; required, one word.
    pub name: String,
    /// Other names; none by default.
    pub aliases: Vec<String>,
    /// What the help says of it; empty by default.
    pub about: String,
    /// The answer, with `{name}` for the person's name and `{args}` for what follows the command; required.
    pub reply: String,
    /// How long one person waits before the next call, in milliseconds; 0, which is the default, for not at all.
    #[serde(rename = "cooldown_ms", serialize_with = "millis")]
    pub cooldown: Duration,
}

impl Command {
    fn read_all(sections: Vec<Section<'_>>) -> Vec<Self> {
        let mut names: Vec<String> = Vec::new();
        let read = |section| {
            let command = Self::read(section, &names);
            names.push(command.name.clone());
            names.extend(command.aliases.iter().cloned());
            command
        };
        sections.into_iter().map(read).collect()
    }

    fn read(mut section: Section<'_>, others: &[String]) -> Self {
        let command = Self {
            name: section.filled("name", ""),
            aliases: section.texts("aliases"),
            about: section.text("about", ""),
            reply: section.filled("reply", ""),
            cooldown: section.millis("cooldown_ms", Duration::ZERO, 0..=24 * HOUR),
        };
        let aliases = command.aliases.iter().map(|alias| ("aliases", alias));
        for (key, name) in aliases.chain([("name", &command.name)]) {
            if name.contains(char::is_whitespace) || (key == "aliases" && name.is_empty()) {
                section.fault(key, "must be one word");
            } else if !name.is_empty() && others.contains(name) {
                section.fault(
                    key,
                    format!("another command has the name `{name}` already"),
                );
            }
        }
        for (place, alias) in command.aliases.iter().enumerate() {
            if *alias == command.name || command.aliases[..place].contains(alias) {
                section.fault(
                    "aliases",
                    format!("`{alias}` is a name of this command already"),
                );
            }
        }
        section.finish();
        command
    }
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

impl Trigger {
    fn name(&self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(_, one)| one == self)
            .map_or("", |(name, _)| name)
    }
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
        let name = section.filled("name", &free_name(kind.name(), others));
        let on = section.choices::<Trigger>("on");
        for trigger in on.iter().flatten() {
            if !kind.triggers().contains(trigger) {
                let handled: Vec<_> = kind.triggers().iter().map(Trigger::name).collect();
                let message = format!(
                    "`{}` handles {} only, not {}",
                    kind.name(),
                    handled.join(", "),
                    trigger.name()
                );
                section.fault("on", message);
            }
        }
        let handler = Self {
            name,
            on: on.unwrap_or_else(|| kind.triggers()),
            guard: Guard::read(&mut section),
            delivery: Delivery::read(section.section("delivery"), delivery),
            kind,
        };
        if handler.name.contains(char::is_control) {
            section.fault("name", "must not have control characters in it");
        }
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
            Self::Commands { .. } => "commands",
            Self::Counter { .. } => "counter",
            Self::Echo { .. } => "echo",
            Self::Log { .. } => "log",
            Self::Ping { .. } => "ping",
            Self::Welcome { .. } => "welcome",
        }
    }

    /// Returns all that it can handle.
    fn triggers(&self) -> Vec<Trigger> {
        match self {
            Self::Log { .. } => Trigger::ALL.iter().map(|(_, trigger)| *trigger).collect(),
            Self::Welcome { .. } => vec![Trigger::MemberJoined],
            Self::Commands { .. }
            | Self::Counter { .. }
            | Self::Echo { .. }
            | Self::Ping { .. } => vec![Trigger::Message],
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
    Commands,
    Counter,
    Echo,
    Log,
    Ping,
    Welcome,
}

impl KindName {
    fn read(self, section: &mut Section<'_>) -> HandlerKind {
        match self {
            Self::Commands => Self::read_commands(section),
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

impl KindName {
    fn read_commands(section: &mut Section<'_>) -> HandlerKind {
        let prefix = section.filled("prefix", "!");
        if !prefix.trim().is_empty() && prefix.contains(char::is_whitespace) {
            section.fault("prefix", "must not have white space in it");
        }
        let help = section.text("help", "help");
        if help.contains(char::is_whitespace) {
            section.fault("help", "must be one word, or empty for none");
        }
        let commands = Command::read_all(section.sections("commands"));
        section.require("commands", commands.is_empty());
        HandlerKind::Commands {
            prefix,
            mention: section.flag("mention", false),
            ignore_case: section.flag("ignore_case", false),
            suggestions: section.flag("suggestions", false),
            help,
            commands,
        }
    }
}

impl Choice for KindName {
    const ALL: &'static [(&'static str, Self)] = &[
        ("commands", Self::Commands),
        ("counter", Self::Counter),
        ("echo", Self::Echo),
        ("log", Self::Log),
        ("ping", Self::Ping),
        ("welcome", Self::Welcome),
    ];
}
