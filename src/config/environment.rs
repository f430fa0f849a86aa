//! Turns environment variables into values: `GREENROOM__MEZON__API_KEY` becomes `mezon.api_key`.

use std::ffi::OsStr;

use config::{Map, Value, ValueKind};

use super::error::{Fault, Origin};
use crate::platform::environment::Variables;

/// What the name of every variable begins with.
const PREFIX: &str = "GREENROOM__";

/// Returns one layer per variable that begins with the prefix, in the order of their names.
///
/// Values stay texts: the reader of each setting knows what it expects, and a key made of digits must not become a number.
pub(super) fn layers(variables: &Variables, faults: &mut Vec<Fault>) -> Vec<Map<String, Value>> {
    let mut ours: Vec<_> = variables
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?, value)))
        .filter_map(|(name, value)| Some((name, name.strip_prefix(PREFIX)?, value)))
        .collect();
    ours.sort_by_key(|(name, ..)| *name);
    ours.into_iter()
        .filter_map(|(name, path, value)| {
            layer(name, path, value)
                .map_err(|fault| faults.push(fault))
                .ok()
        })
        .collect()
}

/// A variable that a platform has of its own, which its other clients read, too.
struct Own {
    section: &'static str,
    key: &'static str,
    variable: &'static str,
    /// Whether a setting that is there and empty is filled as well.
    fills_empty: bool,
}

impl Own {
    const fn new(section: &'static str, key: &'static str, variable: &'static str) -> Self {
        Self {
            section,
            key,
            variable,
            fills_empty: false,
        }
    }

    const fn or_empty(self) -> Self {
        Self {
            fills_empty: true,
            ..self
        }
    }
}

const OF_PLATFORMS: [Own; 5] = [
    // An id or a secret that was given and is empty is a mistake there.
    Own::new("payman", "base_url", "PAYMAN_BASE_URL"),
    Own::new("payman", "client_id", "PAYMAN_CLIENT_ID"),
    Own::new("payman", "client_secret", "PAYMAN_CLIENT_SECRET"),
    Own::new("token_bowl", "api_key", "TOKEN_BOWL_CHAT_API_KEY").or_empty(),
    Own::new("token_bowl", "base_url", "TOKEN_BOWL_CHAT_BASE_URL").or_empty(),
];

/// Fills what is not set in the sections that there are with what the platforms' own variables say.
pub(super) fn fill(variables: &Variables, values: &mut Map<String, Value>) {
    for own in &OF_PLATFORMS {
        let Some(value) = variables.get(own.variable) else {
            continue;
        };
        let section = values.get_mut(own.section);
        let Some(ValueKind::Table(section)) = section.map(|section| &mut section.kind) else {
            continue;
        };
        let is_set = section.get(own.key).is_some_and(|value| match &value.kind {
            ValueKind::String(text) => !(own.fills_empty && text.is_empty()),
            _ => true,
        });
        if !is_set {
            let origin = Origin::Environment {
                variable: own.variable.to_owned(),
            };
            let value = Value::new(Some(&origin.encode()), ValueKind::String(value.to_owned()));
            section.insert(own.key.to_owned(), value);
        }
    }
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
