//! What a supervisor keeps of its children: who they are, what they are doing, and when something is due.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::child::Child;
use super::control::{Control, Wish};
use super::tree::{Node, NodeState};
use super::{Exit, Restart};
use crate::clock::{self, Instant};

/// A child and what it is doing.
pub(super) struct Slot {
    pub(super) child: Child,
    pub(super) state: State,
    /// The life that runs, by number; what others say comes too late.
    pub(super) life: u64,
    /// Tries since it was last healthy.
    pub(super) attempt: u32,
    /// Added while the supervisor ran: forgotten when it ends for good.
    pub(super) dynamic: bool,
    /// It was told to stop for good.
    pub(super) leaving: bool,
    /// It has ended for good.
    pub(super) gone: bool,
    /// It was started before.
    pub(super) lived: bool,
}

pub(super) enum State {
    /// Not running, and not about to.
    Down,
    /// To be started at this moment.
    Waiting(Instant),
    /// Running.
    Up {
        control: Arc<Control>,
        since: Instant,
    },
    /// Told to stop; at the deadline it is killed, or given up if it was killed before.
    Stopping {
        control: Arc<Control>,
        since: Instant,
        deadline: Option<Instant>,
        killed: bool,
    },
}

impl State {
    fn due(&self) -> Option<Instant> {
        match self {
            Self::Down | Self::Up { .. } => None,
            Self::Waiting(due) => Some(*due),
            Self::Stopping { deadline, .. } => *deadline,
        }
    }
}

impl Slot {
    pub(super) fn node(&self) -> &Arc<Node> {
        self.child.life.node()
    }

    pub(super) fn is_down(&self) -> bool {
        matches!(self.state, State::Down)
    }

    pub(super) fn restart(&self) -> Restart {
        self.child.settings.restart
    }
}

/// The children of a supervisor in start order.
#[derive(Default)]
pub(super) struct Slots {
    slots: BTreeMap<u64, Slot>,
    /// What is due when, at most one moment a child.
    timers: BTreeSet<(Instant, u64)>,
    next: u64,
}

impl Slots {
    /// Adds a child behind the others.
    pub(super) fn add(&mut self, child: Child, dynamic: bool) -> u64 {
        self.next += 1;
        let slot = Slot {
            child,
            state: State::Down,
            life: 0,
            attempt: 0,
            dynamic,
            leaving: false,
            gone: false,
            lived: false,
        };
        self.slots.insert(self.next, slot);
        self.next
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Slot> {
        let slot = self.slots.remove(&id)?;
        if let Some(due) = slot.state.due() {
            self.timers.remove(&(due, id));
        }
        Some(slot)
    }

    pub(super) fn get(&self, id: u64) -> Option<&Slot> {
        self.slots.get(&id)
    }

    /// Lends a slot; its state is changed by [`set`](Self::set) only.
    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Slot> {
        self.slots.get_mut(&id)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &Slot)> {
        self.slots.iter().map(|(id, slot)| (*id, slot))
    }

    /// Changes what a child is doing; the tree shows it.
    pub(super) fn set(&mut self, id: u64, state: State) {
        let Some(slot) = self.slots.get_mut(&id) else {
            return;
        };
        if let Some(due) = slot.state.due() {
            self.timers.remove(&(due, id));
        }
        if let Some(due) = state.due() {
            self.timers.insert((due, id));
        }
        let shown = match &state {
            State::Down => NodeState::Stopped,
            State::Waiting(_) if slot.lived => NodeState::Restarting,
            State::Waiting(_) => NodeState::Idle,
            State::Up { .. } => NodeState::Running,
            State::Stopping { .. } => NodeState::Stopping,
        };
        slot.node().set_state(shown);
        if let State::Up { control, .. } = &state {
            slot.node().runs(control);
        }
        slot.state = state;
    }

    /// Returns the next moment at which something is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// Takes a child for which something is due, in the order of moments and then of starts.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<u64> {
        let first = self.timers.first().filter(|(due, _)| *due <= now)?.1;
        self.timers.pop_first();
        Some(first)
    }

    /// Tells a running child to stop as `wish` says; at its deadline it will be killed.
    pub(super) fn stop(&mut self, id: u64, wish: Wish) {
        let Some(slot) = self.slots.get(&id) else {
            return;
        };
        match &slot.state {
            State::Up { control, since } => {
                control.want(wish);
                let stopping = State::Stopping {
                    control: Arc::clone(control),
                    since: *since,
                    deadline: Some(clock::after(clock::now(), slot.child.settings.shutdown)),
                    killed: false,
                };
                self.set(id, stopping);
            }
            State::Stopping { control, .. } => control.want(wish),
            State::Waiting(_) => self.set(id, State::Down),
            State::Down => {}
        }
    }

    /// Kills a child. A child that blocks its thread cannot even be killed; after a while it is given up.
    pub(super) fn kill(&mut self, id: u64) {
        let Some(slot) = self.slots.get(&id) else {
            return;
        };
        match &slot.state {
            State::Up { control, since }
            | State::Stopping {
                control,
                since,
                killed: false,
                ..
            } => {
                control.want(Wish::Kill);
                let bounded = slot.child.life.is_supervisor();
                let stopping = State::Stopping {
                    control: Arc::clone(control),
                    since: *since,
                    deadline: (!bounded).then(|| clock::now() + KILL_GRACE),
                    killed: true,
                };
                self.set(id, stopping);
            }
            State::Waiting(_) => self.set(id, State::Down),
            State::Down | State::Stopping { .. } => {}
        }
    }

    /// A life has ended; returns whether it had been told to stop.
    pub(super) fn lay_down(&mut self, id: u64, exit: &Exit, healthy_after: Duration) -> bool {
        let Some(slot) = self.slots.get_mut(&id) else {
            return false;
        };
        let (asked, since) = match &slot.state {
            State::Up { since, .. } => (false, Some(*since)),
            State::Stopping { since, .. } => (true, Some(*since)),
            State::Down | State::Waiting(_) => (false, None),
        };
        let now = clock::now();
        if since.is_some_and(|since| now.saturating_duration_since(since) >= healthy_after) {
            slot.attempt = 0;
        }
        slot.life = 0;
        slot.node().exited(exit);
        self.set(id, State::Down);
        asked
    }
}

/// How long a killed actor may take to be gone.
const KILL_GRACE: Duration = Duration::from_secs(1);
