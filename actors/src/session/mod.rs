//! Sessions: credentials and tokens.
