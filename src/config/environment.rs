//! Turns environment variables into values: `GREENROOM__MEZON__API_KEY` becomes `mezon.api_key`.

use std::ffi::{OsStr, OsString};

use config::{Map, Value, ValueKind};

use super::error::{Fault, Origin};

/// What the name of every variable begins with.
const PREFIX: &str = "GREENROOM__";

/// Returns one layer per variable that begins with the prefix, in the order of their names.
///
/// Values stay texts: the reader of each setting knows what it expects, and a key made of digits must not become a number.
pub(super) fn layers(
    variables: &[(OsString, OsString)],
    faults: &mut Vec<Fault>,
) -> Vec<Map<String, Value>> {
    let mut ours: Vec<_> = variables
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?, value.as_os_str())))
        .filter_map(|(name, value)| Some((name, name.strip_prefix(PREFIX)?, value)))
        .collect();
    ours.sort_unstable_by_key(|(name, ..)| *name);
    ours.into_iter()
        .filter_map(|(name, path, value)| {
            layer(name, path, value)
                .map_err(|fault| faults.push(fault))
                .ok()
        })
        .collect()
}

fn layer(name: &str, path: &str, value: &OsStr) -> Result<Map<String, Value>, Fault> {
    let origin = Origin::Environment {
        variable: name.to_owned(),
    };
    let parts: Vec<String> = path.split("__").map(str::to_lowercase).collect();
    let dotted = parts.join(".");
    if parts.iter().any(String::is_empty) {
        let message = "is not a setting: expected the form GREENROOM__SECTION__KEY";
        return Err(Fault::new("", message, origin));
    }
    let Some(value) = value.to_str() else {
        return Err(Fault::new(dotted, "is not valid UTF-8", origin));
    };
    if parts.len() == 1 || parts[0] == "handlers" {
        let message = "cannot be set by a single variable: write it into the file";
        return Err(Fault::new(dotted, message, origin));
    }
    Ok(nest(&parts, value, &origin))
}

/// Builds the tables around a single value.
pub(super) fn nest(parts: &[String], value: &str, origin: &Origin) -> Map<String, Value> {
    let origin = origin.encode();
    let leaf = Value::new(Some(&origin), ValueKind::String(value.to_owned()));
    let (first, rest) = match parts {
        [first, rest @ ..] => (first.clone(), rest),
        [] => return Map::new(),
    };
    let inner = rest.iter().rev().fold(leaf, |inner, part| {
        let table = Map::from_iter([(part.clone(), inner)]);
        Value::new(Some(&origin), ValueKind::Table(table))
    });
    Map::from_iter([(first, inner)])
}
