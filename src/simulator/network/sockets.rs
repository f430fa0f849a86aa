//! Websockets: what goes over them, in both directions.

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "testing")]
use bytes::Bytes;
use greenroom_actors::clock::Instant;
use greenroom_actors::connection::Frame;
use tokio::sync::mpsc;

use super::Network;
use super::faults::{Passage, half};
use super::requests::{Fate, Gate, http_of};
use crate::simulator::chaos::Occasion;
use crate::simulator::exchange::{Request, Response};
use crate::simulator::fault::{FaultKind, Target};
use crate::simulator::host::{Now, SocketId};
use crate::simulator::journal::{Body, Direction};
use crate::simulator::line::{Line, Order, Plug, Queued};
use crate::simulator::wire::Wire;

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

impl Network {
    /// Opens a websocket, if its request has passed its gate.
    pub(in crate::simulator) fn open(
        &mut self,
        now: Now,
        request: &Request,
        gate: Gate,
        plug: Option<Arc<dyn Plug>>,
    ) -> Opening {
        let is_garbled = matches!(gate.fate, Fate::Garbled);
        let opened = match gate.fate {
            Fate::Cut => return Opening::Cut,
            Fate::Answered(response) => Err(response),
            Fate::Garbled | Fate::Served | Fate::Truncated => {
                self.host.open(now, request, self.last_socket + 1)
            }
        };
        if let Err(response) = opened {
            self.note_response(request, &response);
            return Opening::Refused(response);
        }
        let is_stream = self.host.is_stream(request);
        let response = match is_stream {
            true => Response {
                status: 200,
                content_type: "text/event-stream".into(),
                ..Response::default()
            },
            false => Response {
                status: 101,
                ..Response::default()
            },
        };
        self.note_response(request, &response);
        self.last_socket += 1;
        let socket = self.last_socket;
        let (line, orders, queued) = Line::new(plug);
        self.lines.insert(socket, line);
        self.wires.insert(socket, Wire::default());
        if is_stream {
            let http = http_of(request, Vec::new(), response.status);
            self.streams.insert(socket, http);
        }
        if is_garbled {
            let frame = self.host.garbage(socket, self.entropy.next_u64());
            self.send(now, socket, frame, Passage::default());
        }
        let first = self.host.opened(now, socket);
        self.carry_out(now, first);
        Opening::Accepted(Accepted {
            socket,
            orders,
            queued,
        })
    }

    /// Takes a link that the platform has dialed; returns how many there are.
    pub(in crate::simulator) fn dialed(&mut self, plug: Arc<dyn Plug>) -> (Accepted, usize) {
        self.last_socket += 1;
        let socket = self.last_socket;
        let (line, orders, queued) = Line::new(Some(plug));
        self.lines.insert(socket, line);
        self.wires.insert(socket, Wire::default());
        self.dialed.insert(socket);
        self.host.dialed(socket);
        let accepted = Accepted {
            socket,
            orders,
            queued,
        };
        (accepted, self.dialed.len())
    }

    /// A websocket has ended, on either side.
    pub(in crate::simulator) fn closed(&mut self, socket: SocketId) {
        if self.wires.remove(&socket).is_some() {
            self.host.close(socket);
        }
        self.dialed.remove(&socket);
        self.lines.remove(&socket);
        self.streams.remove(&socket);
    }

    /// Takes in a message of a websocket.
    pub(in crate::simulator) fn receive(&mut self, now: Now, socket: SocketId, frame: &Frame) {
        if !self.wires.contains_key(&socket) {
            return;
        }
        let body = self.host.show(socket, frame);
        let path = self.host.frame_path(socket);
        self.journal.push_frame(Direction::In, path, body);
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
    pub(in crate::simulator) fn stalled(&self, now: Now, socket: SocketId) -> Option<Duration> {
        self.wires.get(&socket)?.stalled(now.at)
    }

    /// So many bytes of a websocket were read.
    pub(in crate::simulator) fn read(&mut self, now: Now, socket: SocketId, bytes: usize) {
        if let Some(wire) = self.wires.get_mut(&socket) {
            wire.read(now.at, bytes);
        }
    }

    /// Says from when on more is read of a websocket.
    pub(in crate::simulator) fn reads(&self, socket: SocketId) -> Option<Instant> {
        self.wires.get(&socket)?.reads()
    }

    pub(super) fn answer(&mut self, now: Now, socket: SocketId, frame: Frame) {
        let mut passage = self.passage(socket);
        if self.host.delays_sockets()
            && let Some(fault) = self.pending.take(FaultKind::Delay, Target::Socket)
        {
            self.note(&fault, Some(socket));
            passage.hold = fault.duration();
        }
        if let Some(fault) = self.drawn(Occasion::Answer, Some(socket)) {
            self.befall(now, &fault, socket, &mut passage);
        }
        self.send(now, socket, frame, passage);
    }

    pub(super) fn event(&mut self, now: Now, frames: Vec<(SocketId, Frame)>) -> usize {
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
            if let (Frame::Close(_), true) = (&frame, self.streams.contains_key(&socket)) {
                self.close(now, socket, DONE, String::new());
                continue;
            }
            if self.lines.get(&socket).is_some_and(Line::is_unplugged) {
                self.closed(socket);
                continue;
            }
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

    /// Sends a frame. Returns false if its socket is gone or stalled by now.
    pub(super) fn send(
        &mut self,
        now: Now,
        socket: SocketId,
        frame: Frame,
        passage: Passage,
    ) -> bool {
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
            match self.streams.get(&socket).cloned() {
                Some(http) => self.journal.push(Direction::Out, Some(http), body),
                None => {
                    let path = self.host.frame_path(socket);
                    self.journal.push_frame(Direction::Out, path, body);
                }
            }
            let line = self.lines.get(&socket);
            if line.is_some_and(|line| line.send(frame.clone(), at).is_err()) {
                self.overflow(socket);
                return false;
            }
        }
        true
    }

    /// Cuts a websocket whose client does not read, as platforms do.
    pub(super) fn overflow(&mut self, socket: SocketId) {
        self.overflows += 1;
        tracing::warn!(
            socket,
            overflows = self.overflows,
            "the queue of a websocket is full: it is cut"
        );
        self.cut(socket);
    }

    pub(super) fn cut(&mut self, socket: SocketId) {
        if let Some(line) = self.lines.remove(&socket) {
            line.cut();
        }
        self.closed(socket);
    }

    /// A client has sent a ping, a pong or a close frame.
    pub(in crate::simulator) fn heard(&mut self, now: Now, socket: SocketId, frame: &Frame) {
        if !self.wires.contains_key(&socket) {
            return;
        }
        match frame {
            Frame::Close(reason) => {
                let body = Body::closed(reason.as_ref());
                self.journal.push(Direction::In, None, body);
            }
            _ => self.host.heard(now, socket),
        }
    }

    /// Answers a ping frame.
    #[cfg(feature = "testing")]
    pub(in crate::simulator) fn pong(&mut self, now: Now, socket: SocketId, payload: Bytes) {
        let latency = self.latency;
        let wire = self.wires.get_mut(&socket);
        let at = wire.and_then(|wire| match wire.stalled(now.at) {
            None => Some(wire.leaves(now.at, latency)),
            Some(_) => None,
        });
        if let (Some(line), Some(at)) = (self.lines.get(&socket), at)
            && line.send(Frame::Pong(payload), at).is_err()
        {
            self.overflow(socket);
        }
    }

    pub(super) fn close(&mut self, now: Now, socket: SocketId, code: u16, reason: String) {
        let latency = self.latency;
        let at = self
            .wires
            .get_mut(&socket)
            .map(|wire| wire.leaves(now.at, latency));
        if let (Some(line), Some(at)) = (self.lines.remove(&socket), at) {
            let frame = (code != NO_CODE).then_some((code, reason));
            // What ends a stream is no frame.
            if !self.streams.contains_key(&socket) {
                let body = Body::closed(frame.as_ref());
                self.journal.push(Direction::Out, None, body);
            }
            line.close(frame, at);
        }
        self.closed(socket);
    }
}

/// The code with which a stream ends.
const DONE: u16 = 1_000;
/// The code that stands for a close frame without one.
const NO_CODE: u16 = 1_005;
