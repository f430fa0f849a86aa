//! Reading what is piped in, or kept in a file, up to a bound.

use std::io::Read;

use crate::cli::{Failure, FailureKind};

/// Reads a text to its end; `what` it is, errors say.
pub(super) fn read(source: impl Read, what: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let unread = |reason: &dyn std::fmt::Display| {
        Failure::new(FailureKind::Usage, format!("cannot read {what}: {reason}"))
    };
    let mut source = source.take(LONGEST + 1);
    source
        .read_to_end(&mut bytes)
        .map_err(|error| unread(&error))?;
    if bytes.len() as u64 > LONGEST {
        return Err(unread(&format_args!("it has more than {LONGEST} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| unread(&"it is no text in UTF-8"))
}

/// Bytes of a text.
const LONGEST: u64 = 1_048_576;
