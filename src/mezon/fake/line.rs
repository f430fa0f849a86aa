//! The way from the server's logic to the actor of one websocket, across threads and bounded.

use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

/// What the actor of a websocket shall do.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// Send a binary frame, after a while.
    Send(Bytes, Duration),
    /// Close with a code.
    Close(u16),
}

/// The sending end; the receiving one is in the actor.
#[derive(Debug)]
pub(super) struct Line {
    orders: mpsc::Sender<Order>,
    queued: Queued,
    plug: Option<Arc<Plug>>,
}

/// How many bytes wait on a line, from the order until they leave the websocket.
#[derive(Clone, Debug, Default)]
pub(super) struct Queued(Arc<AtomicUsize>);

/// The TCP connection under a websocket, to be pulled.
#[derive(Debug)]
pub(super) struct Plug(TcpStream);

/// The client does not read, so that the line is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Line {
    /// The largest number of frames that wait for the actor.
    const FRAMES: usize = 65_536;
    /// The largest number of bytes that wait for the client.
    const BYTES: usize = 64 << 20;

    pub(super) fn new(plug: Option<Arc<Plug>>) -> (Self, mpsc::Receiver<Order>, Queued) {
        let (orders, receiver) = mpsc::channel(Self::FRAMES);
        let queued = Queued::default();
        let line = Self {
            orders,
            queued: queued.clone(),
            plug,
        };
        (line, receiver, queued)
    }

    /// Hands a frame to the actor.
    pub(super) fn send(&self, bytes: Bytes, hold: Duration) -> Result<(), Full> {
        let size = bytes.len();
        if self.queued.0.load(Ordering::Relaxed) + size > Self::BYTES {
            return Err(Full);
        }
        self.queued.0.fetch_add(size, Ordering::Relaxed);
        match self.orders.try_send(Order::Send(bytes, hold)) {
            // an actor that has ended needs nothing more
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Full),
        }
    }

    /// Asks the actor to close; a line that is full is cut.
    pub(super) fn close(&self, code: u16) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.orders.try_send(Order::Close(code)) {
            self.cut();
        }
    }

    /// Cuts the TCP connection.
    pub(super) fn cut(&self) {
        if let Some(plug) = &self.plug {
            plug.pull();
        }
    }
}

impl Queued {
    /// So many bytes have left.
    pub(super) fn left(&self, size: usize) {
        self.0.fetch_sub(size, Ordering::Relaxed);
    }
}

impl Plug {
    /// Takes hold of a connection beside the server that serves it.
    pub(super) fn of(stream: &actix_web::rt::net::TcpStream) -> Option<Self> {
        duplicate(stream).ok().map(Self)
    }

    /// Ends the connection in both directions; neither side gets to say anything more.
    pub(super) fn pull(&self) {
        if let Err(fault) = self.0.shutdown(Shutdown::Both) {
            tracing::debug!(%fault, "the connection had ended");
        }
    }
}

#[cfg(unix)]
fn duplicate(stream: &actix_web::rt::net::TcpStream) -> std::io::Result<TcpStream> {
    use std::os::fd::AsFd;

    stream.as_fd().try_clone_to_owned().map(TcpStream::from)
}

#[cfg(windows)]
fn duplicate(stream: &actix_web::rt::net::TcpStream) -> std::io::Result<TcpStream> {
    use std::os::windows::io::AsSocket;

    stream.as_socket().try_clone_to_owned().map(TcpStream::from)
}
