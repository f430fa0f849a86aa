//! The actor that does everything wrong, when it is told to.

use std::panic::panic_any;
use std::time::Duration;

use actix::prelude::*;
use futures::FutureExt;
use greenroom_actors::error::BoxError;
use greenroom_actors::supervisor::Supervised;

use super::world::{Id, Spoil, world};

/// What a message makes its receiver do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Act {
    Work,
    Nap(u64),
    /// Takes no message for so long.
    Wait(u64),
    Panic,
    PanicLater(u64),
    PanicInTimer,
    PanicInInterval,
    PanicInStream,
    PanicWhenStreamEnds,
    PanicInWait,
    PanicInStopping,
    PanicInStopped,
    PanicInDrop,
    PanicWithBomb,
    Fail,
    FailForGood,
    Stop,
    /// Refuses to stop from now on.
    Cling,
}

/// A panic payload that is no text and panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic_any(7);
        }
    }
}

/// A message that knows what becomes of it.
pub(crate) struct Probe {
    pub(crate) to: Id,
    pub(crate) number: u64,
    pub(crate) act: Act,
    taken: bool,
    /// It panics if it is let go of unhandled.
    fragile: bool,
    /// It was sent at once; who asks may have to wait for room, and be overtaken.
    told: bool,
}

impl Probe {
    pub(crate) fn new(to: Id, act: Act, fragile: bool, told: bool) -> Self {
        let number = world(|world| {
            world.workers[to].sent += 1;
            world.workers[to].sent
        });
        Self {
            to,
            number,
            act,
            taken: false,
            fragile,
            told,
        }
    }

    /// It is in the hands of its actor.
    fn take(&mut self) {
        let (to, number, told) = (self.to, self.number, self.told);
        self.taken = true;
        world(|world| {
            world.note("took", number);
            world.stats.handled += 1;
            let worker = &mut world.workers[to];
            worker.taken += 1;
            let in_order = !told || std::mem::replace(&mut worker.last_taken, number) < number;
            world.check(in_order, || {
                format!("worker {to} got message {number} too late")
            });
        });
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.taken
    }

    /// It came back to its sender.
    pub(crate) fn disarm(&mut self) {
        self.fragile = false;
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if !self.taken {
            world(|world| {
                world.note("lost", self.number);
                world.stats.dropped += 1;
                world.workers[self.to].unhandled += 1;
            });
            if self.fragile && !std::thread::panicking() {
                panic!("chaos in a message");
            }
        }
    }
}

pub(crate) struct Worker {
    id: Id,
    clings: bool,
    /// Where it will panic as it ends.
    ends: Option<Act>,
    /// It is alive, as the world sees it.
    counted: bool,
}

impl Worker {
    pub(crate) fn make(id: Id) -> Result<Self, BoxError> {
        let spoil = world(|world| world.attempt(id));
        let mut worker = Self {
            id,
            clings: false,
            ends: None,
            counted: false,
        };
        match spoil {
            Some(Spoil::Error) => return Err("chaos in a factory".into()),
            Some(Spoil::Panic) => panic!("chaos in a factory"),
            Some(Spoil::Started) => worker.ends = Some(Act::Panic),
            None => {}
        }
        worker.counted = true;
        world(|world| world.born(id));
        Ok(worker)
    }

    fn breaks(&self, act: Act) {
        if self.ends == Some(act) {
            panic!("chaos in {act:?}");
        }
    }

    /// Does what can be done at once.
    fn act(&mut self, act: Act, ctx: &mut Context<Self>) {
        match act {
            Act::Work | Act::Nap(_) | Act::PanicLater(_) => {}
            Act::Wait(millis) => {
                ctx.wait(pause(millis).into_actor(self));
            }
            Act::Panic => panic!("chaos in a handler"),
            Act::PanicWithBomb => panic_any(Bomb),
            Act::PanicInTimer => {
                ctx.run_later(Duration::from_millis(3), |_, _| panic!("chaos in a timer"));
            }
            Act::PanicInInterval => {
                ctx.run_interval(Duration::from_millis(2), |_, _| {
                    panic!("chaos in an interval");
                });
            }
            Act::PanicInStream => {
                ctx.add_stream(futures::stream::iter([true]));
            }
            Act::PanicWhenStreamEnds => {
                ctx.add_stream(futures::stream::iter([false]));
            }
            Act::PanicInWait => {
                let wait = pause(2).into_actor(self);
                ctx.wait(wait.map(|(), _, _| panic!("chaos in a wait")));
            }
            Act::PanicInStopping | Act::PanicInStopped | Act::PanicInDrop => {
                self.ends = Some(act);
                ctx.stop();
            }
            Act::Fail => ctx.fail("chaos"),
            Act::FailForGood => ctx.fail_for_good("chaos for good"),
            Act::Stop => ctx.stop(),
            Act::Cling => self.clings = true,
        }
    }
}

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

async fn later(act: Act) {
    match act {
        Act::Nap(millis) => pause(millis).await,
        Act::PanicLater(millis) => {
            pause(millis).await;
            panic!("chaos in a future");
        }
        _ => {}
    }
}

impl Actor for Worker {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.breaks(Act::Panic);
    }

    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        if ctx.is_told_to_stop() {
            world(|world| world.check_stop_order(self.id));
        }
        self.breaks(Act::PanicInStopping);
        match self.clings {
            true => Running::Continue,
            false => Running::Stop,
        }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.breaks(Act::PanicInStopped);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.counted {
            world(|world| world.died(self.id));
            if !std::thread::panicking() {
                self.breaks(Act::PanicInDrop);
            }
        }
    }
}

impl StreamHandler<bool> for Worker {
    fn handle(&mut self, panics: bool, _: &mut Self::Context) {
        assert!(!panics, "chaos in a stream");
    }

    fn finished(&mut self, _: &mut Self::Context) {
        panic!("chaos at the end of a stream");
    }
}

/// Handled at once.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Now(pub(crate) Probe);

impl Handler<Now> for Worker {
    type Result = ();

    fn handle(&mut self, Now(mut probe): Now, ctx: &mut Self::Context) {
        probe.take();
        self.act(probe.act, ctx);
    }
}

/// Handled by a future inside the actor.
#[derive(Message)]
#[rtype(result = "u64")]
pub(crate) struct Inside(pub(crate) Probe);

impl Handler<Inside> for Worker {
    type Result = ResponseActFuture<Self, u64>;

    fn handle(&mut self, Inside(mut probe): Inside, ctx: &mut Self::Context) -> Self::Result {
        probe.take();
        self.act(probe.act, ctx);
        let work = later(probe.act).into_actor(self);
        Box::pin(work.map(move |(), _, _| probe.number))
    }
}

/// Handled by a future that has no hold of the actor.
#[derive(Message)]
#[rtype(result = "u64")]
pub(crate) struct Outside(pub(crate) Probe);

impl Handler<Outside> for Worker {
    type Result = ResponseFuture<u64>;

    fn handle(&mut self, Outside(mut probe): Outside, ctx: &mut Self::Context) -> Self::Result {
        probe.take();
        self.act(probe.act, ctx);
        later(probe.act).map(move |()| probe.number).boxed_local()
    }
}

/// Handled by a future that keeps all others out.
#[derive(Message)]
#[rtype(result = "u64")]
pub(crate) struct Alone(pub(crate) Probe);

impl Handler<Alone> for Worker {
    type Result = AtomicResponse<Self, u64>;

    fn handle(&mut self, Alone(mut probe): Alone, ctx: &mut Self::Context) -> Self::Result {
        probe.take();
        self.act(probe.act, ctx);
        let work = later(probe.act).into_actor(self);
        AtomicResponse::new(Box::pin(work.map(move |(), _, _| probe.number)))
    }
}
