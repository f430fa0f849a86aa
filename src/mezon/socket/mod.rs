//! The socket alone: for those who want to speak with the platform without a bot around it.

mod link;
mod write;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use greenroom_actors::connection::{Connection, ConnectionRef, RequestError};
use greenroom_actors::entropy::Entropy;
use greenroom_actors::event::Origin;
use greenroom_actors::router::Router;
use greenroom_actors::supervisor::{ChildSpec, Root, Strategy, Supervisor};
use tokio::sync::oneshot;

use self::link::{Opened, SocketProtocol};
use super::auth::MezonSession;
use super::codec::{Answer, Request};
use super::event::AnyEvent;

/// One websocket to Mezon: no login, no caches, no reconnect, and nothing is done by itself but heartbeats.
///
/// Whatever happens is told to callbacks, which run on the thread of the socket and should not take long. It needs an actix system,
/// such as `#[actix::main]` makes.
///
/// # Examples
///
/// ```no_run
/// # async fn example(session: greenroom::mezon::MezonSession) -> Result<(), Box<dyn std::error::Error>> {
/// use greenroom::mezon::Socket;
///
/// let socket = Socket::new("127.0.0.1", 7350, false)
///     .on_event(|event| println!("{} {}", event.name, event.body))
///     .on_disconnect(|reason| eprintln!("disconnected: {reason}"))
///     .on_heartbeat_timeout(|| eprintln!("the server is silent"));
/// socket.connect(&session).await?;
/// socket.join_clan(2_000_000_000_000_000_001).await?;
/// socket.close().await;
/// # Ok(())
/// # }
/// ```
pub struct Socket {
    server: String,
    timing: Timing,
    hooks: Hooks,
    open: Mutex<Option<Open>>,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
struct Timing {
    connect: Duration,
    heartbeat: Duration,
    heartbeat_timeout: Duration,
    request: Duration,
}

#[derive(Clone)]
struct Open {
    root: Root,
    connection: ConnectionRef<SocketProtocol>,
}

/// What is told to whom.
#[derive(Clone)]
struct Hooks {
    event: Arc<dyn Fn(AnyEvent) + Send + Sync>,
    disconnect: Arc<dyn Fn(&str) + Send + Sync>,
    error: Arc<dyn Fn(&str) + Send + Sync>,
    heartbeat_timeout: Arc<dyn Fn() + Send + Sync>,
}

impl Default for Hooks {
    fn default() -> Self {
        Self {
            event: Arc::new(|_| ()),
            disconnect: Arc::new(|_| ()),
            error: Arc::new(|_| ()),
            heartbeat_timeout: Arc::new(|| ()),
        }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Socket {
    /// Describes a socket; nothing is opened yet.
    #[must_use]
    pub fn new(host: &str, port: u16, use_ssl: bool) -> Self {
        let scheme = if use_ssl { "wss" } else { "ws" };
        Self::at(format!("{scheme}://{host}:{port}"))
    }

    /// Describes the socket that a session leads to.
    #[must_use]
    pub fn of(session: &MezonSession) -> Self {
        Self::at(session.ws_url.clone())
    }

    fn at(server: String) -> Self {
        Self {
            server,
            timing: Timing {
                connect: Duration::from_secs(30),
                heartbeat: Duration::from_secs(10),
                heartbeat_timeout: Duration::from_secs(10),
                request: Duration::from_secs(10),
            },
            hooks: Hooks::default(),
            open: Mutex::default(),
        }
    }

    /// Sets how often a heartbeat is sent, and how long its answer may take; 10 s each.
    #[must_use]
    pub fn heartbeat(mut self, every: Duration, timeout: Duration) -> Self {
        (self.timing.heartbeat, self.timing.heartbeat_timeout) = (every, timeout);
        self
    }

    /// Sets how long opening may take, 30 s, and the answer to a request, 10 s.
    #[must_use]
    pub fn timeouts(mut self, connect: Duration, request: Duration) -> Self {
        (self.timing.connect, self.timing.request) = (connect, request);
        self
    }

    /// Sets who is told of events.
    #[must_use]
    pub fn on_event(mut self, hook: impl Fn(AnyEvent) + Send + Sync + 'static) -> Self {
        self.hooks.event = Arc::new(hook);
        self
    }

    /// Sets who is told that the socket is gone, and why. Closing it on purpose is not told.
    #[must_use]
    pub fn on_disconnect(mut self, hook: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.hooks.disconnect = Arc::new(hook);
        self
    }

    /// Sets who is told of frames that cannot be read, and of a socket that cannot be opened.
    #[must_use]
    pub fn on_error(mut self, hook: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.hooks.error = Arc::new(hook);
        self
    }

    /// Sets who is told, once, that a heartbeat was not answered in time; the socket is gone then.
    #[must_use]
    pub fn on_heartbeat_timeout(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.hooks.heartbeat_timeout = Arc::new(hook);
        self
    }

    /// Opens the socket with the token of a session; one that is open is closed before.
    ///
    /// # Errors
    ///
    /// [`RequestError::Invalid`] with the reason if it cannot be opened.
    pub async fn connect(&self, session: &MezonSession) -> Result<(), RequestError> {
        self.close().await;
        let session = MezonSession {
            ws_url: self.server.clone(),
            ..session.clone()
        };
        let (opened, outcome) = oneshot::channel();
        let opened: Opened = Arc::new(Mutex::new(Some(opened)));
        let router = Router::default();
        let (origin, entropy) = (
            Origin::new("mezon", "socket", &router),
            Entropy::from_system(),
        );
        let (hooks, timing) = (self.hooks.clone(), self.timing);
        let spec = ChildSpec::new("connection", move || {
            let session = session.clone();
            let protocol = SocketProtocol::new(session, hooks.clone(), timing, Arc::clone(&opened));
            Connection::new(protocol, Arc::clone(&origin), &entropy, Arc::default())
        });
        let connection = ConnectionRef::new(spec.address().narrow());
        // Whatever ends it, ends it for good.
        let supervisor = Supervisor::new("socket", Strategy::OneForOne).intensity(0, MOMENT);
        let root = Root::start(supervisor.child(spec));
        let open = Open { root, connection };
        *self.lock() = Some(open);
        match outcome.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(RequestError::Invalid(reason)),
            Err(_) => Err(RequestError::Closed),
        }
    }

    /// Says whether the socket is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.opened().is_some()
    }

    /// Asks anything of the platform that is a request over the socket.
    ///
    /// # Errors
    ///
    /// [`RequestError::Closed`] if the socket is not open, else as the platform answers.
    pub async fn request(&self, request: impl Into<Request>) -> Result<Answer, RequestError> {
        let open = self.opened().ok_or(RequestError::Closed)?;
        open.connection.ask(request.into()).await
    }

    /// Closes the socket in order, after what waits was sent.
    pub async fn close(&self) {
        let open = self.lock().take();
        if let Some(Open { root, .. }) = open {
            root.shutdown().await;
        }
    }

    fn opened(&self) -> Option<Open> {
        self.lock().clone().filter(|open| !open.root.is_ended())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(open) = self.opened() {
            // Asking once is enough: it is closed in order by itself.
            let _ = open.root.shutdown().now_or_never();
        }
    }
}

const MOMENT: Duration = Duration::from_secs(1);
