//! The simulated Token Bowl Chat over real sockets: both lines and REST, byte for byte.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall fail")]

mod centrifugo;
mod client;
mod faults;
mod plain;
mod rest;
