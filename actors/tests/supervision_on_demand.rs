//! Children that are started on demand and stopped when idle.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use std::time::Duration;

use actix::prelude::*;
use greenroom_actors::mailbox::SendError;
use greenroom_actors::supervisor::{
    ChildSpec, Exit, NodeState, OnDemand, OnDemandError, Restart, Root, Strategy, Supervised,
    Supervisor,
};
use stage::{Lines, later, paused};

/// Writes down what it gets, and is busy with it for a while.
struct Room {
    key: u32,
    lines: Lines,
    busy: usize,
}

impl Actor for Room {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.lines.add(format!("+{}", self.key));
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        match self.busy {
            0 => Running::Stop,
            _ => Running::Continue,
        }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.lines.add(format!("-{}", self.key));
    }
}

#[derive(Message)]
#[rtype(result = "u32")]
struct Enter(u32);

impl Handler<Enter> for Room {
    type Result = u32;

    fn handle(&mut self, Enter(guest): Enter, ctx: &mut Self::Context) -> u32 {
        self.lines.add(format!("{guest} in {}", self.key));
        if guest == CRASH {
            ctx.fail("on purpose");
        }
        if guest == STAY {
            self.busy += 1;
            ctx.run_later(Duration::from_secs(60), |room, _| room.busy -= 1);
        }
        guest
    }
}

const CRASH: u32 = 666;
const STAY: u32 = 7;

fn rooms(lines: &Lines) -> (Root, OnDemand<u32, Room>) {
    let tree = Supervisor::new("rooms", Strategy::OneForOne);
    let lines = lines.clone();
    let rooms = OnDemand::new(tree.handle(), move |key: &u32| {
        let (key, lines) = (*key, lines.clone());
        ChildSpec::new(format!("room {key}"), move || Room {
            key,
            lines: lines.clone(),
            busy: 0,
        })
    });
    (
        Root::start(tree),
        rooms.idle_after(Duration::from_secs(10)).limit(3),
    )
}

#[test]
fn a_child_is_started_by_its_first_message_and_ends_after_silence() {
    paused(|| async {
        let lines = Lines::default();
        let (root, rooms) = rooms(&lines);
        assert!(rooms.is_empty() && rooms.get(&1).is_none());
        assert_eq!(rooms.ask(&1, Enter(5)).await.unwrap(), 5);
        rooms.tell(&1, Enter(6)).unwrap();
        rooms.send(&2, Enter(8)).await.unwrap();
        later(9_000).await;
        assert_eq!(rooms.ask(&2, Enter(9)).await.unwrap(), 9);
        later(2_000).await;
        assert_eq!((rooms.len(), root.snapshot().children.len()), (1, 1));
        later(10_000).await;
        assert_eq!((rooms.len(), root.snapshot().children.len()), (0, 0));
        assert_eq!(rooms.ask(&1, Enter(3)).await.unwrap(), 3);
        let expected = [
            "+1", "5 in 1", "+2", "6 in 1", "8 in 2", "9 in 2", "-1", "-2", "+1", "3 in 1",
        ];
        let (mut seen, mut expected) = (lines.take(), expected.map(str::to_owned).to_vec());
        assert_eq!(seen.len(), expected.len());
        // Rooms 1 and 2 begin side by side.
        seen[..5].sort_unstable();
        expected[..5].sort_unstable();
        assert_eq!(seen, expected);
        assert_eq!(root.shutdown().await, Exit::Shutdown);
        assert!(rooms.is_empty());
        assert_eq!(rooms.child(&1).unwrap_err(), OnDemandError::Ended);
    });
}

#[test]
fn a_message_that_comes_while_the_child_ends_is_not_lost() {
    paused(|| async {
        let lines = Lines::default();
        let (root, rooms) = rooms(&lines);
        let mut sent = 0;
        // Around the moment at which silence ends it, at any point of what happens then.
        for pause in 9_990..10_010 {
            for yields in 0..12 {
                rooms.tell(&1, Enter(1_000 + sent)).unwrap();
                sent += 1;
                later(pause).await;
                for _ in 0..yields {
                    tokio::task::yield_now().await;
                }
            }
        }
        later(1).await;
        let guests: Vec<_> = lines
            .take()
            .into_iter()
            .filter(|line| line.contains("in"))
            .collect();
        let expected: Vec<_> = (0..sent)
            .map(|number| format!("{} in 1", 1_000 + number))
            .collect();
        assert_eq!(guests, expected);
        root.shutdown().await;
    });
}

#[test]
fn a_message_in_the_mailbox_of_a_child_that_has_just_dozed_off_wakes_it() {
    paused(|| async {
        let lines = Lines::default();
        let (root, rooms) = rooms(&lines);
        rooms.tell(&1, Enter(1)).unwrap();
        let address = rooms.child(&1).unwrap();
        later(1).await;
        // Both timers ring at the same moment; whoever is first, the address stays good or gives the message back.
        let told = async {
            later(10_000).await;
            address.tell(Enter(2))
        };
        if let Err(SendError::Stopped(message)) = told.await {
            rooms.tell(&1, message).unwrap();
        }
        later(1).await;
        assert!(lines.take().contains(&"2 in 1".to_owned()));
        assert_eq!(
            root.snapshot().total_restarts(),
            0,
            "waking up is no restart"
        );
        root.shutdown().await;
    });
}

#[test]
fn there_are_never_more_than_the_limit() {
    paused(|| async {
        let (root, rooms) = rooms(&Lines::default());
        for key in 0..3 {
            rooms.tell(&key, Enter(1)).unwrap();
        }
        assert_eq!(rooms.child(&3).unwrap_err(), OnDemandError::TooMany(3));
        let full = rooms.tell(&3, Enter(5)).unwrap_err();
        assert!(matches!(full, SendError::Full(Enter(5))));
        // Those that run can be reached all the same.
        rooms.tell(&2, Enter(1)).unwrap();
        later(11_000).await;
        rooms.tell(&3, Enter(5)).unwrap();
        root.shutdown().await;
    });
}

#[test]
fn a_crash_is_no_silence() {
    paused(|| async {
        let lines = Lines::default();
        let (root, rooms) = rooms(&lines);
        let address = rooms.child(&1).unwrap();
        address.tell(Enter(CRASH)).unwrap();
        address.tell(Enter(2)).unwrap();
        later(1_000).await;
        assert_eq!(lines.take(), ["+1", "666 in 1", "-1", "+1", "2 in 1"]);
        assert_eq!(root.snapshot().children[0].restarts, 1);
        root.shutdown().await;
    });
}

#[test]
fn an_actor_that_has_something_to_do_is_not_idle() {
    paused(|| async {
        let lines = Lines::default();
        let (root, rooms) = rooms(&lines);
        rooms.tell(&1, Enter(STAY)).unwrap();
        later(55_000).await;
        assert_eq!(rooms.len(), 1);
        later(20_000).await;
        assert_eq!(rooms.len(), 0);
        assert_eq!(lines.take(), ["+1", "7 in 1", "-1"]);
        root.shutdown().await;
    });
}

#[test]
fn any_child_can_end_after_silence() {
    paused(|| async {
        let lines = Lines::default();
        let shared = lines.clone();
        let spec = ChildSpec::new("room", move || Room {
            key: 1,
            lines: shared.clone(),
            busy: 0,
        })
        .idle_after(Duration::from_secs(1));
        let address = spec.address();
        let root = Root::start(Supervisor::new("root", Strategy::OneForOne).child(spec));
        later(2_000).await;
        let node = root.snapshot().children.remove(0);
        assert_eq!(
            (node.state, node.last_exit),
            (NodeState::Stopped, Some(Exit::Normal))
        );
        assert!(address.is_stopped());
        root.shutdown().await;
    });
}

#[test]
fn a_permanent_child_starts_again_after_silence() {
    paused(|| async {
        let lines = Lines::default();
        let shared = lines.clone();
        let spec = ChildSpec::new("room", move || Room {
            key: 1,
            lines: shared.clone(),
            busy: 0,
        })
        .idle_after(Duration::from_secs(1))
        .restart(Restart::Permanent);
        let address = spec.address();
        let root = Root::start(Supervisor::new("root", Strategy::OneForOne).child(spec));
        later(2_500).await;
        assert_eq!(lines.take(), ["+1", "-1", "+1", "-1", "+1"]);
        assert!(!address.is_stopped());
        root.shutdown().await;
    });
}
