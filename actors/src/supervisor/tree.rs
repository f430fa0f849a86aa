//! The supervision tree as data: live nodes, and snapshots of them.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde::Serialize;

use super::Exit;
use super::control::Control;
use crate::graph::{Graph, NodeRef};

/// What a node is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum NodeState {
    /// Not started yet.
    Idle,
    /// Running.
    Running,
    /// Ended, and waiting for its restart.
    Restarting,
    /// Told to stop.
    Stopping,
    /// Ended for good.
    Stopped,
}

impl NodeState {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [
        Self::Idle,
        Self::Running,
        Self::Restarting,
        Self::Stopping,
        Self::Stopped,
    ];

    fn from_u8(value: u8) -> Self {
        [Self::Idle, Self::Running, Self::Restarting, Self::Stopping]
            .into_iter()
            .find(|state| *state as u8 == value)
            .unwrap_or(Self::Stopped)
    }

    /// Returns the name under which it is reported.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// Returns the one of the two that deserves more attention.
    pub(crate) fn worse(self, other: Self) -> Self {
        let urgency = |state| match state {
            Self::Running => 0,
            Self::Idle => 1,
            Self::Stopped => 2,
            Self::Stopping => 3,
            Self::Restarting => 4,
        };
        std::cmp::max_by_key(self, other, |state| urgency(*state))
    }
}

/// What a node is, for those who look on; it changes nothing in how it is supervised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NodeKind {
    /// An actor of no special kind.
    #[default]
    Actor,
    /// A shard of a cache.
    Cache,
    /// A conversation.
    Channel,
    /// A connection to a platform.
    Connection,
    /// Answers over HTTP how the bot is.
    Endpoint,
    /// A handler of events.
    Handler,
    /// Owns the tokens of an account.
    Session,
    /// Has children.
    Supervisor,
}

impl NodeKind {
    /// Returns the name under which it is reported.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Actor => "actor",
            Self::Cache => "cache",
            Self::Channel => "channel",
            Self::Connection => "connection",
            Self::Endpoint => "endpoint",
            Self::Handler => "handler",
            Self::Session => "session",
            Self::Supervisor => "supervisor",
        }
    }

    /// Says whether there may be so many of them that a picture must sum them up.
    pub(crate) fn comes_in_crowds(self) -> bool {
        matches!(self, Self::Cache | Self::Channel)
    }
}

/// Where the figures of a node come from.
pub(crate) trait Gauges: Send + Sync {
    fn read(&self) -> NodeFigures;
}

/// The figures of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NodeFigures {
    /// Messages that wait.
    pub depth: usize,
    /// How long the oldest of them has waited, in milliseconds.
    pub oldest_ms: Option<u64>,
    /// Events handled.
    pub handled: u64,
    /// Attempts to handle an event that failed.
    pub failed: u64,
    /// Events that a filter or a middleware kept away.
    pub filtered: u64,
    /// Messages dropped or given back by an overflow policy.
    pub dropped: u64,
    /// Messages that were left when the actor ended for good.
    pub left: u64,
}

impl NodeFigures {
    /// Adds those of another node; of the ages the higher counts.
    #[must_use]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            depth: self.depth + other.depth,
            oldest_ms: self.oldest_ms.max(other.oldest_ms),
            handled: self.handled + other.handled,
            failed: self.failed + other.failed,
            filtered: self.filtered + other.filtered,
            dropped: self.dropped + other.dropped,
            left: self.left + other.left,
        }
    }
}

/// A live node of the tree.
pub(crate) struct Node {
    name: String,
    kind: NodeKind,
    known_as: NodeRef,
    state: AtomicU8,
    restarts: AtomicU32,
    last_exit: Mutex<Option<Exit>>,
    children: Mutex<Vec<Arc<Self>>>,
    /// The incarnation that runs, if one does.
    running: Mutex<Weak<Control>>,
    gauges: Option<Box<dyn Gauges>>,
}

impl Node {
    pub(crate) fn new(
        name: impl Into<String>,
        kind: NodeKind,
        known_as: NodeRef,
        gauges: Option<Box<dyn Gauges>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            kind,
            known_as,
            state: AtomicU8::new(NodeState::Idle as u8),
            restarts: AtomicU32::new(0),
            last_exit: Mutex::new(None),
            children: Mutex::new(Vec::new()),
            running: Mutex::default(),
            gauges,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn known_as(&self) -> &NodeRef {
        &self.known_as
    }

    pub(crate) fn set_state(&self, state: NodeState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    pub(crate) fn exited(&self, exit: &Exit) {
        *lock(&self.last_exit) = Some(exit.clone());
    }

    pub(crate) fn restarts(&self) -> u32 {
        self.restarts.load(Ordering::Relaxed)
    }

    pub(crate) fn count_restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn adopt(&self, child: &Arc<Self>) {
        lock(&self.children).push(Arc::clone(child));
    }

    pub(crate) fn disown(&self, child: &Arc<Self>) {
        lock(&self.children).retain(|other| !Arc::ptr_eq(other, child));
    }

    pub(crate) fn runs(&self, control: &Arc<Control>) {
        *lock(&self.running) = Arc::downgrade(control);
    }

    /// Lets the actors of this name, or of this end of a path, crash, at or below this node; returns how many that are.
    pub(crate) fn crash(&self, path: &str) -> usize {
        let children: Vec<_> = lock(&self.children).clone();
        let crash = |path: &str| {
            children
                .iter()
                .map(|child| child.crash(path))
                .sum::<usize>()
        };
        let below = crash(path);
        if let Some((name, rest)) = path.split_once('/') {
            let is_on_path = self.name == name;
            return below + if is_on_path { crash(rest) } else { 0 };
        }
        let is_meant = self.name == path && self.kind != NodeKind::Supervisor;
        let running = is_meant.then(|| lock(&self.running).upgrade()).flatten();
        if let Some(control) = &running {
            control.crash();
        }
        below + usize::from(running.is_some())
    }

    pub(crate) fn snapshot(&self) -> TreeSnapshot {
        let children: Vec<_> = lock(&self.children).clone();
        TreeSnapshot {
            name: self.name.clone(),
            kind: self.kind,
            state: NodeState::from_u8(self.state.load(Ordering::Relaxed)),
            restarts: self.restarts(),
            last_exit: lock(&self.last_exit).clone(),
            figures: self
                .gauges
                .as_ref()
                .map(|gauges| gauges.read())
                .unwrap_or_default(),
            node: self.known_as.clone(),
            children: children.iter().map(|child| child.snapshot()).collect(),
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The supervision tree at one moment. `Display` draws it as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TreeSnapshot {
    /// The name, unique among its siblings.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// What it is doing.
    pub state: NodeState,
    /// How often it was started again.
    pub restarts: u32,
    /// Why its last incarnation ended.
    pub last_exit: Option<Exit>,
    /// Its queues and counts.
    #[serde(flatten)]
    pub figures: NodeFigures,
    /// The node itself.
    #[serde(skip)]
    pub node: NodeRef,
    /// Its children in start order.
    pub children: Vec<Self>,
}

impl TreeSnapshot {
    /// Returns the tree of a bot that has not been started: a supervisor without children.
    #[must_use]
    pub fn idle(name: &str) -> Self {
        Node::new(name, NodeKind::Supervisor, NodeRef::new(), None).snapshot()
    }

    /// Visits this node and all below it, parents first.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        for child in &self.children {
            child.walk(visit);
        }
    }

    /// Finds the first node of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Self> {
        (self.name == name)
            .then_some(self)
            .or_else(|| self.children.iter().find_map(|child| child.find(name)))
    }

    /// Returns the sum of all restarts in this tree.
    #[must_use]
    pub fn total_restarts(&self) -> u64 {
        let mut sum = 0;
        self.walk(&mut |node| sum += u64::from(node.restarts));
        sum
    }
}

impl fmt::Display for TreeSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Graph::new(self, &[]).to_tree_text())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
