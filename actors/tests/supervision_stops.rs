//! Who stops when, who is killed, and that nobody outlives a supervisor.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use actix::prelude::*;
use greenroom_actors::clock;
use greenroom_actors::mailbox::ActorRef;
use greenroom_actors::supervisor::{
    Backoff, ChildSpec, Exit, NodeState, Restart, Root, StartError, Strategy, Supervised,
    Supervisor,
};
use stage::{Lines, hush, later, paused};

/// Writes down its starts and ends, and does as it is told.
struct Player {
    name: String,
    lines: Lines,
    clings: bool,
}

impl Player {
    fn spec(name: &str, lines: &Lines) -> ChildSpec<Self> {
        let (label, lines) = (name.to_owned(), lines.clone());
        ChildSpec::new(name, move || Self {
            name: label.clone(),
            lines: lines.clone(),
            clings: false,
        })
    }
}

impl Actor for Player {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.lines.add(format!("+{}", self.name));
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        match self.clings {
            true => Running::Continue,
            false => Running::Stop,
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.lines.add(format!("-{}", self.name));
    }
}

#[derive(Clone, Copy, Message, PartialEq)]
#[rtype(result = "()")]
enum Do {
    Cling,
    Fail,
    FailForGood,
    Stop,
    Wait,
    Work,
}

impl Handler<Do> for Player {
    type Result = ();

    fn handle(&mut self, act: Do, ctx: &mut Self::Context) {
        match act {
            Do::Cling => self.clings = true,
            Do::Fail => ctx.fail("on purpose"),
            Do::FailForGood => ctx.fail_for_good("on purpose"),
            Do::Stop => ctx.stop(),
            Do::Wait => ctx.wait(tokio::time::sleep(Duration::from_secs(60)).into_actor(self)),
            Do::Work => self.lines.add(self.name.clone()),
        }
    }
}

fn quick() -> Backoff {
    Backoff::exponential(Duration::from_millis(10), Duration::from_millis(10)).floor_percent(100)
}

fn supervisor(name: &str, strategy: Strategy) -> Supervisor {
    Supervisor::new(name, strategy).backoff(quick())
}

fn exits(root: &Root) -> Vec<(String, Option<Exit>)> {
    let mut exits = Vec::new();
    root.snapshot()
        .walk(&mut |node| exits.push((node.name.clone(), node.last_exit.clone())));
    exits
}

#[test]
fn a_factory_that_fails_is_a_start_failure_and_is_tried_again() {
    paused(|| async {
        let (lines, tries) = (Lines::default(), AtomicUsize::new(0));
        let shared = lines.clone();
        let spec =
            ChildSpec::fallible("late", move || match tries.fetch_add(1, Ordering::SeqCst) {
                0..2 => Err("no room yet".into()),
                _ => Ok(Player {
                    name: "late".into(),
                    lines: shared.clone(),
                    clings: false,
                }),
            });
        let root = Root::start(supervisor("root", Strategy::OneForOne).child(spec));
        later(1).await;
        let node = root.snapshot().children.remove(0);
        assert_eq!(node.state, NodeState::Restarting);
        assert_eq!(node.last_exit, Some(Exit::start_failure("no room yet")));
        later(100).await;
        let node = root.snapshot().children.remove(0);
        assert_eq!((node.state, node.restarts), (NodeState::Running, 2));
        root.shutdown().await;
    });
}

#[test]
fn every_exit_can_be_seen_in_the_snapshot() {
    paused(|| async {
        let lines = Lines::default();
        let mut tree = supervisor("root", Strategy::OneForOne);
        let mut addresses = Vec::new();
        for name in ["normal", "shutdown", "error", "killed"] {
            let spec = Player::spec(name, &lines)
                .restart(Restart::Temporary)
                .shutdown_within(Duration::from_millis(5));
            addresses.push(spec.address());
            tree = tree.child(spec);
        }
        let root = Root::start(tree);
        addresses[0].tell(Do::Stop).unwrap();
        addresses[2].tell(Do::Fail).unwrap();
        addresses[3].tell(Do::Cling).unwrap();
        later(1).await;
        root.shutdown().await;
        let expected = [
            ("root", Exit::Shutdown),
            ("normal", Exit::Normal),
            ("shutdown", Exit::Shutdown),
            ("error", Exit::error("on purpose")),
            ("killed", Exit::Killed),
        ];
        assert_eq!(
            exits(&root),
            expected.map(|(name, exit)| (name.to_owned(), Some(exit)))
        );
    });
}

#[test]
fn the_deadline_of_a_supervisor_takes_its_whole_tree_down() {
    paused(|| async {
        let lines = Lines::default();
        let mut inner = supervisor("inner", Strategy::OneForAll);
        let mut addresses = Vec::new();
        for name in ["a", "b", "c"] {
            let spec = Player::spec(name, &lines).shutdown_within(Duration::from_secs(60));
            addresses.push(spec.address());
            inner = inner.child(spec);
        }
        let middle = supervisor("middle", Strategy::OneForOne)
            .child(inner.shutdown_within(Duration::from_secs(300)))
            .shutdown_within(Duration::from_millis(100));
        let root = Root::start(supervisor("root", Strategy::OneForOne).child(middle));
        for address in &addresses {
            address.tell(Do::Cling).unwrap();
        }
        later(1).await;
        lines.take();
        let before = clock::now();
        assert_eq!(root.shutdown().await, Exit::Shutdown);
        assert!((100..=102).contains(&before.elapsed().as_millis()));
        assert_eq!(lines.take().len(), 3);
        let killed = exits(&root)
            .into_iter()
            .filter(|(_, exit)| *exit == Some(Exit::Killed));
        assert_eq!(killed.count(), 5, "middle, inner, a, b and c");
    });
}

#[test]
fn the_deadline_of_the_root_holds_for_the_whole_tree() {
    paused(|| async {
        let spec = Player::spec("a", &Lines::default()).shutdown_within(Duration::from_secs(60));
        let address = spec.address();
        let tree = supervisor("root", Strategy::OneForOne).child(spec);
        let root = Root::start(tree.shutdown_within(Duration::from_secs(2)));
        address.tell(Do::Cling).unwrap();
        later(1).await;
        let before = clock::now();
        assert_eq!(root.shutdown().await, Exit::Killed);
        assert_eq!(before.elapsed().as_secs(), 2);
    });
}

#[test]
fn a_child_that_stops_slowly_holds_up_nobody_else() {
    paused(|| async {
        let lines = Lines::default();
        let tree = supervisor("root", Strategy::OneForOne);
        let (handle, slow) = (tree.handle(), Player::spec("slow", &lines));
        let other = Player::spec("other", &lines);
        let (stuck, crashing) = (slow.address(), other.address());
        let slow = slow.shutdown_within(Duration::from_secs(60));
        let root = Root::start(tree.child(slow).child(other));
        stuck.tell(Do::Cling).unwrap();
        later(1).await;
        handle.stop("slow").await;
        later(1).await;
        crashing.tell(Do::Fail).unwrap();
        handle.start(Player::spec("third", &lines)).await.unwrap();
        later(20).await;
        let tree = root.snapshot();
        assert_eq!(tree.find("slow").unwrap().state, NodeState::Stopping);
        assert_eq!(tree.find("other").unwrap().restarts, 1);
        assert_eq!(tree.find("third").unwrap().state, NodeState::Running);
        assert_eq!(root.kill().await, Exit::Killed);
        assert_eq!(
            lines
                .take()
                .iter()
                .filter(|line| line.starts_with('-'))
                .count(),
            4
        );
    });
}

#[test]
fn children_added_under_one_for_one_drain_side_by_side() {
    paused(|| async {
        let lines = Lines::default();
        let tree = supervisor("root", Strategy::OneForOne);
        let handle = tree.handle();
        let root = Root::start(tree.child(Player::spec("first", &lines)));
        for number in 0..100 {
            let spec = Player::spec(&number.to_string(), &lines)
                .shutdown_within(Duration::from_millis(500));
            spec.address().tell(Do::Cling).unwrap();
            handle.start(spec).await.unwrap();
        }
        later(1).await;
        let before = clock::now();
        root.shutdown().await;
        assert!((500..=502).contains(&before.elapsed().as_millis()));
        // What was there at the start goes last.
        assert_eq!(lines.take().last().unwrap(), "-first");
    });
}

/// Three children under a strategy, and the lines that they write.
fn trio(
    strategy: Strategy,
    change: impl Fn(&str, ChildSpec<Player>) -> ChildSpec<Player>,
) -> (Supervisor, [ActorRef<Player>; 3], Lines) {
    let lines = Lines::default();
    let specs = ["a", "b", "c"].map(|name| change(name, Player::spec(name, &lines)));
    let addresses = specs.each_ref().map(ChildSpec::address);
    let tree = specs
        .into_iter()
        .fold(supervisor("root", strategy), Supervisor::child);
    (tree, addresses, lines)
}

#[test]
fn children_that_fail_at_once_are_one_group() {
    paused(|| async {
        let (tree, [a, b, c], lines) = trio(Strategy::OneForAll, |_, spec| spec);
        let root = Root::start(tree.intensity(1, Duration::from_secs(60)));
        later(1).await;
        lines.take();
        for address in [&c, &a, &b] {
            address.tell(Do::Fail).unwrap();
        }
        later(100).await;
        assert_eq!(lines.take()[3..], ["+a", "+b", "+c"]);
        // Only the first counted: otherwise this would have been more than is allowed.
        let node = root.snapshot();
        assert_eq!((node.state, node.total_restarts()), (NodeState::Running, 3));
        root.shutdown().await;
    });
}

#[test]
fn a_member_that_ends_as_it_should_while_its_group_stops_stays_away() {
    paused(|| async {
        let (tree, [a, b, c], lines) = trio(Strategy::OneForAll, |name, spec| {
            let spec = spec.shutdown_within(Duration::from_millis(50));
            if name == "b" {
                spec.restart(Restart::Transient)
            } else {
                spec
            }
        });
        let root = Root::start(tree);
        c.tell(Do::Cling).unwrap();
        later(1).await;
        lines.take();
        a.tell(Do::Fail).unwrap();
        later(1).await;
        // `c` is stopped first, and takes its time; `b` has not been asked yet.
        b.tell(Do::Stop).unwrap();
        later(100).await;
        assert_eq!(lines.take(), ["-a", "-b", "-c", "+a", "+c"]);
        assert!(b.is_stopped());
        root.shutdown().await;
    });
}

#[test]
fn a_fatal_failure_while_the_group_stops_escalates() {
    paused(|| async {
        let (tree, [a, b, c], _) = trio(Strategy::OneForAll, |_, spec| {
            spec.shutdown_within(Duration::from_millis(50))
        });
        let root = Root::start(tree);
        c.tell(Do::Cling).unwrap();
        later(1).await;
        a.tell(Do::Fail).unwrap();
        later(1).await;
        b.tell(Do::FailForGood).unwrap();
        assert!(root.ended().await.is_fatal());
    });
}

#[test]
fn a_failure_before_the_group_makes_the_group_larger() {
    paused(|| async {
        let (tree, [a, b, c], lines) = trio(Strategy::RestForOne, |_, spec| {
            spec.shutdown_within(Duration::from_millis(50))
        });
        let root = Root::start(tree);
        c.tell(Do::Cling).unwrap();
        later(1).await;
        lines.take();
        b.tell(Do::Fail).unwrap();
        later(1).await;
        a.tell(Do::Fail).unwrap();
        later(100).await;
        assert_eq!(lines.take(), ["-b", "-a", "-c", "+a", "+b", "+c"]);
        root.shutdown().await;
    });
}

#[test]
fn a_group_waits_for_a_member_that_had_to_wait_longer() {
    paused(|| async {
        let (tree, [a, _, c], lines) = trio(Strategy::RestForOne, |_, spec| spec);
        // Delays are 10 s and 20 s, by what each child has had.
        let slow = Backoff::exponential(Duration::from_secs(10), Duration::from_secs(60))
            .floor_percent(100);
        let root = Root::start(tree.backoff(slow));
        c.tell(Do::Fail).unwrap();
        later(11_000).await;
        c.tell(Do::Fail).unwrap();
        later(1_000).await;
        lines.take();
        let failed = clock::now();
        a.tell(Do::Fail).unwrap();
        later(10_500).await;
        assert_eq!(
            lines.take(),
            ["-a", "-b"],
            "19 s of the wait of `c` were left"
        );
        while lines.take().is_empty() {
            later(100).await;
        }
        assert!(failed.elapsed() >= Duration::from_millis(18_900));
        root.shutdown().await;
    });
}

#[test]
fn a_child_stopped_for_good_is_not_started_with_its_group() {
    paused(|| async {
        let (tree, [a, b, _], lines) = trio(Strategy::OneForAll, |_, spec| spec);
        let handle = tree.handle();
        let root = Root::start(tree);
        b.tell(Do::Work).unwrap();
        handle.stop("b").await;
        later(1).await;
        assert!(b.is_stopped());
        lines.take();
        a.tell(Do::Fail).unwrap();
        later(100).await;
        assert_eq!(lines.take(), ["-a", "-c", "+a", "+c"]);
        root.shutdown().await;
    });
}

#[test]
fn children_that_ended_for_good_stay_so_when_their_supervisor_is_restarted() {
    paused(|| async {
        let lines = Lines::default();
        let specs = [
            ("permanent", Restart::Permanent),
            ("transient", Restart::Transient),
            ("done", Restart::Transient),
            ("temporary", Restart::Temporary),
        ]
        .map(|(name, restart)| Player::spec(name, &lines).restart(restart));
        let addresses = specs.each_ref().map(ChildSpec::address);
        let inner = supervisor("inner", Strategy::OneForOne).intensity(0, Duration::from_secs(1));
        let handle = inner.handle();
        let inner = specs.into_iter().fold(inner, Supervisor::child);
        let root = Root::start(supervisor("root", Strategy::OneForOne).child(inner));
        handle.start(Player::spec("added", &lines)).await.unwrap();
        addresses[2].tell(Do::Stop).unwrap();
        later(1).await;
        lines.take();
        addresses[0].tell(Do::Fail).unwrap();
        later(100).await;
        let stopped = ["-permanent", "-added", "-temporary", "-transient"];
        let started = ["+permanent", "+transient", "+added"];
        assert_eq!(lines.take(), [&stopped[..], &started[..]].concat());
        assert!(addresses[3].is_stopped());
        root.shutdown().await;
    });
}

#[test]
fn a_name_is_given_once() {
    paused(|| async {
        let lines = Lines::default();
        let tree = supervisor("root", Strategy::OneForOne).child(Player::spec("a", &lines));
        let handle = tree.handle();
        let root = Root::start(tree);
        let taken = handle.start(Player::spec("a", &lines)).await.unwrap_err();
        assert!(matches!(taken, StartError::NameTaken(_)));
        handle.start(Player::spec("b", &lines)).await.unwrap();
        assert!(handle.try_start(Player::spec("b", &lines)).is_err());
        handle.stop("b").await;
        later(1).await;
        handle.try_start(Player::spec("b", &lines)).unwrap();
        later(1).await;
        assert_eq!(root.snapshot().children.len(), 2);
        root.shutdown().await;
        let late = handle.start(Player::spec("c", &lines)).await.unwrap_err();
        assert!(matches!(late, StartError::Ended(_)));
    });
}

#[test]
fn a_panicking_observer_harms_nobody() {
    paused(|| async {
        let spec = Player::spec("a", &Lines::default());
        let address = spec.address();
        let tree = supervisor("root", Strategy::OneForOne).child(spec);
        let root = Root::start(tree.observer(Arc::new(|_| panic!("on purpose"))));
        address.tell(Do::Fail).unwrap();
        later(100).await;
        assert_eq!(root.snapshot().children[0].restarts, 1);
        root.shutdown().await;
    });
}

#[test]
fn extreme_durations_overflow_nothing() {
    paused(|| async {
        let lines = Lines::default();
        let spec = Player::spec("a", &lines).shutdown_within(Duration::MAX);
        let address = spec.address();
        let endless = Backoff::exponential(Duration::MAX, Duration::MAX)
            .floor_percent(100)
            .healthy_after(Duration::MAX);
        let tree = Supervisor::new("root", Strategy::OneForAll)
            .child(spec)
            .backoff(endless)
            .intensity(usize::MAX, Duration::MAX)
            .shutdown_within(Duration::MAX);
        let root = Root::start(tree);
        address.tell(Do::Fail).unwrap();
        later(1_000).await;
        assert_eq!(root.snapshot().children[0].state, NodeState::Restarting);
        assert_eq!(root.shutdown().await, Exit::Shutdown);
    });
}

/// Blocks its thread until it is let go.
struct Blocker(Arc<std::sync::Mutex<mpsc::Receiver<()>>>);

impl Actor for Blocker {
    type Context = Context<Self>;
}

impl Handler<Do> for Blocker {
    type Result = ();

    fn handle(&mut self, act: Do, _: &mut Self::Context) {
        if act == Do::Wait {
            let _ = self.0.lock().unwrap().recv();
        }
    }
}

#[test]
fn an_actor_that_blocks_its_own_thread_blocks_nobody_else_and_is_given_up() {
    hush();
    System::new().block_on(async {
        let arbiter = Arbiter::new();
        let (let_go, held) = mpsc::channel();
        let held = Arc::new(std::sync::Mutex::new(held));
        let spec = ChildSpec::new("blocker", move || Blocker(Arc::clone(&held)))
            .on_arbiter(arbiter.handle())
            .shutdown_within(Duration::from_millis(20));
        let blocker = spec.address();
        let lines = Lines::default();
        let other = Player::spec("other", &lines);
        let address = other.address();
        let tree = supervisor("root", Strategy::OneForOne);
        let handle = tree.handle();
        let root = Root::start(tree.child(spec).child(other));
        blocker.ask(Do::Work).await.unwrap();
        blocker.tell(Do::Wait).unwrap();
        // Its supervisor and its siblings go on.
        address.ask(Do::Fail).await.unwrap();
        address.ask(Do::Work).await.unwrap();
        handle.start(Player::spec("third", &lines)).await.unwrap();
        assert_eq!(root.snapshot().find("other").unwrap().restarts, 1);
        // It can be given up.
        assert_eq!(root.shutdown().await, Exit::Shutdown);
        assert_eq!(
            root.snapshot().find("blocker").unwrap().last_exit,
            Some(Exit::Killed)
        );
        assert!(blocker.tell(Do::Work).is_err());
        drop(let_go);
        arbiter.stop();
        arbiter.join().unwrap();
    });
}

#[test]
fn an_arbiter_that_is_gone_is_a_start_failure_and_escalates_in_the_end() {
    hush();
    System::new().block_on(async {
        let arbiter = Arbiter::new();
        let spec = Player::spec("far", &Lines::default()).on_arbiter(arbiter.handle());
        let address = spec.address();
        let root = Root::start(
            supervisor("root", Strategy::OneForOne)
                .intensity(2, Duration::from_secs(60))
                .child(spec),
        );
        address.ask(Do::Work).await.unwrap();
        arbiter.stop();
        arbiter.join().unwrap();
        let exit = root.ended().await;
        assert!(
            exit.to_string().contains("`far` was restarted too often"),
            "{exit}"
        );
        let node = root.snapshot().children.remove(0);
        assert_eq!(
            node.last_exit,
            Some(Exit::start_failure("its arbiter is gone"))
        );
        assert_eq!(node.restarts, 2);
        assert!(address.is_stopped());
    });
}
