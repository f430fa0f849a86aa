//! A simulated platform on its network: its logic, what goes wrong around it, and the journal of all that goes over its wires.
//!
//! It knows neither sockets nor HTTP servers; real ones and those in memory ask it what to do.

mod faults;
mod requests;
mod sockets;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use greenroom_actors::clock::Instant;
use greenroom_actors::entropy::Entropy;
use serde_json::{Map, Value};

use super::chaos::Chaos;
use super::hooks::Hooks;
use super::host::{Host, Now, Out, SocketId};
use super::journal::{Http, Journal};
use super::line::Line;
use super::pending::Pending;
use super::wire::Wire;

pub(crate) use requests::{End, Gate, Reply};
pub(crate) use sockets::{Accepted, Opening};

#[derive(Debug)]
pub(super) struct Network {
    pub(super) host: Box<dyn Host>,
    pub(super) journal: Journal,
    pub(super) hooks: Hooks,
    pub(super) overflows: u64,
    pub(super) faults: u64,
    /// How long a frame takes to its client.
    pub(super) latency: Duration,
    pending: Pending,
    chaos: Chaos,
    entropy: Entropy,
    wires: BTreeMap<SocketId, Wire>,
    lines: BTreeMap<SocketId, Line>,
    /// The requests that have opened the streams of events among the lines.
    streams: BTreeMap<SocketId, Http>,
    /// The websockets that the platform has dialed.
    dialed: BTreeSet<SocketId>,
    last_socket: SocketId,
    cut_upgrades: u32,
    maintenance: Option<(Instant, u16)>,
}

impl Network {
    pub(super) fn new(host: Box<dyn Host>, entropy: &Entropy) -> Self {
        Self {
            host,
            journal: Journal::default(),
            hooks: Hooks::default(),
            overflows: 0,
            faults: 0,
            latency: Duration::ZERO,
            pending: Pending::default(),
            chaos: Chaos::new(0.0, entropy.derive("chaos")),
            entropy: entropy.derive("network"),
            wires: BTreeMap::new(),
            lines: BTreeMap::new(),
            streams: BTreeMap::new(),
            dialed: BTreeSet::new(),
            last_socket: 0,
            cut_upgrades: 0,
            maintenance: None,
        }
    }

    /// Says whether the platform has no websockets, so that their faults befall requests.
    fn has_requests_only(&self) -> bool {
        self.host.socket_paths().is_empty()
    }

    /// Lets faults happen by themselves, with this probability.
    pub(super) fn set_chaos(&mut self, rate: f64, entropy: Entropy) {
        self.chaos = Chaos::new(rate, entropy);
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
                Out::Close {
                    socket,
                    code,
                    reason,
                } => self.close(now, socket, code, reason),
                Out::Cut(socket) => self.cut(socket),
                Out::Event(frames) => delivered += self.event(now, frames),
                Out::Post(post) => self.hooks.call(post),
            }
        }
        delivered
    }

    /// Ends every websocket in good order.
    pub(super) fn goodbye(&mut self, now: Now) {
        self.host.end();
        let open: Vec<SocketId> = self.wires.keys().copied().collect();
        for socket in open {
            let (code, reason) = self.host.goodbye(socket);
            self.close(now, socket, code, reason.to_owned());
        }
    }

    /// Lets the platform do what is due.
    pub(super) fn tick(&mut self, now: Now) {
        let outs = self.host.tick(now);
        self.carry_out(now, outs);
    }

    pub(super) fn health(&self) -> Value {
        let (delivered, failed) = self.hooks.figures();
        let mut figures = Map::new();
        let mut add = |name: &str, value: u64| figures.insert(name.to_owned(), value.into());
        add("sockets", self.wires.len() as u64);
        add("journal", self.journal.last());
        add("journal_forgotten", self.journal.forgotten());
        add("overflows", self.overflows);
        add("faults", self.faults);
        add("hooks_delivered", delivered);
        add("hooks_failed", failed);
        figures.extend(self.host.health());
        Value::Object(figures)
    }
}

const GOING_AWAY: u16 = 1_001;
