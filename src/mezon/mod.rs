//! The Mezon adapter.
