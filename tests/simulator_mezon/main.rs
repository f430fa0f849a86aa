//! The simulated Mezon server over real sockets: bytes in, bytes out.

mod client;
mod control;
mod faults;
mod login;
mod messages;
mod wires;
