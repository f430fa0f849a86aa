//! What a handler does, with the options of its kind.

use std::time::Duration;

use serde::Serialize;

use super::{Command, Limits, Own, When};
use crate::chat::Room;
use crate::config::schema::{LogLevel, millis};
use crate::handlers::Missed;
use crate::payman::Amount;

/// What a handler does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum HandlerKind {
    /// Tells people when the bot itself is in trouble.
    Alerts {
        /// The conversations: the first that can be reached is told.
        to: Vec<Room>,
        /// From when on something is told; what is 0 is never.
        #[serde(flatten)]
        thresholds: Limits,
    },
    /// Answers with what a model says, and remembers each conversation for a while.
    Assistant {
        /// What a message must begin with to be answered, without it; `!ask` by default, empty for none.
        prefix: String,
        /// Whether messages that mention the bot, and direct ones, are answered, too; `true` by default.
        mention: bool,
        /// Who is asked: `openai` or `anthropic`; by default as `[mesh]` says.
        provider: String,
        /// Which model; by default that of the provider.
        model: String,
        /// What the model shall keep to; nothing by default.
        system: String,
        /// Messages that begin with one of these words are left to others, such as a wallet; none by default.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        except: Vec<String>,
        /// How many messages of a conversation it is told again, answers included; 20 by default.
        history: usize,
        /// How many conversations are remembered; the one that was silent longest is forgotten first; 1,000 by default.
        channels: usize,
    },
    /// Says in each of several conversations what is said in the others.
    Bridge {
        /// The conversations: at least two.
        between: Vec<Room>,
        /// Whether the others only hear what is said in the first; `false` by default.
        one_way: bool,
        /// The words, with `{name}` for who said it, `{text}` for what, and `{platform}`; `{name}: {text}` by default.
        template: String,
        /// Ids or names of users who are not carried, such as other bridges; none by default.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        ignore: Vec<String>,
    },
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
    /// Answers whoever mentions the bot.
    Mentioned {
        /// The answer, with `{name}` for the person's name and `{args}` for what the person said; `You called, {name}?` by default.
        reply: String,
    },
    /// Writes each message of Token Bowl Chat into a file, as a line of JSON.
    MessageLog {
        /// The file; `messages.jsonl` by default.
        path: String,
        /// Whether a short line goes to the console, too; true by default.
        console: bool,
    },
    /// Shows what is said, on whatever platforms.
    Monitor,
    /// Answers one message with another.
    Ping {
        /// The message that it waits for; `!ping` by default.
        prefix: String,
        /// The answer, with `{name}` for the person's name and `{args}` for what follows the question; `pong` by default.
        reply: String,
    },
    /// Says something at set times.
    Schedule {
        /// Where.
        #[serde(flatten)]
        room: Room,
        /// What; required.
        text: String,
        /// When.
        #[serde(flatten)]
        when: When,
        /// What becomes of times at which nothing could be said; `skip` by default.
        missed: Missed,
    },
    /// A body: lets the robots that are connected by Ticos move at what happens in chat, and say what an assistant has answered.
    Robot {
        /// The motion when a payment was made; `nod` by default, as all of them empty for none.
        paid: String,
        /// The emotion with it; `happy` by default.
        paid_emotion: String,
        /// The motion when a payment was not made, or nobody knows; `shake_head` by default.
        unpaid: String,
        /// The emotion with it; `sad` by default.
        unpaid_emotion: String,
        /// The motion when somebody joins; `wave` by default.
        joined: String,
        /// The motion when an assistant has answered; none by default.
        answered: String,
        /// Whether it says aloud what an assistant has answered; `true` by default.
        speak: bool,
    },
    /// Pays by Payman what people ask for and confirm.
    Wallet {
        /// The word before payee and amount; `pay` by default.
        prefix: String,
        /// What is paid in; `USD` by default, empty leaves it to the agent.
        currency: String,
        /// Who may be paid; whomever somebody names by default.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        payees: Vec<String>,
        /// The most that one payment may be, as a text; `100` by default.
        max_payment: Amount,
        /// The most that all payments of one user on one day may be, as a text; `500` by default.
        max_per_day: Amount,
        /// How many payments one user may have on one day; 20 by default.
        payments_per_day: u32,
        /// How long a question stays open; two minutes by default.
        #[serde(rename = "expires_ms", serialize_with = "millis")]
        expires: Duration,
    },
    /// Greets whoever joins.
    Welcome {
        /// The greeting, with `{name}` for the person's name; `Welcome, {name}!` by default.
        text: String,
    },
    /// A kind of the user's own.
    #[serde(untagged)]
    Own(Own),
}

impl HandlerKind {
    /// Returns the conversations that it enters by itself.
    pub(in crate::config) fn rooms(&self) -> Vec<&Room> {
        match self {
            Self::Alerts { to, .. } => to.iter().collect(),
            Self::Bridge { between, .. } => between.iter().collect(),
            Self::Schedule { room, .. } => vec![room],
            _ => Vec::new(),
        }
    }

    /// Returns the name of the kind, as the file gives it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Alerts { .. } => "alerts",
            Self::Assistant { .. } => "assistant",
            Self::Bridge { .. } => "bridge",
            Self::Commands { .. } => "commands",
            Self::Counter { .. } => "counter",
            Self::Echo { .. } => "echo",
            Self::Log { .. } => "log",
            Self::Mentioned { .. } => "mentioned",
            Self::MessageLog { .. } => "message_log",
            Self::Monitor => "monitor",
            Self::Own(own) => own.kind(),
            Self::Ping { .. } => "ping",
            Self::Schedule { .. } => "schedule",
            Self::Robot { .. } => "robot",
            Self::Wallet { .. } => "wallet",
            Self::Welcome { .. } => "welcome",
        }
    }
}
