//! The whole server without its sockets: frames and requests in, frames and responses out. Pure, apart from the journal
//! and the counters that it keeps.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use greenroom_actors::clock::{self, Instant};
use greenroom_actors::entropy::Entropy;
use greenroom_proto::mezon::realtime::envelope::Message as Content;
use greenroom_proto::mezon::realtime::error::Code;
use greenroom_proto::mezon::{Wire, event_tag, realtime};
use serde_json::{Map, Value, json};

use super::calls::Caller;
use super::chat::Effect;
use super::defaults::Settings;
use super::failure::{Failure, code_of, refused};
use super::frames::{self, Cid};
use super::rest::{Addresses, Request, Response, Rest};
use super::token::{Tokens, Use};
use super::world::{SocketId, World};
use super::{emit, json as shown};
use crate::simulator::{Body, Direction, Entry, Fault, FaultKind, Http, Journal, Pending, Refusal};

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

    fn seconds(self) -> u32 {
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
    world: World,
    tokens: Tokens,
    addresses: Addresses,
    journal: Journal,
    pending: Pending,
    sockets: BTreeMap<SocketId, Socket>,
    last_socket: SocketId,
    cut_upgrades: u32,
    entropy: Entropy,
    undecodable: u64,
}

#[derive(Clone, Copy, Debug)]
struct Socket {
    wire: Wire,
    user: i64,
    stalled: Option<Instant>,
}

/// The kinds of faults that the server knows.
pub(super) const FAULTS: &[FaultKind] = &FaultKind::ALL;

impl Hub {
    /// Makes a server of a world that is reached at `url`, e.g. `http://127.0.0.1:7350`.
    pub(super) fn new(world: World, settings: Settings, url: &str, entropy: Entropy) -> Self {
        let host = url.trim_start_matches("http://");
        let scheme = if settings.bare_ws_url { "" } else { "ws://" };
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
            Some(fault) => (injected(&fault), Vec::new()),
            None => Rest {
                world: &mut self.world,
                tokens: &mut self.tokens,
                addresses: &self.addresses,
                now: now.unix,
            }
            .answer(request),
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
        self.world.leave(socket);
    }

    /// Says whether a websocket is to be left alone just now.
    pub(super) fn is_stalled(&self, now: Now, socket: SocketId) -> bool {
        let stalled = self.sockets.get(&socket).and_then(|socket| socket.stalled);
        stalled.is_some_and(|until| until > now.at)
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
            Err(fault) => {
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

    /// Pushes an event that a test wrote down to every open socket.
    pub(super) fn emit(
        &mut self,
        now: Now,
        mut body: Map<String, Value>,
    ) -> Result<(Value, Vec<Out>), Refusal> {
        let event = match body.get("event") {
            Some(Value::String(event)) => event.clone(),
            _ => return Err(Refusal::bad("emit: event is required, a text")),
        };
        if event_tag(&event).is_none() {
            return Err(Refusal::bad(format!("emit: unknown event \"{event}\"")));
        }
        let data = match body.remove("data") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(data)) => data,
            Some(_) => return Err(Refusal::bad("emit: data must be an object")),
        };
        let frames = [Wire::V1, Wire::V2].map(|wire| emit::frame(wire, &event, &data));
        let wires: Vec<(SocketId, Wire)> = self
            .sockets
            .iter()
            .map(|(id, socket)| (*id, socket.wire))
            .collect();
        if let (true, [_, Err(fault)]) = (wires.is_empty(), &frames) {
            return Err(Refusal::bad(format!("emit: {fault}")));
        }
        let mut outs = Vec::new();
        for (socket, wire) in wires {
            let frame = match wire {
                Wire::V1 => &frames[0],
                Wire::V2 => &frames[1],
            };
            match frame {
                Ok(Some(bytes)) if !self.is_stalled(now, socket) => {
                    self.send(socket, wire, bytes.clone(), Duration::ZERO, &mut outs);
                }
                Ok(_) => {}
                Err(fault) => return Err(Refusal::bad(format!("emit: {fault}"))),
            }
        }
        Ok((json!({"delivered": outs.len()}), outs))
    }

    /// Lets a user speak.
    pub(super) fn say(
        &mut self,
        now: Now,
        body: &Map<String, Value>,
    ) -> Result<(Value, Vec<Out>), Refusal> {
        let text = |name: &str| {
            let value = body.get(name).filter(|value| !value.is_null());
            value.map(|value| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            })
        };
        let from = text("from").unwrap_or_else(|| "alice".into());
        let user = self.world.find_user(&from).map(|user| user.id);
        let user = user.ok_or_else(|| Refusal::bad(format!("say: unknown user \"{from}\"")))?;
        let place = text("channel").unwrap_or_else(|| "general".into());
        let channel_id = self.find_channel(&place);
        let channel_id =
            channel_id.ok_or_else(|| Refusal::bad(format!("say: unknown channel \"{place}\"")))?;
        let words = text("text").ok_or_else(|| Refusal::bad("say: text is required"))?;
        let send = realtime::ChannelMessageSend {
            channel_id,
            content: json!({"t": words}).to_string(),
            mentions: rows(body, "mentions")?,
            attachments: rows(body, "attachments")?,
            references: rows(body, "references")?,
            topic_id: match text("topic_id") {
                None => 0,
                Some(id) => id
                    .parse()
                    .map_err(|_| Refusal::bad("say: topic_id is not an id"))?,
            },
            ..Default::default()
        };
        let mut outs = Vec::new();
        let Some((id, Effect::Event { to, message })) = self.world.say(now.seconds(), user, &send)
        else {
            return Err(Refusal::bad("say: nothing was said"));
        };
        let delivered = self.event(now, &to, &message, &mut outs);
        Ok((
            json!({"message_id": id.to_string(), "delivered": delivered}),
            outs,
        ))
    }

    /// Lets something go wrong.
    pub(super) fn fault(&mut self, now: Now, fault: Fault) -> Result<(Value, Vec<Out>), Refusal> {
        let open: Vec<SocketId> = self.sockets.keys().copied().collect();
        let mut outs = Vec::new();
        match fault.kind {
            FaultKind::Delay | FaultKind::Http => self.pending.add(fault)?,
            FaultKind::Disconnect => {
                self.cut_upgrades = fault.count.saturating_sub(1);
                if fault.count > 0 {
                    outs.extend(open.iter().map(|socket| Out::Cut { socket: *socket }));
                }
            }
            FaultKind::Close => {
                let code = fault.code;
                outs.extend(open.iter().map(|socket| Out::Close {
                    socket: *socket,
                    code,
                }));
            }
            FaultKind::Expire => self.tokens.expire_all(),
            FaultKind::Stall => {
                let until = now.at + fault.duration(STALL).min(LONGEST);
                for socket in self.sockets.values_mut() {
                    socket.stalled = Some(until);
                }
            }
            FaultKind::Garbage => {
                for _ in 0..fault.count.min(MOST_GARBAGE) {
                    for socket in &open {
                        self.garbage(now, *socket, &mut outs);
                    }
                }
            }
        }
        for out in &outs {
            if let Out::Cut { socket } | Out::Close { socket, .. } = out {
                self.close(*socket);
            }
        }
        Ok((json!({"ok": true, "sockets": open.len()}), outs))
    }

    /// Ends every websocket in good order.
    pub(super) fn goodbye(&mut self) -> Vec<Out> {
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

    fn api_call(
        &mut self,
        now: Now,
        caller: Caller,
        socket: SocketId,
        cid: i32,
        call: &realtime::ApiRequestEvent,
        outs: &mut Vec<Out>,
    ) {
        let outcome = self.world.call(caller, &call.api_name, call.body.clone());
        let outcome = outcome.map(|reply| {
            for effect in reply.events {
                if let Effect::Event { to, message } = effect {
                    self.event(now, &to, &message, outs);
                }
            }
            reply.body
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
    fn event(
        &mut self,
        now: Now,
        to: &[SocketId],
        message: &Content,
        outs: &mut Vec<Out>,
    ) -> usize {
        let mut encoded: [Option<Bytes>; 2] = [None, None];
        let before = outs.len();
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
            self.send(*socket, wire, bytes, Duration::ZERO, outs);
        }
        outs.len() - before
    }

    fn send(
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

    /// Sends a frame that is an envelope on neither wire.
    fn garbage(&mut self, now: Now, socket: SocketId, outs: &mut Vec<Out>) {
        let Some(wire) = self.sockets.get(&socket).map(|socket| socket.wire) else {
            return;
        };
        if self.is_stalled(now, socket) {
            return;
        }
        let mut bytes = vec![0x32, 0xff, 0xff, 0xff, 0x7f];
        bytes.extend(self.entropy.next_u64().to_be_bytes());
        self.send(socket, wire, bytes.into(), Duration::ZERO, outs);
    }

    /// Takes the delay that a REST request, or an answer on a socket, meets.
    fn delay(&mut self, target: Option<&str>) -> Duration {
        let fault = self.pending.take(FaultKind::Delay, target);
        fault.map_or(Duration::ZERO, |fault| {
            fault.duration(Duration::ZERO).min(LONGEST)
        })
    }

    /// Finds a channel by id, by label, or `dm`.
    fn find_channel(&self, text: &str) -> Option<i64> {
        let channels = &self.world.channels;
        if let Some(id) = text.parse().ok().filter(|id| channels.contains_key(id)) {
            return Some(id);
        }
        if text == "dm" {
            let alice = self.world.find_user("alice").map(|user| user.id);
            let bots = self.world.bots.keys();
            let mut found = bots.filter_map(|bot| self.world.dm(*bot, alice?));
            return found.next().map(|channel| channel.desc.channel_id);
        }
        let mut found = channels
            .values()
            .filter(|channel| channel.desc.channel_label == text);
        found.next().map(|channel| channel.desc.channel_id)
    }

    fn note_request(&mut self, request: &Request) {
        let http = Http {
            method: request.method.clone(),
            path: request.target.clone(),
            headers: request.headers.clone(),
            status: None,
        };
        let body = Body::Http {
            bytes: request.body.clone(),
            content_type: request.header("content-type").to_owned(),
        };
        self.journal.push(Direction::In, Some(http), body);
    }

    fn note_response(&mut self, request: &Request, response: &Response) {
        let mut headers = response.headers.clone();
        if !response.content_type.is_empty() {
            headers.push(("content-type".into(), response.content_type.clone()));
        }
        let http = Http {
            method: request.method.clone(),
            path: request.target.clone(),
            headers,
            status: Some(response.status),
        };
        let body = Body::Http {
            bytes: response.body.clone(),
            content_type: response.content_type.clone(),
        };
        self.journal.push(Direction::Out, Some(http), body);
    }
}

const STALL: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3_600);
const MOST_GARBAGE: u32 = 10_000;

/// Makes the response of an injected error.
fn injected(fault: &Fault) -> Response {
    let text = format!("injected {}", fault.status);
    let own = json!({"code": code_of(fault.status), "error": text, "message": text});
    let mut response = match &fault.body {
        Some(Value::String(text)) => Response {
            status: fault.status,
            content_type: "text/plain; charset=utf-8".into(),
            headers: Vec::new(),
            body: text.clone().into(),
        },
        Some(body) => Response::json(fault.status, body),
        None => Response::json(fault.status, &own),
    };
    if let (429 | 503, Some(ms)) = (fault.status, fault.ms.filter(|ms| *ms > 0)) {
        response
            .headers
            .push(("retry-after".into(), ms.div_ceil(1_000).to_string()));
    }
    response
}

fn rows<T: serde::de::DeserializeOwned>(
    body: &Map<String, Value>,
    name: &str,
) -> Result<Vec<T>, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(rows) => serde_json::from_value(rows.clone())
            .map_err(|fault| Refusal::bad(format!("say: {name}: {fault}"))),
    }
}
