//! The endpoint: a small HTTP server inside a running bot, for those who watch it.
//!
//! | request | answers |
//! |---|---|
//! | `GET /` | a page with the picture of the bot and links to the rest |
//! | `GET /health` | how the bot is, as JSON; 200 when it is ready, 503 when it is not |
//! | `GET /health/live` | the same; 200 as long as the bot's thread answers and its tree has not failed |
//! | `GET /health/ready` | the same; 200 once every platform is connected and live now |
//! | `GET /metrics` | everything that is measured, in the text format of Prometheus 0.0.4 |
//! | `GET /graph` | the bot as it is now, in the form that the header `Accept` asks for |
//! | `GET /dead-letters` | events that could not be handled, as JSON; `?handler=`, `event=`, `reason=`, `since=`, `before=`, `offset=` and `limit=` choose among them |
//! | `GET /dead-letters/7` | one of them |
//! | `POST /dead-letters/replay?numbers=7,8` | delivers them again; the choice as above, or `all=true` |
//! | `DELETE /dead-letters?numbers=7,8` | removes them for good; the choice as above, or `all=true` |
//! | `GET /graph.json`, `.txt`, `.svg`, `.mmd`, `.dot` | the same in one form: JSON, text, a picture, Mermaid, Graphviz |
//!
//! Other paths answer 404, other methods 405, both with `{"error":{"kind":"…","message":"…"}}`.
//!
//! It is part of the supervision tree: started first and stopped last, so that `/health` says `stopping` while the bot stops. There is
//! neither encryption nor a password. On a loopback address, which is what you should give it, it refuses requests that a web page
//! from elsewhere makes; on any other address a warning is logged, and access is yours to restrict.

mod accept;
mod dead_letters;
mod guard;
mod http;
mod page;
mod routes;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use greenroom_actors::supervisor::{Child, ChildSpec, NodeKind};

use self::http::Server;
use crate::bot::Running;

/// An endpoint that holds its port and does not answer yet.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    listener: Arc<TcpListener>,
    address: SocketAddr,
}

impl Endpoint {
    /// Takes the port; 0 takes any free one.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = http::listen(address)?;
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "the endpoint listens beyond this machine, without encryption or a password");
        }
        Ok(Self {
            listener: Arc::new(listener),
            address,
        })
    }

    /// Returns where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the actor that answers for `bot`.
    pub(crate) fn child(self, bot: Running) -> Child {
        let spec = ChildSpec::new("endpoint", move || {
            Server::new(Arc::clone(&self.listener), self.address, bot.clone())
        });
        spec.kind(NodeKind::Endpoint).into()
    }
}
