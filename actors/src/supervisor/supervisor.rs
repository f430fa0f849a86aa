//! The description of a supervisor, and the door to a running one.

use std::sync::Arc;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::child::{Child, Life, Settings};
use super::control::Control;
use super::shift::{Shift, Slot};
use super::tree::{Node, NodeKind};
use super::{Backoff, Exit, Intensity, Strategy, TreeSnapshot};
use crate::entropy::Entropy;
use crate::graph::NodeRef;

/// Describes a supervisor: its children in start order, and what it does when one of them ends.
///
/// It is itself a child: give it to another supervisor, or to [`Root::start`](super::Root::start).
///
/// * **Who starts it**: its parent, or `Root::start`.
/// * **What ends it**: its parent's wish, a fatal exit of a child, or more restarts than its intensity allows.
/// * **What happens to its mailbox then**: it has none; requests to add or stop a child wait for its next life.
/// * **What it may lose**: nothing. Children that were added keep their place over its restarts.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use greenroom_actors::supervisor::{Backoff, Strategy, Supervisor};
///
/// let supervisor = Supervisor::new("sessions", Strategy::RestForOne)
///     .intensity(5, Duration::from_secs(30))
///     .backoff(Backoff::default());
/// # drop(supervisor);
/// ```
#[must_use = "a supervisor does nothing until it is started"]
#[derive(Debug)]
pub struct Supervisor {
    plan: Plan,
    children: Vec<Child>,
    commands: (mpsc::Sender<Command>, mpsc::Receiver<Command>),
    settings: Settings,
    name: String,
    node: NodeRef,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("restart", &self.restart)
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
pub(super) struct Plan {
    pub(super) strategy: Strategy,
    pub(super) intensity: Intensity,
    pub(super) backoff: Backoff,
    pub(super) entropy: Entropy,
    pub(super) observer: Option<Observer>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("strategy", &self.strategy)
            .field("intensity", &self.intensity)
            .finish_non_exhaustive()
    }
}

/// Is told of every restart, on the arbiter of the supervisor; it must not block.
pub type Observer = Arc<dyn Fn(&Restarted) + Send + Sync>;

/// A child ended and will be started again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restarted {
    /// The child's name.
    pub child: String,
    /// Why it ended, in words.
    pub reason: String,
    /// How long it stays down, in milliseconds.
    pub delay_ms: u64,
}

pub(super) enum Command {
    Start(Child),
    Stop(String),
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Start(child) => write!(f, "Start({})", child.life.node().name()),
            Self::Stop(name) => write!(f, "Stop({name})"),
        }
    }
}

/// Adds children to a running supervisor, and stops them.
#[derive(Clone, Debug)]
pub struct SupervisorRef {
    commands: mpsc::Sender<Command>,
    node: NodeRef,
}

impl SupervisorRef {
    /// Returns its node in pictures of the bot.
    #[must_use]
    pub fn node(&self) -> &NodeRef {
        &self.node
    }

    /// Adds a child behind the others and starts it. It is forgotten when it has ended for good.
    ///
    /// # Errors
    ///
    /// Gives the child back if the supervisor has ended.
    pub async fn start(&self, child: impl Into<Child>) -> Result<(), Child> {
        match self.commands.send(Command::Start(child.into())).await {
            Ok(()) => Ok(()),
            Err(mpsc::error::SendError(Command::Start(child))) => Err(child),
            Err(mpsc::error::SendError(Command::Stop(_))) => unreachable!("a start was sent"),
        }
    }

    /// As [`start`](Self::start), without waiting.
    ///
    /// # Errors
    ///
    /// Gives the child back if the supervisor has ended, or if 1,024 commands are waiting.
    pub fn try_start(&self, child: impl Into<Child>) -> Result<(), Child> {
        self.commands
            .try_send(Command::Start(child.into()))
            .map_err(|error| match error.into_inner() {
                Command::Start(child) => child,
                Command::Stop(_) => unreachable!("a start was sent"),
            })
    }

    /// Stops the child of this name for good, within its deadline.
    pub async fn stop(&self, name: impl Into<String>) {
        // A supervisor that has ended has stopped its children.
        let _ = self.commands.send(Command::Stop(name.into())).await;
    }
}

impl Supervisor {
    /// Describes a supervisor without children: intensity 5 in 30 s, backoff 100 ms to 30 s.
    pub fn new(name: impl Into<String>, strategy: Strategy) -> Self {
        Self {
            plan: Plan {
                strategy,
                intensity: Intensity::default(),
                backoff: Backoff::default(),
                entropy: Entropy::from_system(),
                observer: None,
            },
            children: Vec::new(),
            commands: mpsc::channel(1_024),
            settings: Settings {
                shutdown: Duration::from_secs(30),
                ..Settings::default()
            },
            name: name.into(),
            node: NodeRef::new(),
        }
    }

    /// Adds a child; children are started in the order they are added.
    pub fn child(mut self, child: impl Into<Child>) -> Self {
        self.children.push(child.into());
        self
    }

    /// Sets how many restarts in any window of `period` are allowed before it fails to its parent.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Self {
        self.plan.intensity = Intensity { restarts, period };
        self
    }

    /// Sets the delays before restarts.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.plan.backoff = backoff;
        self
    }

    /// Sets the source of jitter; a seed from the system by default.
    pub fn entropy(mut self, entropy: Entropy) -> Self {
        self.plan.entropy = entropy;
        self
    }

    /// Tells `observer` of every restart of a child.
    pub fn observer(mut self, observer: Observer) -> Self {
        self.plan.observer = Some(observer);
        self
    }

    /// Sets how long all children together may take to stop; 30 s by default.
    pub fn shutdown_within(mut self, deadline: Duration) -> Self {
        self.settings.shutdown = deadline;
        self
    }

    /// Returns the door through which children are added later.
    #[must_use]
    pub fn handle(&self) -> SupervisorRef {
        SupervisorRef {
            commands: self.commands.0.clone(),
            node: self.node.clone(),
        }
    }

    /// Returns the tree below it as it will be when it starts.
    #[must_use]
    pub fn snapshot(&self) -> TreeSnapshot {
        let nodes = self.children.iter().map(|child| child.life.node());
        TreeSnapshot {
            node: self.node.clone(),
            children: nodes.map(|node| node.snapshot()).collect(),
            ..TreeSnapshot::idle(&self.name)
        }
    }

    /// Returns its node in pictures of the bot.
    #[must_use]
    pub fn node(&self) -> NodeRef {
        self.node.clone()
    }
}

impl From<Supervisor> for Child {
    fn from(spec: Supervisor) -> Self {
        let node = Node::new(spec.name, NodeKind::Supervisor, spec.node, None);
        for child in &spec.children {
            node.adopt(child.life.node());
        }
        let kept = Kept {
            slots: spec.children.into_iter().map(Slot::new).collect(),
            commands: spec.commands.1,
        };
        Self {
            life: Arc::new(Branch {
                plan: spec.plan,
                node,
                kept: tokio::sync::Mutex::new(kept),
            }),
            settings: spec.settings,
        }
    }
}

/// A supervisor as a child of its parent.
struct Branch {
    plan: Plan,
    node: Arc<Node>,
    kept: tokio::sync::Mutex<Kept>,
}

/// What a supervisor keeps over its own restarts.
struct Kept {
    slots: Vec<Slot>,
    commands: mpsc::Receiver<Command>,
}

impl Life for Branch {
    fn live(self: Arc<Self>, control: Arc<Control>) -> LocalBoxFuture<'static, Exit> {
        Box::pin(async move {
            let mut kept = self.kept.lock().await;
            let Kept { slots, commands } = &mut *kept;
            let mut shift = Shift::new(&self.plan, &self.node, slots);
            shift.work(commands, &control).await
        })
    }

    fn node(&self) -> &Arc<Node> {
        &self.node
    }

    fn bury(&self) -> usize {
        let Ok(mut kept) = self.kept.try_lock() else {
            return 0;
        };
        kept.commands.close();
        kept.slots.iter().map(|slot| slot.child.life.bury()).sum()
    }
}
