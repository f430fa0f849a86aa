//! The simulated Mezon server over real sockets: bytes in, bytes out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall fail")]

mod client;
mod control;
mod faults;
mod login;
mod messages;
mod strict;
mod wires;
