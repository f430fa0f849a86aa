//! Reads the configuration file: TOML, with the line of every value.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use config::{Map, Value, ValueKind};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Fault, Origin};

/// A parsed file.
#[derive(Default)]
pub(super) struct Document {
    /// The values, each with its line as origin.
    pub(super) values: Map<String, Value>,
    /// The line of each section's heading, by path.
    pub(super) headings: BTreeMap<String, usize>,
}

/// Reads and parses `file`, or returns what is wrong with it.
pub(super) fn read(file: &Path) -> Result<Document, Vec<Fault>> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let message = format!("cannot be read: {error}");
        vec![Fault::new("", message, Origin::file(file, None))]
    })?;
    parse(file, &text)
}

/// Parses `text`, which came from `file`.
///
/// Only the message and the place of a syntax error are kept: what stands there may be a secret.
pub(super) fn parse(file: &Path, text: &str) -> Result<Document, Vec<Fault>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors
            .iter()
            .map(|error| syntax_fault(file, text, error))
            .collect());
    }
    let mut reader = Converter {
        file,
        text,
        headings: BTreeMap::new(),
    };
    let values = reader.table("", table.get_ref());
    Ok(Document {
        values,
        headings: reader.headings,
    })
}

struct Converter<'a> {
    file: &'a Path,
    text: &'a str,
    headings: BTreeMap<String, usize>,
}

impl Converter<'_> {
    fn table(&mut self, path: &str, table: &DeTable<'_>) -> Map<String, Value> {
        table
            .iter()
            .map(|(key, value)| {
                let path = join(path, key.get_ref());
                let line = self.line(key);
                (key.get_ref().to_string(), self.value(&path, line, value))
            })
            .collect()
    }

    fn line(&self, key: &Spanned<Cow<'_, str>>) -> usize {
        position(self.text, key.span().start).0
    }

    fn value(&mut self, path: &str, line: usize, value: &Spanned<DeValue<'_>>) -> Value {
        let kind = match value.get_ref() {
            DeValue::String(text) => ValueKind::String(text.to_string()),
            DeValue::Integer(integer) => {
                let number = i128::from_str_radix(integer.as_str(), integer.radix());
                ValueKind::I128(number.unwrap_or(i128::MAX))
            }
            DeValue::Float(float) => ValueKind::Float(float.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(flag) => ValueKind::Boolean(*flag),
            // No setting is a date: the reader calls this kind by that name.
            DeValue::Datetime(_) => ValueKind::Nil,
            DeValue::Array(items) => ValueKind::Array(self.items(path, items)),
            DeValue::Table(table) => {
                self.headings.insert(path.to_owned(), line);
                ValueKind::Table(self.table(path, table))
            }
        };
        let origin = Origin::file(self.file, Some(line)).encode();
        Value::new(Some(&origin), kind)
    }

    fn items(&mut self, path: &str, items: &[Spanned<DeValue<'_>>]) -> Vec<Value> {
        items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                let line = position(self.text, item.span().start).0;
                self.value(&format!("{path}[{index}]"), line, item)
            })
            .collect()
    }
}

/// Joins a section's path and a key.
pub(super) fn join(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        _ => format!("{path}.{key}"),
    }
}

fn syntax_fault(file: &Path, text: &str, error: &toml::de::Error) -> Fault {
    let place = error.span().map(|span| position(text, span.start));
    let origin = Origin::File {
        file: file.to_owned(),
        line: place.map(|(line, _)| line),
        column: place.map(|(_, column)| column),
    };
    let message = error.message().replace('\n', ", ");
    Fault::new("", format!("is not valid TOML: {message}"), origin)
}

/// Returns line and column, both from 1, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        parse(Path::new("f.toml"), text)
            .err()
            .unwrap()
            .iter()
            .map(Fault::to_string)
            .collect()
    }

    #[test]
    fn a_syntax_error_has_line_and_column_and_quotes_nothing() {
        for text in [
            "[mezon]\napi_key = s3cr3t-value\n",
            "[mezon]\napi_key = \"s3cr3t-value\n",
            "[mezon]\napi_key = 's3cr3t-value\"\n",
            "[mezon]\napi_key \"s3cr3t-value\"\n",
            "[mezon]\napi_key = \"s3cr3t\\q-value\"\n",
        ] {
            let found = faults(text);
            assert!(found[0].starts_with("f.toml:2:"), "{found:?}");
            assert!(found[0].contains("is not valid TOML"), "{found:?}");
            assert!(!found.concat().contains("s3cr3t"), "{found:?}");
        }
    }

    #[test]
    fn a_key_given_twice_is_a_syntax_error() {
        let found = faults("[bot]\nname = \"a\"\nname = \"b\"\n");
        assert!(found[0].starts_with("f.toml:3:1: "), "{found:?}");
    }

    #[test]
    fn values_and_headings_know_their_lines() {
        let document = parse(
            Path::new("f.toml"),
            "\n[bot]\nname = \"a\"\n\n[[handlers]]\nkind = \"echo\"\n\n[[handlers]]\nkind = \"log\"\n",
        )
        .ok()
        .unwrap();
        let lines = |path| document.headings.get(path).copied();
        assert_eq!(lines("bot"), Some(2));
        assert_eq!(lines("handlers[0]"), Some(5));
        assert_eq!(lines("handlers[1]"), Some(8));
        let bot = document.values["bot"].clone().into_table().unwrap();
        assert_eq!(bot["name"].origin(), Some("line 3"));
    }
}
