//! Why a command was not carried out, for whoever called it.

use std::fmt;
use std::time::Duration;

use super::argument::{ArgumentError, shown};
use super::duration::spoken;

/// Why a command was not carried out. As text it is what the person who called it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// An argument is wrong.
    Argument {
        /// Which, and what is wrong with it.
        error: ArgumentError,
        /// How the command is used, such as `!tip <who> <amount>`.
        usage: String,
    },
    /// A check did not pass; its words.
    Check(String),
    /// It was called too often.
    Cooldown {
        /// How long it has to wait.
        remaining: Duration,
    },
    /// There is no such command.
    Unknown {
        /// What was typed, with the prefix.
        given: String,
        /// What was probably meant.
        meant: Option<String>,
        /// How the group is used, if it is a command of a group.
        usage: Option<String>,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument { error, usage } => write!(f, "{error}.\nUsage: `{usage}`"),
            Self::Check(text) => f.write_str(text),
            Self::Cooldown { remaining } => {
                write!(f, "Not so fast: please wait {}.", spoken(*remaining))
            }
            Self::Unknown {
                given,
                meant,
                usage,
            } => {
                write!(f, "There is no `{}`.", shown(given))?;
                if let Some(meant) = meant {
                    write!(f, " Did you mean `{meant}`?")?;
                }
                match usage {
                    Some(usage) => write!(f, "\nUsage: `{usage}`"),
                    None => Ok(()),
                }
            }
        }
    }
}
