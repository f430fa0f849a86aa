//! Children that are started when somebody needs them, and end when nobody does.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use actix::{Actor, Context, Handler, Message};

use super::{ChildSpec, StartError, SupervisorRef};
use crate::error::Retry;
use crate::graph::NodeRef;
use crate::mailbox::{ActorRef, AskError, SendError};

/// Children of one supervisor, one a key, started on demand and stopped when idle. Clones share them.
///
/// A message for a key starts its child, unless it runs. Once no message has come for a while, the child ends and is forgotten. A
/// message that comes while it ends is handled all the same: by the same child, started again, or by the next one.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use actix::prelude::*;
/// use greenroom_actors::supervisor::{ChildSpec, OnDemand, Root, Strategy, Supervisor};
///
/// struct Greeter(String);
///
/// impl Actor for Greeter {
///     type Context = Context<Self>;
/// }
///
/// #[derive(Message)]
/// #[rtype(result = "String")]
/// struct Greet;
///
/// impl Handler<Greet> for Greeter {
///     type Result = String;
///
///     fn handle(&mut self, _: Greet, _: &mut Self::Context) -> String {
///         format!("Hello, {}!", self.0)
///     }
/// }
///
/// # actix::System::new().block_on(async {
/// let greeters = Supervisor::new("greeters", Strategy::OneForOne);
/// let greeter = OnDemand::new(greeters.handle(), |name: &String| {
///     let name = name.clone();
///     ChildSpec::new(name.clone(), move || Greeter(name.clone()))
/// });
/// let root = Root::start(greeters);
/// assert_eq!(greeter.ask(&"Ann".to_owned(), Greet).await.unwrap(), "Hello, Ann!");
/// assert_eq!(greeter.len(), 1);
/// root.shutdown().await;
/// # });
/// ```
pub struct OnDemand<K, A: Actor> {
    supervisor: SupervisorRef,
    describe: Arc<Describe<K, A>>,
    idle: Duration,
    limit: usize,
    open: Arc<Mutex<Open<K, A>>>,
}

type Describe<K, A> = dyn Fn(&K) -> ChildSpec<A> + Send + Sync;
type Open<K, A> = BTreeMap<K, ActorRef<A>>;

impl<K, A: Actor> Clone for OnDemand<K, A> {
    fn clone(&self) -> Self {
        Self {
            supervisor: self.supervisor.clone(),
            describe: Arc::clone(&self.describe),
            idle: self.idle,
            limit: self.limit,
            open: Arc::clone(&self.open),
        }
    }
}

impl<K, A: Actor> fmt::Debug for OnDemand<K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnDemand")
            .field("idle", &self.idle)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// There is no child for a key, and none can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OnDemandError {
    /// The supervisor has too much to do. Trying again can help.
    #[error("the supervisor has too much to do")]
    Busy,
    /// The supervisor has ended for good.
    #[error("the supervisor has ended")]
    Ended,
    /// Another child has the name that this one would have.
    #[error("another child has this name")]
    NameTaken,
    /// So many children run already. Trying again can help once one of them is idle.
    #[error("{0} children run already, and there may be no more")]
    TooMany(usize),
}

impl OnDemandError {
    /// Says whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Busy | Self::TooMany(_) => Retry::Now,
            Self::Ended | Self::NameTaken => Retry::Never,
        }
    }

    fn refuse<M>(self, message: M) -> SendError<M> {
        match self.retry() {
            Retry::Never => SendError::Stopped(message),
            Retry::Now | Retry::After(_) => SendError::Full(message),
        }
    }
}

impl<K, A> OnDemand<K, A>
where
    K: Clone + Ord + Send + 'static,
    A: Actor<Context = Context<A>>,
{
    /// Starts children under `supervisor` as `describe` says; each key needs a name of its own.
    ///
    /// At most 10,000 children run at once, and one ends after 5 min without a message.
    pub fn new(
        supervisor: SupervisorRef,
        describe: impl Fn(&K) -> ChildSpec<A> + Send + Sync + 'static,
    ) -> Self {
        Self {
            supervisor,
            describe: Arc::new(describe),
            idle: Duration::from_secs(300),
            limit: 10_000,
            open: Arc::default(),
        }
    }

    /// Ends a child after this long without a message.
    #[must_use]
    pub fn idle_after(mut self, period: Duration) -> Self {
        self.idle = period;
        self
    }

    /// Sets how many children may run at once.
    #[must_use]
    pub fn limit(mut self, children: usize) -> Self {
        self.limit = children;
        self
    }

    /// Returns the node of the supervisor in pictures of the bot.
    #[must_use]
    pub fn node(&self) -> &NodeRef {
        self.supervisor.node()
    }

    /// Returns how many children run.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.open).len()
    }

    /// Says whether no child runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the address of the child of `key`, if it runs.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<ActorRef<A>> {
        find(&lock(&self.open), key)
    }

    /// Returns the address of the child of `key`, and starts it if it does not run.
    ///
    /// Whoever keeps the address may find it stopped after a silence; [`send`](Self::send) and the like take care of that.
    ///
    /// # Errors
    ///
    /// [`OnDemandError`], if it cannot be started.
    pub fn child(&self, key: &K) -> Result<ActorRef<A>, OnDemandError> {
        if let Some(child) = self.get(key) {
            return Ok(child);
        }
        let spec = (self.describe)(key).idle_after(self.idle);
        let address = spec.address();
        let spec = spec.farewell(self.farewell(key, &address));
        let mut open = lock(&self.open);
        if let Some(child) = find(&open, key) {
            return Ok(child);
        }
        if open.len() >= self.limit && !open.contains_key(key) {
            return Err(OnDemandError::TooMany(self.limit));
        }
        let refused = match self.supervisor.try_start(spec) {
            Ok(()) => {
                open.insert(key.clone(), address.clone());
                return Ok(address);
            }
            Err(refused) => refused,
        };
        // The refused child says farewell as it is dropped, so not before the door is open again.
        drop(open);
        Err(match refused {
            StartError::Busy(_) => OnDemandError::Busy,
            StartError::Ended(_) => OnDemandError::Ended,
            StartError::NameTaken(_) => OnDemandError::NameTaken,
        })
    }

    /// Takes the child off the list once it has ended for good, unless there is a successor already.
    fn farewell(&self, key: &K, address: &ActorRef<A>) -> super::child::Farewell
    where
        K: Send,
    {
        let (open, key, address) = (
            Arc::downgrade(&self.open),
            Mutex::new(key.clone()),
            address.clone(),
        );
        Box::new(move || {
            let Some(open) = Weak::upgrade(&open) else {
                return;
            };
            let (mut open, key) = (lock(&open), lock(&key));
            if open.get(&*key).is_some_and(|child| child.is(&address)) {
                open.remove(&*key);
            }
        })
    }

    /// Puts a message into the mailbox of the child of `key`, without waiting.
    ///
    /// # Errors
    ///
    /// As [`ActorRef::tell`]; `Full` also if no more children can be started now.
    pub fn tell<M>(&self, key: &K, message: M) -> Result<(), SendError<M>>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let mut message = message;
        for _ in 0..TRIES {
            match self.child(key) {
                Err(error) => return Err(error.refuse(message)),
                Ok(child) => match child.tell(message) {
                    Err(SendError::Stopped(back)) => message = back,
                    done => return done,
                },
            }
        }
        Err(SendError::Stopped(message))
    }

    /// Puts a message into the mailbox of the child of `key`, waiting for room if the policy is to block.
    ///
    /// # Errors
    ///
    /// As [`ActorRef::send`]; `Full` also if no more children can be started now.
    pub async fn send<M>(&self, key: &K, message: M) -> Result<(), SendError<M>>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let mut message = message;
        for _ in 0..TRIES {
            match self.child(key) {
                Err(error) => return Err(error.refuse(message)),
                Ok(child) => match child.send(message).await {
                    Err(SendError::Stopped(back)) => message = back,
                    done => return done,
                },
            }
        }
        Err(SendError::Stopped(message))
    }

    /// Sends a message to the child of `key` and waits for the answer.
    ///
    /// # Errors
    ///
    /// As [`ActorRef::ask`]; `Full` also if no more children can be started now.
    pub async fn ask<M>(&self, key: &K, message: M) -> Result<M::Result, AskError<M>>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let mut message = message;
        for _ in 0..TRIES {
            match self.child(key) {
                Err(error) => return Err(error.refuse(message).into()),
                Ok(child) => match child.ask(message).await {
                    Err(AskError::NotSent(SendError::Stopped(back))) => message = back,
                    done => return done,
                },
            }
        }
        Err(SendError::Stopped(message).into())
    }
}

fn find<K: Ord, A: Actor<Context = Context<A>>>(open: &Open<K, A>, key: &K) -> Option<ActorRef<A>> {
    open.get(key).filter(|child| !child.is_stopped()).cloned()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often a message is handed to the next child because the one before has just ended.
const TRIES: u32 = 3;
