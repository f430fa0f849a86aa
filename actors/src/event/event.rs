//! An event: a typed payload in an envelope.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Span;

use super::pool::{self, Reuse};
use super::{ChannelKey, Id, short_type_name};
use crate::clock::{self, Instant};
use crate::connection::RequestError;
use crate::entropy::Entropy;
use crate::router::{HandlerError, Publish, Router, Ticket};
use crate::telemetry::{Cause, spans};

/// What can travel as an event: any plain data that serde can write and read, so that it can be kept and replayed.
pub trait Payload: Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Payload for T {}

/// Where events come from: one a connection, shared by all its events.
pub struct Origin {
    platform: &'static str,
    bot: String,
    router: Router,
    sequence: AtomicU64,
    door: Option<Box<dyn Any + Send + Sync>>,
    /// From which the traces of its events are made.
    traces: AtomicU64,
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("platform", &self.platform)
            .field("bot", &self.bot)
            .finish_non_exhaustive()
    }
}

impl Origin {
    /// Describes a source on `platform` for the bot `bot`, whose events travel through `router`.
    #[must_use]
    pub fn new(platform: &'static str, bot: impl Into<String>, router: &Router) -> Arc<Self> {
        Self::enrolled(platform, bot.into(), router, None)
    }

    /// As [`new`](Self::new), with a way back to the source: whatever its events need to answer. They find it with
    /// [`door`](Self::door).
    #[must_use]
    pub fn with_door(
        platform: &'static str,
        bot: impl Into<String>,
        router: &Router,
        door: impl Any + Send + Sync,
    ) -> Arc<Self> {
        Self::enrolled(platform, bot.into(), router, Some(Box::new(door)))
    }

    fn enrolled(
        platform: &'static str,
        bot: String,
        router: &Router,
        door: Option<Box<dyn Any + Send + Sync>>,
    ) -> Arc<Self> {
        let origin = Arc::new(Self {
            platform,
            bot,
            router: router.clone(),
            sequence: AtomicU64::new(0),
            door,
            traces: AtomicU64::new(super::stable_hash(platform.as_bytes())),
        });
        router.registry().enrol(&origin);
        origin
    }

    /// Makes the traces of its events from `entropy`: unique in all runs, and the same ones for the same seed. By default they are the
    /// same in each run.
    pub fn draw_traces(&self, entropy: &Entropy) {
        self.traces.store(entropy.next_u64(), Ordering::Relaxed);
    }

    /// Returns the trace of the event of this number: another one for each, and never 0.
    fn trace(&self, sequence: u64) -> u64 {
        // Each step can be undone, so that no two numbers give the same.
        let mut trace = self
            .traces
            .load(Ordering::Relaxed)
            .wrapping_add(sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        trace = (trace ^ (trace >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        trace = (trace ^ (trace >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (trace ^ (trace >> 31)).max(1)
    }

    /// Returns the way back to the source, if it is of this type.
    #[must_use]
    pub fn door<D: Any>(&self) -> Option<&D> {
        self.door.as_ref()?.downcast_ref()
    }

    /// Returns the name of the platform.
    #[must_use]
    pub fn platform(&self) -> &'static str {
        self.platform
    }

    /// Returns the name of the bot.
    #[must_use]
    pub fn bot(&self) -> &str {
        &self.bot
    }

    /// Returns the router of its events.
    #[must_use]
    pub fn router(&self) -> &Router {
        &self.router
    }
}

/// What is known of an event beside its payload.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Where it came from.
    pub origin: Arc<Origin>,
    /// The platform's id of what happened, or none.
    pub id: Id,
    /// The conversation; events of one key are handled in order.
    pub channel: ChannelKey,
    /// Counts the events of its origin, from 1.
    pub sequence: u64,
    /// When it was received or emitted.
    pub received_at: Instant,
    /// Follows one cause through all events that it leads to.
    pub trace: u64,
}

impl Envelope {
    /// Begins the next event of an origin.
    fn next(origin: &Arc<Origin>, id: Id, channel: ChannelKey, received_at: Instant) -> Self {
        let sequence = origin.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        Self {
            origin: Arc::clone(origin),
            id,
            trace: origin.trace(sequence),
            channel,
            sequence,
            received_at,
        }
    }
}

/// A typed event. Cloning it copies a pointer.
///
/// It dereferences to its payload. Handlers are actix handlers of `Event<T>`; the event counts as handled when they return `Ok`.
///
/// # Examples
///
/// ```
/// use greenroom_actors::event::{ChannelKey, Event, Origin};
/// use greenroom_actors::router::Router;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Tip { amount: u64 }
///
/// let origin = Origin::new("example", "bot", &Router::default());
/// let event = Event::new(&origin, 1, ChannelKey::default(), Tip { amount: 10 });
/// assert_eq!((event.amount, event.attempt()), (10, 1));
/// ```
pub struct Event<T> {
    inner: Shared<T>,
    attempt: u16,
    /// To which registration it was handed out; 0 outside of a handler.
    place: u16,
    /// Until when its handler may take, in milliseconds from when it was received; 0 outside of a handler.
    due: u32,
}

/// What all clones of an event share. It goes back to where it came from when the last of them is gone.
struct Shared<T>(Option<Arc<Inner<T>>>);

impl<T> Shared<T> {
    fn new(inner: Inner<T>) -> Self {
        Self(Some(Arc::new(inner)))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Shared<T> {
    type Target = Inner<T>;

    fn deref(&self) -> &Inner<T> {
        match &self.0 {
            Some(inner) => inner,
            None => unreachable!("it is only taken when it is dropped"),
        }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        if let Some(inner) = &self.0
            && let Some(reuse) = inner.reuse
            && Arc::strong_count(inner) == 1
            && let Some(inner) = self.0.take()
        {
            (reuse.put_back)(inner);
        }
    }
}

pub(super) struct Inner<T> {
    /// None only while nobody has the event.
    envelope: Option<Envelope>,
    payload: T,
    /// Where the store keeps it, if it is delivered once more.
    ticket: Option<Ticket>,
    /// Its span, if anybody wants it.
    span: Option<Box<Span>>,
    /// The registrations that say something because of it, as long as nobody knows whether it has arrived.
    saying: Mutex<Vec<u16>>,
    /// How it is used again, if it is.
    reuse: Option<Reuse<T>>,
}

impl<T> Inner<T> {
    fn new(payload: T, reuse: Option<Reuse<T>>) -> Self {
        Self {
            envelope: None,
            payload,
            ticket: None,
            span: None,
            saying: Mutex::default(),
            reuse,
        }
    }

    fn envelope(&self) -> &Envelope {
        match &self.envelope {
            Some(envelope) => envelope,
            None => unreachable!("an event that somebody has is in an envelope"),
        }
    }

    fn lock_saying(&self) -> MutexGuard<'_, Vec<u16>> {
        self.saying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes it ready for another event.
    pub(super) fn clear(&mut self) {
        self.envelope = None;
        self.ticket = None;
        self.span = None;
        let saying = self.saying.get_mut();
        saying.unwrap_or_else(PoisonError::into_inner).clear();
        if let Some(reuse) = self.reuse {
            (reuse.clear)(&mut self.payload);
        }
    }
}

fn narrow(attempt: u32) -> u16 {
    u16::try_from(attempt).unwrap_or(u16::MAX)
}

impl<T> Clone for Event<T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            attempt: self.attempt,
            place: self.place,
            due: self.due,
        }
    }
}

impl<T> Deref for Event<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner.payload
    }
}

impl<T> fmt::Debug for Event<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("type", &short_type_name::<T>())
            .field("id", &self.inner.envelope().id)
            .field("channel", &self.inner.envelope().channel)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

impl<T: Payload> Message for Event<T> {
    type Result = Result<(), HandlerError>;
}

impl<T: Payload> Event<T> {
    /// Puts a payload into an envelope, received now.
    pub fn new(origin: &Arc<Origin>, id: impl Into<Id>, channel: ChannelKey, payload: T) -> Self {
        let envelope = Envelope::next(origin, id.into(), channel, clock::now());
        Self::with_envelope(envelope, payload)
    }

    /// As [`new`](Self::new), in the memory of an event that nobody has any more, if there is one on this thread: `fill` writes its
    /// payload into a value that is empty, or that `clear` has emptied. With texts that `clear` leaves their room, nothing is
    /// allocated.
    pub fn reusing(
        origin: &Arc<Origin>,
        id: Id,
        channel: ChannelKey,
        received_at: Instant,
        clear: fn(&mut T),
        fill: impl FnOnce(&mut T),
    ) -> Self
    where
        T: Default,
    {
        let mut inner = pool::take().unwrap_or_else(|| {
            let reuse = Reuse {
                clear,
                put_back: pool::put_back,
            };
            Arc::new(Inner::new(T::default(), Some(reuse)))
        });
        if let Some(slot) = Arc::get_mut(&mut inner) {
            let envelope = Envelope::next(origin, id, channel, received_at);
            slot.span = spans::event::<T>(&envelope);
            slot.envelope = Some(envelope);
            fill(&mut slot.payload);
        }
        Self {
            inner: Shared(Some(inner)),
            attempt: 1,
            place: 0,
            due: 0,
        }
    }

    fn with_envelope(envelope: Envelope, payload: T) -> Self {
        Self {
            inner: Shared::new(Inner {
                span: spans::event::<T>(&envelope),
                envelope: Some(envelope),
                ..Inner::new(payload, None)
            }),
            attempt: 1,
            place: 0,
            due: 0,
        }
    }

    /// Makes an event of what a store has kept.
    pub(crate) fn once_more(envelope: Envelope, payload: T, ticket: Ticket, attempt: u32) -> Self {
        Self {
            inner: Shared::new(Inner {
                span: spans::event::<T>(&envelope),
                envelope: Some(envelope),
                ticket: Some(ticket),
                ..Inner::new(payload, None)
            }),
            attempt: narrow(attempt),
            place: 0,
            due: 0,
        }
    }

    pub(crate) fn ticket(&self) -> Option<Ticket> {
        self.inner.ticket
    }

    /// Says whether somebody replays it, or an earlier run has tried it: no cooldown should hold it up then.
    pub(crate) fn is_owed(&self) -> bool {
        match self.inner.ticket {
            Some(Ticket::Dead(_)) => true,
            Some(Ticket::Left(_)) => self.attempt > 1,
            None => false,
        }
    }

    /// Returns the name of the payload's type, without its modules.
    #[must_use]
    pub fn name() -> &'static str {
        short_type_name::<T>()
    }

    /// Returns the payload.
    #[must_use]
    pub fn payload(&self) -> &T {
        &self.inner.payload
    }

    /// Returns the envelope.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        self.inner.envelope()
    }

    /// Returns which try this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt.into()
    }

    /// Returns when its handler's time will be over; none outside of a handler.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let after = Duration::from_millis(self.due.into());
        (self.due > 0).then(|| self.inner.envelope().received_at + after)
    }

    /// Returns the event for the registration `place`, whose handler may take until `due`.
    pub(crate) fn handed_out(&self, place: u16, due: Instant) -> Self {
        let after = due.saturating_duration_since(self.inner.envelope().received_at);
        Self {
            place,
            due: u32::try_from(clock::millis(after)).map_or(0, |millis| millis.max(1)),
            ..self.clone()
        }
    }

    pub(crate) fn with_attempt(&self, attempt: u32) -> Self {
        Self {
            attempt: narrow(attempt),
            ..self.clone()
        }
    }

    /// Says whether something that the registration `place` said because of it may or may not have arrived.
    pub(crate) fn is_saying(&self, place: u16) -> bool {
        self.inner.lock_saying().contains(&place)
    }

    /// Runs `future`, which says something because of this event and tells what became of it. Until then, and for ever if it is
    /// dropped or cannot tell, the event is not tried again by this handler: it could be said twice.
    pub fn saying<F, R>(
        &self,
        future: F,
    ) -> impl Future<Output = Result<R, RequestError>> + use<F, R, T>
    where
        F: Future<Output = Result<R, RequestError>>,
    {
        let event = self.clone();
        async move {
            event.inner.lock_saying().push(event.place);
            let outcome = future.await;
            let unknown = matches!(
                outcome,
                Err(RequestError::OutcomeUnknown | RequestError::TimedOut(_))
            );
            if !unknown {
                let mut saying = event.inner.lock_saying();
                if let Some(found) = saying.iter().position(|place| *place == event.place) {
                    saying.swap_remove(found);
                }
            }
            outcome
        }
    }

    /// Runs `future` as part of what this event has led to: what it says is traced back to the event. The futures of handlers are
    /// run like that; this is for what a handler hands to others.
    pub fn on_behalf<F>(&self, future: F) -> impl Future<Output = F::Output> + use<F, T>
    where
        F: Future + Unpin,
    {
        self.cause().follow(future)
    }

    /// What runs now, on behalf of this event.
    fn cause(&self) -> Cause {
        let current = Span::current();
        let span = match (current.is_disabled(), &self.inner.span) {
            (true, Some(own)) => Span::clone(own),
            _ => current,
        };
        Cause::of(span, self.inner.envelope().trace)
    }

    pub(crate) fn span(&self) -> Option<&Span> {
        self.inner.span.as_deref()
    }

    /// Puts another payload into the same envelope: the same news in other words, for a handler that knows only those.
    #[must_use]
    pub fn reworded<U: Payload>(&self, payload: U) -> Event<U> {
        Event {
            attempt: self.attempt,
            place: self.place,
            due: self.due,
            ..Event::with_envelope(self.envelope().clone(), payload)
        }
    }

    /// Emits another event that this one leads to: same origin, channel and trace. It reaches every handler of its type.
    ///
    /// Await it: with a full queue and the policy to block, it waits for room.
    #[must_use = "the event is only delivered when this is awaited"]
    pub fn emit<U: Payload>(&self, payload: U) -> Publish<U> {
        let cause = self.inner.envelope();
        let envelope = Envelope {
            sequence: cause.origin.sequence.fetch_add(1, Ordering::Relaxed) + 1,
            received_at: clock::now(),
            ..cause.clone()
        };
        let emitted = match &self.inner.span {
            None => Event::with_envelope(envelope, payload),
            Some(_) => self
                .cause()
                .scope(|| Event::with_envelope(envelope, payload)),
        };
        cause.origin.router.topic::<U>().publish(emitted)
    }
}
