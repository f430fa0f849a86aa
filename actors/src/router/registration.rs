//! Registering handlers.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use actix::{Actor, Context, Handler};

use super::delivery::Courier;
use super::filter::Filters;
use super::middleware::{Layers, Middleware};
use super::topic::Subscription;
use super::{Delivery, Router};
use crate::entropy::Entropy;
use crate::event::{Envelope, Event, Payload};
use crate::mailbox::ActorRef;
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
    topics: Vec<Topic<A>>,
    filters: Filters,
    layers: Vec<Arc<dyn Middleware>>,
    emits: Vec<Declare<A>>,
}

/// Declares for pictures what an actor emits.
type Declare<A> = fn(ChildSpec<A>, &Router) -> ChildSpec<A>;

/// A subscription that is to be made.
struct Topic<A: Actor> {
    id: TypeId,
    /// None: as the registration says in the end.
    delivery: Option<Delivery>,
    subscribe: Subscribe<A>,
}

type Subscribe<A> = Box<dyn FnOnce(&Router, Terms<'_>, ChildSpec<A>) -> ChildSpec<A>>;

/// What holds for a subscription.
struct Terms<'a> {
    delivery: Delivery,
    entropy: Entropy,
    filters: &'a Filters,
    layers: Option<Layers>,
}

impl<A: Actor<Context = Context<A>>> Registration<A> {
    /// Registers the actor that `factory` makes, a new value at each start, under `name`.
    pub fn new(name: &str, factory: impl Fn() -> A + Send + Sync + 'static) -> Self {
        Self {
            name: name.into(),
            spec: ChildSpec::new(name, factory).kind(NodeKind::Handler),
            delivery: Delivery::default(),
            entropy: Entropy::from_system(),
            topics: Vec::new(),
            filters: Filters::default(),
            layers: Vec::new(),
            emits: Vec::new(),
        }
    }

    /// Declares that the handler emits events of type `T`, for pictures of a bot that does not run; what a bot does while it runs is
    /// learned by itself.
    pub fn emits<T: Payload>(mut self) -> Self {
        self.emits.push(ChildSpec::publishes::<T>);
        self
    }

    /// Subscribes to events of type `T`, with the delivery settings made so far.
    pub fn on<T: Payload>(self) -> Self
    where
        A: Handler<Event<T>, Result: 'static>,
    {
        let delivery = self.delivery;
        self.subscribe::<T>(Some(delivery))
    }

    /// Subscribes with these delivery settings, or else with those that the registration has in the end.
    pub(super) fn subscribe<T: Payload>(mut self, delivery: Option<Delivery>) -> Self
    where
        A: Handler<Event<T>, Result: 'static>,
    {
        let name = Arc::clone(&self.name);
        let subscribe: Subscribe<A> = Box::new(move |router, terms, spec| {
            let courier = Arc::new(Courier::new(
                Arc::clone(&name),
                terms.delivery,
                router.dead_letters().clone(),
                terms.entropy,
                terms.layers,
            ));
            router.topic::<T>().subscribe(Subscription {
                handler: name,
                queue: Arc::clone(courier.queue()),
                node: spec.node().number(),
                filter: terms.filters.of::<T>(),
                tally: Arc::clone(courier.tally()),
            });
            router.registry().register(Arc::clone(&courier) as _);
            spec.inlet(courier)
        });
        self.topics.push(Topic {
            id: TypeId::of::<T>(),
            delivery,
            subscribe,
        });
        self
    }

    /// Takes only events of type `T` that `wants` wants; the others are counted as filtered and never wait in the queue. All filters
    /// of a type must agree. [`filter`](super::filter) has some ready-made, and joins them.
    ///
    /// It runs where the event is published, so it should be quick. If it panics, the event is a dead letter.
    pub fn filter<T: Payload>(
        mut self,
        wants: impl Fn(&Event<T>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.filters.add(Arc::new(wants));
        self
    }

    /// As [`filter`](Self::filter), for the events of all its types, by what their envelopes say.
    pub fn filter_envelope(
        mut self,
        wants: impl Fn(&Envelope) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.filters.add_for_all(Arc::new(wants));
        self
    }

    /// Puts a layer around this handler, inside the layers before it and those of the bot.
    pub fn layer(mut self, layer: impl Middleware) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Sets how events are delivered to the subscriptions that follow, and to a closure.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Sets in which order the events of the subscriptions that follow, and of a closure, are handled; per channel by default.
    pub fn order(mut self, order: super::Order) -> Self {
        self.delivery.order = order;
        self
    }

    /// Sets how often the events of the subscriptions that follow, and of a closure, are tried; 3 by default.
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
        let subscribed: Vec<_> = self.topics.iter().map(|topic| topic.id).collect();
        for event in self.filters.idle(&subscribed) {
            tracing::error!(
                handler = &*self.name,
                event,
                "a filter for events that it does not handle"
            );
        }
        let layers = Layers::new(router.layers().into_iter().chain(self.layers));
        let declare = |spec, declare: Declare<A>| declare(spec, router);
        let spec = self.emits.into_iter().fold(self.spec, declare);
        self.topics
            .into_iter()
            .fold(spec, |spec, topic| {
                let terms = Terms {
                    delivery: topic.delivery.unwrap_or(self.delivery),
                    entropy: self.entropy.clone(),
                    filters: &self.filters,
                    layers: layers.clone(),
                };
                (topic.subscribe)(router, terms, spec)
            })
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
