//! How the actors of an adapter reach their platform.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::connection::Transport;

use super::Network;
use super::http::HttpClient;
use super::tls::Trust;

/// Makes what opens links, on the thread that uses it.
pub(crate) type MakeTransport = Arc<dyn Fn() -> Rc<dyn Transport> + Send + Sync>;

/// What all actors of an adapter have in common; each makes a client of its own.
#[derive(Clone)]
pub(crate) struct Reach {
    pub(crate) network: Arc<dyn Network>,
    pub(crate) trust: Trust,
    /// Opens links in place of the network.
    pub(crate) transport: Option<MakeTransport>,
    /// The time that one call may take.
    pub(crate) timeout: Duration,
    /// How long an answer may be, in bytes.
    pub(crate) max_body: usize,
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reach")
    }
}

impl Reach {
    /// Makes a client for calls over HTTP.
    pub(crate) fn http(&self) -> HttpClient {
        let exchange = self.network.http(&self.trust);
        HttpClient::over(exchange, self.timeout, self.max_body)
    }

    /// Makes what opens links.
    pub(crate) fn transport(&self) -> Rc<dyn Transport> {
        match &self.transport {
            Some(make) => make(),
            None => self.network.websocket(&self.trust),
        }
    }
}
