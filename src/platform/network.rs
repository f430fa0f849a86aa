//! The seam between adapters and the network.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::ArbiterHandle;
use greenroom_actors::connection::Transport;

use super::client::Dialing;
use super::http::{Exchange, Internet};
use super::proxy::Proxies;
use super::tls::Trust;
use super::websocket::{Apart, Websocket};

/// How the adapters of a bot reach their platforms. Its methods are called on the thread that uses what they return.
pub trait Network: Send + Sync {
    /// Returns what opens websockets, to servers that these authorities vouch for.
    fn websocket(&self, trust: &Trust) -> Rc<dyn Transport>;

    /// Returns what carries HTTP, to servers that these authorities vouch for.
    fn http(&self, trust: &Trust) -> Rc<dyn Exchange>;

    /// As [`http`](Self::http), where connecting may take so long, and by way of the proxies that the environment names for what is
    /// beyond this machine; a network without connections ignores both.
    fn http_within(&self, trust: &Trust, limit: Duration) -> Rc<dyn Exchange> {
        let _ = limit;
        self.http(trust)
    }

    /// As [`websocket`](Self::websocket), by way of these proxies; a network without connections ignores them.
    fn websocket_by(&self, trust: &Trust, proxies: &Proxies) -> Rc<dyn Transport> {
        let _ = proxies;
        self.websocket(trust)
    }

    /// As [`http`](Self::http), by way of these proxies; a network without connections ignores them.
    fn http_by(&self, trust: &Trust, proxies: &Proxies) -> Rc<dyn Exchange> {
        let _ = proxies;
        self.http(trust)
    }

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
        Rc::new(Internet::dialing(&Dialing::trusting(trust)))
    }

    fn http_within(&self, trust: &Trust, limit: Duration) -> Rc<dyn Exchange> {
        Rc::new(Internet::dialing(&Dialing {
            limit,
            proxies: Proxies::beyond_this_machine(),
            ..Dialing::trusting(trust)
        }))
    }

    fn websocket_by(&self, trust: &Trust, proxies: &Proxies) -> Rc<dyn Transport> {
        Rc::new(Websocket::dialing(&Dialing {
            proxies: proxies.clone(),
            ..Dialing::trusting(trust)
        }))
    }

    fn http_by(&self, trust: &Trust, proxies: &Proxies) -> Rc<dyn Exchange> {
        Rc::new(Internet::dialing(&Dialing {
            proxies: proxies.clone(),
            ..Dialing::trusting(trust)
        }))
    }
}

/// The network of this machine, with websockets that are read and written on threads of their own, by turns.
#[derive(Debug)]
pub(crate) struct SocketsApart {
    readers: Vec<ArbiterHandle>,
    dialed: AtomicUsize,
}

impl SocketsApart {
    /// Makes it with these threads.
    pub(crate) fn new(readers: Vec<ArbiterHandle>) -> Self {
        Self {
            readers,
            dialed: AtomicUsize::new(0),
        }
    }
}

impl Network for SocketsApart {
    fn websocket(&self, trust: &Trust) -> Rc<dyn Transport> {
        let turn = self.dialed.fetch_add(1, Ordering::Relaxed);
        match self.readers.get(turn % self.readers.len().max(1)) {
            Some(reader) => Rc::new(Apart::new(reader.clone(), trust)),
            None => Sockets.websocket(trust),
        }
    }

    fn http(&self, trust: &Trust) -> Rc<dyn Exchange> {
        Sockets.http(trust)
    }

    fn http_within(&self, trust: &Trust, limit: Duration) -> Rc<dyn Exchange> {
        Sockets.http_within(trust, limit)
    }

    fn websocket_by(&self, trust: &Trust, proxies: &Proxies) -> Rc<dyn Transport> {
        Sockets.websocket_by(trust, proxies)
    }

    fn http_by(&self, trust: &Trust, proxies: &Proxies) -> Rc<dyn Exchange> {
        Sockets.http_by(trust, proxies)
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
