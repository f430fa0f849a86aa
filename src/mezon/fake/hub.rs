//! The whole server without its sockets: frames and requests in, frames and responses out. Pure, apart from the journal
//! and the counters that it keeps.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use greenroom_actors::clock::{self, Instant};
use greenroom_actors::entropy::Entropy;
use greenroom_proto::mezon::realtime::envelope::Message as Content;
use greenroom_proto::mezon::realtime::error::Code;
use greenroom_proto::mezon::{Wire, realtime};
use serde_json::{Value, json};

use super::agent::Streams;
use super::calls::Caller;
use super::chat::Effect;
use super::defaults::Settings;
use super::failure::{Failure, limited, refused};
use super::frames::{self, Cid, Unreadable};
use super::json as shown;
use super::rate::Rates;
use super::rest::{Addresses, Request, Response, Rest};
use super::token::{Tokens, Use};
use super::world::{SocketId, World};
use crate::simulator::{Direction, Entry, Fault, FaultKind, Journal, Pending};

/// One reading of the clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// The moment, for durations.
    pub(super) at: Instant,
    /// Seconds since 1970.
    pub(super) unix: u64,
}

impl Now {
    /// Reads the clocks.
    #[must_use]
    pub(super) fn read() -> Self {
        Self {
            at: clock::now(),
            unix: clock::unix_seconds(),
        }
    }

    pub(super) fn seconds(self) -> u32 {
        u32::try_from(self.unix).unwrap_or(u32::MAX)
    }
}

/// What shall happen on a websocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Out {
    /// A frame goes out, after a while.
    Frame {
        /// Where.
        socket: SocketId,
        /// The bytes of the binary frame.
        bytes: Bytes,
        /// How long it is held back.
        hold: Duration,
    },
    /// The socket is closed in good order.
    Close {
        /// Which one.
        socket: SocketId,
        /// The code of the close frame.
        code: u16,
    },
    /// The connection is cut, without a close frame.
    Cut {
        /// Which one.
        socket: SocketId,
    },
}

/// What becomes of a request to open a websocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// It is open.
    Accepted(SocketId),
    /// The connection is cut without an answer.
    Cut,
    /// It is answered with an error.
    Refused(Response),
}

/// What a REST request meets before it is answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Gate {
    /// How long it is held.
    pub(super) hold: Duration,
    fault: Option<Fault>,
}

/// The server.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) world: World,
    pub(super) tokens: Tokens,
    pub(super) addresses: Addresses,
    pub(super) journal: Journal,
    pub(super) pending: Pending,
    pub(super) sockets: BTreeMap<SocketId, Socket>,
    pub(super) last_socket: SocketId,
    pub(super) cut_upgrades: u32,
    pub(super) entropy: Entropy,
    pub(super) undecodable: u64,
    pub(super) rates: Rates,
    pub(super) streams: Streams,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Socket {
    pub(super) wire: Wire,
    pub(super) user: i64,
    pub(super) stalled: Option<Instant>,
}

impl Hub {
    /// Makes a server of a world that is reached at `url`, e.g. `http://127.0.0.1:7350`.
    pub(super) fn new(world: World, settings: Settings, url: &str, entropy: Entropy) -> Self {
        let url = settings.public_url.as_deref().unwrap_or(url);
        let url = url.trim_end_matches('/');
        let (scheme, host) = url.split_once("://").unwrap_or(("http", url));
        let scheme = match (settings.bare_ws_url, scheme) {
            (true, _) => "",
            (false, "https") => "wss://",
            (false, _) => "ws://",
        };
        Self {
            world,
            tokens: Tokens::new(&entropy),
            addresses: Addresses {
                api_url: url.to_owned(),
                ws_url: format!("{scheme}{host}"),
            },
            journal: Journal::default(),
            pending: Pending::default(),
            sockets: BTreeMap::new(),
            last_socket: 0,
            cut_upgrades: 0,
            entropy,
            undecodable: 0,
            rates: Rates::new(settings.rest_per_second, settings.socket_per_second),
            streams: Streams::default(),
        }
    }

    /// Takes in a REST request, and says what it meets.
    pub(super) fn begin(&mut self, request: &Request) -> Gate {
        self.note_request(request);
        let target = Some(request.target.as_str());
        Gate {
            hold: self.delay(target),
            fault: self.pending.take(FaultKind::Http, target),
        }
    }

    /// Answers a REST request that has passed its gate.
    pub(super) fn finish(
        &mut self,
        now: Now,
        request: &Request,
        gate: Gate,
    ) -> (Response, Vec<Out>) {
        let (response, effects) = match gate.fault {
            Some(fault) => (Response::injected(&fault), Vec::new()),
            None => match self.rates.call(now.at) {
                Ok(()) => self.rest(now).answer(request),
                Err(wait) => (Response::limited(wait), Vec::new()),
            },
        };
        self.note_response(request, &response);
        let mut outs = Vec::new();
        for effect in effects {
            if let Effect::Event { to, message } = effect {
                self.event(now, &to, &message, &mut outs);
            }
        }
        (response, outs)
    }

    /// Opens a websocket.
    pub(super) fn open(&mut self, now: Now, request: &Request) -> Opening {
        self.note_request(request);
        if self.cut_upgrades > 0 {
            self.cut_upgrades -= 1;
            return Opening::Cut;
        }
        let query = request.query();
        let token = query.text("token").unwrap_or("");
        let Some(claims) = self.tokens.check(token, Use::Access, now.unix) else {
            let response =
                Response::failed(&Failure::unauthenticated("Auth token invalid or expired"));
            self.note_response(request, &response);
            return Opening::Refused(response);
        };
        let response = Response {
            status: 101,
            ..Response::default()
        };
        self.note_response(request, &response);
        self.last_socket += 1;
        let socket = Socket {
            wire: claims.wire,
            user: claims.user(),
            stalled: None,
        };
        self.sockets.insert(self.last_socket, socket);
        self.world.enter(self.last_socket, socket.user);
        Opening::Accepted(self.last_socket)
    }

    /// A websocket has ended, on either side.
    pub(super) fn close(&mut self, socket: SocketId) {
        self.sockets.remove(&socket);
        self.rates.forget(socket);
        self.world.leave(socket);
    }

    /// Returns for how much longer a websocket is to be left alone, if it is.
    pub(super) fn stall(&self, now: Now, socket: SocketId) -> Option<Duration> {
        let until = self.sockets.get(&socket)?.stalled?;
        let left = until.saturating_duration_since(now.at);
        Some(left).filter(|left| !left.is_zero())
    }

    pub(super) fn is_stalled(&self, now: Now, socket: SocketId) -> bool {
        self.stall(now, socket).is_some()
    }

    /// Takes in a binary frame of a websocket.
    pub(super) fn frame(&mut self, now: Now, socket: SocketId, bytes: &Bytes) -> Vec<Out> {
        let mut outs = Vec::new();
        let Some(Socket { wire, user, .. }) = self.sockets.get(&socket).copied() else {
            return outs;
        };
        self.journal
            .push(Direction::In, None, shown::frame(wire, bytes.clone()));
        if self.is_stalled(now, socket) {
            return outs;
        }
        let incoming = match frames::read(wire, bytes) {
            Ok(incoming) => incoming,
            Err(Unreadable::Id(cid, fault)) => {
                let error = refused(Code::BadInput, &fault.to_string());
                self.answer(socket, wire, &cid, Some(&error), &mut outs);
                return outs;
            }
            Err(Unreadable::Frame(fault)) => {
                self.undecodable += 1;
                tracing::warn!(socket, %fault, "undecodable frame");
                let error = refused(Code::UnrecognizedPayload, "Unrecognized payload");
                self.answer(socket, wire, &Cid::default(), Some(&error), &mut outs);
                return outs;
            }
        };
        if incoming.unknown {
            let error = refused(Code::UnrecognizedPayload, "Unrecognized payload");
            self.answer(socket, wire, &incoming.cid, Some(&error), &mut outs);
            return outs;
        }
        // Heartbeats are free.
        if !matches!(incoming.request, Some(Content::Ping(_)))
            && let Err(wait) = self.rates.request(socket, now.at)
        {
            let error = limited(wait);
            self.answer(socket, wire, &incoming.cid, Some(&error), &mut outs);
            return outs;
        }
        if let (Wire::V2, Some(Content::ApiRequestEvent(call))) = (wire, &incoming.request) {
            let caller = Caller {
                bot: user,
                socket: Some(socket),
                now: now.seconds(),
            };
            self.api_call(now, caller, socket, incoming.number, call, &mut outs);
            return outs;
        }
        for effect in self.world.receive(now.seconds(), socket, incoming.request) {
            match effect {
                Effect::Answer(message) => {
                    self.answer(socket, wire, &incoming.cid, message.as_ref(), &mut outs);
                }
                Effect::Event { to, message } => {
                    self.event(now, &to, &message, &mut outs);
                }
            }
        }
        outs
    }

    /// Ends every websocket in good order.
    pub(super) fn goodbye(&mut self) -> Vec<Out> {
        self.streams.end();
        let open: Vec<SocketId> = self.sockets.keys().copied().collect();
        open.into_iter()
            .map(|socket| {
                self.close(socket);
                Out::Close { socket, code: 1001 }
            })
            .collect()
    }

    /// Returns the journal's entries with a number above `seq`.
    #[must_use]
    pub(super) fn journal(&self, seq: u64) -> Vec<Entry> {
        self.journal.since(seq)
    }

    /// Returns a few figures.
    #[must_use]
    pub(super) fn health(&self) -> Value {
        json!({
            "sockets": self.sockets.len(),
            "journal": self.journal.last(),
            "journal_forgotten": self.journal.forgotten(),
            "undecodable_frames": self.undecodable,
        })
    }

    fn rest(&mut self, now: Now) -> Rest<'_> {
        Rest {
            world: &mut self.world,
            tokens: &mut self.tokens,
            addresses: &self.addresses,
            now: now.unix,
        }
    }

    fn api_call(
        &mut self,
        now: Now,
        caller: Caller,
        socket: SocketId,
        cid: i32,
        call: &realtime::ApiRequestEvent,
        outs: &mut Vec<Out>,
    ) {
        let body = call.body.clone();
        let session = self.rest(now).session_call(&call.api_name, body.clone());
        let outcome = session.unwrap_or_else(|| {
            let reply = self.world.call(caller, &call.api_name, body)?;
            for effect in reply.events {
                if let Effect::Event { to, message } = effect {
                    self.event(now, &to, &message, outs);
                }
            }
            Ok(reply.body)
        });
        let hold = self.delay(None);
        for bytes in frames::write_raw(cid, &outcome) {
            self.send(socket, Wire::V2, bytes, hold, outs);
        }
    }

    fn answer(
        &mut self,
        socket: SocketId,
        wire: Wire,
        cid: &Cid,
        message: Option<&Content>,
        outs: &mut Vec<Out>,
    ) {
        let hold = self.delay(None);
        let bytes = frames::write(wire, cid, message);
        self.send(socket, wire, bytes, hold, outs);
    }

    /// Sends an event to sockets; returns how many got it.
    pub(super) fn event(
        &mut self,
        now: Now,
        to: &[SocketId],
        message: &Content,
        outs: &mut Vec<Out>,
    ) -> usize {
        let mut encoded: [Option<Bytes>; 2] = [None, None];
        let before = outs.len();
        if self.pending.take(FaultKind::Lose, None).is_some() {
            return 0;
        }
        let times = 1 + usize::from(self.pending.take(FaultKind::Duplicate, None).is_some());
        for socket in to {
            let Some(wire) = self.sockets.get(socket).map(|socket| socket.wire) else {
                continue;
            };
            if self.is_stalled(now, *socket) {
                continue;
            }
            let bytes = encoded[wire as usize]
                .get_or_insert_with(|| frames::write(wire, &Cid::default(), Some(message)))
                .clone();
            for _ in 0..times {
                self.send(*socket, wire, bytes.clone(), Duration::ZERO, outs);
            }
        }
        (outs.len() - before) / times
    }

    pub(super) fn send(
        &mut self,
        socket: SocketId,
        wire: Wire,
        bytes: Bytes,
        hold: Duration,
        outs: &mut Vec<Out>,
    ) {
        self.journal
            .push(Direction::Out, None, shown::frame(wire, bytes.clone()));
        outs.push(Out::Frame {
            socket,
            bytes,
            hold,
        });
    }

    /// Takes the delay that a REST request, or an answer on a socket, meets.
    fn delay(&mut self, target: Option<&str>) -> Duration {
        let fault = self.pending.take(FaultKind::Delay, target);
        fault.map_or(Duration::ZERO, |fault| {
            fault.duration(Duration::ZERO).min(LONGEST)
        })
    }
}

/// The longest time that anything is held back.
pub(super) const LONGEST: Duration = Duration::from_secs(365 * 24 * 3_600);
