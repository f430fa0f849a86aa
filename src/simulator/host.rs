//! What a platform gives to the simulator: its logic, without a network.

use std::fmt;

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
}

impl Now {
    /// Reads the clocks.
    #[must_use]
    pub fn read() -> Self {
        Self {
            at: clock::now(),
            unix: clock::unix_seconds(),
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
    /// Something that happened, for each socket in its own words.
    Event(Vec<(SocketId, Frame)>),
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

    /// Returns the path at which websockets are opened.
    fn socket_path(&self) -> &'static str;

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

    /// A websocket has ended, on either side.
    fn close(&mut self, socket: SocketId);

    /// Returns an error in the platform's own words.
    fn error(&self, status: u16, text: &str) -> Response;

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

    /// Takes what was said since the last time, by users and by bots, as the platform has it on record.
    fn spoken(&mut self) -> Vec<Spoken> {
        Vec::new()
    }

    /// Adds a few figures for `GET /health`.
    fn health(&self) -> Map<String, Value> {
        Map::new()
    }
}
