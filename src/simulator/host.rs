//! What a platform gives to the simulator: its logic, without a network.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use greenroom_actors::clock::{self, Instant};
use greenroom_actors::connection::Frame;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::error::Refusal;
use super::exchange::{Request, Response};
use super::fault::FaultKind;
use super::journal::Body;

/// The number of an open socket.
pub type SocketId = u64;

/// One reading of the clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The moment, for durations.
    pub at: Instant,
    /// Seconds since 1970.
    pub unix: u64,
    /// The part of a second beyond that, in microseconds.
    pub micros: u32,
}

impl Now {
    /// Reads the clocks.
    #[must_use]
    pub fn read() -> Self {
        let since_epoch = clock::date().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            at: clock::now(),
            unix: since_epoch.as_secs(),
            micros: since_epoch.subsec_micros(),
        }
    }

    /// Returns seconds since 1970, as many as fit.
    #[must_use]
    pub fn seconds(self) -> u32 {
        u32::try_from(self.unix).unwrap_or(u32::MAX)
    }
}

/// A message that a platform has on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// Its id.
    pub id: String,
    /// The name of whoever said it.
    pub from: String,
    /// Whether that is a bot.
    pub is_bot: bool,
    /// The label of the channel, or its id if it has none.
    pub channel: String,
    /// The text.
    pub text: String,
}

/// What a platform wants to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    /// The answer to what a socket has sent.
    Answer {
        /// Which one.
        socket: SocketId,
        /// The answer.
        frame: Frame,
    },
    /// The platform closes a socket.
    Close {
        /// Which one.
        socket: SocketId,
        /// The code of the close frame.
        code: u16,
        /// Why, for a person.
        reason: String,
    },
    /// The platform gives up a socket without a close frame.
    Cut(SocketId),
    /// Something that happened, for each socket in its own words.
    Event(Vec<(SocketId, Frame)>),
    /// A web hook is called in the background.
    Post(Post),
}

/// A call of a web hook: a POST of JSON, which is tried again if it fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Where to.
    pub url: String,
    /// The JSON.
    pub body: Bytes,
}

/// What goes wrong with tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// Access tokens that were given out have expired.
    Expire,
    /// Every token that was given out is unknown.
    Revoke,
    /// From now on tokens are dated and judged by a clock that is so many seconds ahead.
    Skew(i64),
}

/// A platform's server without its network: requests and frames in, responses and frames out. The network, the faults and the journal
/// are the simulator's, so that it runs behind real sockets and in memory alike.
pub trait Host: fmt::Debug + Send {
    /// Returns the kinds of faults that make sense on the platform.
    fn faults(&self) -> &'static [FaultKind] {
        &FaultKind::ALL
    }

    /// Says whether the platform dials its clients, so that what it says first is up to it. Then a stall holds what is sent, in place of
    /// losing it, and a delay is one of every frame from then on.
    fn speaks_first(&self) -> bool {
        false
    }

    /// Returns the name under which the ready line gives the address, if that is not the platform's.
    fn ready_name(&self) -> Option<&'static str> {
        None
    }

    /// Returns the path at which a websocket was opened, if the journal shall show it with each frame.
    fn frame_path(&self, socket: SocketId) -> Option<&'static str> {
        let _ = socket;
        None
    }

    /// The platform has dialed a client, under this number.
    fn dialed(&mut self, socket: SocketId) {
        let _ = socket;
    }

    /// Returns the kinds of faults that are drawn at random; by default all that make sense.
    fn drawn_faults(&self) -> &'static [FaultKind] {
        self.faults()
    }

    /// Returns the paths at which websockets are opened; none by default. Where there are none, the faults of sockets befall requests and
    /// streams of events.
    fn socket_paths(&self) -> &'static [&'static str] {
        &[]
    }

    /// Returns the subprotocols that are offered on websockets.
    fn subprotocols(&self) -> &'static [&'static str] {
        &[]
    }

    /// Says whether a request is a login.
    fn is_login(&self, request: &Request) -> bool;

    /// Answers a request over HTTP.
    fn call(&mut self, now: Now, request: &Request) -> (Response, Vec<Out>);

    /// Returns the path at which a stream of server-sent events is opened, if there is one.
    fn stream_path(&self) -> Option<&'static str> {
        None
    }

    /// Says whether a request opens a stream of server-sent events that is fed as websockets are: [`open`](Self::open) opens it,
    /// [`Out::Event`] carries events as they are on the wire, and a close frame ends it.
    fn is_stream(&self, request: &Request) -> bool {
        let _ = request;
        false
    }

    /// Says what a stream or websocket gets first, right after it was opened.
    fn opened(&mut self, now: Now, socket: SocketId) -> Vec<Out> {
        let _ = (now, socket);
        Vec::new()
    }

    /// Says for how long the answer to a request is held back; other requests do not wait for it.
    fn late(&self, request: &Request) -> Duration {
        let _ = request;
        Duration::ZERO
    }

    /// Opens a stream of server-sent events; it ends when the sender is dropped.
    ///
    /// # Errors
    ///
    /// The response with which it is refused.
    fn stream(&mut self, now: Now, request: &Request) -> Result<mpsc::Receiver<Bytes>, Response> {
        let _ = (now, request);
        Err(self.error(404, "Not Found"))
    }

    /// The server ends: whatever is open beside websockets is closed.
    fn end(&mut self) {}

    /// Opens a websocket under this number.
    ///
    /// # Errors
    ///
    /// The response with which the upgrade is refused.
    fn open(&mut self, now: Now, request: &Request, socket: SocketId) -> Result<(), Response>;

    /// Takes in a message of an open websocket.
    fn receive(&mut self, now: Now, socket: SocketId, frame: &Frame) -> Vec<Out>;

    /// A client has shown that it is there, by a message or a ping or pong frame.
    fn heard(&mut self, now: Now, socket: SocketId) {
        let _ = (now, socket);
    }

    /// Returns when something is due that nobody asks for, such as a ping. It is asked again after an upgrade and after each
    /// [`tick`](Self::tick); what makes something due earlier beside that has no effect until then.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Does what is due.
    fn tick(&mut self, now: Now) -> Vec<Out> {
        let _ = now;
        Vec::new()
    }

    /// A websocket has ended, on either side.
    fn close(&mut self, socket: SocketId);

    /// Returns the code and the text with which a websocket is closed when the server ends.
    fn goodbye(&self, socket: SocketId) -> (u16, &'static str) {
        let _ = socket;
        (1_001, "")
    }

    /// Returns the open sockets of a user, none if there is no such user.
    fn sockets_of(&self, user: &str) -> Option<Vec<SocketId>> {
        let _ = user;
        None
    }

    /// Says whether a stalled socket loses what was to be sent meanwhile; otherwise it is sent afterwards.
    fn stall_loses(&self) -> bool {
        true
    }

    /// Says whether a request meets one waiting fault at most, the first that was asked for; otherwise the first of each kind.
    fn meets_one_fault(&self) -> bool {
        false
    }

    /// Says whether a stall that names no time lasts until the client gives up.
    fn stalls_for_good(&self) -> bool {
        false
    }

    /// Says whether the fault `delay` holds back answers on sockets, beside those over HTTP.
    fn delays_sockets(&self) -> bool {
        true
    }

    /// Returns the answer of the fault `http`.
    fn injected(&self, status: u16) -> Response {
        self.error(status, &format!("injected {status}"))
    }

    /// Returns an error in the platform's own words.
    fn error(&self, status: u16, text: &str) -> Response;

    /// Says whether the fault `http` advises with 429 and 503 when to come back even if it names no time: at once.
    fn always_advises(&self) -> bool {
        false
    }

    /// Lets something go wrong with tokens.
    fn tokens(&mut self, fault: TokenFault);

    /// Returns a message that no client of this socket can decode; `salt` is random.
    fn garbage(&self, socket: SocketId, salt: u64) -> Frame;

    /// Wraps a message for the journal.
    fn show(&self, socket: SocketId, frame: &Frame) -> Body;

    /// Makes an event that a test wrote down, for every open socket.
    ///
    /// # Errors
    ///
    /// Refuses unknown events and data that do not fit.
    fn emit(&mut self, now: Now, body: Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal>;

    /// Lets a user speak.
    ///
    /// # Errors
    ///
    /// Refuses users and channels that do not exist.
    fn say(&mut self, now: Now, body: &Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal>;

    /// Carries out a command that only this platform has.
    ///
    /// # Errors
    ///
    /// Refuses commands that it does not have.
    fn command(
        &mut self,
        now: Now,
        name: &str,
        body: Map<String, Value>,
    ) -> Result<(Value, Vec<Out>), Refusal> {
        let _ = (now, body);
        Err(Refusal::unknown(format!(
            "unknown command \"{name}\", known are chaos, emit, fault, journal, say"
        )))
    }

    /// As [`command`](Self::command), with the query of the request.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command).
    fn command_with_query(
        &mut self,
        now: Now,
        name: &str,
        query: &str,
        body: Map<String, Value>,
    ) -> Result<(Value, Vec<Out>), Refusal> {
        let _ = query;
        self.command(now, name, body)
    }

    /// Takes what was said since the last time, by users and by bots, as the platform has it on record.
    fn spoken(&mut self) -> Vec<Spoken> {
        Vec::new()
    }

    /// Adds a few figures for `GET /health`.
    fn health(&self) -> Map<String, Value> {
        Map::new()
    }
}
