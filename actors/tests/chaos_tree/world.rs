//! What has really happened in a run, against which the kernel's word is checked. One world a thread: a run has one.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use greenroom_actors::clock::{self, Instant};
use greenroom_actors::supervisor::{Restart, Restarted, Strategy};

pub(crate) type Id = usize;

/// Everything that has happened.
pub(crate) struct World {
    start: Instant,
    /// FNV-1a of all that has happened, with its time.
    pub(crate) trace: u64,
    pub(crate) events: u64,
    pub(crate) broken: Option<String>,
    pub(crate) workers: Vec<Worker>,
    pub(crate) supervisors: Vec<Supervisor>,
    pub(crate) stats: Stats,
    pub(crate) verbose: bool,
    pub(crate) ended: bool,
    /// What is wrong, unless the whole tree has just ended.
    pub(crate) suspicion: Option<String>,
    /// The place of the child that was added last.
    pub(crate) added: usize,
}

/// An actor, over all its lives.
pub(crate) struct Worker {
    pub(crate) parent: Id,
    /// Its place among all children of its parent.
    pub(crate) place: usize,
    pub(crate) restart: Restart,
    pub(crate) dynamic: bool,
    /// It was told by name to stop for good.
    pub(crate) leaving: bool,
    pub(crate) alive: u32,
    pub(crate) attempted: u64,
    pub(crate) downed: u64,
    pub(crate) downed_at: Option<Instant>,
    /// So many of its next starts fail, and how.
    pub(crate) spoiled: VecDeque<Spoil>,
    pub(crate) sent: u64,
    pub(crate) taken: u64,
    /// Messages that were let go of unhandled, wherever.
    pub(crate) unhandled: u64,
    /// Of these, those that were not even taken in.
    pub(crate) refused: u64,
    /// Refused by the policy to reject, which the actor's figures count.
    pub(crate) rejected: u64,
    /// Askers that have no answer yet, and answers that the actor had stopped.
    pub(crate) asking: u64,
    pub(crate) turned_away: u64,
    pub(crate) last_taken: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Spoil {
    Error,
    Panic,
    Started,
}

/// A supervisor, over all its lives.
pub(crate) struct Supervisor {
    pub(crate) name: String,
    pub(crate) parent: Option<Id>,
    pub(crate) place: usize,
    pub(crate) strategy: Strategy,
    pub(crate) restart: Restart,
    pub(crate) restarts: usize,
    pub(crate) period: Duration,
    /// The restarts of this life.
    pub(crate) history: Vec<Instant>,
    pub(crate) life: u32,
    /// Actors alive in the whole subtree.
    pub(crate) alive: u32,
    pub(crate) workers: Vec<Id>,
    pub(crate) below: Vec<Id>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) handled: u64,
    pub(crate) dropped: u64,
    pub(crate) lives: u64,
    pub(crate) restarts: u64,
    pub(crate) escalations: u64,
    pub(crate) panics: u64,
    pub(crate) errors: u64,
    pub(crate) start_failures: u64,
    pub(crate) killed: u64,
    pub(crate) idle: u64,
    pub(crate) roots_ended: u64,
}

impl Stats {
    fn fields(&mut self) -> [(&'static str, &mut u64); 11] {
        [
            ("handled", &mut self.handled),
            ("dropped or left", &mut self.dropped),
            ("lives", &mut self.lives),
            ("restarts", &mut self.restarts),
            ("after a panic", &mut self.panics),
            ("an error", &mut self.errors),
            ("a start failure", &mut self.start_failures),
            ("escalations", &mut self.escalations),
            ("killed", &mut self.killed),
            ("on demand", &mut self.idle),
            ("roots ended", &mut self.roots_ended),
        ]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let mut other = *other;
        for ((_, sum), (_, value)) in self.fields().into_iter().zip(other.fields()) {
            *sum += *value;
        }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut stats = *self;
        let words = stats
            .fields()
            .map(|(name, value)| format!("{name} {value}"));
        f.write_str(&words.join(", "))
    }
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Does something with the world of this thread.
pub(crate) fn world<R>(work: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(|world| work(world.as_mut().expect("a run is under way")))
}

pub(crate) fn begin(verbose: bool) {
    let fresh = World {
        start: clock::now(),
        trace: 0xcbf2_9ce4_8422_2325,
        events: 0,
        broken: None,
        workers: Vec::new(),
        supervisors: Vec::new(),
        stats: Stats::default(),
        verbose,
        ended: false,
        suspicion: None,
        added: usize::from(u16::MAX),
    };
    WORLD.with_borrow_mut(|world| *world = Some(fresh));
}

pub(crate) fn end() -> World {
    WORLD
        .with_borrow_mut(Option::take)
        .expect("a run was under way")
}

impl World {
    /// Notes an event: it becomes part of the trace.
    pub(crate) fn note(&mut self, what: &str, id: u64) {
        self.events += 1;
        let millis = clock::now().duration_since(self.start).as_millis() as u64;
        let bytes = what
            .bytes()
            .chain(id.to_le_bytes())
            .chain(millis.to_le_bytes());
        for byte in bytes {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        if self.verbose {
            println!("{millis:>7} ms  {what} {id}");
        }
    }

    /// A promise does not hold.
    pub(crate) fn breaks(&mut self, promise: impl FnOnce() -> String) {
        if self.broken.is_none() {
            let millis = clock::now().duration_since(self.start).as_millis();
            self.broken = Some(format!("after {millis} ms: {}", promise()));
        }
    }

    pub(crate) fn check(&mut self, holds: bool, promise: impl FnOnce() -> String) {
        if !holds {
            self.breaks(promise);
        }
    }

    /// A factory was called.
    pub(crate) fn attempt(&mut self, id: Id) -> Option<Spoil> {
        self.note("attempt", id as u64);
        self.check_start_order(id);
        self.workers[id].attempted = self.events;
        self.workers[id].spoiled.pop_front()
    }

    /// Whoever comes earlier has been started since this one was last down, unless it has ended for good.
    fn check_start_order(&mut self, id: Id) {
        let worker = &self.workers[id];
        let parent = &self.supervisors[worker.parent];
        // Whoever is added later cannot wait for what nobody knows of yet.
        if parent.strategy == Strategy::OneForOne || worker.dynamic {
            return;
        }
        let late = parent.workers.iter().copied().find(|other| {
            let other = &self.workers[*other];
            other.place < worker.place
                && other.restart == Restart::Permanent
                && !other.leaving
                && other.alive == 0
                && other.attempted <= worker.downed
                // What has ended at this very moment was alive when the start was decided.
                && other.downed_at != Some(clock::now())
        });
        if let Some(late) = late {
            let name = parent.name.clone();
            self.breaks(|| format!("worker {id} of {name} was started before worker {late}"));
        }
    }

    pub(crate) fn born(&mut self, id: Id) {
        self.note("born", id as u64);
        self.stats.lives += 1;
        self.workers[id].alive += 1;
        self.check(self.workers[id].alive == 1, || {
            format!("worker {id} lives twice")
        });
        self.check(!self.ended, || {
            format!("worker {id} was born after the end")
        });
        let mut above = Some(self.workers[id].parent);
        while let Some(supervisor) = above {
            self.supervisors[supervisor].alive += 1;
            above = self.supervisors[supervisor].parent;
        }
    }

    pub(crate) fn died(&mut self, id: Id) {
        self.note("died", id as u64);
        self.workers[id].alive -= 1;
        self.workers[id].downed = self.events;
        self.workers[id].downed_at = Some(clock::now());
        let mut above = Some(self.workers[id].parent);
        while let Some(supervisor) = above {
            self.supervisors[supervisor].alive -= 1;
            above = self.supervisors[supervisor].parent;
        }
    }

    /// A worker was told to stop with its group: whoever comes later is down.
    pub(crate) fn check_stop_order(&mut self, id: Id) {
        let worker = &self.workers[id];
        let parent = &self.supervisors[worker.parent];
        if worker.leaving || (worker.dynamic && parent.strategy == Strategy::OneForOne) {
            return;
        }
        let place = worker.place;
        let later = parent.workers.iter().map(|other| &self.workers[*other]);
        let actors = later.filter(|other| other.place > place && other.alive > 0);
        let below = parent.below.iter().map(|other| &self.supervisors[*other]);
        let trees = below.filter(|other| other.place > place && other.alive > 0);
        let later: Vec<_> = actors
            .map(|worker| worker.place)
            .chain(trees.map(|tree| tree.place))
            .collect();
        if !later.is_empty() {
            let (name, strategy) = (parent.name.clone(), parent.strategy);
            self.breaks(|| {
                format!("worker {id}, child {place} of {name} ({strategy:?}), was stopped before {later:?}")
            });
        }
    }

    /// A supervisor has decided to restart a child.
    pub(crate) fn restarted(&mut self, id: Id, restarted: &Restarted) {
        let Restarted {
            supervisor_restarts: life,
            child,
            reason,
            ..
        } = restarted;
        self.note("restart", id as u64);
        self.note(child, u64::from(*life));
        self.note(reason, restarted.delay_ms);
        self.stats.restarts += 1;
        match reason.split(':').next().unwrap_or_default() {
            "panic" => self.stats.panics += 1,
            "error" => self.stats.errors += 1,
            "start failure" => self.stats.start_failures += 1,
            _ => {}
        }
        let now = clock::now();
        let supervisor = &mut self.supervisors[id];
        if std::mem::replace(&mut supervisor.life, *life) != *life {
            supervisor.history.clear();
        }
        supervisor.history.push(now);
        let (allowed, period) = (supervisor.restarts, supervisor.period);
        let inside = supervisor
            .history
            .iter()
            .filter(|at| now - **at < period)
            .count();
        let name = supervisor.name.clone();
        self.check(inside <= allowed, || {
            format!("{name} made {inside} restarts in {period:?}, of {allowed} allowed")
        });
        let below = self.supervisors[id].below.iter().copied();
        if let Some(failed) = below
            .into_iter()
            .find(|below| self.supervisors[*below].name == *child)
        {
            self.stats.escalations += 1;
            self.check_justified(failed);
        }
    }

    /// Names a worker and all above it.
    pub(crate) fn path(&self, id: Id) -> String {
        let worker = &self.workers[id];
        let mut path = format!("worker {id} ({:?})", worker.restart);
        let mut above = Some(worker.parent);
        while let Some(supervisor) = above {
            let supervisor = &self.supervisors[supervisor];
            let Supervisor {
                name,
                strategy,
                restart,
                ..
            } = supervisor;
            path = format!("{name} ({strategy:?}, {restart:?}) > {path}");
            above = supervisor.parent;
        }
        path
    }

    /// A supervisor has failed: it must have used up its restarts.
    pub(crate) fn check_justified(&mut self, id: Id) {
        let supervisor = &self.supervisors[id];
        let first = supervisor.history.len().checked_sub(supervisor.restarts);
        let justified = first.is_some_and(|first| {
            let used = &supervisor.history[first..];
            used.first()
                .zip(used.last())
                .is_none_or(|(first, last)| *last - *first < supervisor.period)
        });
        let name = supervisor.name.clone();
        self.check(justified, || {
            format!("{name} failed though it had restarts left")
        });
    }
}
