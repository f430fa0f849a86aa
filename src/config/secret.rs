//! How a secret is shown: not at all.

use secrecy::{ExposeSecret, SecretString};
use serde::Serializer;

/// What stands in a dump in place of a secret.
pub(super) const REDACTED: &str = "[redacted]";

/// Serializes a secret as `[redacted]`, or as the empty text if it is not set: `#[serde(serialize_with = "redacted")]`.
///
/// # Errors
///
/// None but those of the serializer.
pub fn redacted<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    let shown = match secret.expose_secret() {
        "" => "",
        _ => REDACTED,
    };
    serializer.serialize_str(shown)
}
