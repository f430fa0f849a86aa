//! Waiting for the next event that fits.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};

use super::{Router, Topic};
use crate::clock;
use crate::event::{Event, Payload};

/// No event came that was waited for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// None came in time.
    #[error("nothing that was waited for came within {0:?}")]
    Deadline(Duration),
    /// The condition panicked.
    #[error("the condition of a wait panicked")]
    Panicked,
    /// The bot is stopping, so nothing will come any more.
    #[error("the bot is stopping")]
    Stopping,
    /// The handler may not take as long as that.
    #[error(
        "a wait of {within:?} is longer than the {left:?} that are left for handling this event: \
        set a longer time-out for the handler's delivery, or use a dialogue"
    )]
    TooLong {
        /// How long it would wait.
        within: Duration,
        /// How long the handler may still take.
        left: Duration,
    },
    /// Too many wait for events of this type.
    #[error("{0} others wait for events of this type already")]
    TooMany(usize),
}

/// Waits for an event; made by [`Router::wait_for`] and [`Event::next`]. Dropping it ends the wait, and nothing is left of it.
#[must_use = "it only waits when it is awaited"]
pub struct Wait<T>(BoxFuture<'static, Result<Event<T>, WaitError>>);

impl<T> fmt::Debug for Wait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wait")
    }
}

impl<T> Future for Wait<T> {
    type Output = Result<Event<T>, WaitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_unpin(cx)
    }
}

impl Router {
    /// Waits for the next event that `wants` wants, for `within` at most; it listens from this call on and not only when it is awaited.
    ///
    /// Whoever waits sees each event when it is published, before it waits in any queue; so a handler can wait for the next message of
    /// the very channel that it holds up. All handlers get the event as well. `wants` runs on the publisher's thread and should be
    /// quick; publishing never waits for it otherwise. 1,024 may wait for one type of event.
    ///
    /// Inside of a handler, [`Event::next`] is better: it knows how long the handler may take.
    ///
    /// # Errors
    ///
    /// [`WaitError`]: the deadline is over, the bot is stopping, the condition panicked, or too many wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use greenroom_actors::router::{Router, WaitError};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let router = Router::default();
    /// let long = router.wait_for::<String>(|text| text.len() > 10, Duration::from_secs(60));
    /// assert_eq!(long.await.err(), Some(WaitError::Deadline(Duration::from_secs(60))));
    /// # }
    /// ```
    pub fn wait_for<T: Payload>(
        &self,
        wants: impl Fn(&Event<T>) -> bool + Send + Sync + 'static,
        within: Duration,
    ) -> Wait<T> {
        let mut stopping = self.waits().0.subscribe();
        let listening = match *stopping.borrow() {
            true => Err(WaitError::Stopping),
            false => Listening::begin(self.topic(), Box::new(wants)),
        };
        let deadline = clock::now() + within;
        Wait(Box::pin(async move {
            let (_listening, heard) = listening?;
            tokio::select! {
                biased;
                heard = heard => heard.unwrap_or(Err(WaitError::Panicked)),
                _ = stopping.wait_for(|stopping| *stopping) => Err(WaitError::Stopping),
                () = tokio::time::sleep_until(deadline) => Err(WaitError::Deadline(within)),
            }
        }))
    }

    /// Ends all waits, and those that would begin later: no more events come from outside.
    pub fn end_waits(&self) {
        self.waits().0.send_replace(true);
    }
}

impl<T: Payload> Event<T> {
    /// Waits for the next event of this type in this channel that `wants` wants, for `within` at most. See [`Router::wait_for`].
    ///
    /// While a handler waits, the next events of the channel wait for the handler, as ever; the one that was waited for is handled after
    /// that, too. What takes minutes is better a dialogue.
    ///
    /// # Errors
    ///
    /// As [`Router::wait_for`]; and at once [`WaitError::TooLong`] if the handler's time would be over before: it would be cut off in
    /// the middle of the wait, and tried again.
    pub fn next(
        &self,
        wants: impl Fn(&Self) -> bool + Send + Sync + 'static,
        within: Duration,
    ) -> Wait<T> {
        let now = clock::now();
        if let Some(due) = self.due().filter(|due| *due < now + within) {
            let left = due.saturating_duration_since(now);
            return Wait(Box::pin(
                async move { Err(WaitError::TooLong { within, left }) },
            ));
        }
        let here = self.envelope().clone();
        let is_next = move |other: &Self| {
            let there = other.envelope();
            there.channel == here.channel
                && there.sequence > here.sequence
                && Arc::ptr_eq(&there.origin, &here.origin)
                && wants(other)
        };
        self.envelope().origin.router().wait_for(is_next, within)
    }
}

/// Tells all waits of a router that no more events come.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits(Arc<watch::Sender<bool>>);

/// Those who wait for events of one type.
pub(super) struct Listeners<T> {
    count: AtomicUsize,
    list: Mutex<Vec<Arc<Listener<T>>>>,
}

struct Listener<T> {
    wants: Wants<T>,
    answer: Mutex<Option<Answer<T>>>,
}

type Wants<T> = Box<dyn Fn(&Event<T>) -> bool + Send + Sync>;
type Answer<T> = oneshot::Sender<Result<Event<T>, WaitError>>;
type Heard<T> = oneshot::Receiver<Result<Event<T>, WaitError>>;

impl<T> Default for Listeners<T> {
    fn default() -> Self {
        Self {
            count: AtomicUsize::new(0),
            list: Mutex::default(),
        }
    }
}

impl<T> Listeners<T> {
    fn list(&self) -> MutexGuard<'_, Vec<Arc<Listener<T>>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether anybody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Shows an event to all who wait.
    pub(super) fn offer(&self, event: &Event<T>) {
        // A condition may itself publish or wait, so none runs under a lock.
        let list = self.list().clone();
        for listener in list {
            let answer = match catch_unwind(AssertUnwindSafe(|| (listener.wants)(event))) {
                Ok(false) => continue,
                Ok(true) => Ok(event.clone()),
                Err(_) => Err(WaitError::Panicked),
            };
            let waits = listener
                .answer
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            if let Some(waits) = waits {
                // Whoever waited may have just gone.
                let _ = waits.send(answer);
            }
        }
    }
}

/// Someone who listens, until this is dropped.
struct Listening<T> {
    topic: Topic<T>,
    listener: Arc<Listener<T>>,
}

impl<T> Listening<T> {
    fn begin(topic: Topic<T>, wants: Wants<T>) -> Result<(Self, Heard<T>), WaitError> {
        let (answer, heard) = oneshot::channel();
        let listener = Arc::new(Listener {
            wants,
            answer: Mutex::new(Some(answer)),
        });
        {
            let mut list = topic.listeners().list();
            if list.len() >= MOST {
                return Err(WaitError::TooMany(list.len()));
            }
            list.push(Arc::clone(&listener));
            topic.listeners().count.store(list.len(), Ordering::Relaxed);
        }
        Ok((Self { topic, listener }, heard))
    }
}

impl<T> Drop for Listening<T> {
    fn drop(&mut self) {
        let listeners = self.topic.listeners();
        let mut list = listeners.list();
        list.retain(|other| !Arc::ptr_eq(other, &self.listener));
        listeners.count.store(list.len(), Ordering::Relaxed);
    }
}

/// How many may wait for one type of event.
const MOST: usize = 1_024;
