//! Reads typed settings out of merged values and collects what is wrong with them, so that one look finds every fault.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use config::{Map, Value, ValueKind};
use greenroom_actors::similar::similar;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use url::Url;

use super::error::{Fault, Origin};
use super::file::join;
use super::options;
use super::value::{Choice, chosen, mismatch, parse_url, unknown};

/// What all sections of one reading share.
#[derive(Debug)]
pub(super) struct Context<'a> {
    /// The configuration file, for the places of faults.
    pub(super) file: &'a Path,
    /// The line of each section's heading, by path.
    pub(super) headings: &'a BTreeMap<String, usize>,
    /// The platforms that a bot is to run on; none if none is to run.
    pub(super) platforms: Option<Vec<String>>,
    /// The faults found so far.
    pub(super) faults: RefCell<Vec<Fault>>,
}

impl Context<'_> {
    /// Returns the place of `value`; since merging forgets where a table began, that of its heading or its first value.
    fn origin(&self, path: &str, value: &Value) -> Origin {
        match &value.kind {
            ValueKind::Table(values) => self
                .heading(path)
                .or_else(|| {
                    values
                        .iter()
                        .map(|(k, v)| self.origin(&join(path, k), v))
                        .min()
                })
                .unwrap_or_default(),
            _ => Origin::decode(value.origin().unwrap_or_default(), self.file),
        }
    }

    fn heading(&self, path: &str) -> Option<Origin> {
        let line = self.headings.get(path).copied()?;
        Some(Origin::file(self.file, Some(line)))
    }
}

/// One table of the configuration, with secrets in it, read key by key; [`finish`](Self::finish) reports the keys that nobody asked for.
pub(super) struct Section<'a> {
    context: &'a Context<'a>,
    path: String,
    values: Map<String, Value>,
    known: Vec<&'static str>,
    /// Whether the keys that are not known were read by somebody else, who has said what is wrong with them.
    is_read: bool,
}

impl<'a> Section<'a> {
    pub(super) fn root(context: &'a Context<'a>, values: Map<String, Value>) -> Self {
        Self {
            context,
            path: String::new(),
            values,
            known: Vec::new(),
            is_read: false,
        }
    }

    /// Reads a text.
    pub(super) fn text(&mut self, key: &'static str, default: impl Into<String>) -> String {
        self.optional_text(key).unwrap_or_else(|| default.into())
    }

    /// Reads a text that may be absent.
    pub(super) fn optional_text(&mut self, key: &'static str) -> Option<String> {
        self.read(key, |value, _| match &value.kind {
            ValueKind::String(text) => Ok(text.clone()),
            ValueKind::I128(_) | ValueKind::Float(_) => {
                Err(format!("{}: put it in quotes", mismatch("text", value)))
            }
            _ => Err(mismatch("text", value)),
        })
    }

    /// Reads a list of texts; none if it is absent.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let text = |item: &Value| match &item.kind {
            ValueKind::String(text) => Ok(text.clone()),
            _ => Err(mismatch("text in the list", item)),
        };
        self.list(key, |value| match &value.kind {
            ValueKind::Array(items) => Ok(items.iter().map(|item| (item, text(item))).collect()),
            _ => Err(mismatch("a list of texts", value)),
        })
        .unwrap_or_default()
    }

    /// Reads a text that must not be empty.
    pub(super) fn filled(&mut self, key: &'static str, default: &str) -> String {
        let text = self.text(key, default);
        self.require(key, text.trim().is_empty());
        text
    }

    /// Reports that `key` has to be set if `missing`, unless something worse was said about it.
    pub(super) fn require(&self, key: &str, missing: bool) {
        if missing && !self.has_fault(key) {
            let set = self.has(key);
            self.fault(
                key,
                if set {
                    "must not be empty"
                } else {
                    "is required"
                },
            );
        }
    }

    /// Declares a key that is read elsewhere or not at all.
    pub(super) fn know(&mut self, key: &'static str) {
        self.known.push(key);
    }

    /// Reads a secret; no fault ever quotes it.
    pub(super) fn secret(&mut self, key: &'static str) -> SecretString {
        self.optional_text(key).unwrap_or_default().into()
    }

    /// Reads yes or no.
    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        self.read(key, |value, origin| match &value.kind {
            ValueKind::Boolean(flag) => Ok(*flag),
            ValueKind::String(text) if origin.is_text() => {
                text.parse().map_err(|_| "must be true or false".to_owned())
            }
            _ => Err(mismatch("true or false", value)),
        })
        .unwrap_or(default)
    }

    /// Reads a whole number within `range`.
    pub(super) fn number<T>(&mut self, key: &'static str, default: T, range: RangeInclusive<T>) -> T
    where
        T: Copy + Display + TryFrom<i128> + PartialOrd,
    {
        self.optional_number(key, range).unwrap_or(default)
    }

    /// Reads a whole number within `range` that may be absent.
    pub(super) fn optional_number<T>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<T>,
    ) -> Option<T>
    where
        T: Copy + Display + TryFrom<i128> + PartialOrd,
    {
        self.read(key, |value, origin| {
            let number = match &value.kind {
                ValueKind::I128(number) => *number,
                ValueKind::String(text) if origin.is_text() => text
                    .parse()
                    .map_err(|_| "must be a whole number".to_owned())?,
                _ => return Err(mismatch("a whole number", value)),
            };
            T::try_from(number)
                .ok()
                .filter(|number| range.contains(number))
                .ok_or_else(|| {
                    let (least, most) = (range.start(), range.end());
                    format!("{number} is out of range: must be {least} to {most}")
                })
        })
    }

    /// Reads a port, written as a number or as text.
    pub(super) fn port(&mut self, key: &'static str, default: u16) -> u16 {
        self.read(key, |value, _| {
            let port = match &value.kind {
                ValueKind::I128(number) => u16::try_from(*number).ok(),
                ValueKind::String(text) => text.parse().ok(),
                _ => return Err(mismatch("a port number", value)),
            };
            port.filter(|port| *port > 0)
                .ok_or_else(|| "must be a port number, 1 to 65535".to_owned())
        })
        .unwrap_or(default)
    }

    /// Reads a bound: a whole number, where 0 means that there is none.
    pub(super) fn bound(&mut self, key: &'static str, default: Option<u64>) -> Option<u64> {
        let most = i64::MAX.unsigned_abs();
        match self.optional_number(key, 0..=most) {
            None => default,
            Some(0) => None,
            bound => bound,
        }
    }

    /// Reads a duration in whole milliseconds.
    pub(super) fn millis(
        &mut self,
        key: &'static str,
        default: Duration,
        range: RangeInclusive<u64>,
    ) -> Duration {
        self.optional_number(key, range)
            .map_or(default, Duration::from_millis)
    }

    /// Reads one name out of a list of names.
    pub(super) fn choice<T: Choice>(&mut self, key: &'static str, default: T) -> T {
        self.optional_choice(key).unwrap_or(default)
    }

    /// Reads one of these names, and reports its absence.
    pub(super) fn required_name<'n>(
        &mut self,
        key: &'static str,
        names: impl Iterator<Item = &'n str>,
    ) -> Option<String> {
        let names: Vec<_> = names.collect();
        let must = format!("must be one of {}", names.join(", "));
        if !self.has(key) {
            self.fault(key, format!("is required: {must}"));
        }
        self.read(key, |value, _| match &value.kind {
            ValueKind::String(text) if names.contains(&text.as_str()) => Ok(text.clone()),
            ValueKind::String(text) => Err(match similar(text, names.iter().copied()) {
                Some(meant) => format!("{must}: did you mean `{meant}`?"),
                None => must,
            }),
            _ => Err(mismatch("text", value)),
        })
    }

    /// Reads all that is not among the `others` as the options of somebody's own type; reports what is wrong with them.
    pub(super) fn options<O: DeserializeOwned>(&mut self, others: &[&'static str]) -> Option<O> {
        self.is_read = true;
        let theirs = self.values.iter();
        let theirs = theirs.filter(|(key, _)| !others.contains(&key.as_str()));
        let theirs = theirs.map(|(key, value)| (key.as_str(), value));
        match options::read(theirs.collect(), others) {
            Ok(options) => Some(options),
            Err(wrong) => {
                let origin = match &wrong.origin {
                    Some(origin) => Origin::decode(origin, self.context.file),
                    None => self.context.heading(&self.path).unwrap_or_default(),
                };
                self.report(&wrong.path, wrong.message, origin);
                None
            }
        }
    }

    fn optional_choice<T: Choice>(&mut self, key: &'static str) -> Option<T> {
        self.read(key, |value, _| match &value.kind {
            ValueKind::String(text) => chosen(text),
            _ => Err(mismatch("text", value)),
        })
    }

    /// Reads one name, or a list of names.
    pub(super) fn choices<T: Choice>(&mut self, key: &'static str) -> Option<Vec<T>> {
        let choice = |item: &Value| match &item.kind {
            ValueKind::String(text) => chosen(text),
            _ => Err(mismatch("text in the list", item)),
        };
        self.list(key, |value| match &value.kind {
            ValueKind::String(text) => Ok(vec![(value, chosen(text))]),
            ValueKind::Array(items) if items.is_empty() => Err("must not be empty".to_owned()),
            ValueKind::Array(items) => Ok(items.iter().map(|item| (item, choice(item))).collect()),
            _ => Err(mismatch("text or a list of texts", value)),
        })
    }

    /// Reads a name or an id that may be absent.
    pub(super) fn name(&mut self, key: &'static str) -> Option<String> {
        self.read(key, |value, _| name(value))
    }

    /// Reads a list of names or ids; a single one may stand without the list.
    pub(super) fn names(&mut self, key: &'static str) -> Vec<String> {
        self.list(key, |value| match &value.kind {
            ValueKind::Array(items) if items.is_empty() => Err("must not be empty".to_owned()),
            ValueKind::Array(items) => Ok(items.iter().map(|item| (item, name(item))).collect()),
            _ => Ok(vec![(value, name(value))]),
        })
        .unwrap_or_default()
    }

    /// Reads an `http` or `https` URL; the empty text is none.
    pub(super) fn url(&mut self, key: &'static str, default: Option<Url>) -> Option<Url> {
        self.read(key, |value, _| match &value.kind {
            ValueKind::String(text) if text.is_empty() => Ok(None),
            ValueKind::String(text) => parse_url(text).map(Some),
            _ => Err(mismatch("a URL as text", value)),
        })
        .unwrap_or(default)
    }

    /// Reads an address with its port; the empty text is none.
    pub(super) fn address(&mut self, key: &'static str) -> Option<SocketAddr> {
        self.read(key, |value, _| match &value.kind {
            ValueKind::String(text) if text.is_empty() => Ok(None),
            ValueKind::String(text) => text.parse().map(Some).map_err(|_| {
                "must be a numeric address and a port, such as 127.0.0.1:9100".to_owned()
            }),
            _ => Err(mismatch("an address as text", value)),
        })
        .flatten()
    }

    /// Opens a section below this one; it is empty if nobody set anything in it.
    pub(super) fn section(&mut self, key: &'static str) -> Self {
        let values = self.read(key, |value, _| match &value.kind {
            ValueKind::Table(values) => Ok(values.clone()),
            _ => Err(mismatch("a section", value)),
        });
        self.child(join(&self.path, key), values.unwrap_or_default())
    }

    /// Opens every entry of a list of sections (`[[key]]`).
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Self> {
        let path = join(&self.path, key);
        let items: Option<Vec<_>> = self.read(key, |value, _| match &value.kind {
            ValueKind::Array(items) => items
                .iter()
                .map(|item| match &item.kind {
                    ValueKind::Table(values) => Ok(values.clone()),
                    _ => Err(mismatch("a list of sections", item)),
                })
                .collect(),
            _ => Err(mismatch("a list of sections", value)),
        });
        items
            .unwrap_or_default()
            .into_iter()
            .enumerate()
            .map(|(index, values)| self.child(format!("{path}[{index}]"), values))
            .collect()
    }

    /// Returns false if a bot is to run on this platform, and nothing is set of it.
    pub(super) fn has_platform(&self, platform: &str) -> bool {
        let platforms = self.context.platforms.as_ref();
        platforms.is_none_or(|there| there.iter().any(|one| one == platform))
    }

    /// Returns true if somebody set `key`, well or badly.
    pub(super) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// Reports a fault of `key`, at its place or at the section's heading.
    pub(super) fn fault(&self, key: &str, message: impl Into<String>) {
        let origin = match self.values.get(key) {
            Some(value) => self.context.origin(&join(&self.path, key), value),
            None => self.context.heading(&self.path).unwrap_or_default(),
        };
        self.report(key, message, origin);
    }

    /// Reports every key that was never read.
    pub(super) fn finish(self) {
        if self.is_read {
            return;
        }
        for key in self.values.keys() {
            if self.known.contains(&key.as_str()) {
                continue;
            }
            self.fault(key, unknown(key, &self.known));
        }
    }

    /// Reads a list, and reports every entry that is wrong.
    fn list<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&Value) -> Result<Entries<'_, T>, String>,
    ) -> Option<Vec<T>> {
        let mut wrong = Vec::new();
        let read = self.read(key, |value, _| {
            let mut read = Vec::new();
            for (index, (item, entry)) in parse(value)?.into_iter().enumerate() {
                match entry {
                    Ok(entry) => read.push(entry),
                    Err(message) if std::ptr::eq(item, value) => return Err(message),
                    Err(message) => wrong.push((index, item.clone(), message)),
                }
            }
            Ok(read)
        });
        let all = wrong.is_empty();
        for (index, item, message) in wrong {
            let key = format!("{key}[{index}]");
            let origin = self.context.origin(&join(&self.path, &key), &item);
            self.report(&key, message, origin);
        }
        read.filter(|_| all)
    }

    fn read<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&Value, &Origin) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(key);
        let value = self.values.get(key)?;
        let origin = self.context.origin(&join(&self.path, key), value);
        match parse(value, &origin) {
            Ok(read) => Some(read),
            Err(message) => {
                self.report(key, message, origin);
                None
            }
        }
    }

    fn child(&self, path: String, values: Map<String, Value>) -> Self {
        Self {
            path,
            ..Self::root(self.context, values)
        }
    }

    fn has_fault(&self, key: &str) -> bool {
        let path = join(&self.path, key);
        self.context.faults.borrow().iter().any(|f| f.path == path)
    }

    fn report(&self, key: &str, message: impl Into<String>, origin: Origin) {
        let fault = Fault::new(join(&self.path, key), message, origin);
        self.context.faults.borrow_mut().push(fault);
    }
}

fn name(value: &Value) -> Result<String, String> {
    let name = match &value.kind {
        ValueKind::String(text) if text.trim().is_empty() => {
            return Err("must not be empty".to_owned());
        }
        ValueKind::String(text) => text.trim().to_owned(),
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => {
            value.to_string()
        }
        _ => return Err(mismatch("a name or an id", value)),
    };
    match name.parse::<i128>() {
        Ok(..0) => Err("must be a name or an id: no id is negative".to_owned()),
        _ => Ok(name),
    }
}

/// The entries of a list with what was read of each.
type Entries<'v, T> = Vec<(&'v Value, Result<T, String>)>;
