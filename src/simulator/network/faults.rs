//! What goes wrong: on demand, or drawn.

use std::time::Duration;

use bytes::Bytes;
use greenroom_actors::connection::Frame;
use serde_json::{Value, json};

use super::{GOING_AWAY, Network};
use crate::simulator::chaos::Occasion;
use crate::simulator::error::Refusal;
use crate::simulator::fault::{Fault, FaultKind, Target};
use crate::simulator::host::{Now, SocketId, TokenFault};
use crate::simulator::journal::{Body, Direction};

/// What happens to one frame on its way out.
#[derive(Clone, Copy, Default)]
pub(super) struct Passage {
    /// It leaves late; so does what follows.
    pub(super) late: Duration,
    /// It leaves late, and others may overtake it.
    pub(super) hold: Duration,
    /// Only half of it leaves.
    pub(super) half: bool,
    /// It leaves twice.
    pub(super) twice: bool,
}

impl Passage {
    /// Lets a fault happen to the message; returns false if it is none of a message.
    pub(super) fn suffer(&mut self, fault: &Fault) -> bool {
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
pub(super) fn half(frame: Frame) -> Frame {
    match frame {
        Frame::Binary(bytes) => Frame::Binary(bytes.slice(..bytes.len() / 2)),
        Frame::Text(bytes) => Frame::Text(bytes.slice(..bytes.len() / 2)),
        other => other,
    }
}

impl Network {
    /// Takes what waits for the next message on its way to a client.
    pub(super) fn passage(&mut self, socket: SocketId) -> Passage {
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
    pub(super) fn befall(
        &mut self,
        now: Now,
        fault: &Fault,
        socket: SocketId,
        passage: &mut Passage,
    ) {
        if !passage.suffer(fault) {
            self.apply(now, fault, Some(socket));
        }
    }

    /// Draws for an occasion, and notes what is drawn.
    pub(super) fn drawn(&mut self, occasion: Occasion, socket: Option<SocketId>) -> Option<Fault> {
        let fault = self.chaos.draw(occasion)?;
        if !self.host.drawn_faults().contains(&fault.kind) {
            return None;
        }
        self.note(&fault, socket);
        Some(fault)
    }

    /// Lets something go wrong that was asked for.
    pub(in crate::simulator) fn fault(&mut self, now: Now, fault: Fault) -> Result<Value, Refusal> {
        let mut sockets = self.wires.len();
        if let Some(user) = &fault.user {
            let theirs = self.host.sockets_of(user);
            let unknown = || Refusal::bad(format!("fault: user: there is no \"{user}\""));
            sockets = theirs.ok_or_else(unknown)?.len();
        }
        let waits = match fault.kind {
            FaultKind::Delay
            | FaultKind::Duplicate
            | FaultKind::Http
            | FaultKind::Jitter
            | FaultKind::Lose
            | FaultKind::Refuse
            | FaultKind::Reorder
            | FaultKind::Truncate => true,
            FaultKind::Disconnect => {
                fault.path.is_some() || (self.has_requests_only() && self.lines.is_empty())
            }
            FaultKind::Garbage | FaultKind::Stall => self.has_requests_only(),
            _ => false,
        };
        if fault.kind == FaultKind::Delay && fault.path.is_none() && self.host.speaks_first() {
            self.latency = fault.duration();
            self.note(&fault, None);
        } else if waits {
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
    pub(super) fn apply(&mut self, now: Now, fault: &Fault, only: Option<SocketId>) {
        let all = match (only, &fault.user) {
            (Some(socket), _) => vec![socket],
            (None, Some(user)) => self.host.sockets_of(user).unwrap_or_default(),
            (None, None) => self.wires.keys().copied().collect(),
        };
        match fault.kind {
            FaultKind::Expire => self.host.tokens(TokenFault::Expire),
            FaultKind::Revoke => {
                self.host.tokens(TokenFault::Revoke);
                for socket in all {
                    self.close(now, socket, POLICY, String::new());
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
                    self.close(now, socket, RESTART, String::new());
                }
            }
            FaultKind::Close => {
                for socket in all {
                    self.close(now, socket, fault.code.unwrap_or(GOING_AWAY), String::new());
                }
            }
            FaultKind::Disconnect if fault.count > 0 => {
                for socket in all {
                    match fault.code {
                        Some(code) => self.close(now, socket, code, String::new()),
                        None => self.cut(socket),
                    }
                }
            }
            FaultKind::Stall if self.host.speaks_first() => {
                for direction in [Direction::In, Direction::Out] {
                    let mut clog = Fault::new(FaultKind::Clog).lasting(fault.duration());
                    clog.direction = direction;
                    self.apply(now, &clog, only);
                }
            }
            FaultKind::Clog | FaultKind::Slow | FaultKind::Stall => {
                let keeps = fault.kind == FaultKind::Stall && !self.host.stall_loses();
                for socket in all {
                    match self.wires.get_mut(&socket) {
                        Some(wire) if keeps => wire.pause(now.at + fault.duration()),
                        Some(wire) => wire.suffer(fault, now.at),
                        None => {}
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

    pub(super) fn nonsense(&mut self, now: Now, fault: &Fault, socket: SocketId) {
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

    pub(super) fn note(&mut self, fault: &Fault, socket: Option<SocketId>) {
        self.faults += 1;
        let mut shown = fault.to_json();
        if let (Some(socket), Some(shown)) = (socket, shown.as_object_mut()) {
            shown.insert("socket".to_owned(), socket.into());
        }
        tracing::debug!(fault = %shown, "fault");
        self.journal.push(fault.direction, None, Body::Fault(shown));
    }
}

const POLICY: u16 = 1_008;
const RESTART: u16 = 1_012;
const MOST_MESSAGES: u32 = 10_000;
