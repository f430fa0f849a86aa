//! The way from a simulated platform to one websocket, across threads and bounded.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use greenroom_actors::clock::Instant;
use greenroom_actors::connection::Frame;
use tokio::sync::mpsc;

/// A frame that shall leave at a moment; a close frame is the last one.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) frame: Frame,
    pub(crate) at: Instant,
}

/// The connection under a websocket, to be pulled.
pub(crate) trait Plug: Send + Sync {
    /// Ends the connection in both directions; neither side gets to say anything more.
    fn pull(&self);

    /// Says whether the client has closed the connection, if that can be seen.
    fn is_unplugged(&self) -> bool {
        false
    }
}

/// The sending end; the receiving one is with the websocket.
pub(super) struct Line {
    orders: mpsc::Sender<Order>,
    queued: Queued,
    plug: Option<Arc<dyn Plug>>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("queued", &self.queued)
            .finish_non_exhaustive()
    }
}

/// How many bytes wait on a line, from the order until they leave the websocket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queued(Arc<AtomicUsize>);

/// The client does not read, so that the line is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Line {
    /// The largest number of frames that wait for the websocket.
    const FRAMES: usize = 65_536;
    /// The largest number of bytes that wait for the client.
    const BYTES: usize = 64 << 20;

    pub(super) fn new(plug: Option<Arc<dyn Plug>>) -> (Self, mpsc::Receiver<Order>, Queued) {
        let (orders, receiver) = mpsc::channel(Self::FRAMES);
        let queued = Queued::default();
        let line = Self {
            orders,
            queued: queued.clone(),
            plug,
        };
        (line, receiver, queued)
    }

    /// Hands a frame to the websocket.
    pub(super) fn send(&self, frame: Frame, at: Instant) -> Result<(), Full> {
        let size = weight(&frame);
        if self.queued.0.load(Ordering::Relaxed) + size > Self::BYTES {
            return Err(Full);
        }
        self.queued.0.fetch_add(size, Ordering::Relaxed);
        match self.orders.try_send(Order { frame, at }) {
            // a websocket that has ended needs nothing more
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Full),
        }
    }

    /// Asks for a close frame; a line that is full is cut.
    pub(super) fn close(&self, reason: Option<(u16, String)>, at: Instant) {
        if self.send(Frame::Close(reason), at).is_err() {
            self.cut();
        }
    }

    /// Says whether the client is known to have gone.
    pub(super) fn is_unplugged(&self) -> bool {
        self.plug.as_ref().is_some_and(|plug| plug.is_unplugged())
    }

    /// Cuts the connection.
    pub(super) fn cut(&self) {
        if let Some(plug) = &self.plug {
            plug.pull();
        }
    }
}

impl Queued {
    /// A frame has left.
    pub(crate) fn left(&self, size: usize) {
        self.0.fetch_sub(size, Ordering::Relaxed);
    }
}

/// Returns what a frame counts for on a line, in bytes.
pub(crate) fn weight(frame: &Frame) -> usize {
    let size = match frame {
        Frame::Binary(bytes) | Frame::Ping(bytes) | Frame::Pong(bytes) | Frame::Text(bytes) => {
            bytes.len()
        }
        Frame::Close(_) => 0,
    };
    size + OVERHEAD
}

/// What a frame costs beside its bytes, so that many small ones are bounded as well.
const OVERHEAD: usize = 64;
