//! The variables that a program is told: those of its process, and where these say nothing, those of the file `.env`.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

/// The name of the file, in the working directory.
const FILE: &str = ".env";

/// Variables and their values. One that is empty is as good as one that is not set.
#[derive(Clone, Default)]
pub(crate) struct Variables(Vec<(OsString, OsString)>);

/// Shows nothing: the variables of a process are full of secrets.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variables").finish_non_exhaustive()
    }
}

impl Variables {
    /// Takes those of this process, and those that the file `.env` adds, if there is one.
    pub(crate) fn of_process() -> Self {
        let mut variables = Self(std::env::vars_os().collect());
        variables.add_file(Path::new(FILE));
        variables
    }

    /// Sets a variable.
    #[cfg(any(test, feature = "cli"))]
    pub(crate) fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.0.push((name.into(), value.into()));
    }

    /// Returns the value of a variable, unless it is empty or no text.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let value = self.find(OsStr::new(name))?.to_str();
        value.filter(|value| !value.is_empty())
    }

    /// Returns all names and values; of a name that is there twice the later one counts.
    #[cfg(feature = "cli")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    fn find(&self, name: &OsStr) -> Option<&OsStr> {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_os_str())
    }

    /// Adds the variables of a file behind those that are set already: these win.
    ///
    /// A line that is none of `NAME=value` belongs to somebody else's idea of such a file: it is left out, with a warning that does not
    /// quote it.
    fn add_file(&mut self, file: &Path) {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "cannot be read");
                return;
            }
        };
        for line in self.add_lines(&text) {
            tracing::warn!(file = %file.display(), line, "left out a line that is not NAME=value");
        }
    }

    /// As [`add_file`](Self::add_file), with the text of the file; returns the numbers of the lines that have no variable.
    pub(crate) fn add_lines(&mut self, text: &str) -> Vec<usize> {
        let (found, wrong) = parse(text);
        let is_set = |name: &String| {
            self.find(name.as_ref())
                .is_some_and(|value| !value.is_empty())
        };
        let new: Vec<_> = found
            .into_iter()
            .filter(|(name, _)| !is_set(name))
            .collect();
        let pairs = new
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        self.0.extend(pairs);
        wrong
    }
}

/// Finds the variables, and the numbers of the lines that have none.
fn parse(text: &str) -> (Vec<(String, String)>, Vec<usize>) {
    let mut found = Vec::new();
    let mut wrong = Vec::new();
    for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match variable(line) {
            Some(variable) => found.push(variable),
            None => wrong.push(number),
        }
    }
    (found, wrong)
}

fn variable(line: &str) -> Option<(String, String)> {
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end();
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let text = value.trim_start();
    let value = match text.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let inside = &text[1..];
            &inside[..inside.find(quote)?]
        }
        _ => without_comment(value).trim(),
    };
    is_name.then(|| (name.to_owned(), value.to_owned()))
}

/// A comment begins behind a blank only, since a secret may have such a sign in it, and even as its first.
fn without_comment(value: &str) -> &str {
    let begins = |(place, _): &(usize, &str)| value[..*place].ends_with([' ', '\t']);
    let comment = value.match_indices('#').find(begins);
    comment.map_or(value, |(place, _)| &value[..place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_shells_and_others_read_them() {
        for (line, value) in [
            ("A=1", "1"),
            ("export A = two words # more", "two words"),
            ("A=\"x # y\"", "x # y"),
            ("A='z' # more", "z"),
            ("A=", ""),
            ("A= # nothing", ""),
            ("A=#x", "#x"),
            ("A=b#c\t# d", "b#c"),
            ("A=x=y", "x=y"),
            ("\u{feff}A=1\r", "1"),
        ] {
            let (found, wrong) = parse(line);
            assert_eq!(found, [("A".to_owned(), value.to_owned())], "{line:?}");
            assert!(wrong.is_empty(), "{line:?}");
        }
        let text = "# a comment\n\nnothing\nA-B=1\nC=\"open\nD=1\n";
        let (found, wrong) = parse(text);
        assert_eq!(found, [("D".to_owned(), "1".to_owned())]);
        assert_eq!(wrong, [3, 4, 5]);
    }

    #[test]
    fn variables_that_are_set_win_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        std::fs::write(&file, "A=file\nB=file\nC=file\nD=\n").unwrap();
        let mut variables = Variables::default();
        variables.set("A", "before");
        variables.set("A", "set");
        variables.set("B", "");
        variables.add_file(&file);
        variables.add_file(&folder.path().join("absent"));
        let values = ["A", "B", "C", "D", "E"].map(|name| variables.get(name));
        assert_eq!(
            values,
            [Some("set"), Some("file"), Some("file"), None, None]
        );
        assert!(!format!("{variables:?}").contains("file"));
    }
}
