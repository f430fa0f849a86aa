//! Wire types of the platforms.
