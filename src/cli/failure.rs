//! How a command fails: the kind decides the exit code.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use greenroom_actors::connection::{DialError, LinkError, Lost};
use greenroom_actors::session::{AuthError, AuthErrorKind};
use greenroom_actors::store::StoreError;
use serde::Serialize;

use super::Globals;
use super::terminal::{Color, Tone, paint};
use crate::bot::BotError;
use crate::config::{Fault, Faults};

/// Why a command did not do what it was asked to.
///
/// The message is one sentence for a person; no secret may be in it.
#[derive(Debug)]
pub struct Failure {
    kind: FailureKind,
    message: String,
    faults: Vec<Fault>,
}

/// The kinds of failure, each with an exit code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// The platform refused the credentials: code 4.
    Authentication,
    /// The configuration is wrong: code 3.
    Configuration,
    /// Anything else went wrong: code 1.
    Failed,
    /// A peer could not be reached or did not answer: code 5. Trying again can help.
    Network,
    /// Whoever read the output has gone, which ends the program without a word: code 0.
    OutputClosed,
    /// The arguments are wrong: code 2.
    Usage,
}

impl FailureKind {
    /// Returns the exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Configuration => 3,
            Self::Authentication => 4,
            Self::Network => 5,
        }
    }
}

impl Failure {
    /// Creates a failure of `kind`.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            faults: Vec::new(),
        }
    }

    /// Creates a failure of no special kind.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Failed, message)
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Prints the failure on standard error and returns its exit code.
    pub(super) fn report(&self, globals: &Globals) -> ExitCode {
        if self.kind != FailureKind::OutputClosed {
            let text = match globals.json {
                true => self.to_json(),
                false => self.to_text(globals.color),
            };
            // Nobody is left to tell if this fails.
            let _ = writeln!(io::stderr(), "{text}");
        }
        ExitCode::from(self.kind.code())
    }

    fn to_text(&self, color: Color) -> String {
        let colored = color.applies_to(&io::stderr());
        let mut lines: Vec<_> = self.faults.iter().map(Fault::to_string).collect();
        lines.push(format!("{} {self}", paint("error:", Tone::Bad, colored)));
        lines.join("\n")
    }

    fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Report<'a> {
            error: Body<'a>,
        }
        #[derive(Serialize)]
        struct Body<'a> {
            kind: FailureKind,
            message: &'a str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            faults: &'a [Fault],
        }
        let report = Report {
            error: Body {
                kind: self.kind,
                message: &self.message,
                faults: &self.faults,
            },
        };
        serde_json::to_string(&report).unwrap_or_else(|_| self.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        let faults = faults.into_vec();
        let message = match faults.len() {
            1 => "the configuration has a fault".to_owned(),
            number => format!("the configuration has {number} faults"),
        };
        Self {
            faults,
            ..Self::new(FailureKind::Configuration, message)
        }
    }
}

impl From<BotError> for Failure {
    fn from(error: BotError) -> Self {
        match error {
            BotError::Config(faults) => faults.into(),
            BotError::Failed { exit, tree } => {
                tracing::error!("the tree as it failed:\n{tree}");
                let cause = exit.failure().map(|failure| failure.source());
                let kind = cause.map_or(FailureKind::Failed, |cause| kind_of(cause));
                let message = cause.map_or_else(|| exit.to_string(), |cause| chain(cause));
                Self::new(kind, message)
            }
            BotError::Assembly { .. } | BotError::Commands(_) => {
                Self::new(FailureKind::Configuration, error.to_string())
            }
            BotError::Endpoint { .. } => Self::new(FailureKind::Network, error.to_string()),
            BotError::Dialogue(_) | BotError::SameName(_) | BotError::Signals(_) => {
                Self::failed(error.to_string())
            }
            BotError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Locked { path } => Self::failed(format!(
                "the store at {} is in use by a running bot or another command: stop that first, or give this one a folder of its own in [store] path",
                path.display()
            )),
            other => Self::failed(other.to_string()),
        }
    }
}

/// Finds out from the chain of its causes what an error is about.
fn kind_of(error: &(dyn Error + 'static)) -> FailureKind {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<AuthError>() {
            return match error.kind() {
                AuthErrorKind::Refused | AuthErrorKind::Identity => FailureKind::Authentication,
                _ => FailureKind::Network,
            };
        }
        if error.is::<DialError>() || error.is::<Lost>() || error.is::<LinkError>() {
            return FailureKind::Network;
        }
        cause = error.source();
    }
    FailureKind::Failed
}

/// Writes an error with its causes, leaving out those that repeat what stands before them.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// A failure to write to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(FailureKind::OutputClosed, "output closed"),
            _ => Self::failed(format!("cannot write to standard output: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Purpose, Sources};

    #[test]
    fn the_codes_are_the_documented_ones() {
        let codes = [
            FailureKind::Failed,
            FailureKind::Usage,
            FailureKind::Configuration,
            FailureKind::Authentication,
            FailureKind::Network,
        ]
        .map(FailureKind::code);
        assert_eq!(codes, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn faults_are_listed_above_the_sentence_and_inside_the_object() {
        let faults = Sources::none()
            .variable("GREENROOM__BOT__NAME", "")
            .variable("GREENROOM__BOT__SEED", "x")
            .load(Purpose::Offline)
            .unwrap_err();
        let failure = Failure::from(faults);
        assert_eq!(
            failure.to_text(Color::Never),
            "$GREENROOM__BOT__NAME: bot.name: must not be empty\n\
             $GREENROOM__BOT__SEED: bot.seed: must be a whole number\n\
             error: the configuration has 2 faults"
        );
        assert_eq!(
            failure.to_json(),
            concat!(
                r#"{"error":{"kind":"configuration","message":"the configuration has 2 faults","faults":["#,
                r#"{"path":"bot.name","message":"must not be empty","variable":"GREENROOM__BOT__NAME"},"#,
                r#"{"path":"bot.seed","message":"must be a whole number","variable":"GREENROOM__BOT__SEED"}]}}"#
            )
        );
    }
}
