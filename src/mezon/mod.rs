//! The Mezon adapter.

#[cfg(feature = "simulator")]
pub(crate) mod fake;
