//! A panic in any place of an actor is an exit like any other: each place one cell.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::prelude::*;
use greenroom_actors::mailbox::{AskError, Overflow};
use greenroom_actors::supervisor::{
    ChildSpec, Exit, NodeState, Restart, Root, Strategy, Supervised, Supervisor,
};
use stage::{later, paused};

/// Where an actor panics, in its first life only.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    AskAlone,
    AskHandler,
    AskInside,
    AskOutside,
    CtxSpawn,
    CtxWait,
    Factory,
    InDrop,
    InDropAfterError,
    InDropOfMessage,
    InHandler,
    Inside,
    Notify,
    NotifyLater,
    Outside,
    RunInterval,
    RunLater,
    Started,
    Stopped,
    Stopping,
    StreamEnds,
    StreamItem,
    StreamStarts,
}

use Place::{
    AskAlone, AskHandler, AskInside, AskOutside, CtxSpawn, CtxWait, Factory, InDrop,
    InDropAfterError, InDropOfMessage, InHandler, Inside, Notify, NotifyLater, Outside,
    RunInterval, RunLater, Started, Stopped, Stopping, StreamEnds, StreamItem, StreamStarts,
};

const PLACES: [Place; 23] = [
    AskAlone,
    AskHandler,
    AskInside,
    AskOutside,
    CtxSpawn,
    CtxWait,
    Factory,
    InDrop,
    InDropAfterError,
    InDropOfMessage,
    InHandler,
    Inside,
    Notify,
    NotifyLater,
    Outside,
    RunInterval,
    RunLater,
    Started,
    Stopped,
    Stopping,
    StreamEnds,
    StreamItem,
    StreamStarts,
];

struct Clumsy {
    place: Option<Place>,
    life: usize,
}

impl Clumsy {
    fn spec(place: Place) -> ChildSpec<Self> {
        let lives = AtomicUsize::new(0);
        ChildSpec::new("clumsy", move || {
            let life = lives.fetch_add(1, Ordering::SeqCst);
            let place = Some(place).filter(|_| life == 0);
            assert!(place != Some(Factory), "on purpose in Factory");
            Self { place, life }
        })
    }

    fn panics(&self, place: Place) {
        assert!(self.place != Some(place), "on purpose in {place:?}");
    }

    fn is(&self, place: Place) -> bool {
        self.place == Some(place)
    }
}

const SOON: Duration = Duration::from_millis(2);

impl Actor for Clumsy {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.panics(Started);
        if self.is(RunLater) {
            ctx.run_later(SOON, |actor, _| actor.panics(RunLater));
        }
        if self.is(RunInterval) {
            ctx.run_interval(SOON, |actor, _| actor.panics(RunInterval));
        }
        if self.is(NotifyLater) {
            ctx.notify_later(Tell(NotifyLater), SOON);
        }
        if self.is(Notify) {
            ctx.notify(Tell(Notify));
        }
        if self.is(CtxSpawn) {
            ctx.spawn(
                tokio::time::sleep(SOON)
                    .into_actor(self)
                    .map(|(), actor, _| actor.panics(CtxSpawn)),
            );
        }
        if self.is(CtxWait) {
            ctx.wait(
                tokio::time::sleep(SOON)
                    .into_actor(self)
                    .map(|(), actor, _| actor.panics(CtxWait)),
            );
        }
        if [StreamEnds, StreamItem, StreamStarts]
            .iter()
            .any(|place| self.is(*place))
        {
            ctx.add_stream(futures::stream::iter([()]));
        }
        if [InDrop, Stopped, Stopping]
            .iter()
            .any(|place| self.is(*place))
        {
            ctx.run_later(SOON, |_, ctx| ctx.stop());
        }
        if self.is(InDropAfterError) {
            ctx.run_later(SOON, |_, ctx| ctx.fail("an error comes first"));
        }
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.panics(Stopping);
        Running::Stop
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.panics(Stopped);
    }
}

impl Drop for Clumsy {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.panics(InDrop);
            self.panics(InDropAfterError);
        }
    }
}

impl StreamHandler<()> for Clumsy {
    fn handle(&mut self, (): (), _: &mut Self::Context) {
        self.panics(StreamItem);
    }

    fn started(&mut self, _: &mut Self::Context) {
        self.panics(StreamStarts);
    }

    fn finished(&mut self, _: &mut Self::Context) {
        self.panics(StreamEnds);
    }
}

/// Handled at once.
#[derive(Message)]
#[rtype(result = "usize")]
struct Tell(Place);

impl Handler<Tell> for Clumsy {
    type Result = usize;

    fn handle(&mut self, Tell(place): Tell, _: &mut Self::Context) -> usize {
        self.panics(place);
        self.life
    }
}

/// Panics as it is dropped, after it was handled.
#[derive(Message)]
#[rtype(result = "()")]
struct Fragile(bool);

impl Drop for Fragile {
    fn drop(&mut self) {
        assert!(!self.0, "on purpose in {InDropOfMessage:?}");
    }
}

impl Handler<Fragile> for Clumsy {
    type Result = ();

    fn handle(&mut self, _: Fragile, _: &mut Self::Context) {}
}

macro_rules! asynchronous {
    ($message:ident, $result:ty, |$actor:ident, $place:ident| $body:expr) => {
        #[derive(Message)]
        #[rtype(result = "usize")]
        struct $message(Place);

        impl Handler<$message> for Clumsy {
            type Result = $result;

            fn handle(&mut self, $message($place): $message, _: &mut Self::Context) -> $result {
                let $actor = self;
                $body
            }
        }
    };
}

asynchronous!(InsideTell, ResponseActFuture<Self, usize>, |actor, place| Box::pin(
    tokio::time::sleep(SOON).into_actor(actor).map(move |(), actor, _| {
        actor.panics(place);
        actor.life
    })
));
asynchronous!(OutsideTell, ResponseFuture<usize>, |actor, place| {
    let (panics, life) = (actor.is(place), actor.life);
    Box::pin(async move {
        tokio::time::sleep(SOON).await;
        assert!(!panics, "on purpose in {place:?}");
        life
    })
});
asynchronous!(AloneTell, AtomicResponse<Self, usize>, |actor, place| AtomicResponse::new(Box::pin(
    tokio::time::sleep(SOON).into_actor(actor).map(move |(), actor, _| {
        actor.panics(place);
        actor.life
    })
)));

#[test]
fn a_panic_in_any_place_starts_a_new_value_behind_the_same_address() {
    for place in PLACES {
        paused(|| async move {
            let spec = Clumsy::spec(place);
            let address = spec.address();
            let beside = Supervisor::new("beside", Strategy::OneForOne);
            let root = Root::start(
                Supervisor::new("root", Strategy::OneForOne)
                    .child(spec)
                    .child(beside),
            );
            match place {
                AskHandler => interrupted(&address.ask(Tell(place)).await),
                AskInside => interrupted(&address.ask(InsideTell(place)).await),
                AskOutside => interrupted(&address.ask(OutsideTell(place)).await),
                AskAlone => interrupted(&address.ask(AloneTell(place)).await),
                InDropOfMessage => address.tell(Fragile(true)).unwrap(),
                InHandler => address.tell(Tell(place)).unwrap(),
                Inside => address.tell(InsideTell(place)).unwrap(),
                Outside => address.tell(OutsideTell(place)).unwrap(),
                _ => {}
            }
            later(1_000).await;
            assert_eq!(address.ask(Tell(Factory)).await.unwrap(), 1, "{place:?}");
            let tree = root.snapshot();
            let node = tree.find("clumsy").unwrap();
            assert_eq!(
                (node.restarts, node.state),
                (1, NodeState::Running),
                "{place:?}"
            );
            let expected = match place {
                // The error that came first counts; the panic is logged.
                InDropAfterError => Exit::error("an error comes first"),
                _ => Exit::Panic(format!("on purpose in {place:?}")),
            };
            assert_eq!(node.last_exit, Some(expected));
            assert_eq!(tree.find("beside").unwrap().restarts, 0);
            assert_eq!(root.shutdown().await, Exit::Shutdown);
        });
    }
}

fn interrupted<M>(answer: &Result<usize, AskError<M>>) {
    assert!(matches!(answer, Err(AskError::Interrupted)));
}

/// A payload that is no text and panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic_any(Self);
    }
}

struct Bomber(usize);

impl Actor for Bomber {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        match self.0 {
            0 => panic_any(Bomb),
            1 => panic_any(42),
            2 => {
                ctx.run_later(SOON, |_, _| panic_any(Bomb));
            }
            _ => {}
        }
    }
}

#[test]
fn a_panic_may_carry_anything_even_what_panics_when_it_is_dropped() {
    paused(|| async {
        let lives = AtomicUsize::new(0);
        let spec = ChildSpec::new("bomber", move || {
            match lives.fetch_add(1, Ordering::SeqCst) {
                3 => panic_any(Bomb),
                life => Bomber(life),
            }
        });
        let root = Root::start(Supervisor::new("root", Strategy::OneForOne).child(spec));
        later(10_000).await;
        let node = root.snapshot().children.remove(0);
        assert_eq!((node.restarts, node.state), (4, NodeState::Running));
        assert_eq!(
            node.last_exit,
            Some(Exit::Panic("a value that is not text".into()))
        );
        root.shutdown().await;
    });
}

#[test]
fn messages_that_panic_when_they_are_dropped_from_the_mailbox_harm_nobody() {
    paused(|| async {
        let spec = Clumsy::spec(Factory)
            .mailbox(2, Overflow::DropOldest)
            .restart(Restart::Temporary);
        let address = spec.address();
        let root = Root::start(Supervisor::new("root", Strategy::OneForOne).child(spec));
        for _ in 0..4 {
            // The two oldest are dropped here, in the sender's hands.
            address.tell(Fragile(true)).unwrap();
        }
        // The factory panics and the child is temporary: the others are dropped by the supervisor.
        later(10).await;
        assert!(address.is_stopped());
        let node = root.snapshot().children.remove(0);
        assert_eq!(
            (node.figures.dropped, node.figures.left, node.figures.depth),
            (2, 2, 0)
        );
        assert_eq!(root.shutdown().await, Exit::Shutdown);
    });
}
