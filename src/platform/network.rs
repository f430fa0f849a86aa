//! The seam between adapters and the network.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use greenroom_actors::connection::Transport;

use super::http::{Exchange, Internet};
use super::tls::Trust;
use super::websocket::Websocket;

/// How the adapters of a bot reach their platforms. Its methods are called on the thread that uses what they return.
pub trait Network: Send + Sync {
    /// Returns what opens websockets, to servers that these authorities vouch for.
    fn websocket(&self, trust: &Trust) -> Rc<dyn Transport>;

    /// Returns what carries HTTP, to servers that these authorities vouch for.
    fn http(&self, trust: &Trust) -> Rc<dyn Exchange>;

    /// Says whether everything happens on one thread of this process, under a clock that may be stopped: then no adapter starts
    /// threads of its own.
    fn is_in_process(&self) -> bool {
        false
    }
}

/// The network of this machine: TCP and TLS. The default of every bot.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sockets;

impl Network for Sockets {
    fn websocket(&self, trust: &Trust) -> Rc<dyn Transport> {
        Rc::new(Websocket::trusting(trust))
    }

    fn http(&self, trust: &Trust) -> Rc<dyn Exchange> {
        Rc::new(Internet::trusting(trust))
    }
}

impl fmt::Debug for dyn Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

/// Returns the network of this machine.
pub(crate) fn default() -> Arc<dyn Network> {
    Arc::new(Sockets)
}
