//! What a platform tells its connection.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, LocalBoxFuture};

use super::outbox::Outbox;
use super::state::TroubleKind;
use super::{DialError, DialRequest, Frame, LinkError, RequestError, Transport};
use crate::clock::{self, Instant};
use crate::error::BoxError;
use crate::event::{Event, Payload};
use crate::router::Topic;
use crate::supervisor::Backoff;

/// Something went wrong, and what to do about it.
#[derive(Debug)]
pub struct Trouble {
    /// What to do.
    pub kind: TroubleKind,
    /// What happened.
    pub error: BoxError,
}

impl Trouble {
    /// Makes a trouble that no try can help.
    pub fn fatal(error: impl Into<BoxError>) -> Self {
        Self {
            kind: TroubleKind::Fatal,
            error: error.into(),
        }
    }

    /// Makes a trouble that a new login may help.
    pub fn relogin(error: impl Into<BoxError>) -> Self {
        Self {
            kind: TroubleKind::Relogin,
            error: error.into(),
        }
    }

    /// Makes a trouble after which trying again may help, not before `after` if that is given.
    pub fn retry(error: impl Into<BoxError>, after: Option<Duration>) -> Self {
        Self {
            kind: TroubleKind::Retry(after),
            error: error.into(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// How a connection of this platform behaves.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How often a heartbeat is sent; 10 s.
    pub heartbeat_every: Duration,
    /// How long its answer may take before the connection counts as dead; 10 s.
    pub heartbeat_limit: Duration,
    /// How long the answer to a request may take; 10 s.
    pub request_timeout: Duration,
    /// How long the peer's close is waited for at an orderly end; 4 s, within the 5 s that a child may take to stop.
    pub close_limit: Duration,
    /// How many requests may wait to be sent; 1,024.
    pub queue: usize,
    /// At most so many requests are sent in any second, heartbeats aside; 80.
    pub per_second: usize,
    /// How long to wait between tries to connect; up to 1 s, doubling to 60 s, with full jitter.
    pub backoff: Backoff,
    /// How many tries to become live for the first time before it fails for good; 3. `None` is for ever. Once it was live it never
    /// gives up.
    pub first_tries: Option<u32>,
    /// Whether the first frame that comes over a live link is proof enough of its health for the waits to begin anew; false, which
    /// means that it has to last for the health period of `backoff`.
    pub healthy_by_frame: bool,
    /// How many event frames may wait while handlers are behind, before the socket is no longer read; 1,024.
    pub read_ahead: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let ten = Duration::from_secs(10);
        Self {
            heartbeat_every: ten,
            heartbeat_limit: ten,
            request_timeout: ten,
            close_limit: Duration::from_secs(4),
            queue: 1_024,
            per_second: 80,
            backoff: Backoff::exponential(Duration::from_secs(1), Duration::from_secs(60)),
            first_tries: Some(3),
            healthy_by_frame: false,
            read_ahead: 1_024,
        }
    }
}

/// Why a live link is gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    /// The peer closed it.
    #[error("the server closed the connection{}", code.as_ref().map(|(code, reason)| format!(" with code {code} {reason:?}")).unwrap_or_default())]
    Closed {
        /// Its code and reason.
        code: Option<(u16, String)>,
    },
    /// No answer to a heartbeat.
    #[error("no answer to the heartbeat within {0:?}")]
    HeartbeatMissed(Duration),
    /// Nothing came for longer than the peer is ever silent.
    #[error("nothing came over the connection for {0:?}")]
    Silent(Duration),
    /// A join was not answered, or refused.
    #[error("joining failed: {0}")]
    JoinFailed(RequestError),
    /// The link broke.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// How a connection finds out that its peer is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It asks: a heartbeat goes out as the [`Settings`] say, and has to be answered.
    Heartbeat,
    /// It listens: the peer speaks by itself, and is gone when nothing has come for so long.
    Silence(Duration),
}

/// What kind of frame this is; found without decoding it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It answers a request: never held up.
    Answer,
    /// It is an event: waits while handlers are behind.
    Event,
    /// It is none of the platform's business, such as a text frame on a binary protocol: counted and skipped.
    Ignored,
}

/// Whether a request whose answer was lost with the link has been carried out.
#[derive(Debug)]
pub enum Confirmation<A> {
    /// It was, and this is its answer.
    Done(A),
    /// It was not: it is sent again, unless the lost link may still carry it there.
    Absent,
    /// Doing it twice is the same as doing it once: it is sent again.
    Repeatable,
    /// Nobody can tell.
    Unknown,
}

/// A platform's side of a connection: pure decisions, and the futures that the connection runs.
///
/// A value lives as long as one incarnation of its [`Connection`](super::Connection); what must outlive it is kept outside and shared.
pub trait Protocol: 'static {
    /// What authenticates a link.
    type Session: Clone + 'static;
    /// What can be asked over the link.
    type Request: Send + 'static;
    /// What the server answers.
    type Answer: Send + 'static;
    /// An event that was missed while the link was down.
    type Missed: 'static;

    /// Returns what opens links.
    fn transport(&self) -> Rc<dyn Transport>;

    /// Returns the timings and bounds.
    fn settings(&self) -> Settings;

    /// Gets a session; with `fresh` the last one was refused and must not be returned again.
    fn authenticate(&self, fresh: bool) -> LocalBoxFuture<'static, Result<Self::Session, Trouble>>;

    /// Says where to dial.
    fn dial(&self, session: &Self::Session) -> DialRequest;

    /// Judges a failed dial.
    fn dial_trouble(&self, error: DialError) -> Trouble;

    /// Judges the loss of a link.
    fn lost(&self, lost: Lost) -> Trouble {
        Trouble::retry(lost, None)
    }

    /// Finds out what to join once the link is open; the requests are sent, and all must be answered, before the connection is live.
    fn join(
        &mut self,
        session: &Self::Session,
    ) -> LocalBoxFuture<'static, Result<Vec<Self::Request>, Trouble>>;

    /// Says how to find out that the peer is gone; asked again and again, since a peer may show only later that it speaks by itself.
    fn liveness(&self) -> Liveness {
        Liveness::Heartbeat
    }

    /// Returns the heartbeat.
    fn heartbeat(&self) -> Self::Request;

    /// Returns what a request is answered with that the peer does not answer: it is done once it is written. By default all are
    /// answered.
    fn unanswered(&self, _request: &Self::Request) -> Option<Self::Answer> {
        None
    }

    /// Notes that the connection is live.
    fn connected(&mut self) {}

    /// Notes that a link that was live is gone, on purpose if there is no reason.
    fn disconnected(
        &mut self,
        _reason: Option<&str>,
        _reception: &mut Reception<Self::Request, Self::Answer>,
    ) {
    }

    /// Writes a request that is known to its answer by `correlation` (counted from 1 for each link).
    ///
    /// # Errors
    ///
    /// [`RequestError::Invalid`] if it cannot be written.
    fn encode(&mut self, correlation: u32, request: &Self::Request) -> Result<Frame, RequestError>;

    /// Says whether a websocket message may hold several frames of the platform: then it is [split](Self::split) first.
    fn is_batch(&self, _frame: &Frame) -> bool {
        false
    }

    /// Splits a websocket message into the frames that it holds.
    fn split(&self, frame: Frame) -> Vec<Frame> {
        vec![frame]
    }

    /// Classifies a frame, cheaply. A pong of the websocket layer is handed on only if it is an answer.
    fn class(&self, frame: &Frame) -> Class;

    /// Reads a frame. What it holds goes to `reception`; what cannot be read is reported there and ends nothing.
    fn receive(&mut self, frame: Frame, reception: &mut Reception<Self::Request, Self::Answer>);

    /// Fetches the events that were missed, oldest first: while the link was down for `down_for`, or on a link that is live, after an
    /// event came that could not be read.
    ///
    /// If it fails so that trying again may help, it is called again after a wait, up to ten times; events and requests wait meanwhile.
    fn catch_up(
        &mut self,
        _session: &Self::Session,
        _down_for: Duration,
    ) -> LocalBoxFuture<'static, Result<Vec<Self::Missed>, Trouble>> {
        async { Ok(Vec::new()) }.boxed_local()
    }

    /// Says whether the last [`catch_up`](Self::catch_up) has fetched a part only. The rest is fetched when that part is handed out,
    /// before anything newer, so that a long gap takes no more room than a short one.
    fn has_more_missed(&self) -> bool {
        false
    }

    /// Delivers a missed event, unless it was delivered before.
    fn replay(
        &mut self,
        _missed: Self::Missed,
        _reception: &mut Reception<Self::Request, Self::Answer>,
    ) {
    }

    /// Looks among what was missed, or a part of it, for traces of a request whose answer was lost. That it is not there counts once
    /// there are no more parts.
    fn confirm(
        &self,
        _request: &Self::Request,
        _missed: &[Self::Missed],
    ) -> Confirmation<Self::Answer> {
        Confirmation::Unknown
    }

    /// Returns the close frame of an orderly end.
    fn close(&self) -> Frame {
        Frame::Close(Some((1000, String::new())))
    }
}

/// Takes what a protocol finds in a frame.
pub struct Reception<R, A> {
    pub(super) answers: Vec<(u32, Result<A, RequestError>)>,
    pub(super) blocked: Vec<BoxFuture<'static, ()>>,
    pub(super) follow_ups: Vec<R>,
    pub(super) urgent: Vec<Frame>,
    pub(super) background: Vec<LocalBoxFuture<'static, ()>>,
    pub(super) events: u64,
    pub(super) malformed: u64,
    pub(super) outbox: Outbox,
    pub(super) now: Option<Instant>,
}

impl<R, A> Default for Reception<R, A> {
    fn default() -> Self {
        Self {
            answers: Vec::new(),
            blocked: Vec::new(),
            follow_ups: Vec::new(),
            urgent: Vec::new(),
            background: Vec::new(),
            events: 0,
            malformed: 0,
            outbox: Outbox::default(),
            now: None,
        }
    }
}

impl<R, A> fmt::Debug for Reception<R, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reception")
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl<R, A> Reception<R, A> {
    /// Gives the answer to the request of this correlation; one that nobody waits for is dropped.
    pub fn answer(&mut self, correlation: u32, answer: Result<A, RequestError>) {
        self.answers.push((correlation, answer));
    }

    /// Publishes an event, together with others of its type that came with the same read, 64 at most. If a queue is full, the connection
    /// takes no further events until there is room.
    pub fn publish<T: Payload>(&mut self, topic: &Topic<T>, event: Event<T>) {
        self.outbox.put(topic, event);
    }

    /// Returns when what is being read was received: the same for all that is read together.
    pub fn received_at(&mut self) -> Instant {
        *self.now.get_or_insert_with(clock::now)
    }

    /// Takes no further events from the platform until `work` is done, such as room in a store that must not lose anything.
    pub fn hold_for(&mut self, work: BoxFuture<'static, ()>) {
        self.blocked.push(work);
    }

    /// Counts an event of the platform, whether or not anybody wants it.
    pub fn count_event(&mut self) {
        self.events += 1;
    }

    /// Reports a frame that cannot be read; it is counted, logged and skipped.
    pub fn malformed(&mut self, reason: impl fmt::Display, frame: &[u8]) {
        self.malformed += 1;
        let start = Bytes::copy_from_slice(&frame[..frame.len().min(64)]);
        tracing::warn!(%reason, bytes = frame.len(), ?start, "skipped a frame that cannot be read");
    }

    /// Sends a request whose answer nobody waits for, such as joining a new room.
    pub fn request(&mut self, request: R) {
        self.follow_ups.push(request);
    }

    /// Writes a frame at once, before all requests that wait, such as the answer to a ping of the peer.
    pub fn send_now(&mut self, frame: Frame) {
        self.urgent.push(frame);
    }

    /// Runs a future beside the connection, such as a call over HTTP. At most 64 run at once; more wait.
    pub fn background(&mut self, work: impl Future<Output = ()> + 'static) {
        self.background.push(work.boxed_local());
    }
}
