//! What mailboxes and addresses promise, each promise one test.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use std::time::Duration;

use actix::prelude::*;
use futures::FutureExt;
use greenroom_actors::error::Retry;
use greenroom_actors::mailbox::{ActorRef, AskError, Overflow, SendError};
use greenroom_actors::supervisor::{
    ChildSpec, Exit, NodeFigures, Restart, Root, Strategy, Supervised, Supervisor, TreeSnapshot,
};
use stage::{Lines, later, paused};

/// Writes down what it gets.
struct Clerk {
    lines: Lines,
    busy: Duration,
}

impl Actor for Clerk {
    type Context = Context<Self>;
}

#[derive(Debug, Message, PartialEq)]
#[rtype(result = "u32")]
struct Note(u32);

impl Handler<Note> for Clerk {
    type Result = AtomicResponse<Self, u32>;

    fn handle(&mut self, Note(number): Note, ctx: &mut Self::Context) -> Self::Result {
        self.lines.add(number.to_string());
        if number == CRASH {
            ctx.fail("on purpose");
        }
        let work = tokio::time::sleep(self.busy).into_actor(self);
        AtomicResponse::new(Box::pin(work.map(move |(), _, _| number)))
    }
}

const CRASH: u32 = 666;

fn clerk(
    capacity: usize,
    overflow: Overflow,
    busy: u64,
) -> (ChildSpec<Clerk>, ActorRef<Clerk>, Lines) {
    let lines = Lines::default();
    let (shared, busy) = (lines.clone(), Duration::from_millis(busy));
    let spec = ChildSpec::new("clerk", move || Clerk {
        lines: shared.clone(),
        busy,
    })
    .mailbox(capacity, overflow);
    let address = spec.address();
    (spec, address, lines)
}

fn start(spec: ChildSpec<Clerk>) -> Root {
    Root::start(Supervisor::new("root", Strategy::OneForOne).child(spec))
}

fn figures(tree: &TreeSnapshot) -> NodeFigures {
    tree.find("clerk").unwrap().figures
}

#[test]
fn each_policy_does_what_its_table_says_and_is_counted() {
    paused(|| async {
        // Policy; what tell, send and ask get of a full mailbox; what is handled; how many are counted as dropped.
        let table: [(Overflow, [&str; 3], &[&str], u64); 4] = [
            (
                Overflow::Block,
                ["full", "waits", "waits"],
                &["1", "2", "11", "12"],
                1,
            ),
            (Overflow::Reject, ["full", "full", "full"], &["1", "2"], 3),
            (
                Overflow::DropOldest,
                ["ok", "ok", "waits"],
                &["11", "12"],
                3,
            ),
            (
                Overflow::DropNewest,
                ["ok", "ok", "dropped"],
                &["1", "2"],
                3,
            ),
        ];
        for (overflow, outcomes, handled, dropped) in table {
            let (spec, address, lines) = clerk(2, overflow, 0);
            for number in [1, 2] {
                address.tell(Note(number)).unwrap();
            }
            let told = match address.tell(Note(10)) {
                Ok(()) => "ok",
                Err(error) => {
                    assert_eq!(error.retry(), Retry::Now);
                    assert_eq!(error.into_message(), Note(10));
                    "full"
                }
            };
            let mut send = Box::pin(address.send(Note(11)));
            let sent = match (&mut send).now_or_never() {
                None => "waits",
                Some(Ok(())) => "ok",
                Some(Err(error)) => {
                    assert_eq!(error.into_message(), Note(11));
                    "full"
                }
            };
            let mut ask = Box::pin(address.ask(Note(12)));
            let asked = match (&mut ask).now_or_never() {
                None => "waits",
                Some(Ok(_)) => "ok",
                Some(Err(AskError::Dropped(Note(12)))) => "dropped",
                Some(Err(error)) => {
                    assert_eq!(
                        (error.retry(), error.into_message()),
                        (Retry::Now, Some(Note(12)))
                    );
                    "full"
                }
            };
            assert_eq!([told, sent, asked], outcomes, "{overflow:?}");
            let root = start(spec);
            if sent == "waits" {
                send.await.unwrap();
            }
            if asked == "waits" {
                assert_eq!(ask.await.unwrap(), 12);
            }
            later(10).await;
            assert_eq!(lines.take(), handled, "{overflow:?}");
            assert_eq!(figures(&root.snapshot()).dropped, dropped, "{overflow:?}");
            root.shutdown().await;
        }
    });
}

#[test]
fn who_asks_learns_that_the_message_was_dropped_unseen() {
    paused(|| async {
        let (_spec, address, _) = clerk(1, Overflow::DropOldest, 0);
        let mut ask = Box::pin(address.ask(Note(1)));
        assert!((&mut ask).now_or_never().is_none());
        address.tell(Note(2)).unwrap();
        let error = ask.await.unwrap_err();
        assert!(matches!(error, AskError::Dropped(Note(1))), "{error:?}");
        assert_eq!(error.retry(), Retry::Now);
    });
}

#[test]
fn who_asks_is_told_when_the_actor_ends_for_good_before_it_has_seen_the_message() {
    paused(|| async {
        let (spec, address, _) = clerk(8, Overflow::Block, 50);
        let root = start(spec.restart(Restart::Temporary));
        address.tell(Note(CRASH)).unwrap();
        let error = address.ask(Note(1)).await.unwrap_err();
        assert!(
            matches!(error, AskError::NotSent(SendError::Stopped(Note(1)))),
            "{error:?}"
        );
        assert_eq!(error.retry(), Retry::Never);
        later(1).await;
        assert_eq!(figures(&root.snapshot()).left, 1);
        root.shutdown().await;
    });
}

#[test]
fn who_asks_is_told_when_the_actor_dies_with_the_message_in_hand() {
    paused(|| async {
        let (spec, address, lines) = clerk(8, Overflow::Block, 50);
        let root = start(spec);
        let (first, second) = futures::join!(address.ask(Note(CRASH)), address.ask(Note(2)));
        let error = first.unwrap_err();
        assert!(matches!(error, AskError::Interrupted));
        assert_eq!((error.retry(), error.into_message()), (Retry::Never, None));
        // What waited is answered by the next incarnation.
        assert_eq!(second.unwrap(), 2);
        assert_eq!(lines.take(), ["666", "2"]);
        root.shutdown().await;
    });
}

#[test]
fn an_actor_that_can_no_longer_be_started_tells_whoever_asks() {
    paused(|| async {
        let (spec, address, _) = clerk(8, Overflow::Block, 0);
        let supervisor = Supervisor::new("root", Strategy::OneForOne).child(spec);
        let asked = address.ask(Note(1));
        let (answer, ()) = futures::join!(asked, async {
            later(1).await;
            drop(supervisor);
        });
        // The spec was never started: nobody has seen the message.
        assert!(matches!(
            answer,
            Err(AskError::NotSent(SendError::Stopped(Note(1))))
        ));
    });
}

#[test]
fn what_was_not_handled_by_the_deadline_is_counted_as_left() {
    paused(|| async {
        let (spec, address, lines) = clerk(64, Overflow::Block, 10);
        let root = start(spec.shutdown_within(Duration::from_millis(55)));
        for number in 0..20 {
            address.tell(Note(number)).unwrap();
        }
        later(1).await;
        assert_eq!(root.shutdown().await, Exit::Shutdown);
        let handled = lines.take().len();
        let node = root.snapshot().children.remove(0);
        assert_eq!(node.last_exit, Some(Exit::Killed));
        assert_eq!((handled, node.figures.left, node.figures.depth), (6, 14, 0));
        assert!(root.snapshot().to_string().contains("left 14"));
    });
}

#[test]
fn draining_waits_for_an_answer_that_keeps_the_mailbox_shut() {
    paused(|| async {
        let (spec, address, _) = clerk(8, Overflow::Block, 100);
        let root = start(spec);
        let (answer, exit) = futures::join!(address.ask(Note(1)), async {
            later(1).await;
            root.shutdown().await
        });
        assert_eq!((answer.unwrap(), exit), (1, Exit::Shutdown));
        assert_eq!(root.snapshot().children[0].last_exit, Some(Exit::Shutdown));
    });
}

/// Handled by a future that lets other messages pass; writes down how it ends.
#[derive(Message)]
#[rtype(result = "u32")]
struct Slow(u32);

/// As [`Slow`], with a future that has the actor at hand.
#[derive(Message)]
#[rtype(result = "u32")]
struct SlowInside(u32);

struct Ending(Lines, &'static str);

impl Ending {
    fn is(&mut self, how: &'static str) {
        self.1 = how;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.add(self.1);
    }
}

impl Handler<Slow> for Clerk {
    type Result = ResponseFuture<u32>;

    fn handle(&mut self, Slow(number): Slow, _: &mut Self::Context) -> Self::Result {
        let (busy, mut ending) = (self.busy, Ending(self.lines.clone(), "cut off"));
        Box::pin(async move {
            tokio::time::sleep(busy).await;
            ending.is("finished");
            number
        })
    }
}

impl Handler<SlowInside> for Clerk {
    type Result = ResponseActFuture<Self, u32>;

    fn handle(&mut self, SlowInside(number): SlowInside, _: &mut Self::Context) -> Self::Result {
        let work = tokio::time::sleep(self.busy).into_actor(self);
        Box::pin(work.map(move |(), actor, _| {
            actor.lines.add("finished inside");
            number
        }))
    }
}

#[test]
fn draining_waits_for_answers_that_let_others_pass() {
    paused(|| async {
        let (spec, address, lines) = clerk(8, Overflow::Block, 100);
        let root = start(spec);
        let begun = tokio::time::Instant::now();
        let (free, bound, exit) =
            futures::join!(address.ask(Slow(1)), address.ask(SlowInside(2)), async {
                later(1).await;
                root.shutdown().await
            });
        assert_eq!(
            (free.unwrap(), bound.unwrap(), exit),
            (1, 2, Exit::Shutdown)
        );
        // It stops when they are done, not at the deadline.
        assert!(begun.elapsed() < Duration::from_millis(200));
        let mut ends = lines.take();
        ends.sort();
        assert_eq!(ends, ["finished", "finished inside"]);
        assert_eq!(root.snapshot().children[0].last_exit, Some(Exit::Shutdown));
    });
}

#[test]
fn draining_waits_for_an_answer_until_the_deadline_only() {
    paused(|| async {
        let (spec, address, lines) = clerk(8, Overflow::Block, 100);
        let root = start(spec.shutdown_within(Duration::from_millis(50)));
        let (answer, _) = futures::join!(address.ask(Slow(1)), async {
            later(1).await;
            root.shutdown().await
        });
        assert!(matches!(answer, Err(AskError::Interrupted)));
        assert_eq!(lines.take(), ["cut off"]);
        assert_eq!(root.snapshot().children[0].last_exit, Some(Exit::Killed));
        later(1_000).await;
        assert!(lines.take().is_empty());
    });
}

#[test]
fn an_answer_ends_with_the_life_that_began_it() {
    paused(|| async {
        let (spec, address, lines) = clerk(8, Overflow::Block, 100);
        let root = start(spec);
        let (answer, ()) = futures::join!(address.ask(Slow(1)), async {
            later(1).await;
            address.tell(Note(CRASH)).unwrap();
            later(1).await;
            assert_eq!(lines.take(), ["666", "cut off"]);
        });
        assert!(matches!(answer, Err(AskError::Interrupted)));
        assert_eq!(address.ask(Slow(2)).await.unwrap(), 2);
        assert_eq!(lines.take(), ["finished"]);
        root.shutdown().await;
    });
}

#[test]
fn silence_begins_when_the_last_answer_is_given() {
    paused(|| async {
        let (spec, address, lines) = clerk(8, Overflow::Block, 100);
        let spec = spec.idle_after(Duration::from_millis(30));
        let root = start(spec.restart(Restart::Temporary));
        assert_eq!(address.ask(Slow(1)).await.unwrap(), 1);
        assert_eq!(lines.take(), ["finished"]);
        later(20).await;
        assert!(!address.is_stopped());
        later(20).await;
        assert!(address.is_stopped());
        root.shutdown().await;
    });
}

#[test]
fn many_crashes_lose_no_message_that_waits_and_keep_the_order() {
    paused(|| async {
        let (spec, address, lines) = clerk(1_000, Overflow::Block, 0);
        let supervisor = Supervisor::new("root", Strategy::OneForOne)
            .intensity(1_000, Duration::from_secs(1))
            .child(spec);
        let sent: Vec<_> = (0..500)
            .map(|number| if number % 7 == 3 { CRASH } else { number })
            .collect();
        for number in &sent {
            address.tell(Note(*number)).unwrap();
        }
        let root = Root::start(supervisor);
        later(10_000_000).await;
        let expected: Vec<_> = sent.iter().map(u32::to_string).collect();
        assert_eq!(lines.take(), expected);
        assert_eq!(root.snapshot().find("clerk").unwrap().restarts, 71);
        root.shutdown().await;
    });
}
