//! The two halves of an open websocket.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use actix_codec::Encoder;
use actix_http::ws::{Codec, Message};
use awc::BoxedSocket;
use bytes::{Bytes, BytesMut};
use futures::task::{ArcWake, AtomicWaker, waker};
use greenroom_actors::connection::{Frame, FrameSink, FrameStream, Link, LinkError};
use tokio::io::{AsyncReadExt, AsyncWrite};

use super::decode::Decoder;

/// Makes a link of a socket whose handshake is done; `received` is what came with the handshake's answer.
pub(super) fn open(socket: BoxedSocket, received: &[u8], max_frame: usize) -> Link {
    let both = Arc::new(Both::default());
    let shared = Rc::new(RefCell::new(Shared {
        socket,
        out: BytesMut::new(),
        codec: Codec::new().client_mode(),
        waker: waker(Arc::clone(&both)),
        both,
        failed: None,
        is_closed: false,
    }));
    Link {
        incoming: Box::new(Incoming {
            shared: Rc::clone(&shared),
            decoder: Decoder::new(max_frame),
            unread: BytesMut::from(received),
            end: None,
        }),
        outgoing: Box::new(Outgoing { shared }),
    }
}

/// What both halves use.
struct Shared {
    socket: BoxedSocket,
    /// Encoded frames that wait to be written.
    out: BytesMut,
    codec: Codec,
    /// Wakes [`Shared::both`]: a socket remembers only one waker for writing, and either half may be the last one that asked.
    waker: Waker,
    both: Arc<Both>,
    failed: Option<LinkError>,
    /// A close frame was pushed: there is only ever one.
    is_closed: bool,
}

#[derive(Default)]
struct Both {
    incoming: AtomicWaker,
    outgoing: AtomicWaker,
}

impl ArcWake for Both {
    fn wake_by_ref(both: &Arc<Self>) {
        both.incoming.wake();
        both.outgoing.wake();
    }
}

impl Shared {
    fn push(&mut self, frame: Frame) -> Result<(), LinkError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.out.len() > OUT_LIMIT {
            let error = format!("the peer reads too slowly: {} bytes wait", self.out.len());
            return Err(LinkError::Failed(error));
        }
        let message = match frame {
            Frame::Binary(bytes) => Message::Binary(bytes),
            Frame::Close(_) if self.is_closed => return Ok(()),
            Frame::Close(reason) => {
                self.is_closed = true;
                Message::Close(reason.map(|(code, reason)| (code.into(), reason).into()))
            }
            Frame::Ping(bytes) => Message::Ping(bytes),
            Frame::Pong(bytes) => Message::Pong(bytes),
            Frame::Text(bytes) => match bytes.try_into() {
                Ok(text) => Message::Text(text),
                Err(_) => return Err(LinkError::Failed("text that is not UTF-8".to_owned())),
            },
        };
        let encoded = self.codec.encode(message, &mut self.out);
        encoded.map_err(|error| LinkError::Failed(error.to_string()))
    }

    /// Answers a ping, unless the peer does not read: then only its next ping need be answered.
    fn pong(&mut self, payload: Bytes) {
        if self.out.len() < PONG_LIMIT {
            let _ = self.push(Frame::Pong(payload));
        }
    }

    fn poll_write(&mut self) -> Poll<Result<(), LinkError>> {
        if let Some(error) = &self.failed {
            return Poll::Ready(Err(error.clone()));
        }
        let written = self.poll_write_all();
        if let Poll::Ready(Err(error)) = written {
            let error = LinkError::Failed(error.to_string());
            self.failed = Some(error.clone());
            return Poll::Ready(Err(error));
        }
        written.map(|_| Ok(()))
    }

    fn poll_write_all(&mut self) -> Poll<io::Result<()>> {
        let Self {
            socket, out, waker, ..
        } = self;
        let mut cx = Context::from_waker(waker);
        while !out.is_empty() {
            match Pin::new(&mut *socket).poll_write(&mut cx, out) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => bytes::Buf::advance(out, written),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        if out.capacity() > KEPT {
            *out = BytesMut::new();
        }
        Pin::new(socket).poll_flush(&mut cx)
    }
}

/// The reading half.
struct Incoming {
    shared: Rc<RefCell<Shared>>,
    decoder: Decoder,
    /// Read, but not decoded yet.
    unread: BytesMut,
    /// What to say once the frames before it have been given out.
    end: Option<LinkError>,
}

impl FrameStream for Incoming {
    fn poll_frames(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut VecDeque<Frame>,
    ) -> Poll<Result<(), LinkError>> {
        let mut block = BLOCK.take();
        let polled = self.poll_block(cx, frames, &mut block);
        self.put_aside(&mut block);
        BLOCK.set(block);
        polled
    }
}

impl Incoming {
    /// Decodes what was put aside, or else reads into `block` until there is a frame.
    ///
    /// A connection that waits holds no buffer: all those of one thread read into the same block.
    fn poll_block(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut VecDeque<Frame>,
        block: &mut BytesMut,
    ) -> Poll<Result<(), LinkError>> {
        let shared = Rc::clone(&self.shared);
        let shared = &mut *shared.borrow_mut();
        shared.both.incoming.register(cx.waker());
        let mut unread = std::mem::take(&mut self.unread);
        let mut found = self.decode(&mut unread, frames, shared);
        // Large parts are completed where they are, small ones move into the block.
        let large = unread.len() > SMALL;
        if !found && !large {
            block.extend_from_slice(&unread);
            unread = BytesMut::new();
        }
        let result = loop {
            if found {
                break Poll::Ready(Ok(()));
            }
            if let Some(end) = self.end.clone() {
                break Poll::Ready(Err(end));
            }
            let buffer = if large { &mut unread } else { &mut *block };
            buffer.reserve(READ);
            match pin!(shared.socket.read_buf(buffer)).poll(cx) {
                Poll::Pending => break Poll::Pending,
                Poll::Ready(Ok(0)) => self.end = Some(LinkError::Ended),
                Poll::Ready(Err(error)) => self.end = Some(lost(&error)),
                Poll::Ready(Ok(_)) => found = self.decode(buffer, frames, shared),
            }
        };
        self.unread = unread;
        if !shared.out.is_empty() {
            // If this fails, reading will tell.
            let _ = shared.poll_write();
        }
        result
    }

    /// Decodes some frames and returns whether there were any.
    fn decode(
        &mut self,
        bytes: &mut BytesMut,
        frames: &mut VecDeque<Frame>,
        shared: &mut Shared,
    ) -> bool {
        if self.end.is_some() {
            return false;
        }
        for number in 0..MOST_FRAMES {
            match self.decoder.next(bytes) {
                Ok(None) => return number > 0,
                Ok(Some(frame)) => {
                    match &frame {
                        Frame::Ping(payload) => shared.pong(payload.clone()),
                        Frame::Close(reason) => {
                            let _ = shared.push(Frame::Close(reason.clone()));
                            self.end = Some(LinkError::Ended);
                            frames.push_back(frame);
                            return true;
                        }
                        _ => {}
                    }
                    frames.push_back(frame);
                }
                Err(error) => {
                    self.end = Some(error);
                    return number > 0;
                }
            }
        }
        true
    }

    /// Empties the block for the next connection, and keeps what is not decoded yet.
    fn put_aside(&mut self, block: &mut BytesMut) {
        if block.len() > SMALL {
            self.unread = std::mem::take(block);
        } else if !block.is_empty() {
            self.unread = BytesMut::from(&block[..]);
            block.clear();
        }
    }
}

/// The writing half.
struct Outgoing {
    shared: Rc<RefCell<Shared>>,
}

impl FrameSink for Outgoing {
    fn push(&mut self, frame: Frame) -> Result<(), LinkError> {
        self.shared.borrow_mut().push(frame)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        let shared = &mut *self.shared.borrow_mut();
        shared.both.outgoing.register(cx.waker());
        shared.poll_write()
    }
}

fn lost(error: &io::Error) -> LinkError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => LinkError::Ended,
        _ => LinkError::Failed(error.to_string()),
    }
}

thread_local! {
    static BLOCK: RefCell<BytesMut> = RefCell::default();
}

/// How much is read at once.
const READ: usize = 64 * 1024;
/// Up to this size, the beginning of a message is copied rather than completed in place.
const SMALL: usize = 4 * 1024;
/// How many frames one call gives out, so that others get their turn.
const MOST_FRAMES: usize = 1_024;
/// How many bytes may wait to be written before another frame is refused.
const OUT_LIMIT: usize = 4 * 1024 * 1024;
/// How many bytes may wait to be written before pings are no longer answered.
const PONG_LIMIT: usize = 64 * 1024;
/// How large a write buffer is kept when it is empty.
const KEPT: usize = 16 * 1024;
