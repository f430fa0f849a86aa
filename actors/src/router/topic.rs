//! Who gets which event.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;

use super::Flow;
use super::filter::Filter;
use super::letters::{DeadLetters, Reason};
use super::listener::{Listeners, Waits};
use super::middleware::Middleware;
use super::registry::Registry;
use super::tally::Tally;
use crate::event::{Event, Payload};
use crate::graph::{Counts, Graph, NodeRef};
use crate::mailbox::{Accepted, Queue, Refused};
use crate::supervisor::TreeSnapshot;

type Topics = BTreeMap<TypeId, Arc<dyn AnyTopic>>;

/// Routes events by their type to every registration of it. Clones share one table.
#[derive(Clone, Default)]
pub struct Router {
    topics: Arc<RwLock<Topics>>,
    dead: DeadLetters,
    registry: Arc<Registry>,
    layers: Arc<RwLock<Vec<Arc<dyn Middleware>>>>,
    waits: Waits,
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}

impl Router {
    /// Returns the topic of `T`. Whoever publishes often keeps it.
    #[must_use]
    pub fn topic<T: Payload>(&self) -> Topic<T> {
        let id = TypeId::of::<T>();
        let find = |topics: &Topics| {
            let topic = topics.get(&id).cloned()?;
            topic.into_any().downcast::<Subscribers<T>>().ok()
        };
        let found = find(&self.topics.read().unwrap_or_else(PoisonError::into_inner));
        let subscribers = found.unwrap_or_else(|| {
            let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
            find(&topics).unwrap_or_else(|| {
                let fresh = Arc::new(Subscribers::default());
                topics.insert(id, Arc::clone(&fresh) as Arc<dyn AnyTopic>);
                fresh
            })
        });
        Topic {
            subscribers,
            dead: self.dead.clone(),
        }
    }

    /// Draws the graph of the bot whose tree this is.
    #[must_use]
    pub fn graph(&self, tree: &TreeSnapshot) -> Graph {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        let flows: Vec<_> = topics.values().map(|topic| topic.flow()).collect();
        Graph::new(tree, &flows)
    }

    /// Puts a layer around every handler that is registered from now on, inside the layers before it.
    pub fn layer(&self, layer: impl Middleware) {
        self.share_layer(Arc::new(layer));
    }

    /// As [`layer`](Self::layer), for a layer that others have too.
    pub fn share_layer(&self, layer: Arc<dyn Middleware>) {
        self.layers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(layer);
    }

    pub(crate) fn layers(&self) -> Vec<Arc<dyn Middleware>> {
        self.layers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns the events that could not be handled.
    #[must_use]
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.dead
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn shared_registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    pub(super) fn waits(&self) -> &Waits {
        &self.waits
    }
}

/// A topic of any type.
trait AnyTopic: Any + Send + Sync {
    fn flow(&self) -> Flow;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl fmt::Debug for dyn AnyTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.flow().event)
    }
}

struct Subscribers<T> {
    sources: Counts,
    count: AtomicUsize,
    list: RwLock<Arc<[Subscription<T>]>>,
    listeners: Listeners<T>,
}

impl<T> Default for Subscribers<T> {
    fn default() -> Self {
        Self {
            sources: Counts::default(),
            count: AtomicUsize::new(0),
            list: RwLock::new(Arc::new([])),
            listeners: Listeners::default(),
        }
    }
}

impl<T: Payload> AnyTopic for Subscribers<T> {
    fn flow(&self) -> Flow {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        Flow {
            event: Event::<T>::name(),
            sources: self.sources.read(),
            handlers: list
                .iter()
                .map(|subscription| (subscription.node, subscription.tally.delivered.get()))
                .collect(),
        }
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

/// One registration as the router sees it.
pub(crate) struct Subscription<T> {
    pub(crate) handler: Arc<str>,
    pub(crate) queue: Arc<Queue<Event<T>>>,
    /// The number of its node.
    pub(crate) node: u64,
    pub(crate) filter: Option<Arc<Filter<T>>>,
    pub(crate) tally: Arc<Tally>,
}

impl<T> Clone for Subscription<T> {
    fn clone(&self) -> Self {
        Self {
            handler: Arc::clone(&self.handler),
            queue: Arc::clone(&self.queue),
            node: self.node,
            filter: self.filter.clone(),
            tally: Arc::clone(&self.tally),
        }
    }
}

/// All registrations of one type of event.
pub struct Topic<T> {
    subscribers: Arc<Subscribers<T>>,
    dead: DeadLetters,
}

impl<T> Clone for Topic<T> {
    fn clone(&self) -> Self {
        Self {
            subscribers: Arc::clone(&self.subscribers),
            dead: self.dead.clone(),
        }
    }
}

impl<T> fmt::Debug for Topic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic<{}>", crate::event::short_type_name::<T>())
    }
}

impl<T> Topic<T> {
    /// Says whether both are the same topic of the same router.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.subscribers, &other.subscribers)
    }

    pub(super) fn listeners(&self) -> &Listeners<T> {
        &self.subscribers.listeners
    }
}

impl<T: Payload> Topic<T> {
    /// Says whether anybody wants these events; if not, there is no need to make them.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.subscribers.count.load(Ordering::Relaxed) > 0 || !self.listeners().is_empty()
    }

    /// Enters who publishes such events, before it has.
    pub(crate) fn declare_source(&self, node: &NodeRef) {
        self.subscribers.sources.declare(node.number());
    }

    pub(crate) fn subscribe(&self, subscription: Subscription<T>) {
        let mut list = self
            .subscribers
            .list
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *list = list.iter().cloned().chain([subscription]).collect();
        self.subscribers.count.store(list.len(), Ordering::Relaxed);
    }

    /// Hands an event to every registration. What has room gets it at once; the future waits for the others.
    pub fn publish(&self, event: Event<T>) -> Publish<T> {
        let list = self.begin(std::slice::from_ref(&event));
        let mut published = Publish::default();
        let Some((last, others)) = list.split_last() else {
            return published;
        };
        for subscription in others {
            if self.is_admitted(subscription, &event) {
                self.give(
                    subscription,
                    std::iter::once(event.clone()),
                    1,
                    &mut published,
                );
            }
        }
        if self.is_admitted(last, &event) {
            self.give(last, std::iter::once(event), 1, &mut published);
        }
        published
    }

    /// As [`publish`](Self::publish), for events that came together, and at the price of one for each registration. `events` is empty
    /// then.
    pub fn publish_all(&self, events: &mut Vec<Event<T>>) -> Publish<T> {
        let list = self.begin(events);
        let mut published = Publish::default();
        if let Some((last, others)) = list.split_last() {
            for subscription in others {
                let all = events.iter().cloned();
                self.give_admitted(subscription, all, &mut published);
            }
            self.give_admitted(last, events.drain(..), &mut published);
        }
        events.clear();
        published
    }

    /// Shows events to who waits for one, and returns who gets all of them.
    fn begin(&self, events: &[Event<T>]) -> Arc<[Subscription<T>]> {
        if !self.listeners().is_empty() {
            events
                .iter()
                .for_each(|event| self.listeners().offer(event));
        }
        self.subscribers.sources.count_times(events.len() as u64);
        Arc::clone(
            &self
                .subscribers
                .list
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    fn give_admitted(
        &self,
        subscription: &Subscription<T>,
        events: impl ExactSizeIterator<Item = Event<T>>,
        published: &mut Publish<T>,
    ) {
        if subscription.filter.is_none() {
            let number = events.len();
            return self.give(subscription, events, number, published);
        }
        // A filter is code of the user, which runs under no lock.
        let admitted: Vec<_> = events
            .filter(|event| self.is_admitted(subscription, event))
            .collect();
        let number = admitted.len();
        self.give(subscription, admitted.into_iter(), number, published);
    }

    /// Puts events into the queue of a registration, or among those that wait for room there.
    fn give(
        &self,
        subscription: &Subscription<T>,
        mut events: impl Iterator<Item = Event<T>>,
        number: usize,
        published: &mut Publish<T>,
    ) {
        subscription.tally.delivered.add(number as u64);
        subscription.queue.fill(&mut events);
        let mut waiting = VecDeque::new();
        for event in events {
            let refused = match waiting.is_empty() {
                true => self.settle(subscription, subscription.queue.try_push(event)),
                false => Err(event),
            };
            waiting.extend(refused.err());
        }
        if !waiting.is_empty() {
            let waiting = Waiting {
                topic: self.clone(),
                subscription: subscription.clone(),
                events: waiting,
            };
            published.waiting.push(waiting.room().boxed());
        }
    }

    /// Asks the filter of a subscription, if it has one.
    fn is_admitted(&self, subscription: &Subscription<T>, event: &Event<T>) -> bool {
        let Some(filter) = &subscription.filter else {
            return true;
        };
        match filter.admits(event) {
            Ok(true) => return true,
            Ok(false) => subscription.tally.filtered.add_one(),
            Err(panic) => {
                let words = format!("a filter panicked: {panic}");
                self.bury(subscription, event, Reason::Failed(words));
            }
        }
        false
    }

    /// Buries what the queue dropped; gives back what must wait.
    fn settle(
        &self,
        subscription: &Subscription<T>,
        outcome: Result<Accepted<Event<T>>, Refused<Event<T>>>,
    ) -> Result<(), Event<T>> {
        match outcome {
            Ok(Accepted::Queued) => {}
            Ok(Accepted::Dropped(event)) => self.bury(subscription, &event, Reason::Overflow),
            Err(Refused::Closed(event)) => self.leave(subscription, &event),
            Err(Refused::Full(event)) if subscription.queue.blocks() => return Err(event),
            Err(Refused::Full(event)) => self.bury(subscription, &event, Reason::Overflow),
        }
        Ok(())
    }

    fn bury(&self, subscription: &Subscription<T>, event: &Event<T>, reason: Reason) {
        subscription.tally.dead.add_one();
        let attempts = event.attempt() - 1;
        self.dead
            .bury(&subscription.handler, event, attempts, reason);
    }

    fn leave(&self, subscription: &Subscription<T>, event: &Event<T>) {
        let attempts = event.attempt() - 1;
        let left = self.dead.leave(&subscription.handler, event, attempts);
        subscription.tally.left(left, attempts);
    }
}

/// Events that wait for room in one queue.
struct Waiting<T: Payload> {
    topic: Topic<T>,
    subscription: Subscription<T>,
    events: VecDeque<Event<T>>,
}

impl<T: Payload> Waiting<T> {
    async fn room(mut self) {
        self.subscription.queue.push_all(&mut self.events).await;
        while let Some(event) = self.events.pop_front() {
            self.topic.leave(&self.subscription, &event);
        }
    }
}

impl<T: Payload> Drop for Waiting<T> {
    /// Its publisher has given up: it has stopped, or its own time is over.
    fn drop(&mut self) {
        for event in self.events.drain(..) {
            match self.topic.dead.is_stopping() {
                true => self.topic.leave(&self.subscription, &event),
                false => {
                    tracing::warn!(
                        handler = &*self.subscription.handler,
                        ?event,
                        "its publisher gave up before there was room for it"
                    );
                    self.subscription.tally.abandoned.add_one();
                }
            }
        }
    }
}

/// Waits until every registration has taken an event in. Ready at once unless a full queue blocks.
#[must_use = "an event that waits for room is only delivered when this is awaited"]
pub struct Publish<T> {
    waiting: Vec<BoxFuture<'static, ()>>,
    _type: std::marker::PhantomData<fn(T)>,
}

impl<T> Default for Publish<T> {
    fn default() -> Self {
        Self {
            waiting: Vec::new(),
            _type: std::marker::PhantomData,
        }
    }
}

impl<T> Publish<T> {
    /// Says whether everybody has taken the event in.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl<T> fmt::Debug for Publish<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish")
            .field("waiting", &self.waiting.len())
            .finish()
    }
}

impl<T> Future for Publish<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.waiting
            .retain_mut(|waiting| waiting.poll_unpin(cx).is_pending());
        if self.waiting.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
