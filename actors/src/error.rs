//! What the errors of this crate have in common: each says whether trying again can help.

use std::time::Duration;

/// An error of any origin.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Whether trying the failed operation again can help.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retry {
    /// Trying again is useless or dangerous: the input is wrong, or the outcome of the first try is unknown.
    Never,
    /// Trying again at once, or after the caller's own backoff, can help.
    #[default]
    Now,
    /// Trying again can help after this long.
    After(Duration),
}
