//! A random tree.

use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::entropy::Entropy;
use greenroom_actors::mailbox::{ActorRef, Overflow};
use greenroom_actors::supervisor::{
    Backoff, Child, ChildSpec, OnDemand, Restart, Root, Strategy, Supervisor, SupervisorRef,
};

use super::worker::Worker;
use super::world::{self, Id, world};

/// Nodes of a tree: actors and supervisors.
pub(crate) const NODES: usize = 500;
/// Keys of the children on demand.
pub(crate) const KEYS: u64 = 24;

pub(crate) struct Dice(Entropy);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Entropy::seeded(seed))
    }

    pub(crate) fn below(&self, limit: u64) -> u64 {
        self.0.next_u64() % limit
    }

    pub(crate) fn percent(&self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn pick<T: Copy>(&self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    fn millis(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

/// A worker as the outside sees it.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) id: Id,
    pub(crate) overflow: Overflow,
    pub(crate) address: ActorRef<Worker>,
}

pub(crate) struct Tree {
    pub(crate) root: Root,
    pub(crate) doors: Vec<Door>,
    pub(crate) handles: Vec<(Id, SupervisorRef)>,
    pub(crate) on_demand: OnDemand<u64, Worker>,
    /// The first of the ids of the children on demand.
    pub(crate) keyed: Id,
}

/// A supervisor that is not yet given to its parent.
struct Branch {
    id: Id,
    supervisor: Supervisor,
    depth: usize,
}

pub(crate) fn grow(dice: &Dice) -> Tree {
    let mut branches = vec![branch(dice, None, 0)];
    let mut doors = Vec::new();
    let mut handles = vec![(0, branches[0].supervisor.handle())];
    // A child is handed over when it is complete, so the places are given first and filled from the last supervisor to the first.
    let mut plan: Vec<Vec<Seat>> = vec![Vec::new()];
    for _ in 1..NODES {
        let parent = dice.below(branches.len() as u64) as usize;
        if dice.percent(14) && branches[parent].depth < 6 {
            let id = branches.len();
            let depth = branches[parent].depth + 1;
            branches.push(branch(dice, Some(parent), plan[parent].len()));
            branches[id].depth = depth;
            handles.push((id, branches[id].supervisor.handle()));
            plan[parent].push(Seat::Branch(id));
            plan.push(Vec::new());
        } else {
            let (door, child) = actor(dice, parent, plan[parent].len());
            doors.push(door);
            plan[parent].push(Seat::Actor(child));
        }
    }
    let mut done: Vec<Option<Child>> = branches.iter().map(|_| None).collect();
    let mut root = None;
    while let (
        Some(Branch {
            id, mut supervisor, ..
        }),
        Some(seats),
    ) = (branches.pop(), plan.pop())
    {
        for seat in seats {
            supervisor = supervisor.child(match seat {
                Seat::Actor(child) => child,
                Seat::Branch(below) => done[below].take().expect("it stands behind its parent"),
            });
        }
        match id {
            0 => root = Some(supervisor),
            id => done[id] = Some(supervisor.into()),
        }
    }
    let (owner, handle) = handles[dice.below(handles.len() as u64) as usize].clone();
    let keyed = world(|world| world.workers.len());
    for _ in 0..KEYS {
        enter(owner, Restart::Transient, true);
    }
    let describe = move |key: &u64| {
        let id = keyed + *key as usize;
        world(|world| world.workers[id].place = next(&mut world.added));
        ChildSpec::fallible(format!("worker {id}"), move || Worker::make(id))
            .shutdown_within(Duration::from_millis(20))
    };
    let on_demand = OnDemand::new(handle, describe)
        .limit(KEYS as usize * 2 / 3)
        .idle_after(Duration::from_millis(40));
    Tree {
        root: Root::start(root.expect("it was the first")),
        doors,
        handles,
        on_demand,
        keyed,
    }
}

enum Seat {
    Actor(Child),
    Branch(Id),
}

fn branch(dice: &Dice, parent: Option<Id>, place: usize) -> Branch {
    let id = world(|world| world.supervisors.len());
    let name = format!("branch {id}");
    let strategy = dice.pick(&[
        Strategy::OneForOne,
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    ]);
    // A root that gives up ends the run, so it is patient; with some seeds it is not.
    let patient = parent.is_none() && !dice.percent(15);
    let (restarts, period) = match patient {
        true => (1_000_000, Duration::from_secs(1)),
        false => (dice.below(8) as usize, dice.millis(100, 5_000)),
    };
    let restart = match dice.below(20) {
        0 => Restart::Temporary,
        1..4 => Restart::Transient,
        _ => Restart::Permanent,
    };
    let backoff = Backoff::exponential(dice.millis(0, 10), dice.millis(1, 200))
        .floor_percent(dice.pick(&[0, 50, 100]))
        .healthy_after(dice.millis(50, 1_000));
    world(|world| {
        world.supervisors.push(world::Supervisor {
            name: name.clone(),
            parent,
            place,
            strategy,
            restart,
            restarts,
            period,
            history: Vec::new(),
            life: 0,
            alive: 0,
            workers: Vec::new(),
            below: Vec::new(),
        });
        if let Some(parent) = parent {
            world.supervisors[parent].below.push(id);
        }
    });
    let deadline = match parent {
        None => Duration::from_secs(3_600),
        Some(_) => dice.millis(5, 400),
    };
    let supervisor = Supervisor::new(name, strategy)
        .intensity(restarts, period)
        .backoff(backoff)
        .entropy(Entropy::seeded(dice.below(u64::MAX)))
        .observer(Arc::new(move |restarted| {
            world(|world| world.restarted(id, restarted));
            assert!(
                !restarted.delay_ms.is_multiple_of(17),
                "chaos in an observer"
            );
        }))
        .shutdown_within(deadline)
        .restart(restart);
    Branch {
        id,
        supervisor,
        depth: 0,
    }
}

/// Enters a worker into the world.
fn enter(parent: Id, restart: Restart, dynamic: bool) -> Id {
    world(|world| {
        let id = world.workers.len();
        let supervisor = &mut world.supervisors[parent];
        let place = match dynamic {
            true => next(&mut world.added),
            false => supervisor.workers.len() + supervisor.below.len(),
        };
        supervisor.workers.push(id);
        world.workers.push(world::Worker {
            parent,
            place,
            restart,
            dynamic,
            leaving: false,
            alive: 0,
            attempted: 0,
            downed: 0,
            downed_at: None,
            spoiled: Default::default(),
            sent: 0,
            taken: 0,
            unhandled: 0,
            refused: 0,
            rejected: 0,
            asking: 0,
            turned_away: 0,
            last_taken: 0,
        });
        id
    })
}

/// Whoever is added later stands behind the others.
fn next(added: &mut usize) -> usize {
    *added += 1;
    *added
}

fn actor(dice: &Dice, parent: Id, place: usize) -> (Door, Child) {
    let restart = dice.pick(&[
        Restart::Permanent,
        Restart::Permanent,
        Restart::Transient,
        Restart::Temporary,
    ]);
    let (door, spec) = describe(dice, parent, restart, false);
    assert_eq!(world(|world| world.workers[door.id].place), place);
    (door, spec.into())
}

/// Describes a worker.
pub(crate) fn describe(
    dice: &Dice,
    parent: Id,
    restart: Restart,
    dynamic: bool,
) -> (Door, ChildSpec<Worker>) {
    let id = enter(parent, restart, dynamic);
    let overflow = dice.pick(&[
        Overflow::Block,
        Overflow::Reject,
        Overflow::DropOldest,
        Overflow::DropNewest,
    ]);
    let spec = ChildSpec::fallible(format!("worker {id}"), move || Worker::make(id))
        .mailbox(1 + dice.below(6) as usize, overflow)
        .restart(restart)
        .shutdown_within(dice.millis(1, 60));
    let address = spec.address();
    (
        Door {
            id,
            overflow,
            address,
        },
        spec,
    )
}
