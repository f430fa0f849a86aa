//! The simulated platforms.
