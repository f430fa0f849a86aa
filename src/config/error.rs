//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// One thing that is wrong with the configuration.
///
/// The text never quotes a value that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// The path of the value, such as `mezon.timeout_ms`; empty if the fault belongs to the whole file.
    pub path: String,
    /// What is wrong and what is expected.
    pub message: String,
    /// Where the value comes from.
    #[serde(flatten)]
    pub origin: Origin,
}

impl Fault {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>, origin: Origin) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
            origin,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.origin != Origin::Default {
            write!(f, "{}: ", self.origin)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Origin {
    /// Nobody set it.
    #[default]
    Default,
    /// The configuration file.
    File {
        /// The path of the file.
        file: PathBuf,
        /// The line, from 1, if the fault has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        line: Option<usize>,
        /// The column, from 1, of a syntax error.
        #[serde(skip_serializing_if = "Option::is_none")]
        column: Option<usize>,
    },
    /// An environment variable.
    Environment {
        /// The name of the variable.
        variable: String,
    },
    /// A flag on the command line.
    Flag {
        /// The flag, such as `--name`.
        flag: String,
    },
}

impl Origin {
    pub(super) fn file(file: &Path, line: Option<usize>) -> Self {
        Self::File {
            file: file.to_owned(),
            line,
            column: None,
        }
    }

    /// Writes the origin as the text that rides along with a value of the `config` crate.
    pub(super) fn encode(&self) -> String {
        match self {
            Self::Default => String::new(),
            Self::File { line, .. } => format!("line {}", line.unwrap_or_default()),
            Self::Environment { variable } => format!("variable {variable}"),
            Self::Flag { flag } => format!("flag {flag}"),
        }
    }

    /// Reads what [`encode`](Self::encode) wrote; `file` is the configuration file.
    pub(super) fn decode(text: &str, file: &Path) -> Self {
        match text.split_once(' ') {
            Some(("line", line)) => Self::file(file, line.parse().ok()),
            Some(("variable", name)) => Self::Environment {
                variable: name.to_owned(),
            },
            Some(("flag", flag)) => Self::Flag {
                flag: flag.to_owned(),
            },
            _ => Self::Default,
        }
    }

    /// Returns true if every value from here is a text that still has to be parsed.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Environment { .. } | Self::Flag { .. })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("built-in default"),
            Self::File { file, line, column } => {
                write!(f, "{}", file.display())?;
                for place in [line, column].into_iter().flatten() {
                    write!(f, ":{place}")?;
                }
                Ok(())
            }
            Self::Environment { variable } => write!(f, "${variable}"),
            Self::Flag { flag } => f.write_str(flag),
        }
    }
}

/// Everything that is wrong with a configuration: never empty.
///
/// Trying again does not help before the configuration is changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.summary())]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Wraps `faults`, ordered by their place in the file, or returns `None` if there are none.
    pub(super) fn of(mut faults: Vec<Fault>) -> Option<Self> {
        faults.sort_by(|a, b| (&a.origin, &a.path).cmp(&(&b.origin, &b.path)));
        (!faults.is_empty()).then_some(Self(faults))
    }

    /// Returns the faults in the order of the file; those from elsewhere follow.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }

    /// Returns the faults as a list.
    #[must_use]
    pub fn into_vec(self) -> Vec<Fault> {
        self.0
    }

    fn summary(&self) -> String {
        let list: Vec<_> = self.0.iter().map(Fault::to_string).collect();
        format!("the configuration is wrong: {}", list.join("; "))
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_survives_the_trip_through_a_value() {
        let file = Path::new("greenroom.toml");
        for origin in [
            Origin::Default,
            Origin::file(file, Some(12)),
            Origin::Environment {
                variable: "GREENROOM__BOT__NAME".into(),
            },
            Origin::Flag {
                flag: "--name".into(),
            },
        ] {
            assert_eq!(Origin::decode(&origin.encode(), file), origin);
        }
    }

    #[test]
    fn a_fault_reads_as_place_path_and_message() {
        let origin = Origin::file(Path::new("greenroom.toml"), Some(12));
        let fault = Fault::new("mezon.timeout_ms", "must be a whole number", origin);
        assert_eq!(
            fault.to_string(),
            "greenroom.toml:12: mezon.timeout_ms: must be a whole number"
        );
    }
}
