//! The port of the device, and the actor behind it.

use std::any::Any;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use actix_web::dev::{Extensions, Server as Accepting, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use greenroom_actors::connection::{Listening, Quiesce};
use greenroom_actors::supervisor::{Supervised as _, SupervisorRef};
use greenroom_actors::telemetry::Counters;

use super::desk::Desk;
use super::error::TicosError;
use super::limits::{LINGER, STUCK};
use super::link::Hub;
use super::routes::{self, Served};

/// A port that is held, also between two incarnations of the server, until the device stops.
#[derive(Debug)]
pub(super) struct Port {
    listener: Mutex<Option<TcpListener>>,
    address: SocketAddr,
}

impl Port {
    pub(super) fn bind(host: &str, port: u16) -> Result<Self, TicosError> {
        let failed = |source| TicosError::Port {
            port,
            host: host.to_owned(),
            source,
        };
        let bound = || -> io::Result<(TcpListener, SocketAddr)> {
            let address = (host, port).to_socket_addrs()?.next();
            let address = address.ok_or_else(|| io::Error::other("it is no address"))?;
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = bound().map_err(failed)?;
        Ok(Self {
            listener: Mutex::new(Some(listener)),
            address,
        })
    }

    /// Returns where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    fn listener(&self) -> io::Result<TcpListener> {
        let held = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some(listener) => listener.try_clone(),
            None => Err(io::Error::other("the port was given back")),
        }
    }

    /// Gives the port back.
    pub(super) fn release(&self) {
        let mut held = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        *held = None;
    }

    /// Says whether the port is held.
    pub(super) fn is_open(&self) -> bool {
        let held = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        held.is_some()
    }
}

/// What the server is made with.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) port: Arc<Port>,
    pub(super) hub: Hub,
    pub(super) desk: Arc<Desk>,
    pub(super) counters: Arc<Counters>,
    pub(super) agents: SupervisorRef,
    pub(super) access: Arc<routes::Access>,
    pub(super) bot: String,
}

/// Accepts agents and answers requests, on a thread of its own.
///
/// * **Who starts it**: the branch of the platform, before any agent.
/// * **What ends it**: shutdown, after the agents; a server that fails, upon which it is started again on the same port.
/// * **What happens to its mailbox then**: nothing: it is asked only at shutdown.
/// * **What it may lose**: the requests that are being answered, and the sockets of agents, which have to dial again.
pub(super) struct Server {
    parts: Parts,
    accepting: Option<ServerHandle>,
    listening: Option<Listening>,
}

impl Server {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts,
            accepting: None,
            listening: None,
        }
    }

    fn serve(&self) -> io::Result<Accepting> {
        let parts = &self.parts;
        let served = web::Data::new(Served {
            hub: parts.hub.clone(),
            desk: Arc::clone(&parts.desk),
            counters: Arc::clone(&parts.counters),
            agents: parts.agents.clone(),
            access: Arc::clone(&parts.access),
        });
        let app = move || {
            App::new()
                .app_data(served.clone())
                .wrap(from_fn(routes::cross_origin))
                .default_service(web::to(routes::answer))
        };
        let server = HttpServer::new(app)
            .workers(1)
            .on_connect(mind_stuck_agents)
            .tcp_nodelay(true)
            .keep_alive(KEEP_ALIVE)
            .disable_signals()
            .listen(parts.port.listener()?)?
            .run();
        Ok(server)
    }
}

/// Lets the system end connections whose agents do not read.
fn mind_stuck_agents(stream: &dyn Any, _: &mut Extensions) {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    if let Some(stream) = stream.downcast_ref::<actix_web::rt::net::TcpStream>() {
        let socket = socket2::SockRef::from(stream);
        if let Err(error) = socket.set_tcp_user_timeout(Some(STUCK)) {
            tracing::debug!(%error, "the system does not mind stuck connections");
        }
    }
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    let _ = (stream, STUCK);
}

impl Actor for Server {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.parts.hub.resume();
        match self.serve() {
            Ok(server) => {
                self.accepting = Some(server.handle());
                ctx.spawn(server.into_actor(self).map(|ended, server, ctx| {
                    match (&server.accepting, ended) {
                        (None, _) => {}
                        (Some(_), Ok(())) => ctx.fail("the server has ended by itself"),
                        (Some(_), Err(error)) => ctx.fail(error),
                    }
                }));
                let counters = &self.parts.counters;
                let listening = counters.connections.listening(super::NAME, &self.parts.bot);
                self.listening = Some(listening);
                counters.connects.add(1);
                tracing::info!(address = %self.parts.port.address(), "waiting for agents");
            }
            Err(error) => ctx.fail(error),
        }
    }

    fn stopping(&mut self, ctx: &mut Self::Context) -> actix::Running {
        let Some(accepting) = self.accepting.take() else {
            return actix::Running::Stop;
        };
        if ctx.is_told_to_stop() {
            self.parts.port.release();
        }
        self.parts.hub.close_all();
        let hub = self.parts.hub.clone();
        let stop = async move {
            // Those whose actors could not part get a moment to hear it.
            let gone = async {
                while hub.len() > 0 {
                    tokio::time::sleep(LOOK).await;
                }
            };
            let _ = tokio::time::timeout(LINGER / 2, gone).await;
            accepting.stop(false).await;
        };
        ctx.spawn(stop.into_actor(self).map(|(), _, ctx| ctx.stop()));
        actix::Running::Continue
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            // The word is given at once; nobody waits for it to be obeyed.
            drop(accepting.stop(false));
        }
    }
}

impl Handler<Quiesce> for Server {
    type Result = ResponseFuture<()>;

    /// No more agents, no more messages; what came is handled.
    fn handle(&mut self, _: Quiesce, _: &mut Self::Context) -> Self::Result {
        let hub = self.parts.hub.clone();
        hub.quiesce();
        Box::pin(async move {
            let idle = async {
                while !hub.is_idle() {
                    tokio::time::sleep(LOOK).await;
                }
            };
            if tokio::time::timeout(QUIESCE, idle).await.is_err() {
                tracing::warn!("a handler takes its time: not waiting for it");
            }
        })
    }
}

const KEEP_ALIVE: Duration = Duration::from_secs(75);
const LOOK: Duration = Duration::from_millis(5);
/// How long handlers may take for what has come when the device stops.
const QUIESCE: Duration = Duration::from_secs(1);
