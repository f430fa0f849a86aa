//! A simulated platform on its network: its logic, what goes wrong around it, and the journal of all that goes over its wires.
//!
//! It knows neither sockets nor HTTP servers; real ones and those in memory ask it what to do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use greenroom_actors::clock::Instant;
use greenroom_actors::connection::Frame;
use greenroom_actors::entropy::Entropy;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::chaos::{Chaos, Occasion};
use super::error::Refusal;
use super::exchange::{Request, Response};
use super::fault::{Fault, FaultKind, Target};
use super::host::{Host, Now, Out, SocketId, TokenFault};
use super::journal::{Body, Direction, Http, Journal};
use super::line::{Line, Order, Plug, Queued};
use super::pending::Pending;
use super::wire::Wire;

/// What a request meets before it is answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    /// How long it is held.
    pub(crate) hold: Duration,
    fate: Fate,
}

#[derive(Clone, Debug, Default)]
enum Fate {
    #[default]
    Served,
    /// Answered in place of the platform.
    Answered(Response),
    /// The connection is cut, and the platform never hears of it.
    Cut,
    /// The answer ends in the middle.
    Truncated,
}

/// How a request ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// How long the answer is held.
    pub(crate) hold: Duration,
    /// How it ends.
    pub(crate) end: End,
}

/// How an answer leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The connection is cut without an answer.
    Cut,
    /// The answer ends in the middle of its body.
    Half(Response),
    /// The answer leaves.
    Whole(Response),
}

/// What becomes of a request to open a websocket.
pub(crate) enum Opening {
    /// It is open.
    Accepted(Accepted),
    /// The connection is cut without an answer.
    Cut,
    /// It is answered with an error.
    Refused(Response),
}

/// An open websocket.
pub(crate) struct Accepted {
    pub(crate) socket: SocketId,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) queued: Queued,
}

#[derive(Debug)]
pub(super) struct Network {
    pub(super) host: Box<dyn Host>,
    pub(super) journal: Journal,
    pub(super) overflows: u64,
    pub(super) faults: u64,
    /// How long a frame takes to its client.
    pub(super) latency: Duration,
    pending: Pending,
    chaos: Chaos,
    entropy: Entropy,
    wires: BTreeMap<SocketId, Wire>,
    lines: BTreeMap<SocketId, Line>,
    last_socket: SocketId,
    cut_upgrades: u32,
    maintenance: Option<(Instant, u16)>,
}

/// What happens to one frame on its way out.
#[derive(Clone, Copy, Default)]
struct Passage {
    /// It leaves late; so does what follows.
    late: Duration,
    /// It leaves late, and others may overtake it.
    hold: Duration,
    /// Only half of it leaves.
    half: bool,
    /// It leaves twice.
    twice: bool,
}

impl Network {
    pub(super) fn new(host: Box<dyn Host>, entropy: Entropy) -> Self {
        Self {
            host,
            journal: Journal::default(),
            overflows: 0,
            faults: 0,
            latency: Duration::ZERO,
            pending: Pending::default(),
            chaos: Chaos::new(0.0, entropy.derive("chaos")),
            entropy: entropy.derive("network"),
            wires: BTreeMap::new(),
            lines: BTreeMap::new(),
            last_socket: 0,
            cut_upgrades: 0,
            maintenance: None,
        }
    }

    /// Lets faults happen by themselves, with this probability.
    pub(super) fn set_chaos(&mut self, rate: f64, entropy: Entropy) {
        self.chaos = Chaos::new(rate, entropy);
    }

    /// Takes in a request over HTTP, and says what it meets.
    pub(super) fn begin(&mut self, now: Now, request: &Request) -> Gate {
        self.note_request(request);
        let gate = self.gate(now, request, Target::Request(&request.target));
        match self.drawn(Occasion::Request, None) {
            Some(fault) => self.meet(now, &fault, gate),
            None => gate,
        }
    }

    /// Takes in a request to open a websocket, and says what it meets.
    pub(super) fn begin_upgrade(&mut self, now: Now, request: &Request) -> Gate {
        self.note_request(request);
        if self.cut_upgrades > 0 {
            self.cut_upgrades -= 1;
            self.note(&FaultKind::Disconnect.into(), None);
            return Gate {
                fate: Fate::Cut,
                ..Gate::default()
            };
        }
        let gate = self.gate(now, request, Target::Upgrade(&request.target));
        match self.drawn(Occasion::Upgrade, None) {
            Some(fault) => self.meet(now, &fault, gate),
            None => gate,
        }
    }

    fn gate(&mut self, now: Now, request: &Request, target: Target<'_>) -> Gate {
        let mut gate = Gate::default();
        let mut kinds = vec![
            FaultKind::Delay,
            FaultKind::Truncate,
            FaultKind::Http,
            FaultKind::Disconnect,
        ];
        if self.host.is_login(request) {
            kinds.push(FaultKind::Refuse);
        }
        for kind in kinds {
            // Without a path it is the messages of sockets that are cut short.
            let named = matches!(kind, FaultKind::Truncate | FaultKind::Disconnect);
            let target = match target {
                Target::Request(target) if named => Target::Upgrade(target),
                target => target,
            };
            if let Some(fault) = self.pending.take(kind, target) {
                self.note(&fault, None);
                gate = self.meet(now, &fault, gate);
            }
        }
        if let Some((until, status)) = self.maintenance.filter(|(until, _)| *until > now.at) {
            let left = until.saturating_duration_since(now.at);
            tracing::debug!(?left, "refused for maintenance");
            gate.fate = Fate::Answered(self.host.error(status, "down for maintenance"));
        }
        gate
    }

    /// Lets a request meet a fault.
    fn meet(&mut self, now: Now, fault: &Fault, mut gate: Gate) -> Gate {
        match fault.kind {
            FaultKind::Delay => gate.hold += fault.duration(),
            FaultKind::Disconnect => gate.fate = Fate::Cut,
            FaultKind::Http => gate.fate = Fate::Answered(self.injected(fault)),
            FaultKind::Refuse => {
                let refused = self.host.error(fault.status, "injected refusal of a login");
                gate.fate = Fate::Answered(refused);
            }
            FaultKind::Truncate => gate.fate = Fate::Truncated,
            _ => {
                self.apply(now, fault, None);
                if let Some((until, status)) = self.maintenance
                    && until > now.at
                {
                    gate.fate = Fate::Answered(self.host.error(status, "down for maintenance"));
                }
            }
        }
        gate
    }

    /// Answers a request that has passed its gate.
    pub(super) fn finish(&mut self, now: Now, request: &Request, gate: Gate) -> Reply {
        let whole = |response| Reply {
            hold: Duration::ZERO,
            end: End::Whole(response),
        };
        let response = match gate.fate {
            Fate::Cut => {
                return Reply {
                    hold: Duration::ZERO,
                    end: End::Cut,
                };
            }
            Fate::Answered(response) => {
                self.note_response(request, &response);
                return whole(response);
            }
            Fate::Served | Fate::Truncated => {
                let (response, outs) = self.host.call(now, request);
                self.note_response(request, &response);
                self.carry_out(now, outs);
                response
            }
        };
        if matches!(gate.fate, Fate::Truncated) {
            return Reply {
                hold: Duration::ZERO,
                end: End::Half(response),
            };
        }
        let Some(fault) = self.drawn(Occasion::Response, None) else {
            return whole(response);
        };
        match fault.kind {
            FaultKind::Disconnect => Reply {
                hold: Duration::ZERO,
                end: End::Cut,
            },
            FaultKind::Truncate => Reply {
                hold: Duration::ZERO,
                end: End::Half(response),
            },
            _ => Reply {
                hold: fault.duration(),
                end: End::Whole(response),
            },
        }
    }

    /// Opens a stream of events, if its request has passed its gate.
    pub(super) fn stream(
        &mut self,
        now: Now,
        request: &Request,
        gate: Gate,
    ) -> Result<mpsc::Receiver<Bytes>, Option<Response>> {
        let opened = match gate.fate {
            Fate::Cut => return Err(None),
            Fate::Answered(response) => Err(response),
            Fate::Served | Fate::Truncated => self.host.stream(now, request),
        };
        let opening = Response {
            status: 200,
            content_type: "text/event-stream".into(),
            ..Response::default()
        };
        self.note_response(request, opened.as_ref().err().unwrap_or(&opening));
        opened.map_err(Some)
    }

    /// Opens a websocket, if its request has passed its gate.
    pub(super) fn open(
        &mut self,
        now: Now,
        request: &Request,
        gate: Gate,
        plug: Option<Arc<dyn Plug>>,
    ) -> Opening {
        let opened = match gate.fate {
            Fate::Cut => return Opening::Cut,
            Fate::Answered(response) => Err(response),
            Fate::Served | Fate::Truncated => self.host.open(now, request, self.last_socket + 1),
        };
        if let Err(response) = opened {
            self.note_response(request, &response);
            return Opening::Refused(response);
        }
        let response = Response {
            status: 101,
            ..Response::default()
        };
        self.note_response(request, &response);
        self.last_socket += 1;
        let socket = self.last_socket;
        let (line, orders, queued) = Line::new(plug);
        self.lines.insert(socket, line);
        self.wires.insert(socket, Wire::default());
        Opening::Accepted(Accepted {
            socket,
            orders,
            queued,
        })
    }

    /// A websocket has ended, on either side.
    pub(super) fn closed(&mut self, socket: SocketId) {
        if self.wires.remove(&socket).is_some() {
            self.host.close(socket);
        }
        self.lines.remove(&socket);
    }

    /// Takes in a message of a websocket.
    pub(super) fn receive(&mut self, now: Now, socket: SocketId, frame: &Frame) {
        if !self.wires.contains_key(&socket) {
            return;
        }
        let body = self.host.show(socket, frame);
        self.journal.push(Direction::In, None, body);
        if self.stalled(now, socket).is_some() {
            return;
        }
        if let Some(fault) = self.drawn(Occasion::Message, Some(socket)) {
            self.apply(now, &fault, Some(socket));
            let gone = !self.wires.contains_key(&socket);
            if gone || self.stalled(now, socket).is_some() {
                return;
            }
        }
        let outs = self.host.receive(now, socket, frame);
        self.carry_out(now, outs);
    }

    /// Says for how much longer a websocket is ignored, if it is.
    pub(super) fn stalled(&self, now: Now, socket: SocketId) -> Option<Duration> {
        self.wires.get(&socket)?.stalled(now.at)
    }

    /// So many bytes of a websocket were read.
    pub(super) fn read(&mut self, now: Now, socket: SocketId, bytes: usize) {
        if let Some(wire) = self.wires.get_mut(&socket) {
            wire.read(now.at, bytes);
        }
    }

    /// Says from when on more is read of a websocket.
    pub(super) fn reads(&self, socket: SocketId) -> Option<Instant> {
        self.wires.get(&socket)?.reads()
    }

    /// Sends what the platform wants to send; returns how many sockets got an event.
    pub(super) fn carry_out(&mut self, now: Now, outs: Vec<Out>) -> usize {
        let spoken = self.host.spoken();
        #[cfg(feature = "testing")]
        self.journal.heard(&spoken);
        drop(spoken);
        let mut delivered = 0;
        for out in outs {
            match out {
                Out::Answer { socket, frame } => self.answer(now, socket, frame),
                Out::Event(frames) => delivered += self.event(now, frames),
            }
        }
        delivered
    }

    fn answer(&mut self, now: Now, socket: SocketId, frame: Frame) {
        let mut passage = self.passage(socket);
        if let Some(fault) = self.pending.take(FaultKind::Delay, Target::Socket) {
            self.note(&fault, Some(socket));
            passage.hold = fault.duration();
        }
        if let Some(fault) = self.drawn(Occasion::Answer, Some(socket)) {
            self.befall(now, &fault, socket, &mut passage);
        }
        self.send(now, socket, frame, passage);
    }

    fn event(&mut self, now: Now, frames: Vec<(SocketId, Frame)>) -> usize {
        if let Some(fault) = self.pending.take(FaultKind::Lose, Target::Socket) {
            self.note(&fault, None);
            return 0;
        }
        let mut all = Passage::default();
        for kind in [FaultKind::Duplicate, FaultKind::Reorder] {
            if let Some(fault) = self.pending.take(kind, Target::Socket) {
                self.note(&fault, None);
                all.suffer(&fault);
            }
        }
        let mut delivered = 0;
        for (socket, frame) in frames {
            if self.stalled(now, socket).is_some() || !self.wires.contains_key(&socket) {
                continue;
            }
            let own = self.passage(socket);
            let mut passage = Passage {
                late: own.late,
                half: own.half,
                ..all
            };
            if let Some(fault) = self.drawn(Occasion::Event, Some(socket)) {
                self.befall(now, &fault, socket, &mut passage);
            }
            delivered += usize::from(self.send(now, socket, frame, passage));
        }
        delivered
    }

    /// Takes what waits for the next message on its way to a client.
    fn passage(&mut self, socket: SocketId) -> Passage {
        let mut passage = Passage::default();
        for kind in [FaultKind::Jitter, FaultKind::Truncate] {
            if let Some(mut fault) = self.pending.take(kind, Target::Socket) {
                if kind == FaultKind::Jitter {
                    fault = fault
                        .clone()
                        .lasting(self.entropy.duration_up_to(fault.duration()));
                }
                self.note(&fault, Some(socket));
                passage.suffer(&fault);
            }
        }
        passage
    }

    /// Lets a drawn fault befall a message on its way to a client, or its socket.
    fn befall(&mut self, now: Now, fault: &Fault, socket: SocketId, passage: &mut Passage) {
        if !passage.suffer(fault) {
            self.apply(now, fault, Some(socket));
        }
    }

    /// Sends a frame. Returns false if its socket is gone or stalled by now.
    fn send(&mut self, now: Now, socket: SocketId, frame: Frame, passage: Passage) -> bool {
        let latency = self.latency;
        let Some(wire) = self.wires.get_mut(&socket) else {
            return false;
        };
        if wire.stalled(now.at).is_some() {
            return false;
        }
        let times = 1 + usize::from(passage.twice);
        let frame = match passage.half {
            true => half(frame),
            false => frame,
        };
        let mut at = wire.leaves(now.at, passage.late + latency);
        at += passage.hold;
        for _ in 0..times {
            let body = self.host.show(socket, &frame);
            self.journal.push(Direction::Out, None, body);
            let line = self.lines.get(&socket);
            if line.is_some_and(|line| line.send(frame.clone(), at).is_err()) {
                self.overflow(socket);
                return false;
            }
        }
        true
    }

    /// Cuts a websocket whose client does not read, as platforms do.
    fn overflow(&mut self, socket: SocketId) {
        self.overflows += 1;
        tracing::warn!(
            socket,
            overflows = self.overflows,
            "the queue of a websocket is full: it is cut"
        );
        self.cut(socket);
    }

    fn cut(&mut self, socket: SocketId) {
        if let Some(line) = self.lines.remove(&socket) {
            line.cut();
        }
        self.closed(socket);
    }

    fn close(&mut self, now: Now, socket: SocketId, code: u16) {
        let latency = self.latency;
        let at = self
            .wires
            .get_mut(&socket)
            .map(|wire| wire.leaves(now.at, latency));
        if let (Some(line), Some(at)) = (self.lines.remove(&socket), at) {
            line.close(code, at);
        }
        self.closed(socket);
    }

    /// Draws for an occasion, and notes what is drawn.
    fn drawn(&mut self, occasion: Occasion, socket: Option<SocketId>) -> Option<Fault> {
        let fault = self.chaos.draw(occasion)?;
        if !self.host.faults().contains(&fault.kind) {
            return None;
        }
        self.note(&fault, socket);
        Some(fault)
    }

    /// Lets something go wrong that was asked for.
    pub(super) fn fault(&mut self, now: Now, fault: Fault) -> Result<Value, Refusal> {
        let sockets = self.wires.len();
        let waits = match fault.kind {
            FaultKind::Delay
            | FaultKind::Duplicate
            | FaultKind::Http
            | FaultKind::Jitter
            | FaultKind::Lose
            | FaultKind::Refuse
            | FaultKind::Reorder
            | FaultKind::Truncate => true,
            FaultKind::Disconnect => fault.path.is_some(),
            _ => false,
        };
        if waits {
            self.pending.add(fault)?;
        } else {
            if fault.kind == FaultKind::Disconnect {
                self.cut_upgrades = fault.count.saturating_sub(1);
                if fault.count == 0 {
                    self.pending.add(fault.clone())?;
                }
            }
            self.note(&fault, None);
            self.apply(now, &fault, None);
        }
        Ok(json!({"ok": true, "sockets": sockets}))
    }

    /// Lets something happen now, to one socket or to all.
    fn apply(&mut self, now: Now, fault: &Fault, only: Option<SocketId>) {
        let all: Vec<SocketId> = match only {
            Some(socket) => vec![socket],
            None => self.wires.keys().copied().collect(),
        };
        match fault.kind {
            FaultKind::Expire => self.host.tokens(TokenFault::Expire),
            FaultKind::Revoke => {
                self.host.tokens(TokenFault::Revoke);
                for socket in all {
                    self.close(now, socket, POLICY);
                }
            }
            FaultKind::Skew => {
                let seconds = fault.ms.unwrap_or_default() / 1_000;
                self.host.tokens(TokenFault::Skew(seconds));
            }
            FaultKind::Maintenance => {
                let until = now.at + fault.duration();
                self.maintenance = Some((until, fault.status));
                for socket in all.into_iter().filter(|_| until > now.at) {
                    self.close(now, socket, RESTART);
                }
            }
            FaultKind::Close => {
                for socket in all {
                    self.close(now, socket, fault.code.unwrap_or(GOING_AWAY));
                }
            }
            FaultKind::Disconnect if fault.count > 0 => {
                for socket in all {
                    match fault.code {
                        Some(code) => self.close(now, socket, code),
                        None => self.cut(socket),
                    }
                }
            }
            FaultKind::Clog | FaultKind::Slow | FaultKind::Stall => {
                for socket in all {
                    if let Some(wire) = self.wires.get_mut(&socket) {
                        wire.suffer(fault, now.at);
                    }
                }
            }
            FaultKind::Garbage | FaultKind::Oversize => {
                for _ in 0..fault.count.min(MOST_MESSAGES) {
                    for socket in &all {
                        self.nonsense(now, fault, *socket);
                    }
                }
            }
            _ => {}
        }
    }

    fn nonsense(&mut self, now: Now, fault: &Fault, socket: SocketId) {
        if !self.wires.contains_key(&socket) {
            return;
        }
        let frame = match fault.kind {
            FaultKind::Oversize => {
                let size = usize::try_from(fault.bytes).unwrap_or(usize::MAX);
                Frame::Binary(Bytes::from(vec![0; size]))
            }
            _ => self.host.garbage(socket, self.entropy.next_u64()),
        };
        self.send(now, socket, frame, Passage::default());
    }

    /// Ends every websocket in good order.
    pub(super) fn goodbye(&mut self, now: Now) {
        self.host.end();
        let open: Vec<SocketId> = self.wires.keys().copied().collect();
        for socket in open {
            self.close(now, socket, GOING_AWAY);
        }
    }

    pub(super) fn health(&self) -> Value {
        let mut figures = Map::new();
        let mut add = |name: &str, value: u64| figures.insert(name.to_owned(), value.into());
        add("sockets", self.wires.len() as u64);
        add("journal", self.journal.last());
        add("journal_forgotten", self.journal.forgotten());
        add("overflows", self.overflows);
        add("faults", self.faults);
        figures.extend(self.host.health());
        Value::Object(figures)
    }

    fn note(&mut self, fault: &Fault, socket: Option<SocketId>) {
        self.faults += 1;
        let mut shown = fault.to_json();
        if let (Some(socket), Some(shown)) = (socket, shown.as_object_mut()) {
            shown.insert("socket".to_owned(), socket.into());
        }
        tracing::debug!(fault = %shown, "fault");
        self.journal.push(fault.direction, None, Body::Fault(shown));
    }

    /// Makes the answer of a fault; a time that it names is the advice when to try again.
    fn injected(&self, fault: &Fault) -> Response {
        let text = format!("injected {}", fault.status);
        let mut response = match &fault.body {
            Some(Value::String(text)) => Response {
                status: fault.status,
                content_type: "text/plain; charset=utf-8".into(),
                headers: Vec::new(),
                body: text.clone().into(),
            },
            Some(body) => Response {
                status: fault.status,
                content_type: "application/json".into(),
                headers: Vec::new(),
                body: body.to_string().into(),
            },
            None => self.host.error(fault.status, &text),
        };
        let asked = fault.ms.filter(|ms| *ms > 0);
        if let (429 | 503, Some(_)) = (fault.status, asked) {
            let seconds = fault.duration().as_millis().div_ceil(1_000);
            let advice = ("retry-after".into(), seconds.to_string());
            response.headers.push(advice);
        }
        response
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

impl Passage {
    /// Lets a fault happen to the message; returns false if it is none of a message.
    fn suffer(&mut self, fault: &Fault) -> bool {
        match fault.kind {
            FaultKind::Delay | FaultKind::Reorder => self.hold += fault.duration(),
            FaultKind::Duplicate => self.twice = true,
            FaultKind::Jitter => self.late += fault.duration(),
            FaultKind::Truncate => self.half = true,
            _ => return false,
        }
        true
    }
}

/// Returns the first half of a message.
fn half(frame: Frame) -> Frame {
    match frame {
        Frame::Binary(bytes) => Frame::Binary(bytes.slice(..bytes.len() / 2)),
        Frame::Text(bytes) => Frame::Text(bytes.slice(..bytes.len() / 2)),
        other => other,
    }
}

const GOING_AWAY: u16 = 1_001;
const POLICY: u16 = 1_008;
const RESTART: u16 = 1_012;
const MOST_MESSAGES: u32 = 10_000;
