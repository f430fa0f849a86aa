//! What a dialogue is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::actor::DialogueActor;
use super::book::{Book, Limits};
use super::error::DialogueError;
use super::keyed::Locks;
use super::outcome::Next;
use super::reference::DialogueRef;
use crate::event::Event;
use crate::router::{Delivery, HandlerError, Registration};
use crate::store::Store;
use crate::utterance::{Scope, Utterance};

/// A state of a dialogue: any plain data that serde can write and read.
pub trait State: Serialize + DeserializeOwned + Send + 'static {}

impl<S: Serialize + DeserializeOwned + Send + 'static> State for S {}

/// A conversation in several steps with one person, or in one channel; see the [module](super).
///
/// It is one ordinary handler: a message that belongs to no open dialogue and begins none is handled at once, and all other handlers
/// get every message as well.
#[must_use = "a dialogue does nothing until it is registered"]
pub struct Dialogue<S, T> {
    name: String,
    store: Store,
    limits: Limits,
    delivery: Delivery,
    plot: Plot<S, T>,
}

/// The handler of a dialogue, and the way to it from elsewhere.
pub type Registered<S, T> = (Registration<DialogueActor<S, T>>, DialogueRef<S, T>);

/// What the incarnations of the actor share, beside the open dialogues.
pub(super) struct Plot<S, T> {
    pub(super) scope: Scope,
    pub(super) begins: Box<Begins<S, T>>,
    pub(super) step: Box<Step<S, T>>,
    pub(super) cancel: Option<(String, String)>,
    pub(super) full: String,
}

type Begins<S, T> = dyn Fn(&Event<T>) -> Option<S> + Send + Sync;
type Step<S, T> =
    dyn Fn(Event<T>, S) -> LocalBoxFuture<'static, Result<Next<S>, HandlerError>> + Send + Sync;

/// A dialogue that is registered.
pub(super) struct Shared<S, T> {
    pub(super) name: String,
    pub(super) plot: Plot<S, T>,
    pub(super) book: Book,
    pub(super) locks: Locks,
}

impl<S, T> fmt::Debug for Dialogue<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialogue")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<S: State, T: Utterance> Dialogue<S, T> {
    /// Makes a dialogue with a name, under which the store keeps it, and what it does at each message of it.
    ///
    /// An error of a step, or a crash, means another attempt with the same state, so a step may say something twice.
    pub fn new<F>(name: impl Into<String>, step: F) -> Self
    where
        F: AsyncFn(Event<T>, S) -> Result<Next<S>, HandlerError> + Send + Sync + 'static,
    {
        let step = Arc::new(step);
        Self {
            name: name.into(),
            store: Store::temporary(),
            limits: Limits {
                idle: Duration::from_secs(600),
                total: Duration::from_secs(86_400),
                open: 10_000,
            },
            delivery: Delivery::default(),
            plot: Plot {
                scope: Scope::default(),
                begins: Box::new(|_| None),
                step: Box::new(move |message, state| {
                    let step = Arc::clone(&step);
                    Box::pin(async move { step(message, state).await })
                }),
                cancel: None,
                full: "Too many conversations are open. Please try again later.".to_owned(),
            },
        }
    }

    /// Begins a dialogue at a message for which `begins` returns a state; the first step is taken at once, with that message.
    ///
    /// Without this, dialogues begin by [`DialogueRef::begin`] only.
    pub fn begins(
        mut self,
        begins: impl Fn(&Event<T>) -> Option<S> + Send + Sync + 'static,
    ) -> Self {
        self.plot.begins = Box::new(begins);
        self
    }

    /// Sets who shares a dialogue; by default each user has one in each channel.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.plot.scope = scope;
        self
    }

    /// Sets where states are kept; by default in memory, where they outlive the actor and not the process.
    pub fn store(mut self, store: &Store) -> Self {
        self.store = store.clone();
        self
    }

    /// Sets how long a dialogue waits for the next message; 10 minutes by default. [`Next::Within`] sets it for one step. The time
    /// goes on while the bot is not running.
    pub fn expires_after(mut self, idle: Duration) -> Self {
        self.limits.idle = idle;
        self
    }

    /// Sets how long a dialogue may take in all; one day by default.
    pub fn lasts(mut self, total: Duration) -> Self {
        self.limits.total = total;
        self
    }

    /// Ends a dialogue when somebody says `word`, in whatever case, and says `answer` to that.
    pub fn cancelled_by(mut self, word: impl Into<String>, answer: impl Into<String>) -> Self {
        self.plot.cancel = Some((word.into(), answer.into()));
        self
    }

    /// Sets how many may be open (10,000 by default), and what is said to whoever would begin one more.
    pub fn limit(mut self, open: usize, answer: impl Into<String>) -> Self {
        self.limits.open = open;
        self.plot.full = answer.into();
        self
    }

    /// Sets how messages are delivered to the dialogue.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Makes the handler, and a reference with which others begin, see and end its dialogues. Those that the store has go on.
    ///
    /// # Errors
    ///
    /// [`DialogueError::Store`] if the store cannot be read.
    pub fn register(self) -> Result<Registered<S, T>, DialogueError> {
        let shared = Arc::new(Shared {
            book: Book::open(&self.name, self.store, self.limits)?,
            name: self.name,
            plot: self.plot,
            locks: Locks::default(),
        });
        let reference = DialogueRef::new(Arc::clone(&shared));
        let name = shared.name.clone();
        let registration =
            Registration::new(&name, move || DialogueActor::new(Arc::clone(&shared)))
                .delivery(self.delivery)
                .on::<T>()
                .on::<crate::connection::Connected>();
        Ok((registration, reference))
    }
}
