//! Which thread does what.

use actix::{Arbiter, ArbiterHandle, System};
use serde::{Deserialize, Serialize};

/// How the work of a bot is spread over threads.
///
/// One thread is enough for most bots, and the quickest way from an event to its handler. An order of events that holds on one thread
/// holds on several: those of one channel are handled one after another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// Connections are spread over the threads by turns, each with its session and its channels; the first stays with the handlers, on
    /// the thread that started the bot. For bots on several platforms.
    #[default]
    Connections,
    /// All actors stay on the thread that started the bot; websockets are read and written on as many further threads. For one
    /// connection that brings more than one thread can take.
    Sockets,
}

impl Placement {
    /// Starts threads; none outside an actix system.
    pub(super) fn threads(number: usize) -> Vec<ArbiterHandle> {
        match System::try_current() {
            Some(_) => (0..number).map(|_| Arbiter::new().handle()).collect(),
            None => Vec::new(),
        }
    }
}
