//! One life of a supervisor: carries out what [`decide`](super::decide) says.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::child::Child;
use super::control::{Control, Wish};
use super::supervisor::{Command, Plan, Restarted};
use super::tree::{Node, NodeState};
use super::{ChildFacts, Decision, Exit, History, decide};
use crate::clock::{self, Instant, millis};

/// A child and what it is doing.
pub(super) struct Slot {
    pub(super) child: Child,
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
    pub(super) fn new(child: Child) -> Self {
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
pub(super) struct Shift<'a> {
    plan: &'a Plan,
    node: &'a Arc<Node>,
    slots: &'a mut Vec<Slot>,
    history: History,
    // One word a life at most waits in it, so it is bounded by the number of children.
    ended: (mpsc::UnboundedSender<Ended>, mpsc::UnboundedReceiver<Ended>),
    lives: u64,
}

impl<'a> Shift<'a> {
    pub(super) fn new(plan: &'a Plan, node: &'a Arc<Node>, slots: &'a mut Vec<Slot>) -> Self {
        Self {
            plan,
            node,
            slots,
            history: History::default(),
            ended: mpsc::unbounded_channel(),
            lives: 0,
        }
    }

    pub(super) async fn work(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
        control: &Control,
    ) -> Exit {
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
