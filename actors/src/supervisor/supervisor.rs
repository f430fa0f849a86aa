//! The description of a supervisor, and the door to a running one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::child::{Child, Life, Settings};
use super::control::Control;
use super::shift::Shift;
use super::slot::Slots;
use super::tree::{Node, NodeKind};
use super::{Backoff, Exit, Intensity, Restart, Strategy, TreeSnapshot};
use crate::entropy::Entropy;
use crate::error::Retry;
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
    names: Names,
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
    /// The supervisor's name.
    pub supervisor: String,
    /// How often the supervisor itself was started again; each time it counts the restarts of its children anew.
    pub supervisor_restarts: u32,
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

/// The names of the children of one supervisor.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(Arc<Mutex<BTreeSet<String>>>);

impl Names {
    /// Returns false if there is a child of this name already.
    pub(super) fn reserve(&self, name: &str) -> bool {
        self.lock().insert(name.to_owned())
    }

    pub(super) fn release(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds children to a running supervisor, and stops them.
#[derive(Clone, Debug)]
pub struct SupervisorRef {
    commands: mpsc::Sender<Command>,
    node: NodeRef,
    names: Names,
}

/// A supervisor does not take a child; it comes back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// 1,024 requests wait already. Trying again can help.
    #[error("the supervisor has too much to do")]
    Busy(Child),
    /// The supervisor has ended for good.
    #[error("the supervisor has ended")]
    Ended(Child),
    /// There is a child of this name, or it is about to stop. Trying again can help once that one is gone.
    #[error("there is a child of this name already")]
    NameTaken(Child),
}

impl StartError {
    /// Returns the child.
    #[must_use]
    pub fn into_child(self) -> Child {
        match self {
            Self::Busy(child) | Self::Ended(child) | Self::NameTaken(child) => child,
        }
    }

    /// Says whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Busy(_) => Retry::Now,
            Self::Ended(_) | Self::NameTaken(_) => Retry::Never,
        }
    }
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
    /// [`StartError::Ended`] if the supervisor has ended, [`StartError::NameTaken`] if it has a child of this name.
    pub async fn start(&self, child: impl Into<Child>) -> Result<(), StartError> {
        let child = self.reserve(child.into())?;
        match self.commands.reserve().await {
            Ok(room) => {
                room.send(Command::Start(child));
                Ok(())
            }
            Err(_) => Err(StartError::Ended(self.release(child))),
        }
    }

    /// As [`start`](Self::start), without waiting.
    ///
    /// # Errors
    ///
    /// As there; [`StartError::Busy`] if 1,024 requests are waiting.
    pub fn try_start(&self, child: impl Into<Child>) -> Result<(), StartError> {
        let child = self.reserve(child.into())?;
        match self.commands.try_reserve() {
            Ok(room) => {
                room.send(Command::Start(child));
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(())) => Err(StartError::Busy(self.release(child))),
            Err(mpsc::error::TrySendError::Closed(())) => {
                Err(StartError::Ended(self.release(child)))
            }
        }
    }

    /// Stops the child of this name for good, within its deadline: what waits in its mailbox is handled first.
    pub async fn stop(&self, name: impl Into<String>) {
        // A supervisor that has ended has stopped its children.
        let _ = self.commands.send(Command::Stop(name.into())).await;
    }

    fn reserve(&self, child: Child) -> Result<Child, StartError> {
        if self.commands.is_closed() {
            return Err(StartError::Ended(child));
        }
        match self.names.reserve(child.life.node().name()) {
            true => Ok(child),
            false => Err(StartError::NameTaken(child)),
        }
    }

    fn release(&self, child: Child) -> Child {
        self.names.release(child.life.node().name());
        child
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
            names: Names::default(),
            settings: Settings {
                shutdown: Duration::from_secs(30),
                ..Settings::default()
            },
            name: name.into(),
            node: NodeRef::new(),
        }
    }

    /// Adds a child; children are started in the order they are added. Their names should differ: the log says if they do not.
    pub fn child(mut self, child: impl Into<Child>) -> Self {
        let child = child.into();
        let name = child.life.node().name();
        if !self.names.reserve(name) {
            tracing::error!(supervisor = self.name, name, "two children have one name");
        }
        self.children.push(child);
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

    /// Sets when its parent starts it again; [`Restart::Permanent`] by default.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.settings.restart = restart;
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
            names: self.names.clone(),
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
        let mut slots = Slots::default();
        for child in spec.children {
            slots.add(child, false);
        }
        let kept = Kept {
            slots,
            commands: spec.commands.1,
        };
        Self {
            life: Arc::new(Branch {
                plan: spec.plan,
                node,
                names: spec.names,
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
    names: Names,
    kept: tokio::sync::Mutex<Kept>,
}

/// What a supervisor keeps over its own restarts.
struct Kept {
    slots: Slots,
    commands: mpsc::Receiver<Command>,
}

impl Life for Branch {
    fn live(self: Arc<Self>, control: Arc<Control>) -> LocalBoxFuture<'static, Exit> {
        Box::pin(async move {
            let mut kept = self.kept.lock().await;
            let Kept { slots, commands } = &mut *kept;
            let mut shift = Shift::new(&self.plan, &self.node, &self.names, slots);
            shift.work(commands, &control).await
        })
    }

    fn node(&self) -> &Arc<Node> {
        &self.node
    }

    fn is_supervisor(&self) -> bool {
        true
    }

    fn bury(&self) -> usize {
        let Ok(mut kept) = self.kept.try_lock() else {
            return 0;
        };
        kept.commands.close();
        // What was to be started is dropped, and tells whoever waits for it.
        while kept.commands.try_recv().is_ok() {}
        kept.slots
            .iter()
            .map(|(_, slot)| slot.child.life.bury())
            .sum()
    }
}
