//! How settings are shown where serde would write something else: so that it can be read again, where nothing is set, too.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use serde::Serializer;
use url::Url;

use crate::config::secret::redacted;

/// Serializes a duration as whole milliseconds.
pub(super) fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_millis().try_into().unwrap_or(u64::MAX))
}

/// Serializes a bound, where 0 means that there is none.
pub(super) fn bound<S: Serializer>(bound: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(bound.unwrap_or_default())
}

pub(super) fn text_or_empty<S: Serializer>(
    text: &Option<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text.as_deref().unwrap_or(""))
}

pub(super) fn url_or_empty<S: Serializer>(
    url: &Option<Url>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(url.as_ref().map_or("", Url::as_str))
}

pub(super) fn path_or_empty<S: Serializer>(
    path: &Option<PathBuf>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let shown = path.as_deref().unwrap_or(Path::new(""));
    serializer.serialize_str(&shown.to_string_lossy())
}

/// As [`redacted`], where there may be none.
pub(super) fn secret_or_empty<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => redacted(secret, serializer),
        None => serializer.serialize_str(""),
    }
}
