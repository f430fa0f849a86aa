//! World files: TOML that extends or replaces the default world, one section per platform.
//!
//! ```toml
//! [mezon]
//! replace = false                 # true: begin with an empty world
//!
//! [[mezon.user]]
//! id = "4000000000000000003"
//! name = "carol"
//! ```
//!
//! `examples/world.toml` shows every key. A file is read entry by entry, so that all faults are reported together, each with its line.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::de::{DeserializeOwned, IntoDeserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::SimulatorError;

/// A fault of a world file or a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldFault {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for WorldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// A world file that was read; the default says nothing, so that every platform has its default world.
#[derive(Clone, Debug, Default)]
pub struct World {
    text: Arc<str>,
}

impl World {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, or is not TOML; trying again does not help.
    pub fn read(path: &Path) -> Result<Self, SimulatorError> {
        let text = std::fs::read_to_string(path).map_err(|source| SimulatorError::Read {
            path: path.display().to_string(),
            source: source.into(),
        })?;
        Self::parse(&text)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// Fails if the text is not TOML, with all places where it is not.
    pub fn parse(text: &str) -> Result<Self, SimulatorError> {
        let lines = Lines::of(text);
        let (_, errors) = DeTable::parse_recoverable(text);
        fail(errors.iter().map(|error| lines.fault(error)).collect())?;
        Ok(Self { text: text.into() })
    }

    /// Checks that every section belongs to one of the `known` platforms.
    ///
    /// # Errors
    ///
    /// Fails with all sections that do not.
    pub fn check(&self, known: &[&str]) -> Result<(), SimulatorError> {
        let lines = Lines::of(&self.text);
        let unknown = |key: &Spanned<Cow<'_, str>>| WorldFault {
            line: lines.line(key.span().start),
            text: format!(
                "unknown platform \"{}\", known are {}",
                key.get_ref(),
                known.join(", ")
            ),
        };
        let table = self.table();
        let keys = table
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()));
        fail(keys.map(unknown).collect())
    }

    /// Returns the section of a platform.
    #[must_use]
    pub fn section(&self, name: &'static str) -> Section<'_> {
        let mut section = Section {
            name,
            table: DeTable::new(),
            lines: Lines::of(&self.text),
            faults: Vec::new(),
        };
        if let Some((key, value)) = self.table().remove_entry(name) {
            match value.into_inner() {
                DeValue::Table(table) => section.table = table,
                _ => section.fault(
                    section.lines.line(key.span().start),
                    format!("\"{name}\" must be a section"),
                ),
            }
        }
        section
    }

    fn table(&self) -> DeTable<'_> {
        DeTable::parse_recoverable(&self.text).0.into_inner()
    }
}

/// The part of a world file that one platform reads, key by key.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    name: &'static str,
    table: DeTable<'a>,
    lines: Lines,
    faults: Vec<WorldFault>,
}

/// An entry with the line where it begins.
#[derive(Clone, Debug)]
pub struct Located<T> {
    /// The line, counted from 1.
    pub line: usize,
    /// The entry.
    pub value: T,
}

impl<'a> Section<'a> {
    /// Takes a single value.
    pub fn value<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        let (_, value) = self.remove(key)?;
        self.read(value).map(|found| found.value)
    }

    /// Takes the entries of a list of tables.
    pub fn list<T: DeserializeOwned>(&mut self, key: &str) -> Vec<Located<T>> {
        let Some((line, value)) = self.remove(key) else {
            return Vec::new();
        };
        match value.into_inner() {
            DeValue::Array(rows) => {
                let rows: Vec<_> = rows.into_iter().collect();
                rows.into_iter().filter_map(|row| self.read(row)).collect()
            }
            _ => {
                self.fault(
                    line,
                    format!("write [[{}.{key}]], with double brackets", self.name),
                );
                Vec::new()
            }
        }
    }

    /// Notes a fault that only the platform can see.
    pub fn fault(&mut self, line: usize, text: impl Into<String>) {
        self.faults.push(WorldFault {
            line,
            text: text.into(),
        });
    }

    /// Ends the reading: keys that were not taken are faults.
    ///
    /// # Errors
    ///
    /// Fails with all faults of the section, in the order of their lines.
    pub fn finish(mut self) -> Result<(), SimulatorError> {
        let left: Vec<(usize, String)> = self
            .table
            .iter()
            .map(|(key, _)| (self.lines.line(key.span().start), key.get_ref().to_string()))
            .collect();
        for (line, key) in left {
            self.fault(line, format!("unknown key \"{}.{key}\"", self.name));
        }
        fail(self.faults)
    }

    fn remove(&mut self, key: &str) -> Option<(usize, Spanned<DeValue<'a>>)> {
        let (key, value) = self.table.remove_entry(key)?;
        Some((self.lines.line(key.span().start), value))
    }

    fn read<T: DeserializeOwned>(&mut self, value: Spanned<DeValue<'a>>) -> Option<Located<T>> {
        let line = self.lines.line(value.span().start);
        match T::deserialize(value.into_deserializer()) {
            Ok(value) => Some(Located { line, value }),
            Err(error) => {
                let mut fault = self.lines.fault(&error);
                fault.line = fault.line.max(line);
                self.faults.push(fault);
                None
            }
        }
    }
}

/// Where the lines of a text begin.
#[derive(Clone, Debug)]
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self(breaks.map(|(place, _)| place + 1).collect())
    }

    pub(super) fn line(&self, place: usize) -> usize {
        1 + self.0.partition_point(|start| *start <= place)
    }

    pub(super) fn fault(&self, error: &toml::de::Error) -> WorldFault {
        WorldFault {
            line: self.line(error.span().map_or(0, |span| span.start)),
            text: error.message().to_owned(),
        }
    }
}

fn fail(mut faults: Vec<WorldFault>) -> Result<(), SimulatorError> {
    // The parser recovers from one fault to find the next, and does not find them in the order of the lines.
    faults.sort_by_key(|fault| fault.line);
    if faults.is_empty() {
        Ok(())
    } else {
        Err(SimulatorError::World(faults))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct User {
        name: String,
    }

    fn faults<T: fmt::Debug>(result: Result<T, SimulatorError>) -> Vec<(usize, String)> {
        let SimulatorError::World(faults) = result.unwrap_err() else {
            unreachable!()
        };
        faults
            .into_iter()
            .map(|fault| (fault.line, fault.text))
            .collect()
    }

    #[test]
    fn reads_entries_with_their_lines() {
        let world =
            World::parse("[mezon]\nreplace = true\n\n[[mezon.user]]\nname = \"carol\"\n").unwrap();
        let mut section = world.section("mezon");
        assert_eq!(section.value("replace"), Some(true));
        let users: Vec<Located<User>> = section.list("user");
        assert_eq!((users[0].line, users[0].value.name.as_str()), (4, "carol"));
        assert!(section.finish().is_ok());
        assert!(world.check(&["mezon"]).is_ok());
    }

    #[test]
    fn all_faults_are_reported_with_their_lines() {
        let text = "[mezon]\ncolour = 1\n[[mezon.user]]\nname = 7\n[[mezon.user]]\nnmae = \"x\"\n[elsewhere]\n";
        let world = World::parse(text).unwrap();
        let mut section = world.section("mezon");
        assert!(section.list::<User>("user").is_empty());
        let found = faults(section.finish());
        let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 4, 6], "{found:?}");
        assert_eq!(faults(world.check(&["mezon"]))[0].0, 7);
        let broken = faults(World::parse("a = \n\nb = = 2\n"));
        assert_eq!((broken[0].0, broken.last().unwrap().0), (1, 3));
    }
}
