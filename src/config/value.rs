//! How single values are parsed; what is said about a wrong one never quotes it.

use config::{Value, ValueKind};
use greenroom_actors::similar::similar;
use url::Url;

/// A setting that is one of several names.
pub(super) trait Choice: Copy + 'static {
    /// The names and what they stand for.
    const ALL: &'static [(&'static str, Self)];
}

pub(super) fn chosen<T: Choice>(text: &str) -> Result<T, String> {
    let found = T::ALL.iter().find(|(name, _)| *name == text);
    found.map(|(_, choice)| *choice).ok_or_else(one_of::<T>)
}

pub(super) fn one_of<T: Choice>() -> String {
    let names: Vec<_> = T::ALL.iter().map(|(name, _)| *name).collect();
    format!("must be one of {}", names.join(", "))
}

pub(super) fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    match url.scheme() {
        "http" | "https" => {}
        _ => return Err("is not a URL that begins with http:// or https://".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not carry a user name or a password".to_owned());
    }
    Ok(url)
}

/// Says that nobody asks for `key`, where these could have been meant.
pub(super) fn unknown(key: &str, known: &[&str]) -> String {
    match similar(key, known.iter().copied()) {
        Some(meant) => format!("is unknown: did you mean `{meant}`?"),
        None => format!("is unknown: expected one of {}", known.join(", ")),
    }
}

/// Says what was found in place of what was expected, without quoting it.
pub(super) fn mismatch(expected: &str, value: &Value) -> String {
    format!("must be {expected}, not {}", found(&value.kind))
}

/// Says what a value is, without quoting it.
fn found(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Nil => "a date",
        ValueKind::Boolean(_) => "true or false",
        ValueKind::Float(_) => "a number with a fraction",
        ValueKind::String(_) => "text",
        ValueKind::Table(_) => "a section",
        ValueKind::Array(_) => "a list",
        _ => "a number",
    }
}
