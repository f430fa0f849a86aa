//! What an argument is, and what can be wrong with one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::utterance::{Mention, MentionKind};

/// All that is left of a line, as it was written: the last argument of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "greenroom::Rest")]
pub struct Rest(pub String);

/// A mention of a channel, such as `#general`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "greenroom::ChannelMention")]
pub struct ChannelMention(pub Mention);

/// A mention of a role, such as `@crew`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "greenroom::RoleMention")]
pub struct RoleMention(pub Mention);

/// What an argument may be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// One character.
    Character,
    /// One of several names; case does not count.
    Choice(&'static [&'static str]),
    /// A time such as `10m`.
    Duration,
    /// Yes or no.
    Flag,
    /// A number that may have a fraction.
    Fraction,
    /// Any number of words, up to the end.
    Many(Box<Self>),
    /// A mention.
    Mention(MentionKind),
    /// A whole number.
    Number {
        /// The least that is allowed.
        least: i128,
        /// The most that is allowed.
        most: u128,
    },
    /// All that is left, as it was written.
    Rest,
    /// One word.
    Text,
}

impl fmt::Display for Kind {
    /// Says what is expected: "a whole number of 0 or more".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character => f.write_str("one character"),
            Self::Choice(names) => match names {
                [] => f.write_str("nothing at all"),
                [only] => write!(f, "`{only}`"),
                [others @ .., last] => {
                    for (index, name) in others.iter().enumerate() {
                        let comma = if index > 0 { ", " } else { "" };
                        write!(f, "{comma}`{name}`")?;
                    }
                    write!(f, " or `{last}`")
                }
            },
            Self::Duration => f.write_str("a time such as `10m` or `1h30m`"),
            Self::Flag => f.write_str("`yes` or `no`"),
            Self::Fraction => f.write_str("a number"),
            Self::Many(kind) => write!(f, "any number of words, each {kind}"),
            Self::Mention(MentionKind::Channel) => f.write_str("a channel, such as `#general`"),
            Self::Mention(MentionKind::Role) => f.write_str("a role, such as `@crew`"),
            Self::Mention(MentionKind::User) => f.write_str("somebody, such as `@bob`"),
            Self::Number { least, most } => match (*least, *most >= u128::from(u32::MAX)) {
                (0, true) => f.write_str("a whole number of 0 or more"),
                (_, true) => f.write_str("a whole number"),
                _ => write!(f, "a whole number from {least} to {most}"),
            },
            Self::Rest => f.write_str("a text"),
            Self::Text => f.write_str("a word, or a text in quotes"),
        }
    }
}

/// What is wrong with an argument that somebody gave. Its text is for that person; it quotes what was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArgumentError {
    /// The name of the argument; empty if it is none of those that the command has.
    pub argument: String,
    /// The word that was given, if any.
    pub given: Option<String>,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with an argument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// It is something else than it must be: what that is.
    Expected(String),
    /// It is missing: what it would be.
    Missing(String),
    /// It is negative and must not be.
    Negative,
    /// It is a number outside of what is allowed.
    OutOfRange {
        /// The least that is allowed.
        least: i128,
        /// The most that is allowed.
        most: u128,
    },
    /// Its own type refused it: why.
    Refused(String),
    /// The command takes no more words.
    #[default]
    TooMany,
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = shown(self.given.as_deref().unwrap_or_default());
        let name = &self.argument;
        match &self.problem {
            Problem::Expected(what) => write!(f, "`{name}` must be {what}, not `{given}`"),
            Problem::Missing(what) => write!(f, "`{name}` is missing: it must be {what}"),
            Problem::Negative => write!(f, "`{name}` must not be negative, and `{given}` is"),
            Problem::OutOfRange { least, most } => {
                write!(f, "`{name}` must be from {least} to {most}, not `{given}`")
            }
            Problem::Refused(why) => write!(f, "`{name}` cannot be `{given}`: {why}"),
            Problem::TooMany => write!(f, "`{given}` is one word too many"),
        }
    }
}

impl std::error::Error for ArgumentError {}

impl serde::de::Error for ArgumentError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            problem: Problem::Refused(message.to_string()),
            ..Self::default()
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            argument: field.to_owned(),
            problem: Problem::Missing(String::new()),
            ..Self::default()
        }
    }
}

impl From<Problem> for ArgumentError {
    /// An error whose argument is not known yet.
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            ..Self::default()
        }
    }
}

impl From<&Kind> for Problem {
    fn from(expected: &Kind) -> Self {
        Self::Expected(expected.to_string())
    }
}

/// Makes what a person wrote fit to be quoted back: short, on one line, and without the sign that ends the quote.
pub(super) fn shown(given: &str) -> String {
    let mut shown: String = given
        .chars()
        .map(|c| match c {
            '`' => '\'',
            c if c.is_control() || c.is_whitespace() => ' ',
            c => c,
        })
        .take(SHOWN)
        .collect();
    if given.chars().nth(SHOWN).is_some() {
        shown.push('\u{2026}');
    }
    shown
}

const SHOWN: usize = 60;
