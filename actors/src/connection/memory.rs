//! Links within one process, for tests and simulations under paused time.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures::channel::{mpsc, oneshot};
use futures::future::{FutureExt, LocalBoxFuture};
use futures::{SinkExt, StreamExt};

use super::{DialError, DialRequest, Frame, FrameSink, FrameStream, Link, LinkError, Transport};

/// A transport whose server is in the same process, on the same arbiter.
///
/// # Examples
///
/// ```
/// use greenroom_actors::connection::memory;
///
/// let (transport, mut server) = memory::network();
/// # let _ = transport;
/// // `server.accept().await` gives the server's side of the next dial.
/// # drop(server.accept());
/// ```
#[derive(Clone, Debug)]
pub struct MemoryTransport {
    dials: mpsc::Sender<Dialing>,
}

/// The server's side of a [`MemoryTransport`].
#[derive(Debug)]
pub struct MemoryServer {
    dials: mpsc::Receiver<Dialing>,
}

/// A dial that the server has not answered yet.
#[derive(Debug)]
pub struct Dialing {
    /// What the client asked for.
    pub request: DialRequest,
    answer: oneshot::Sender<Result<Link, DialError>>,
}

/// The server's end of a link. Dropping it cuts the link without a close frame.
#[derive(Clone, Debug)]
pub struct Peer {
    ends: Rc<RefCell<Ends>>,
}

#[derive(Debug)]
struct Ends {
    incoming: mpsc::Receiver<Frame>,
    outgoing: mpsc::Sender<Frame>,
}

/// Makes a network of one server.
#[must_use]
pub fn network() -> (MemoryTransport, MemoryServer) {
    let (sender, receiver) = mpsc::channel(64);
    (
        MemoryTransport { dials: sender },
        MemoryServer { dials: receiver },
    )
}

impl Transport for MemoryTransport {
    fn dial(&self, request: DialRequest) -> LocalBoxFuture<'static, Result<Link, DialError>> {
        let mut dials = self.dials.clone();
        async move {
            let timeout = request.timeout;
            let (answer, link) = oneshot::channel();
            let gone = |_| DialError::Unreachable("nobody listens".to_owned());
            dials
                .send(Dialing { request, answer })
                .await
                .map_err(gone)?;
            match tokio::time::timeout(timeout, link).await {
                Ok(answered) => {
                    answered.unwrap_or(Err(DialError::Unreachable("the server hung up".to_owned())))
                }
                Err(_) => Err(DialError::TimedOut(timeout)),
            }
        }
        .boxed_local()
    }
}

impl MemoryServer {
    /// Waits for the next dial; `None` once all transports are gone.
    pub async fn accept(&mut self) -> Option<Dialing> {
        self.dials.next().await
    }
}

impl Dialing {
    /// Opens the link.
    #[must_use]
    pub fn open(self) -> Peer {
        let (to_client, from_server) = mpsc::channel(CAPACITY);
        let (to_server, from_client) = mpsc::channel(CAPACITY);
        let link = Link {
            incoming: Box::new(Incoming(from_server)),
            outgoing: Box::new(Outgoing {
                frames: VecDeque::new(),
                sink: to_server,
            }),
        };
        // A client that no longer waits sees a link that is cut at once.
        let _ = self.answer.send(Ok(link));
        Peer {
            ends: Rc::new(RefCell::new(Ends {
                incoming: from_client,
                outgoing: to_client,
            })),
        }
    }

    /// Refuses the dial.
    pub fn refuse(self, error: DialError) {
        let _ = self.answer.send(Err(error));
    }
}

impl Peer {
    /// Waits for the next frame of the client; `None` once its link is gone.
    pub async fn receive(&self) -> Option<Frame> {
        std::future::poll_fn(|cx| self.ends.borrow_mut().incoming.poll_next_unpin(cx)).await
    }

    /// Sends a frame, waiting while the client reads too slowly. Returns false if its link is gone.
    pub async fn send(&self, frame: Frame) -> bool {
        let mut outgoing = self.ends.borrow().outgoing.clone();
        outgoing.send(frame).await.is_ok()
    }

    /// Cuts the link in both directions, without a close frame. What was sent before still arrives.
    pub fn cut(&self) {
        let mut ends = self.ends.borrow_mut();
        ends.incoming.close();
        ends.outgoing.close_channel();
    }
}

struct Incoming(mpsc::Receiver<Frame>);

impl FrameStream for Incoming {
    fn poll_frames(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut VecDeque<Frame>,
    ) -> Poll<Result<(), LinkError>> {
        let mut any = false;
        for _ in 0..CAPACITY {
            match self.0.poll_next_unpin(cx) {
                Poll::Ready(Some(frame)) => {
                    frames.push_back(frame);
                    any = true;
                }
                Poll::Ready(None) if !any => return Poll::Ready(Err(LinkError::Ended)),
                Poll::Ready(None) => break,
                Poll::Pending if any => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }
}

struct Outgoing {
    frames: VecDeque<Frame>,
    sink: mpsc::Sender<Frame>,
}

impl FrameSink for Outgoing {
    fn push(&mut self, frame: Frame) -> Result<(), LinkError> {
        if self.sink.is_closed() {
            return Err(LinkError::Ended);
        }
        self.frames.push_back(frame);
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        while !self.frames.is_empty() {
            match self.sink.poll_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(LinkError::Ended)),
                Poll::Ready(Ok(())) => {}
            }
            if let Some(frame) = self.frames.pop_front()
                && self.sink.start_send(frame).is_err()
            {
                return Poll::Ready(Err(LinkError::Ended));
            }
        }
        Poll::Ready(Ok(()))
    }
}

const CAPACITY: usize = 1_024;
