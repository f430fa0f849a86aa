//! One life of a supervisor: carries out what [`decide`](super::decide) says.
//!
//! It never waits for one child: each turn takes one thing that has happened, then goes on with what is under way. So a child that
//! stops slowly holds up neither the restart of another, nor requests, nor the wish of the parent.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::contain::contain;
use super::control::{Control, Wish};
use super::retreat::Retreat;
use super::slot::{Slots, State};
use super::supervisor::{Command, Names, Plan, Restarted};
use super::tree::Node;
use super::{ChildFacts, Decision, Exit, History, Restart, Strategy, decide};
use crate::clock::{self, Instant, millis};

/// One life of a supervisor.
pub(super) struct Shift<'a> {
    plan: &'a Plan,
    node: &'a Arc<Node>,
    names: &'a Names,
    slots: &'a mut Slots,
    history: History,
    // One word a life at most waits in it, so it is bounded by the number of children.
    ended: (mpsc::UnboundedSender<Ended>, mpsc::UnboundedReceiver<Ended>),
    lives: u64,
    round: Option<Round>,
    finale: Option<Finale>,
}

/// The restart of a group, while its members are being stopped.
struct Round {
    retreat: Retreat,
    members: BTreeSet<u64>,
    start: BTreeSet<u64>,
    due: Instant,
}

/// The end of the supervisor, while its children are being stopped.
struct Finale {
    retreat: Retreat,
    exit: Exit,
}

/// The word of a life that it has ended.
struct Ended {
    id: u64,
    life: u64,
    exit: Exit,
    /// It ended for want of work.
    idle: bool,
}

impl<'a> Shift<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        node: &'a Arc<Node>,
        names: &'a Names,
        slots: &'a mut Slots,
    ) -> Self {
        Self {
            plan,
            node,
            names,
            slots,
            history: History::default(),
            ended: mpsc::unbounded_channel(),
            lives: 0,
            round: None,
            finale: None,
        }
    }

    pub(super) async fn work(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
        control: &Control,
    ) -> Exit {
        let all: Vec<_> = self.slots.iter().map(|(id, _)| id).collect();
        for id in all {
            self.start(id);
        }
        loop {
            if let Some(exit) = self.advance() {
                return exit;
            }
            let due = self.slots.due();
            let urgent = self
                .finale
                .as_ref()
                .map_or(Wish::Run, |finale| finale.retreat.wish());
            tokio::select! {
                biased;
                wish = control.wished_more_than(urgent) => self.finish(wish),
                Some(ended) = self.ended.1.recv() => self.settle(&ended),
                Some(command) = commands.recv(), if self.finale.is_none() => self.obey(command),
                () = sleep_until(due) => self.ring(),
            }
        }
    }

    /// Goes on with what is being stopped; returns the exit once all is over.
    fn advance(&mut self) -> Option<Exit> {
        if let Some(finale) = &mut self.finale {
            return finale
                .retreat
                .advance(self.slots)
                .then(|| finale.exit.clone());
        }
        if let Some(round) = &mut self.round
            && round.retreat.advance(self.slots)
        {
            let Round { start, due, .. } = self.round.take()?;
            for id in start {
                self.schedule(id, due);
            }
        }
        None
    }

    fn schedule(&mut self, id: u64, due: Instant) {
        if self.slots.get(id).is_some_and(|slot| !slot.gone) {
            self.slots.set(id, State::Waiting(due));
        }
    }

    /// Does what is due.
    fn ring(&mut self) {
        let now = clock::now();
        while let Some(id) = self.slots.take_due(now) {
            let Some(slot) = self.slots.get(id) else {
                continue;
            };
            match &slot.state {
                State::Waiting(_) => self.start(id),
                State::Stopping { killed: false, .. } => {
                    tracing::warn!(child = slot.node().name(), "killed at its deadline");
                    self.slots.kill(id);
                }
                State::Stopping { killed: true, .. } => {
                    tracing::error!(
                        child = slot.node().name(),
                        "blocks its thread, and is left behind"
                    );
                    let ended = Ended {
                        id,
                        life: slot.life,
                        exit: Exit::Killed,
                        idle: false,
                    };
                    self.settle(&ended);
                }
                State::Down | State::Up { .. } => {}
            }
        }
    }

    fn start(&mut self, id: u64) {
        self.lives += 1;
        let life = self.lives;
        let control = Arc::new(Control::default());
        let Some(slot) = self.slots.get_mut(id).filter(|slot| !slot.gone) else {
            return;
        };
        slot.life = life;
        if std::mem::replace(&mut slot.lived, true) {
            slot.node().count_restart();
        }
        let word = LastWord {
            to: Some(self.ended.0.clone()),
            id,
            life,
            born: false,
            control: Arc::clone(&control),
        };
        let child = Arc::clone(&slot.child.life);
        let placement = slot.child.settings.placement.clone();
        let up = State::Up {
            control: Arc::clone(&control),
            since: clock::now(),
        };
        self.slots.set(id, up);
        let run = move || {
            tokio::task::spawn_local(async move {
                let mut word = word;
                word.born = true;
                let exit = child.live(control).await;
                word.say(exit);
            });
        };
        match placement {
            None => run(),
            // If that arbiter is gone, dropping the closure says the last word.
            Some(arbiter) => {
                arbiter.spawn_fn(run);
            }
        }
    }

    /// Does what an exit demands.
    fn settle(&mut self, ended: &Ended) {
        let (id, exit) = (ended.id, &ended.exit);
        let Some(slot) = self.slots.get(id).filter(|slot| slot.life == ended.life) else {
            return;
        };
        let (restart, leaving) = (slot.restart(), slot.leaving);
        let asked = self
            .slots
            .lay_down(id, exit, self.plan.backoff.health_period());
        // Who ended by itself, and as it should, is not started again with the others.
        let done = !asked && !ended.idle && !restart.applies_to(exit);
        if let Some(finale) = &self.finale {
            if finale.retreat.wish() == Wish::Drain {
                self.bury(id);
            } else if leaving || done || restart == Restart::Temporary {
                self.forget(id);
            }
        } else if leaving {
            self.forget(id);
        } else if self
            .round
            .as_ref()
            .is_some_and(|round| round.members.contains(&id))
        {
            self.settle_member(id, restart, asked || ended.idle, done, exit);
        } else if ended.idle {
            self.settle_idle(id, exit);
        } else {
            self.settle_alone(id, exit);
        }
    }

    /// A child ended that was to be stopped with its group.
    fn settle_member(&mut self, id: u64, restart: Restart, asked: bool, done: bool, exit: &Exit) {
        if exit.is_fatal() && restart != Restart::Temporary {
            self.fail(id, exit);
            return;
        }
        let delay = (!asked && !done).then(|| self.delay(id));
        let Some(round) = &mut self.round else {
            return;
        };
        if let Some(delay) = delay {
            round.due = round.due.max(clock::after(clock::now(), delay));
        }
        if done {
            round.start.remove(&id);
        }
        if !round.start.contains(&id) {
            self.forget(id);
        }
    }

    /// A child ended because nothing came for it. If something has come meanwhile, it goes on.
    fn settle_idle(&mut self, id: u64, exit: &Exit) {
        let Some(slot) = self.slots.get(id) else {
            return;
        };
        let (life, name) = (Arc::clone(&slot.child.life), slot.node().name().to_owned());
        // The name is free before anybody can find the mailbox closed and start a successor.
        self.names.release(&name);
        if slot.restart() != Restart::Permanent && life.retire() {
            self.settle_alone(id, exit);
            return;
        }
        self.names.reserve(&name);
        if let Some(slot) = self.slots.get_mut(id) {
            slot.lived = false;
        }
        self.start(id);
    }

    fn settle_alone(&mut self, id: u64, exit: &Exit) {
        let (ids, facts) = self.facts(id);
        let place = ids.iter().position(|other| *other == id);
        let decision = decide(
            self.plan.strategy,
            self.plan.intensity,
            &mut self.history,
            &facts,
            place.unwrap_or(usize::MAX),
            exit,
            clock::now(),
        );
        match decision {
            Decision::Forget => self.forget(id),
            Decision::Escalate => self.fail(id, exit),
            Decision::Restart { stop, start } => {
                let delay = self.delay(id);
                self.report(id, exit, delay);
                let start: BTreeSet<_> = start.iter().map(|place| ids[*place]).collect();
                let stop = stop.iter().map(|place| ids[*place]);
                let members = stop.chain(start.iter().copied()).collect();
                self.restart_group(members, start, delay);
            }
        }
    }

    /// Collects what the decision needs to know. Under one-for-one nobody else matters.
    fn facts(&self, id: u64) -> (Vec<u64>, Vec<ChildFacts>) {
        let alone = self.plan.strategy == Strategy::OneForOne;
        let member = |id| {
            self.round
                .as_ref()
                .is_some_and(|round| round.members.contains(&id))
        };
        self.slots
            .get(id)
            .map(|slot| (id, slot))
            .into_iter()
            .filter(|_| alone)
            .chain(self.slots.iter().filter(|_| !alone))
            .map(|(id, slot)| {
                let facts = ChildFacts {
                    restart: slot.restart(),
                    running: !slot.gone && (!slot.is_down() || member(id)),
                };
                (id, facts)
            })
            .unzip()
    }

    /// Draws the delay before the next try of a child.
    fn delay(&mut self, id: u64) -> Duration {
        let Some(slot) = self.slots.get_mut(id) else {
            return Duration::ZERO;
        };
        let attempt = slot.attempt;
        slot.attempt = attempt.saturating_add(1);
        self.plan.backoff.delay(attempt, &self.plan.entropy)
    }

    /// Stops the members and then starts some of them, not before any of them would have been started anyway.
    fn restart_group(
        &mut self,
        mut members: BTreeSet<u64>,
        mut start: BTreeSet<u64>,
        delay: Duration,
    ) {
        let mut due = clock::after(clock::now(), delay);
        // Under one-for-one there is nobody to wait for, and groups do not meet.
        if self.plan.strategy == Strategy::OneForOne {
            for id in start {
                self.schedule(id, due);
            }
            return;
        }
        if let Some(round) = self.round.take() {
            due = due.max(round.due);
            // Who has left the earlier group for good stays away.
            start.retain(|id| !round.members.contains(id) || round.start.contains(id));
            start.extend(round.start);
            members.extend(round.members);
        }
        for id in &start {
            if let Some(State::Waiting(at)) = self.slots.get(*id).map(|slot| &slot.state) {
                due = due.max(*at);
            }
        }
        let all = members.iter().copied().collect();
        self.round = Some(Round {
            retreat: Retreat::new(Wish::Stop, self.plan.strategy, all),
            members,
            start,
            due,
        });
    }

    fn report(&self, id: u64, exit: &Exit, delay: Duration) {
        let Some(slot) = self.slots.get(id) else {
            return;
        };
        let child = slot.node().name();
        tracing::warn!(supervisor = self.node.name(), child, %exit, ?delay, "restarting");
        let Some(observer) = &self.plan.observer else {
            return;
        };
        let restarted = Restarted {
            supervisor: self.node.name().to_owned(),
            supervisor_restarts: self.node.restarts(),
            child: child.to_owned(),
            reason: exit.to_string(),
            delay_ms: millis(delay),
        };
        if let Err(panic) = contain(|| observer(&restarted)) {
            tracing::error!(%panic, "an observer of restarts panicked");
        }
    }

    /// Leaves a child as it is: ended for good.
    fn forget(&mut self, id: u64) {
        self.bury(id);
        let Some(slot) = self.slots.get(id).filter(|slot| slot.dynamic) else {
            return;
        };
        let node = Arc::clone(slot.node());
        self.node.disown(&node);
        self.names.release(node.name());
        self.slots.remove(id);
    }

    fn bury(&mut self, id: u64) {
        let Some(slot) = self.slots.get_mut(id) else {
            return;
        };
        slot.gone = true;
        let left = slot.child.life.bury();
        if left > 0 {
            let child = slot.node().name();
            tracing::warn!(child, left, "ended for good with messages left");
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Start(child) => {
                self.node.adopt(child.life.node());
                let id = self.slots.add(child, true);
                if self.plan.strategy == Strategy::OneForOne {
                    self.start(id);
                } else if let Some(round) = &mut self.round {
                    round.members.insert(id);
                    round.start.insert(id);
                } else {
                    // It is started behind the others, so not while they wait for their own start.
                    let waiting = self.slots.iter().filter_map(|(_, slot)| match slot.state {
                        State::Waiting(due) => Some(due),
                        State::Down | State::Stopping { .. } | State::Up { .. } => None,
                    });
                    match waiting.max() {
                        Some(due) => self.slots.set(id, State::Waiting(due)),
                        None => self.start(id),
                    }
                }
            }
            Command::Stop(name) => {
                let found = self
                    .slots
                    .iter()
                    .find(|(_, slot)| slot.node().name() == name);
                if let Some((id, _)) = found {
                    self.slots.stop(id, Wish::Drain);
                    if let Some(slot) = self.slots.get_mut(id) {
                        slot.leaving = true;
                    }
                    if self.slots.get(id).is_some_and(|slot| slot.is_down()) {
                        self.forget(id);
                    }
                }
            }
        }
    }

    /// Fails to the parent, after all children were stopped.
    fn fail(&mut self, id: u64, exit: &Exit) {
        let name = self
            .slots
            .get(id)
            .map(|slot| slot.node().name().to_owned())
            .unwrap_or_default();
        tracing::error!(supervisor = self.node.name(), child = name, %exit, "supervisor fails");
        let exit = match exit {
            fatal if fatal.is_fatal() => fatal.clone(),
            exit => Exit::error(IntensityExceeded {
                name,
                exit: exit.clone(),
            }),
        };
        let retreat = self.all(Wish::Stop);
        self.finale = Some(Finale { retreat, exit });
        self.round = None;
    }

    /// Ends as the parent wishes.
    fn finish(&mut self, wish: Wish) {
        let killed = wish == Wish::Kill;
        if self.finale.is_none() {
            self.round = None;
            self.finale = Some(Finale {
                retreat: self.all(if killed { Wish::Stop } else { wish }),
                exit: Exit::Shutdown,
            });
            if wish == Wish::Drain {
                self.bury_the_down();
            }
        }
        if let Some(finale) = &mut self.finale {
            finale.retreat.urge(wish, self.slots);
            if killed {
                finale.exit = Exit::Killed;
            }
        }
    }

    /// Children that wait for their next life will not have it.
    fn bury_the_down(&mut self) {
        let down: Vec<_> = self
            .slots
            .iter()
            .filter(|(_, slot)| matches!(slot.state, State::Down | State::Waiting(_)))
            .map(|(id, _)| id)
            .collect();
        for id in down {
            self.bury(id);
        }
    }

    fn all(&self, wish: Wish) -> Retreat {
        let all = self.slots.iter().map(|(id, _)| id).collect();
        Retreat::new(wish, self.plan.strategy, all)
    }
}

impl Drop for Shift<'_> {
    /// No child outlives its supervisor, however that came to its end.
    fn drop(&mut self) {
        let up: Vec<_> = self
            .slots
            .iter()
            .filter(|(_, slot)| !slot.is_down())
            .map(|(id, _)| id)
            .collect();
        for id in up {
            self.slots.kill(id);
            self.slots.set(id, State::Down);
        }
    }
}

/// Reports the end of a life, even if the task that ran it is dropped.
struct LastWord {
    to: Option<mpsc::UnboundedSender<Ended>>,
    id: u64,
    life: u64,
    born: bool,
    control: Arc<Control>,
}

impl LastWord {
    fn say(&mut self, exit: Exit) {
        if let Some(ended) = self.to.take() {
            let word = Ended {
                id: self.id,
                life: self.life,
                exit,
                idle: self.control.is_idle(),
            };
            // Nobody listens if the supervisor itself is gone.
            let _ = ended.send(word);
        }
    }
}

impl Drop for LastWord {
    fn drop(&mut self) {
        self.say(match self.born {
            true => Exit::error("its arbiter has stopped"),
            false => Exit::start_failure("its arbiter is gone"),
        });
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
