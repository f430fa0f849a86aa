//! One run: 10,000 steps, and what must hold after each.

use std::collections::BTreeMap;
use std::time::Duration;

use greenroom_actors::mailbox::{AskError, Overflow, SendError};
use greenroom_actors::supervisor::{Exit, NodeFigures, NodeState, Restart, TreeSnapshot};

use super::tree::{self, Dice, Door, KEYS, Tree};
use super::worker::{Act, Alone, Inside, Now, Outside, Probe};
use super::world::{self, Id, Spoil, Stats, world};

/// Steps of a run.
const STEPS: u64 = 10_000;

pub(crate) struct Outcome {
    pub(crate) stats: Stats,
    pub(crate) trace: u64,
    pub(crate) broken: Option<String>,
}

pub(crate) fn run(seed: u64) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        world::begin(std::env::var("CHAOS_TRACE").is_ok());
        play(&Dice::new(seed)).await;
    });
    drop(local);
    let world = world::end();
    Outcome {
        stats: world.stats,
        trace: world.trace,
        broken: world.broken,
    }
}

async fn play(dice: &Dice) {
    let mut tree = tree::grow(dice);
    // The tree may fail only for good, if at all, towards the end of a run.
    let doomed = dice
        .percent(20)
        .then(|| STEPS * 3 / 4 + dice.below(STEPS / 4));
    for step in 0..STEPS {
        match dice.below(1_000) {
            _ if doomed == Some(step) => doom(dice, &tree),
            0..8 => burst(dice, &tree),
            8..30 => spoil(dice, &tree),
            30..40 => add(dice, &mut tree),
            40..45 => remove(dice, &tree).await,
            45..200 => on_demand(dice, &tree),
            200..300 => ask(dice, &tree),
            _ => send(dice, &tree),
        }
        if dice.percent(40) {
            tokio::time::sleep(Duration::from_millis(dice.below(6))).await;
        }
        if step % 500 == 499 {
            settle().await;
            inspect(&tree);
        }
        if let Some(suspicion) = world(|world| world.suspicion.take()) {
            inspect(&tree);
            world(|world| world.check(world.ended, || suspicion));
        }
        if world(|world| world.broken.is_some()) {
            return;
        }
        if world(|world| world.ended) && step % 100 == 0 {
            break;
        }
    }
    finish(&tree).await;
}

/// Any act, now and then a harmful one.
fn act(dice: &Dice) -> Act {
    const HARMS: [Act; 17] = [
        Act::Panic,
        Act::PanicLater(3),
        Act::PanicInTimer,
        Act::PanicInInterval,
        Act::PanicInStream,
        Act::PanicWhenStreamEnds,
        Act::PanicInWait,
        Act::PanicInStopping,
        Act::PanicInStopped,
        Act::PanicInDrop,
        Act::PanicWithBomb,
        Act::Fail,
        Act::Fail,
        Act::Stop,
        Act::Cling,
        Act::Wait(50),
        Act::Wait(5),
    ];
    match dice.below(100) {
        0..7 => dice.pick(&HARMS),
        7..30 => Act::Nap(dice.below(20)),
        _ => Act::Work,
    }
}

fn door<'a>(dice: &Dice, tree: &'a Tree) -> &'a Door {
    // Some are asked for more than others, so that their mailboxes fill.
    let many = tree.doors.len() as u64;
    let limit = if dice.percent(30) { many.min(20) } else { many };
    &tree.doors[dice.below(limit) as usize]
}

fn send(dice: &Dice, tree: &Tree) {
    let (door, act) = (door(dice, tree), act(dice));
    tell(dice, door, act);
}

fn tell(dice: &Dice, door: &Door, act: Act) {
    let probe = Probe::new(door.id, act, dice.percent(2), true);
    let sent = match dice.below(4) {
        0 => door
            .address
            .tell(Inside(probe))
            .map_err(|error| error.map(|Inside(probe)| probe)),
        1 => door
            .address
            .tell(Outside(probe))
            .map_err(|error| error.map(|Outside(probe)| probe)),
        2 => door
            .address
            .tell(Alone(probe))
            .map_err(|error| error.map(|Alone(probe)| probe)),
        _ => door
            .address
            .tell(Now(probe))
            .map_err(|error| error.map(|Now(probe)| probe)),
    };
    if let Err(error) = sent {
        refused(door.id, Some(door.overflow), error);
    }
}

/// A message came back.
fn refused(to: Id, overflow: Option<Overflow>, error: SendError<Probe>) {
    let full = matches!(error, SendError::Full(_));
    let mut probe = error.into_message();
    probe.disarm();
    world(|world| {
        world.check(!probe.is_taken(), || {
            format!("worker {to} had and gave back a message")
        });
        world.note(if full { "full" } else { "stopped" }, to as u64);
        let worker = &mut world.workers[to];
        worker.refused += 1;
        if full && matches!(overflow, Some(Overflow::Block | Overflow::Reject)) {
            worker.rejected += 1;
        }
        let drops = matches!(overflow, Some(Overflow::DropOldest | Overflow::DropNewest));
        world.check(!(full && drops), || {
            format!("worker {to} refused what it should drop")
        });
        if !full {
            let may = may_be_gone(world, to);
            let path = world.path(to);
            if !may {
                world
                    .suspicion
                    .get_or_insert(format!("dead though it should live: {path}"));
            }
        }
    });
}

/// Says whether a worker may have ended for good.
fn may_be_gone(world: &world::World, id: Id) -> bool {
    let worker = &world.workers[id];
    let mut above = Some(worker.parent);
    let mut temporary = worker.restart != Restart::Permanent;
    while let Some(supervisor) = above {
        let supervisor = &world.supervisors[supervisor];
        temporary |= supervisor.parent.is_some() && supervisor.restart == Restart::Temporary;
        above = supervisor.parent;
    }
    world.ended || worker.leaving || temporary
}

fn ask(dice: &Dice, tree: &Tree) {
    let (door, act) = (door(dice, tree).clone(), act(dice));
    let probe = Probe::new(door.id, act, false, false);
    let (kind, id) = (dice.below(3), door.id);
    world(|world| world.workers[id].asking += 1);
    tokio::task::spawn_local(async move {
        let number = probe.number;
        let answer = match kind {
            0 => door
                .address
                .ask(Inside(probe))
                .await
                .map_err(|error| error.map(|Inside(probe)| probe)),
            1 => door
                .address
                .ask(Outside(probe))
                .await
                .map_err(|error| error.map(|Outside(probe)| probe)),
            _ => door
                .address
                .ask(Alone(probe))
                .await
                .map_err(|error| error.map(|Alone(probe)| probe)),
        };
        world(|world| {
            world.note("answer", number);
            world.workers[id].asking -= 1;
        });
        match answer {
            Ok(answer) => world(|world| {
                world.check(answer == number, || {
                    format!("worker {id} gave a wrong answer")
                });
            }),
            Err(AskError::NotSent(error)) => {
                let stopped = matches!(error, SendError::Stopped(_));
                if stopped {
                    world(|world| world.workers[id].turned_away += 1);
                }
                refused(id, Some(door.overflow), error);
            }
            Err(AskError::Dropped(mut probe)) => {
                probe.disarm();
                let drops = matches!(door.overflow, Overflow::DropOldest | Overflow::DropNewest);
                world(|world| {
                    world.check(drops && !probe.is_taken(), || {
                        format!("worker {id} says it dropped message {number}")
                    });
                });
            }
            // It was in hand: had it waited in the mailbox, it would have come back.
            Err(_) => {}
        }
    });
}

fn on_demand(dice: &Dice, tree: &Tree) {
    let key = dice.below(KEYS);
    let id = tree.keyed + key as usize;
    let harm = dice.percent(3);
    let act = if harm {
        dice.pick(&[Act::Panic, Act::Fail, Act::Cling])
    } else {
        Act::Work
    };
    let fresh = tree.on_demand.get(&key).is_none();
    let sent = tree
        .on_demand
        .tell(&key, Now(Probe::new(id, act, false, true)));
    world(|world| world.stats.idle += u64::from(fresh && sent.is_ok()));
    if let Err(error) = sent {
        refused(id, None, error.map(|Now(probe)| probe));
    }
    let open = tree.on_demand.len();
    world(|world| {
        world.check(open <= KEYS as usize * 2 / 3, || {
            "too many on demand".to_owned()
        });
    });
}

/// Many harms at one place.
fn burst(dice: &Dice, tree: &Tree) {
    let door = door(dice, tree);
    for _ in 0..6 {
        tell(
            dice,
            door,
            dice.pick(&[Act::Panic, Act::Fail, Act::PanicInDrop]),
        );
    }
}

/// Lets the next starts of a worker fail, and makes it start.
fn spoil(dice: &Dice, tree: &Tree) {
    let door = door(dice, tree);
    let spoils = 1 + dice.below(3);
    world(|world| {
        for _ in 0..spoils {
            let spoil = dice.pick(&[Spoil::Error, Spoil::Panic, Spoil::Started]);
            world.workers[door.id].spoiled.push_back(spoil);
        }
    });
    tell(dice, door, Act::Fail);
}

fn doom(dice: &Dice, tree: &Tree) {
    tell(dice, door(dice, tree), Act::FailForGood);
}

fn add(dice: &Dice, tree: &mut Tree) {
    let (parent, handle) = tree.handles[dice.below(tree.handles.len() as u64) as usize].clone();
    let restart = dice.pick(&[Restart::Permanent, Restart::Transient, Restart::Temporary]);
    let (door, spec) = tree::describe(dice, parent, restart, true);
    let added = handle.try_start(spec);
    world(|world| world.note(if added.is_ok() { "add" } else { "no add" }, door.id as u64));
    match added {
        Ok(()) => tree.doors.push(door),
        Err(_) => world(|world| {
            // Only a supervisor that has ended refuses.
            world.workers[door.id].restart = Restart::Permanent;
            let may = may_be_gone(world, door.id);
            if !may {
                world
                    .suspicion
                    .get_or_insert(format!("branch {parent} took no child"));
            }
        }),
    }
}

async fn remove(dice: &Dice, tree: &Tree) {
    let door = door(dice, tree).clone();
    let parent = world(|world| {
        world.note("remove", door.id as u64);
        world.workers[door.id].leaving = true;
        world.workers[door.id].parent
    });
    tree.handles[parent]
        .1
        .stop(format!("worker {}", door.id))
        .await;
}

/// Lets everything happen that needs no time.
async fn settle() {
    loop {
        let before = world(|world| world.events);
        for _ in 0..40 {
            tokio::task::yield_now().await;
        }
        if world(|world| world.events) == before {
            return;
        }
    }
}

/// The snapshot says what is true.
fn inspect(tree: &Tree) {
    let snapshot = tree.root.snapshot();
    let mut nodes = BTreeMap::new();
    snapshot.walk(&mut |node| {
        nodes.insert(node.name.clone(), (node.state, node.figures));
    });
    world(|world| {
        if snapshot.state == NodeState::Stopped && !world.ended {
            end(world, &snapshot);
        }
        for id in 0..world.supervisors.len() {
            let supervisor = &world.supervisors[id];
            let node = &nodes[&supervisor.name];
            let dead = matches!(
                node.0,
                NodeState::Idle | NodeState::Restarting | NodeState::Stopped
            );
            let (alive, name) = (supervisor.alive, supervisor.name.clone());
            world.check(!dead || alive == 0, || {
                format!("{alive} actors live under {name}, which does not")
            });
        }
        for door in &tree.doors {
            if let Some((state, figures)) = nodes.get(&format!("worker {}", door.id)) {
                inspect_worker(world, door.id, *state, figures);
            }
        }
    });
}

fn inspect_worker(world: &mut world::World, id: Id, state: NodeState, figures: &NodeFigures) {
    let worker = &world.workers[id];
    let alive = worker.alive;
    let fits = match state {
        NodeState::Running => alive == 1,
        NodeState::Stopping => true,
        NodeState::Idle | NodeState::Restarting | NodeState::Stopped => alive == 0,
    };
    let waiting = worker.sent - worker.taken - worker.unhandled;
    let (depth, asking) = (figures.depth as u64, worker.asking);
    let counted = figures.dropped + figures.left;
    // What was taken in and then let go of; a few that were turned away may have been in the mailbox.
    let lost = worker.unhandled + worker.rejected - worker.refused;
    let slack = worker.turned_away;
    world.check(fits, || {
        format!("worker {id} is {state:?} with {alive} alive")
    });
    world.check(depth <= waiting && waiting <= depth + asking, || {
        format!("{waiting} messages wait for worker {id}, the snapshot says {depth}")
    });
    world.check(lost <= counted && counted <= lost + slack, || {
        format!("worker {id} lost {lost} messages, the snapshot says {counted}")
    });
}

/// The root has ended: justly?
fn end(world: &mut world::World, snapshot: &TreeSnapshot) {
    world.ended = true;
    world.stats.roots_ended += 1;
    let exit = snapshot.last_exit.clone();
    world.note(
        &exit.as_ref().map(ToString::to_string).unwrap_or_default(),
        0,
    );
    match exit {
        Some(exit) if exit.is_fatal() => {}
        Some(Exit::Error(_)) => world.check_justified(0),
        exit => world.breaks(|| format!("the root ended: {exit:?}")),
    }
}

async fn finish(tree: &Tree) {
    settle().await;
    inspect(tree);
    let before = world(|world| world.ended);
    let exit = tree.root.shutdown().await;
    settle().await;
    if !before {
        world(|world| world.check(exit == Exit::Shutdown, || format!("the root ended: {exit}")));
    }
    world(|world| world.ended = true);
    // Futures outside the actors may still be at it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    settle().await;
    inspect(tree);
    let mut killed = 0;
    tree.root
        .snapshot()
        .walk(&mut |node| killed += u64::from(node.last_exit == Some(Exit::Killed)));
    world(|world| {
        world.stats.killed = killed;
        for id in 0..world.workers.len() {
            let worker = &world.workers[id];
            let (alive, asking) = (worker.alive, worker.asking);
            let left = worker.sent - worker.taken - worker.unhandled;
            world.check(alive == 0, || format!("worker {id} outlives the tree"));
            world.check(asking == 0, || {
                format!("{asking} wait in vain for worker {id}")
            });
            world.check(left == 0, || {
                format!("{left} messages for worker {id} are nowhere")
            });
        }
    });
    let open = tree.on_demand.len();
    world(|world| world.check(open == 0, || format!("{open} on demand are left")));
}
