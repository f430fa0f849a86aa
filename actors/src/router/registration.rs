//! Registering handlers.

use std::fmt;
use std::sync::Arc;

use actix::{Actor, Context, Handler};

use super::delivery::Courier;
use super::topic::Subscription;
use super::{Delivery, Router};
use crate::entropy::Entropy;
use crate::event::{Event, Payload};
use crate::mailbox::{ActorRef, Queue};
use crate::supervisor::{Child, ChildSpec, NodeKind};

/// Registers a handler actor for the events that it handles.
///
/// # Examples
///
/// ```
/// use actix::prelude::*;
/// use greenroom_actors::event::Event;
/// use greenroom_actors::router::{Order, Outcome, Registration, Router};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Tip { amount: u64 }
///
/// #[derive(Default)]
/// struct Ledger { total: u64 }
///
/// impl Actor for Ledger {
///     type Context = Context<Self>;
/// }
///
/// impl Handler<Event<Tip>> for Ledger {
///     type Result = Outcome;
///
///     fn handle(&mut self, tip: Event<Tip>, _: &mut Self::Context) -> Outcome {
///         self.total += tip.amount;
///         Ok(())
///     }
/// }
///
/// let router = Router::default();
/// let child = Registration::new("ledger", Ledger::default)
///     .order(Order::Serial)
///     .on::<Tip>()
///     .register(&router);
/// # drop(child);
/// ```
#[must_use = "a registration does nothing until it is registered"]
pub struct Registration<A: Actor> {
    name: Arc<str>,
    spec: ChildSpec<A>,
    delivery: Delivery,
    entropy: Entropy,
    topics: Vec<Subscribe<A>>,
}

type Subscribe<A> = Box<dyn FnOnce(&Router, ChildSpec<A>) -> ChildSpec<A>>;

impl<A: Actor<Context = Context<A>>> Registration<A> {
    /// Registers the actor that `factory` makes, a new value at each start, under `name`.
    pub fn new(name: &str, factory: impl Fn() -> A + Send + Sync + 'static) -> Self {
        Self {
            name: name.into(),
            spec: ChildSpec::new(name, factory).kind(NodeKind::Handler),
            delivery: Delivery::default(),
            entropy: Entropy::from_system(),
            topics: Vec::new(),
        }
    }

    /// Subscribes to events of type `T`, with the delivery settings made so far.
    pub fn on<T: Payload>(mut self) -> Self
    where
        A: Handler<Event<T>>,
    {
        let (name, settings) = (Arc::clone(&self.name), self.delivery);
        let entropy = self.entropy.derive(&name);
        self.topics.push(Box::new(move |router, spec| {
            let queue = Arc::new(Queue::new(settings.queue, settings.overflow));
            router.topic::<T>().subscribe(Subscription {
                handler: Arc::clone(&name),
                queue: Arc::clone(&queue),
                node: spec.node().number(),
                delivered: Arc::default(),
            });
            spec.inlet(Arc::new(Courier::new(
                name,
                settings,
                queue,
                router.dead_letters().clone(),
                entropy,
            )))
        }));
        self
    }

    /// Sets how events are delivered to the subscriptions that follow.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Sets in which order the events of the subscriptions that follow are handled; per channel by default.
    pub fn order(mut self, order: super::Order) -> Self {
        self.delivery.order = order;
        self
    }

    /// Sets how often the events of the subscriptions that follow are tried; 3 by default.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.delivery.attempts = attempts.max(1);
        self
    }

    /// Sets the seed of the delays between tries.
    pub fn entropy(mut self, entropy: &Entropy) -> Self {
        self.entropy = entropy.derive(&self.name);
        self
    }

    /// Changes how the actor is supervised.
    pub fn supervised(mut self, change: impl FnOnce(ChildSpec<A>) -> ChildSpec<A>) -> Self {
        self.spec = change(self.spec);
        self
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the stable address of the actor, for messages that are not events.
    #[must_use]
    pub fn address(&self) -> ActorRef<A> {
        self.spec.address()
    }

    /// Enters the subscriptions into `router` and returns the child to supervise.
    #[must_use = "the handlers only run once a supervisor gets the child"]
    pub fn register(self, router: &Router) -> Child {
        self.topics
            .into_iter()
            .fold(self.spec, |spec, subscribe| subscribe(router, spec))
            .into()
    }
}

impl<A: Actor> fmt::Debug for Registration<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
