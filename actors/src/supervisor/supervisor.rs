//! The supervisor: a thin shell that carries out what [`decide`](super::decide) says.

use std::sync::Arc;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::child::{Child, Life, Settings};
use super::control::{Control, Wish};
use super::tree::{Node, NodeState, millis};
use super::{Backoff, ChildFacts, Decision, Exit, History, Intensity, Strategy, decide};
use crate::clock::{self, Instant};
use crate::entropy::Entropy;

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
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("restart", &self.restart)
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Plan {
    strategy: Strategy,
    intensity: Intensity,
    backoff: Backoff,
    entropy: Entropy,
    observer: Option<Observer>,
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

enum Command {
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
}

impl SupervisorRef {
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
        }
    }
}

impl From<Supervisor> for Child {
    fn from(spec: Supervisor) -> Self {
        let node = Node::new(spec.name, None);
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

/// A child and what it is doing.
struct Slot {
    child: Child,
    life: State,
    /// Added while the supervisor ran: forgotten when it ends for good.
    dynamic: bool,
    /// Tries since it was last healthy.
    attempt: u32,
    number: u64,
}

enum State {
    Down,
    Waiting {
        due: Instant,
    },
    Up {
        control: Arc<Control>,
        since: Instant,
    },
}

impl Slot {
    fn new(child: Child) -> Self {
        Self {
            child,
            life: State::Down,
            dynamic: false,
            attempt: 0,
            number: 0,
        }
    }

    fn facts(&self) -> ChildFacts {
        ChildFacts {
            restart: self.child.settings.restart,
            running: !matches!(self.life, State::Down),
        }
    }
}

/// The word of a life that it has ended.
struct Ended {
    number: u64,
    exit: Exit,
}

/// One life of a supervisor.
struct Shift<'a> {
    plan: &'a Plan,
    node: &'a Arc<Node>,
    slots: &'a mut Vec<Slot>,
    history: History,
    // One word a life at most waits in it, so it is bounded by the number of children.
    ended: (mpsc::UnboundedSender<Ended>, mpsc::UnboundedReceiver<Ended>),
    lives: u64,
}

impl<'a> Shift<'a> {
    fn new(plan: &'a Plan, node: &'a Arc<Node>, slots: &'a mut Vec<Slot>) -> Self {
        Self {
            plan,
            node,
            slots,
            history: History::default(),
            ended: mpsc::unbounded_channel(),
            lives: 0,
        }
    }

    async fn work(&mut self, commands: &mut mpsc::Receiver<Command>, control: &Control) -> Exit {
        for place in 0..self.slots.len() {
            self.start(place);
        }
        loop {
            let due = self.next_due();
            tokio::select! {
                biased;
                () = control.wished(Wish::Drain) => {
                    self.stop_all(control.wish()).await;
                    return Exit::Shutdown;
                }
                Some(ended) = self.ended.1.recv() => {
                    if let Some(exit) = self.settle(ended).await {
                        return exit;
                    }
                }
                Some(command) = commands.recv() => self.obey(command).await,
                () = sleep_until(due) => self.start_due(),
            }
        }
    }

    fn next_due(&self) -> Option<Instant> {
        self.slots
            .iter()
            .filter_map(|slot| match slot.life {
                State::Waiting { due } => Some(due),
                State::Down | State::Up { .. } => None,
            })
            .min()
    }

    fn start_due(&mut self) {
        let now = clock::now();
        for place in 0..self.slots.len() {
            if matches!(self.slots[place].life, State::Waiting { due } if due <= now) {
                self.start(place);
            }
        }
    }

    fn start(&mut self, place: usize) {
        self.lives += 1;
        let number = self.lives;
        let slot = &mut self.slots[place];
        let control = Arc::new(Control::default());
        slot.number = number;
        slot.life = State::Up {
            control: Arc::clone(&control),
            since: clock::now(),
        };
        slot.child.life.node().set_state(NodeState::Running);
        let life = Arc::clone(&slot.child.life);
        let word = LastWord(Some((self.ended.0.clone(), number)));
        let run = move || {
            tokio::task::spawn_local(async move {
                let exit = life.live(control).await;
                word.say(exit);
            });
        };
        match &slot.child.settings.placement {
            None => run(),
            // If that arbiter is gone, dropping the closure says the last word.
            Some(arbiter) => {
                arbiter.spawn_fn(run);
            }
        }
    }

    /// Does what an exit demands; returns the supervisor's own exit if it must fail.
    async fn settle(&mut self, ended: Ended) -> Option<Exit> {
        let place = self
            .slots
            .iter()
            .position(|slot| slot.number == ended.number)?;
        let exit = ended.exit;
        self.mark_down(place, &exit);
        let facts: Vec<_> = self.slots.iter().map(Slot::facts).collect();
        let now = clock::now();
        let decision = decide(
            self.plan.strategy,
            self.plan.intensity,
            &mut self.history,
            &facts,
            place,
            &exit,
            now,
        );
        match decision {
            Decision::Forget => self.forget(place),
            Decision::Escalate => {
                let name = self.slots[place].child.life.node().name().to_owned();
                tracing::error!(supervisor = self.node.name(), child = name, %exit, "supervisor fails");
                self.stop_all(Wish::Stop).await;
                return Some(match exit {
                    fatal if fatal.is_fatal() => fatal,
                    exit => Exit::error(IntensityExceeded { name, exit }),
                });
            }
            Decision::Restart { stop, start } => {
                for sibling in stop {
                    self.stop(sibling, Wish::Stop).await;
                }
                let delay = self
                    .plan
                    .backoff
                    .delay(self.slots[place].attempt, &self.plan.entropy);
                self.slots[place].attempt = self.slots[place].attempt.saturating_add(1);
                let due = clock::now() + delay;
                for other in start {
                    let slot = &mut self.slots[other];
                    slot.life = State::Waiting { due };
                    slot.child.life.node().set_state(NodeState::Restarting);
                    slot.child.life.node().count_restart();
                }
                let child = self.slots[place].child.life.node().name();
                tracing::warn!(supervisor = self.node.name(), child, %exit, ?delay, "restarting");
                if let Some(observer) = &self.plan.observer {
                    observer(&Restarted {
                        child: child.to_owned(),
                        reason: exit.to_string(),
                        delay_ms: millis(delay),
                    });
                }
            }
        }
        None
    }

    fn mark_down(&mut self, place: usize, exit: &Exit) {
        let healthy = self.plan.backoff.health_period();
        let slot = &mut self.slots[place];
        if let State::Up { since, .. } = slot.life
            && clock::now().saturating_duration_since(since) >= healthy
        {
            slot.attempt = 0;
        }
        slot.life = State::Down;
        slot.child.life.node().exited(exit);
        slot.child.life.node().set_state(NodeState::Stopped);
    }

    fn forget(&mut self, place: usize) {
        let left = self.slots[place].child.life.bury();
        let node = Arc::clone(self.slots[place].child.life.node());
        if left > 0 {
            tracing::warn!(
                child = node.name(),
                left,
                "ended for good with messages left"
            );
        }
        if self.slots[place].dynamic {
            self.node.disown(&node);
            self.slots.remove(place);
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Start(child) => {
                self.node.adopt(child.life.node());
                let mut slot = Slot::new(child);
                slot.dynamic = true;
                self.slots.push(slot);
                self.start(self.slots.len() - 1);
            }
            Command::Stop(name) => {
                let found = self
                    .slots
                    .iter()
                    .position(|slot| slot.child.life.node().name() == name);
                if let Some(place) = found {
                    self.stop(place, Wish::Drain).await;
                    self.forget(place);
                }
            }
        }
    }

    async fn stop_all(&mut self, wish: Wish) {
        for place in (0..self.slots.len()).rev() {
            self.stop(place, wish).await;
            if wish == Wish::Drain {
                let left = self.slots[place].child.life.bury();
                if left > 0 {
                    let child = self.slots[place].child.life.node().name();
                    tracing::warn!(child, left, "stopped with messages left");
                }
            }
        }
    }

    /// Stops a child: as `wish` says until its deadline, then by killing it.
    async fn stop(&mut self, place: usize, wish: Wish) {
        let slot = &mut self.slots[place];
        let State::Up { control, .. } = &slot.life else {
            slot.life = State::Down;
            slot.child.life.node().set_state(NodeState::Stopped);
            return;
        };
        let control = Arc::clone(control);
        slot.child.life.node().set_state(NodeState::Stopping);
        control.want(wish);
        let deadline = clock::now() + slot.child.settings.shutdown;
        let number = slot.number;
        let exit = match self.wait_for(number, deadline).await {
            Some(exit) => exit,
            None => {
                control.want(Wish::Kill);
                // A child that blocks its thread cannot even be killed; it is left behind, and its last word will be ignored.
                let grace = clock::now() + KILL_GRACE;
                self.wait_for(number, grace).await.unwrap_or(Exit::Killed)
            }
        };
        if exit == Exit::Killed {
            tracing::warn!(
                child = self.slots[place].child.life.node().name(),
                "killed at its deadline"
            );
        }
        self.mark_down(place, &exit);
        self.slots[place].number = 0;
    }

    /// Waits for the last word of one life; the words of others are kept in order.
    async fn wait_for(&mut self, number: u64, deadline: Instant) -> Option<Exit> {
        let mut others = Vec::new();
        let found = loop {
            match tokio::time::timeout_at(deadline, self.ended.1.recv()).await {
                Ok(Some(ended)) if ended.number == number => break Some(ended.exit),
                Ok(Some(ended)) => others.push(ended),
                Ok(None) | Err(_) => break None,
            }
        };
        for other in others {
            // The receiver is ours, so this cannot fail.
            let _ = self.ended.0.send(other);
        }
        found
    }
}

/// Reports the end of a life, even if the task that ran it is dropped.
struct LastWord(Option<(mpsc::UnboundedSender<Ended>, u64)>);

impl LastWord {
    fn say(mut self, exit: Exit) {
        self.send(exit);
    }

    fn send(&mut self, exit: Exit) {
        if let Some((ended, number)) = self.0.take() {
            // Nobody listens if the supervisor itself is gone.
            let _ = ended.send(Ended { number, exit });
        }
    }
}

impl Drop for LastWord {
    fn drop(&mut self) {
        self.send(Exit::Killed);
    }
}

/// A child was restarted more often than its supervisor allows.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` was restarted too often; its last exit was {exit}")]
struct IntensityExceeded {
    name: String,
    exit: Exit,
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

const KILL_GRACE: Duration = Duration::from_secs(1);
