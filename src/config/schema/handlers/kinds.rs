//! The table of kinds: what `kind` can name, how the options of each are read, and what it can be put on.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Command, HandlerKind, Limits, Trigger, When, room};
use crate::config::reader::Section;
use crate::config::schema::{Delivery, HOUR, LogLevel, Overflow};
use crate::config::value::Choice;
use crate::handlers::{Bridge, Missed};
use crate::payman::{self, Amount, is_payee};

/// The kinds of handlers that `[[handlers]]` can name: those that are ready-made, and the user's own.
///
/// [`Kinds::with`] adds one.
#[derive(Clone)]
pub struct Kinds(BTreeMap<String, Kind>);

/// One kind.
#[derive(Clone)]
pub(in crate::config) struct Kind {
    /// The events it can be put on; a kind that says so in its code has none here.
    pub(super) on: Vec<Trigger>,
    /// Reads its options; none if they are wrong, which has been reported then.
    pub(super) read: Read,
    /// Changes the section `[delivery]` into what is best for it.
    pub(super) delivery: fn(Delivery) -> Delivery,
    /// Whether it hears what others do, so that filters say something.
    pub(super) listens: bool,
}

type Read = Arc<dyn Fn(&mut Section<'_>) -> Option<HandlerKind> + Send + Sync>;

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Default for Kinds {
    /// The ready-made ones.
    fn default() -> Self {
        let all: Vec<_> = Trigger::ALL.iter().map(|(_, trigger)| *trigger).collect();
        Self(BTreeMap::new())
            .speaks("alerts", alerts)
            .ready("assistant", MESSAGES, assistant)
            .ready("bridge", BRIDGED, bridge)
            .delivered("bridge", |delivery| Delivery {
                // What waits for one platform must not hold up another.
                overflow: Overflow::Reject,
                timeout: delivery.timeout.max(Bridge::PATIENCE),
                ..delivery
            })
            .ready("commands", MESSAGES, commands)
            .ready("counter", MESSAGES, |section| HandlerKind::Counter {
                prefix: section.filled("prefix", "!count"),
            })
            .ready("echo", MESSAGES, |section| HandlerKind::Echo {
                prefix: section.text("prefix", "!echo"),
            })
            .ready("log", all, |section| HandlerKind::Log {
                level: section.choice("level", LogLevel::Info),
            })
            .ready("mentioned", MESSAGES, |section| HandlerKind::Mentioned {
                reply: section.filled("reply", "You called, {name}?"),
            })
            .ready("message_log", MESSAGES, |section| HandlerKind::MessageLog {
                path: section.filled("path", "messages.jsonl"),
                console: section.flag("console", true),
            })
            .ready("monitor", MESSAGES, |_| HandlerKind::Monitor)
            .ready("ping", MESSAGES, |section| HandlerKind::Ping {
                prefix: section.filled("prefix", "!ping"),
                reply: section.filled("reply", "pong"),
            })
            .speaks("schedule", schedule)
            .ready("robot", [Trigger::MemberJoined], robot)
            .ready("wallet", MESSAGES, wallet)
            .ready("welcome", [Trigger::MemberJoined], |section| {
                HandlerKind::Welcome {
                    text: section.filled("text", "Welcome, {name}!"),
                }
            })
    }
}

impl Kinds {
    /// Returns the names of all kinds, in the order of the alphabet.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn find(&self, name: &str) -> Option<&Kind> {
        self.0.get(name)
    }

    /// Adds a kind, in place of one that had this name.
    pub(super) fn insert(
        &mut self,
        name: &str,
        on: Vec<Trigger>,
        read: impl Fn(&mut Section<'_>) -> Option<HandlerKind> + Send + Sync + 'static,
    ) {
        let kind = Kind {
            on,
            read: Arc::new(read),
            delivery: |delivery| delivery,
            listens: true,
        };
        self.0.insert(name.to_owned(), kind);
    }

    fn ready(
        mut self,
        name: &str,
        on: impl Into<Vec<Trigger>>,
        read: fn(&mut Section<'_>) -> HandlerKind,
    ) -> Self {
        self.insert(name, on.into(), move |section| Some(read(section)));
        self
    }

    /// Adds a kind that speaks without being spoken to.
    fn speaks(mut self, name: &str, read: fn(&mut Section<'_>) -> HandlerKind) -> Self {
        self = self.ready(name, [], read);
        if let Some(kind) = self.0.get_mut(name) {
            kind.listens = false;
        }
        self
    }

    fn delivered(mut self, name: &str, delivery: fn(Delivery) -> Delivery) -> Self {
        if let Some(kind) = self.0.get_mut(name) {
            kind.delivery = delivery;
        }
        self
    }
}

const MESSAGES: [Trigger; 1] = [Trigger::Message];

const BRIDGED: [Trigger; 4] = [
    Trigger::Message,
    Trigger::MessageDeleted,
    Trigger::MessageEdited,
    Trigger::Reaction,
];

fn alerts(section: &mut Section<'_>) -> HandlerKind {
    let to = room::read_all(section, "to");
    section.require("to", to.is_empty());
    HandlerKind::Alerts {
        to,
        thresholds: Limits::read(section),
    }
}

fn schedule(section: &mut Section<'_>) -> HandlerKind {
    HandlerKind::Schedule {
        room: room::read(section),
        text: section.filled("text", ""),
        when: When::read(section),
        missed: section.choice("missed", Missed::default()),
    }
}

fn assistant(section: &mut Section<'_>) -> HandlerKind {
    HandlerKind::Assistant {
        prefix: section.text("prefix", "!ask"),
        mention: section.flag("mention", true),
        provider: section.text("provider", ""),
        model: section.text("model", ""),
        system: section.text("system", ""),
        except: section.names("except"),
        history: section.number("history", 20, 0..=1_000),
        channels: section.number("channels", 1_000, 1..=1_000_000),
    }
}

fn bridge(section: &mut Section<'_>) -> HandlerKind {
    let between = room::read_all(section, "between");
    if between.len() < 2 {
        section.fault("between", "must be two conversations at least");
    }
    let template = section.filled("template", Bridge::TEMPLATE);
    for slot in ["{name}", "{text}"] {
        if !template.contains(slot) {
            section.fault("template", format!("must have {slot} in it"));
        }
    }
    HandlerKind::Bridge {
        between,
        one_way: section.flag("one_way", false),
        template,
        ignore: section.names("ignore"),
    }
}

fn commands(section: &mut Section<'_>) -> HandlerKind {
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

fn robot(section: &mut Section<'_>) -> HandlerKind {
    HandlerKind::Robot {
        paid: section.text("paid", "nod"),
        paid_emotion: section.text("paid_emotion", "happy"),
        unpaid: section.text("unpaid", "shake_head"),
        unpaid_emotion: section.text("unpaid_emotion", "sad"),
        joined: section.text("joined", "wave"),
        answered: section.text("answered", ""),
        speak: section.flag("speak", true),
    }
}

fn wallet(section: &mut Section<'_>) -> HandlerKind {
    let prefix = section.filled("prefix", "pay");
    if prefix.contains(char::is_whitespace) {
        section.fault("prefix", "must be one word");
    }
    let payees = section.names("payees");
    for payee in payees.iter().filter(|payee| !is_payee(payee)) {
        let why = "is not one word of letters, digits and `.-_@`";
        section.fault("payees", format!("`{payee}` {why}"));
    }
    let default = payman::Limits::default();
    HandlerKind::Wallet {
        prefix,
        currency: section.text("currency", "USD"),
        payees,
        max_payment: amount(section, "max_payment", default.payment),
        max_per_day: amount(section, "max_per_day", default.day),
        payments_per_day: section.number("payments_per_day", default.payments, 0..=1_000_000),
        expires: section.millis("expires_ms", Duration::from_secs(120), 1_000..=24 * HOUR),
    }
}

/// Reads an amount, which is a text: numbers with a point are not exact.
fn amount(section: &mut Section<'_>, key: &'static str, default: Amount) -> Amount {
    let text = section.filled(key, &default.to_string());
    text.parse().unwrap_or_else(|error| {
        section.fault(key, format!("{error}"));
        default
    })
}
