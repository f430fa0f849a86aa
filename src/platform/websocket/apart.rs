//! Sockets that are read on another thread.
//!
//! What crosses between the threads is what one read gave, not one frame or event after another: a frame would cost more on its way than
//! it costs to read. So only the bytes are read over there; everything that is done about them is done here.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix::ArbiterHandle;
use awc::BoxedSocket;
use bytes::{Buf, BytesMut};
use futures::channel::mpsc;
use futures::future::LocalBoxFuture;
use futures::{SinkExt, StreamExt};
use greenroom_actors::connection::{DialError, DialRequest, Link, Transport};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::oneshot;

use super::link;
use super::transport::dial_socket;
use crate::platform::client::{Dialing, client};
use crate::platform::tls::Trust;

/// Dials websockets as [`Websocket`](super::Websocket) does, on another arbiter, which reads and writes them from then on.
///
/// At most three reads are on their way at once; then the socket is no longer read, and TCP carries the pressure on.
pub(crate) struct Apart {
    reader: ArbiterHandle,
    trust: Trust,
}

impl fmt::Debug for Apart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Apart")
    }
}

impl Apart {
    /// Creates a transport whose sockets belong to the thread `reader`.
    pub(crate) fn new(reader: ArbiterHandle, trust: &Trust) -> Self {
        Self {
            reader,
            trust: trust.clone(),
        }
    }
}

impl Transport for Apart {
    fn dial(&self, request: DialRequest) -> LocalBoxFuture<'static, Result<Link, DialError>> {
        let (answer, answered) = oneshot::channel();
        let (trust, max_frame) = (self.trust.clone(), request.max_frame);
        let there = move || {
            tokio::task::spawn_local(serve(trust, request, answer));
        };
        let is_there = self.reader.spawn_fn(there);
        Box::pin(async move {
            let gone = || DialError::Unreachable("the thread of the sockets is gone".to_owned());
            if !is_there {
                return Err(gone());
            }
            let ferry = answered.await.map_err(|_| gone())??;
            Ok(link::open(Box::new(ferry), &[], max_frame))
        })
    }
}

/// Dials, and carries bytes to and fro until either side has gone.
async fn serve(
    trust: Trust,
    request: DialRequest,
    answer: oneshot::Sender<Result<Ferry, DialError>>,
) {
    let timeout = request.timeout;
    let dialed = tokio::time::timeout(
        timeout,
        dial_socket(client(&Dialing::trusting(&trust)), request),
    );
    let (socket, received) = match dialed.await {
        Ok(Ok(dialed)) => dialed,
        Ok(Err(error)) => {
            // Whoever dialed may have given up.
            let _ = answer.send(Err(error));
            return;
        }
        Err(_) => {
            let _ = answer.send(Err(DialError::TimedOut(timeout)));
            return;
        }
    };
    let (blocks, incoming) = mpsc::channel(BLOCKS - 1);
    let (outgoing, writes) = mpsc::channel(WRITES);
    let ferry = Ferry {
        incoming,
        block: received,
        outgoing,
    };
    if answer.send(Ok(ferry)).is_ok() {
        carry(socket, blocks, writes).await;
    }
}

async fn carry(
    socket: BoxedSocket,
    mut blocks: mpsc::Sender<io::Result<BytesMut>>,
    mut writes: mpsc::Receiver<BytesMut>,
) {
    let (mut reading, mut writing) = tokio::io::split(socket);
    let read = async move {
        loop {
            let mut block = BytesMut::with_capacity(READ);
            let last = match reading.read_buf(&mut block).await {
                Ok(0) => return,
                Ok(_) => blocks.send(Ok(block)).await.is_err(),
                Err(error) => {
                    // Whoever reads may be gone, too.
                    let _ = blocks.send(Err(error)).await;
                    true
                }
            };
            if last {
                return;
            }
        }
    };
    let write = async {
        while let Some(mut bytes) = writes.next().await {
            // If this fails, reading will tell.
            if writing.write_all_buf(&mut bytes).await.is_err() || writing.flush().await.is_err() {
                break;
            }
        }
        let _ = writing.shutdown().await;
    };
    // What was said last still goes out when nobody reads any more; whoever hears nothing more has nothing more to say.
    futures::pin_mut!(read, write);
    if let futures::future::Either::Left(((), write)) = futures::future::select(read, write).await {
        let _ = tokio::time::timeout(LAST_WORDS, write).await;
    }
}

/// The end of a socket on the thread of its connection.
struct Ferry {
    incoming: mpsc::Receiver<io::Result<BytesMut>>,
    /// What has crossed and was not read yet.
    block: BytesMut,
    outgoing: mpsc::Sender<BytesMut>,
}

impl AsyncRead for Ferry {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.block.is_empty() {
            match ready!(this.incoming.poll_next_unpin(cx)) {
                Some(Ok(block)) => this.block = block,
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = buf.remaining().min(this.block.len());
        buf.put_slice(&this.block[..count]);
        this.block.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Ferry {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outgoing = &mut self.get_mut().outgoing;
        ready!(outgoing.poll_ready(cx)).map_err(|_| io::ErrorKind::BrokenPipe)?;
        let sent = outgoing.start_send(BytesMut::from(bytes));
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Poll::Ready(Ok(bytes.len()))
    }

    /// What has crossed is written at once.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().outgoing.close_channel();
        Poll::Ready(Ok(()))
    }
}

/// How much is read at once.
const READ: usize = 64 * 1024;
/// How many reads may be on their way.
const BLOCKS: usize = 3;
/// How many writes may be on their way, one more aside.
const WRITES: usize = 7;
/// How long what was said last may take to go out.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(5);
