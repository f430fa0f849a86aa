//! JSON from peers: of any number that fits, and of a bounded depth.

use serde::Deserialize;
use serde_json::Value;

/// How deep objects and arrays may be nested.
pub(crate) const DEPTH: usize = 256;

/// Why bytes are not read as JSON.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// It is nested too deeply.
    #[error("it is nested more than {DEPTH} levels deep")]
    Deep,
    /// It is not JSON.
    #[error(transparent)]
    Wrong(#[from] serde_json::Error),
}

/// Reads one JSON value.
///
/// # Errors
///
/// [`Unreadable`]; however it is nested, the stack is safe.
pub(crate) fn parse(json: &[u8]) -> Result<Value, Unreadable> {
    if is_deep(json) {
        return Err(Unreadable::Deep);
    }
    let mut reader = serde_json::Deserializer::from_slice(json);
    // The crate's own limit is 127 levels; ours was looked at above.
    reader.disable_recursion_limit();
    let value = Value::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Says whether brackets outside of strings are nested deeper than is read.
fn is_deep(json: &[u8]) -> bool {
    // So few bytes cannot be.
    if json.len() <= DEPTH {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > DEPTH {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}
