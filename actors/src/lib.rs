//! The platform-neutral actors of greenroom.

pub mod cache;
pub mod channel;
pub mod clock;
pub mod command;
pub mod connection;
pub mod dialogue;
pub mod entropy;
pub mod error;
pub mod event;
pub mod graph;
pub mod limiter;
pub mod mailbox;
pub mod router;
pub mod session;
pub mod similar;
pub mod store;
pub mod supervisor;
pub mod telemetry;
pub mod utterance;
