//! The supervision tree as data: live nodes, and snapshots of them.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::Exit;

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
    fn from_u8(value: u8) -> Self {
        [Self::Idle, Self::Running, Self::Restarting, Self::Stopping]
            .into_iter()
            .find(|state| *state as u8 == value)
            .unwrap_or(Self::Stopped)
    }

    fn label(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
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

/// A live node of the tree.
pub(crate) struct Node {
    name: String,
    state: AtomicU8,
    restarts: AtomicU32,
    last_exit: Mutex<Option<Exit>>,
    children: Mutex<Vec<Arc<Self>>>,
    gauges: Option<Box<dyn Gauges>>,
}

impl Node {
    pub(crate) fn new(name: impl Into<String>, gauges: Option<Box<dyn Gauges>>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            state: AtomicU8::new(NodeState::Idle as u8),
            restarts: AtomicU32::new(0),
            last_exit: Mutex::new(None),
            children: Mutex::new(Vec::new()),
            gauges,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
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

    pub(crate) fn snapshot(&self) -> TreeSnapshot {
        let children: Vec<_> = lock(&self.children).clone();
        TreeSnapshot {
            name: self.name.clone(),
            state: NodeState::from_u8(self.state.load(Ordering::Relaxed)),
            restarts: self.restarts(),
            last_exit: lock(&self.last_exit).clone(),
            figures: self
                .gauges
                .as_ref()
                .map(|gauges| gauges.read())
                .unwrap_or_default(),
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
pub struct TreeSnapshot {
    /// The name, unique among its siblings.
    pub name: String,
    /// What it is doing.
    pub state: NodeState,
    /// How often it was started again.
    pub restarts: u32,
    /// Why its last incarnation ended.
    pub last_exit: Option<Exit>,
    /// Its queues and counts.
    #[serde(flatten)]
    pub figures: NodeFigures,
    /// Its children in start order.
    pub children: Vec<Self>,
}

impl TreeSnapshot {
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

    fn draw(
        &self,
        f: &mut fmt::Formatter<'_>,
        indent: &str,
        branch: &str,
        width: usize,
    ) -> fmt::Result {
        let label = format!("{indent}{branch}{}", self.name);
        write!(f, "{label:width$}  {}", self.state.label())?;
        let figures = self.figures;
        for (value, text) in [
            (u64::from(self.restarts), "restarts"),
            (figures.handled, "handled"),
            (figures.failed, "failed"),
            (figures.filtered, "filtered"),
            (figures.depth as u64, "waiting"),
            (figures.dropped, "dropped"),
            (figures.left, "left"),
        ] {
            if value > 0 {
                write!(f, "  {text} {value}")?;
            }
        }
        if let Some(exit) = self.last_exit.as_ref().filter(|exit| !exit.is_clean()) {
            let words = exit.to_string();
            write!(
                f,
                "  last exit: {}",
                words.split_whitespace().collect::<Vec<_>>().join(" ")
            )?;
        }
        let below = match branch {
            "" => String::new(),
            "└─ " => format!("{indent}   "),
            _ => format!("{indent}│  "),
        };
        for (place, child) in self.children.iter().enumerate() {
            writeln!(f)?;
            let last = place + 1 == self.children.len();
            child.draw(f, &below, if last { "└─ " } else { "├─ " }, width)?;
        }
        Ok(())
    }

    fn width(&self, depth: usize) -> usize {
        let own = self.name.chars().count() + 3 * depth;
        self.children
            .iter()
            .map(|child| child.width(depth + 1))
            .fold(own, usize::max)
    }
}

impl fmt::Display for TreeSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.draw(f, "", "", self.width(0))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
