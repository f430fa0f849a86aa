//! Child specs: what a supervisor needs to know to start a child, again and again.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::{Actor, ArbiterHandle, Context};
use futures::future::LocalBoxFuture;

use super::contain::contain;
use super::control::Control;
use super::incarnation::{self, Factory, Inlets};
use super::inlet::Inlet;
use super::tree::{Gauges, Node, NodeFigures, NodeKind};
use super::{Exit, Restart};
use crate::clock::millis;
use crate::error::BoxError;
use crate::event::Payload;
use crate::graph::{NodeRef, RunsAs};
use crate::mailbox::{ActorRef, Inbox, Overflow};
use crate::router::Router;

/// How to start an actor of type `A`: a name, a factory that makes a NEW value for each life, and settings.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use actix::prelude::*;
/// use greenroom_actors::supervisor::{ChildSpec, Restart};
///
/// #[derive(Default)]
/// struct Counter(u32);
///
/// impl Actor for Counter {
///     type Context = Context<Self>;
/// }
///
/// let spec = ChildSpec::new("counter", Counter::default)
///     .restart(Restart::Transient)
///     .shutdown_within(Duration::from_secs(1));
/// let _address = spec.address();
/// ```
#[must_use = "a child spec does nothing until a supervisor gets it"]
pub struct ChildSpec<A: Actor> {
    name: String,
    kind: NodeKind,
    node: NodeRef,
    factory: Arc<Factory<A>>,
    inbox: Arc<Inbox<A>>,
    inlets: Vec<Arc<dyn Inlet<A>>>,
    idle: Option<Duration>,
    farewell: Option<Farewell>,
    settings: Settings,
}

/// Is called once the child has ended for good and its mailbox takes nothing more.
pub(crate) type Farewell = Box<dyn Fn() + Send + Sync>;

/// What a supervisor reads of any child.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) restart: Restart,
    pub(crate) shutdown: Duration,
    pub(crate) placement: Option<ArbiterHandle>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            restart: Restart::default(),
            shutdown: Duration::from_secs(5),
            placement: None,
        }
    }
}

impl<A: Actor<Context = Context<A>>> ChildSpec<A> {
    /// Describes the child `name`; `factory` makes its value at each start.
    pub fn new(name: impl Into<String>, factory: impl Fn() -> A + Send + Sync + 'static) -> Self {
        Self::fallible(name, move || Ok(factory()))
    }

    /// As [`new`](Self::new), for a factory that can fail; a failure counts as the exit [`Exit::StartFailure`].
    pub fn fallible(
        name: impl Into<String>,
        factory: impl Fn() -> Result<A, BoxError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            kind: NodeKind::default(),
            node: NodeRef::new(),
            factory: Arc::new(factory),
            inbox: Inbox::new(1_024, Overflow::Block),
            inlets: Vec::new(),
            idle: None,
            farewell: None,
            settings: Settings::default(),
        }
    }

    /// As [`new`](Self::new), for a factory that needs the child's own address: `link` makes it from that.
    pub fn linked<F>(name: impl Into<String>, link: impl FnOnce(&ActorRef<A>) -> F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
    {
        let inbox = Inbox::new(1_024, Overflow::Block);
        let factory = link(&ActorRef::new(Arc::clone(&inbox)));
        Self {
            inbox,
            ..Self::new(name, factory)
        }
    }

    /// Sets the bound of the mailbox and what happens when it is full; 1,024 and [`Overflow::Block`] by default.
    ///
    /// Addresses taken before this call belong to the mailbox that it replaces.
    pub fn mailbox(mut self, capacity: usize, overflow: Overflow) -> Self {
        self.inbox = Inbox::new(capacity, overflow);
        self
    }

    /// Says what the child is, for those who look on; [`NodeKind::Actor`] by default.
    pub fn kind(mut self, kind: NodeKind) -> Self {
        self.kind = kind;
        self
    }

    /// Declares that the child publishes events of type `T`, so that pictures show it before the first one.
    pub fn publishes<T: Payload>(self, router: &Router) -> Self {
        router.topic::<T>().declare_source(&self.node);
        self
    }

    /// Returns the node of the child in pictures of the bot.
    #[must_use]
    pub fn node(&self) -> NodeRef {
        self.node.clone()
    }

    /// Sets when the child is started again; [`Restart::Permanent`] by default.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.settings.restart = restart;
        self
    }

    /// Sets how long the child may take to stop before it is killed; 5 s by default.
    pub fn shutdown_within(mut self, deadline: Duration) -> Self {
        self.settings.shutdown = deadline;
        self
    }

    /// Ends the child for good once no message has come for `period`; never by default. Makes it [`Restart::Transient`].
    ///
    /// A message that comes while it stops is not lost: then it is started again at once, which counts neither as a failure nor as a
    /// restart. An actor that still has something to do says so by returning [`Running::Continue`](actix::Running) from `stopping`.
    /// A handler of events is never idle: this is for actors that are fed by their mailbox alone.
    pub fn idle_after(mut self, period: Duration) -> Self {
        self.idle = Some(period);
        self.restart(Restart::Transient)
    }

    /// Runs the child on another arbiter; by default it runs where its supervisor does.
    pub fn on_arbiter(mut self, arbiter: ArbiterHandle) -> Self {
        self.settings.placement = Some(arbiter);
        self
    }

    /// Adds another source of work beside the mailbox.
    pub(crate) fn inlet(mut self, inlet: Arc<dyn Inlet<A>>) -> Self {
        self.inlets.push(inlet);
        self
    }

    /// Calls `farewell` when the child has ended for good.
    pub(crate) fn farewell(mut self, farewell: Farewell) -> Self {
        self.farewell = Some(farewell);
        self
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the address of the child: valid before its first start, and through all its restarts.
    #[must_use]
    pub fn address(&self) -> ActorRef<A> {
        ActorRef::new(Arc::clone(&self.inbox))
    }
}

impl<A: Actor> fmt::Debug for ChildSpec<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Something that a supervisor runs: an actor or another supervisor. Made from a [`ChildSpec`] or a
/// [`Supervisor`](super::Supervisor) by `into`.
#[derive(Clone)]
pub struct Child {
    pub(crate) life: Arc<dyn Life>,
    pub(crate) settings: Settings,
}

impl Child {
    /// Runs the child, and with it all that it starts, on another arbiter; by default it runs where its supervisor does.
    #[must_use]
    pub fn on_arbiter(mut self, arbiter: ArbiterHandle) -> Self {
        self.settings.placement = Some(arbiter);
        self
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("name", &self.life.node().name())
            .finish_non_exhaustive()
    }
}

/// What can be started again and again.
pub(crate) trait Life: Send + Sync {
    /// Lives once, on the arbiter of the caller.
    fn live(self: Arc<Self>, control: Arc<Control>) -> LocalBoxFuture<'static, Exit>;

    /// Returns the node that shows it in the tree.
    fn node(&self) -> &Arc<Node>;

    /// Says whether it can be counted upon to end soon after it was killed, since it runs no code but ours.
    fn is_supervisor(&self) -> bool {
        false
    }

    /// Takes nothing more, if nothing waits; returns whether it did.
    fn retire(&self) -> bool {
        false
    }

    /// Is told that there will be no further life; returns how many messages were left.
    fn bury(&self) -> usize;
}

struct Worker<A: Actor<Context = Context<A>>> {
    factory: Arc<Factory<A>>,
    inlets: Inlets<A>,
    idle: Option<Duration>,
    farewell: Option<Farewell>,
    address: Arc<ActorRef<A>>,
    node: Arc<Node>,
    left: Arc<AtomicU64>,
}

impl<A: Actor<Context = Context<A>>> Life for Worker<A> {
    fn live(self: Arc<Self>, control: Arc<Control>) -> LocalBoxFuture<'static, Exit> {
        Box::pin(async move {
            let address = Arc::clone(&self.address) as Arc<dyn Any + Send + Sync>;
            let (factory, inlets) = (&*self.factory, &self.inlets);
            let life = incarnation::live(factory, inlets, self.idle, control, address);
            RunsAs::new(self.node.known_as(), Box::pin(life)).await
        })
    }

    fn node(&self) -> &Arc<Node> {
        &self.node
    }

    fn retire(&self) -> bool {
        self.inlets.iter().all(|inlet| inlet.retire())
    }

    fn bury(&self) -> usize {
        let left = self.inlets.iter().map(|inlet| {
            contain(|| inlet.bury()).unwrap_or_else(|panic| {
                tracing::error!(child = self.node.name(), %panic, "a message that was left panicked");
                0
            })
        });
        let left = left.sum();
        self.left.fetch_add(left as u64, Ordering::Relaxed);
        if let Some(farewell) = &self.farewell {
            farewell();
        }
        left
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Worker<A> {
    /// Nobody can start it any more: whoever waits for an answer should know.
    fn drop(&mut self) {
        self.bury();
    }
}

struct InletGauges<A: Actor> {
    inlets: Inlets<A>,
    left: Arc<AtomicU64>,
}

impl<A: Actor<Context = Context<A>>> Gauges for InletGauges<A> {
    fn read(&self) -> NodeFigures {
        let empty = NodeFigures {
            left: self.left.load(Ordering::Relaxed),
            ..NodeFigures::default()
        };
        self.inlets.iter().fold(empty, |sum, inlet| {
            let (handled, failed) = inlet.outcomes();
            NodeFigures {
                depth: sum.depth + inlet.depth(),
                oldest_ms: sum.oldest_ms.max(inlet.oldest().map(millis)),
                handled: sum.handled + handled,
                failed: sum.failed + failed,
                filtered: sum.filtered + inlet.filtered(),
                dropped: sum.dropped + inlet.dropped(),
                ..sum
            }
        })
    }
}

impl<A: Actor<Context = Context<A>>> From<ChildSpec<A>> for Child {
    fn from(spec: ChildSpec<A>) -> Self {
        let address = Arc::new(spec.address());
        let mut all: Vec<Arc<dyn Inlet<A>>> = vec![spec.inbox];
        all.extend(spec.inlets);
        let inlets = Arc::new(all);
        let left = Arc::new(AtomicU64::new(0));
        let gauges = Box::new(InletGauges {
            inlets: Arc::clone(&inlets),
            left: Arc::clone(&left),
        });
        Self {
            life: Arc::new(Worker {
                factory: spec.factory,
                // What feeds it beside its mailbox does not know silence.
                idle: spec.idle.filter(|_| inlets.len() == 1),
                inlets,
                farewell: spec.farewell,
                address,
                node: Node::new(spec.name, spec.kind, spec.node, Some(gauges)),
                left,
            }),
            settings: spec.settings,
        }
    }
}
