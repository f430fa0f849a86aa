//! The seam between a client and what carries its requests.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{FutureExt, LocalBoxFuture};
use futures::stream::LocalBoxStream;
use secrecy::SecretString;

use super::error::HttpError;
use super::request::HttpRequest;

/// Carries one request to a server and its answer back: over the network, or within one process.
pub trait Exchange {
    /// Sends a request, once, and reads the answer: of its body up to `body_limit` bytes. It has no time-out of its own.
    fn exchange(
        &self,
        request: HttpRequest,
        body_limit: usize,
    ) -> LocalBoxFuture<'static, Result<RawAnswer, HttpError>>;

    /// Sends a request with a secret query, which may be empty, once, and gives the answer as soon as its head is there. It has no
    /// time-out of its own. By default no answer can be read piece by piece.
    fn open(
        &self,
        request: HttpRequest,
        query: SecretString,
        sent: Sent,
    ) -> LocalBoxFuture<'static, Result<RawStream, HttpError>> {
        drop((request, query, sent));
        let error = "answers cannot be read piece by piece here";
        async move { Err(HttpError::Invalid(error.to_owned())) }.boxed_local()
    }
}

/// Says whether a request has left, for those who must not repeat one that may have been carried out. Clones speak of the same request.
#[derive(Clone, Debug, Default)]
pub struct Sent(Rc<Cell<bool>>);

impl Sent {
    /// Says whether a byte of the request's body may have left, or of its head if it has no body. If not, the server cannot have acted.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.0.get()
    }

    /// The request leaves: for whoever carries it.
    pub fn leaves(&self) {
        self.0.set(true);
    }
}

/// What a server answered, whatever its status.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    /// The status.
    pub status: u16,
    /// The content type; empty if there is none.
    pub content_type: String,
    /// What the header `Retry-After` asks for.
    pub retry_after: Option<Duration>,
    /// Where the header `Location` points.
    pub location: Option<String>,
    /// When the server answered by its own clock, as the header `Date` says, in seconds since 1970.
    pub date: Option<u64>,
    /// The body, or why it could not be read.
    pub body: Result<Bytes, HttpError>,
}

/// What a server answers, whatever its status, of which the body is still on its way.
pub struct RawStream {
    /// The status.
    pub status: u16,
    /// The content type; empty if there is none.
    pub content_type: String,
    /// What the header `Retry-After` asks for.
    pub retry_after: Option<Duration>,
    /// The length of the body, if the server says it.
    pub length: Option<u64>,
    /// The pieces of the body.
    pub body: LocalBoxStream<'static, Result<Bytes, HttpError>>,
}

impl fmt::Debug for RawStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawStream")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
