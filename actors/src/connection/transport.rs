//! The seam between a connection and the network: the actors open no socket themselves.

use std::collections::VecDeque;
use std::fmt;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::LocalBoxFuture;
use secrecy::SecretString;

/// One websocket message, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A binary message.
    Binary(Bytes),
    /// The peer closes, with a code and a reason if it gave them.
    Close(Option<(u16, String)>),
    /// A ping of the websocket layer; the transport answers it.
    Ping(Bytes),
    /// A pong of the websocket layer.
    Pong(Bytes),
    /// A text message; not yet checked to be UTF-8.
    Text(Bytes),
}

impl Frame {
    /// Returns how many bytes of payload it carries.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) | Self::Text(bytes) => {
                bytes.len()
            }
            Self::Close(reason) => reason.as_ref().map_or(0, |(_, text)| text.len() + 2),
        }
    }

    /// Says whether it carries nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where and how to dial.
#[derive(Debug)]
pub struct DialRequest {
    /// The URL, `ws://` or `wss://`; secret, because tokens travel in its query.
    pub url: SecretString,
    /// Further headers of the upgrade request.
    pub headers: Vec<(&'static str, SecretString)>,
    /// The subprotocol to offer, if any.
    pub subprotocol: Option<&'static str>,
    /// How long connecting and upgrading may take together.
    pub timeout: Duration,
    /// The largest message to accept, in bytes, fragments joined.
    pub max_frame: usize,
}

/// Opens links. Made on the arbiter that uses it, and stays there.
pub trait Transport {
    /// Dials; the future resolves once frames can flow.
    fn dial(&self, request: DialRequest) -> LocalBoxFuture<'static, Result<Link, DialError>>;
}

/// An open link, both directions.
pub struct Link {
    /// What comes in.
    pub incoming: Box<dyn FrameStream>,
    /// What goes out.
    pub outgoing: Box<dyn FrameSink>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link")
    }
}

/// The reading half of a link.
pub trait FrameStream {
    /// Adds to `frames` what one read gives: at least one frame when it returns `Ready(Ok)`.
    ///
    /// # Errors
    ///
    /// [`LinkError`] once the link is lost; it is not polled again after that.
    fn poll_frames(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut VecDeque<Frame>,
    ) -> Poll<Result<(), LinkError>>;
}

/// The writing half of a link.
pub trait FrameSink {
    /// Takes a frame into the write buffer.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the link is lost.
    fn push(&mut self, frame: Frame) -> Result<(), LinkError>;

    /// Writes what is buffered; `Pending` while the peer reads slower than we write. Callers push no more until it is `Ready`.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the link is lost.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>>;
}

/// Why dialing failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The URL or a header cannot be used. Trying again is useless.
    #[error("cannot dial: {0}")]
    Invalid(String),
    /// The server answered the upgrade with another status.
    #[error("the server answered the websocket upgrade with HTTP {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What its `Retry-After` asked for.
        retry_after: Option<Duration>,
    },
    /// Nothing came within the time-out.
    #[error("the server did not answer the websocket upgrade within {0:?}")]
    TimedOut(Duration),
    /// The server could not be reached.
    #[error("cannot reach the server: {0}")]
    Unreachable(String),
}

/// Why a link was lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The peer went away without a close frame.
    #[error("the connection ended without a close frame")]
    Ended,
    /// Reading or writing failed.
    #[error("the connection failed: {0}")]
    Failed(String),
    /// A message was larger than allowed.
    #[error("a message was larger than {0} bytes")]
    Oversized(usize),
    /// The peer broke the rules of the websocket protocol.
    #[error("the peer broke the websocket protocol: {0}")]
    Protocol(String),
}
