//! The queue of one registration as a source of work for its handler actor.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{self, Poll};
use std::time::Duration;

use actix::dev::MessageResponse;
use actix::{Actor, Context, Handler};
use futures::future::{AbortHandle, BoxFuture, abortable};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::oneshot;

use super::dead_letter::{DeadLetter, DeadLetters, Reason};
use super::lanes::Lanes;
use super::{Delivery, HandlerError, Outcome};
use crate::clock::{self, Alarm, Instant};
use crate::entropy::Entropy;
use crate::error::Retry;
use crate::event::{Event, Payload};
use crate::mailbox::Queue;
use crate::supervisor::Exit;
use crate::supervisor::inlet::{Budget, Inlet};
use crate::telemetry::spans;

/// Delivers the events of one registration: in order, with a time-out, as often as it takes.
///
/// It outlives the incarnations of the handler. What an incarnation had in its hands when it died is tried again by the next one.
pub(crate) struct Courier<T> {
    handler: Arc<str>,
    settings: Delivery,
    queue: Arc<Queue<Event<T>>>,
    dead: DeadLetters,
    entropy: Entropy,
    desk: Mutex<Desk<T>>,
    handled: AtomicU64,
    failed: AtomicU64,
    /// Events taken from the queue and not done.
    held: AtomicUsize,
}

struct Desk<T> {
    lanes: Lanes<Job<T>>,
    /// The event that is in a synchronous handler right now.
    in_hand: Option<Job<T>>,
    /// What asynchronous handlers are at, by ticket.
    in_flight: BTreeMap<u64, Flight<T>>,
    answers: FuturesUnordered<Answer>,
    /// When each ticket runs out, in order: the time-out is the same for all.
    deadlines: VecDeque<(Instant, u64)>,
    /// What is tried again later.
    retries: BTreeMap<(Instant, u64), Job<T>>,
    /// How many events may have caused a crash; they are tried one at a time, until it is known which.
    suspects: usize,
    /// The event that caused the end of the incarnation is already dealt with.
    culprit_known: bool,
    /// Since when the actor has waited for something of its own, and takes no work.
    kept_out: Option<Instant>,
    timer: Alarm,
    ticket: u64,
}

/// An event in the hands of an asynchronous handler.
struct Flight<T> {
    job: Job<T>,
    /// Gives up the answer, so that whoever works on it can notice.
    abandon: AbortHandle,
}

struct Job<T> {
    event: Event<T>,
    failures: u32,
    interruptions: u32,
    suspect: bool,
}

type Answer = BoxFuture<'static, (u64, Option<Outcome>)>;

impl<T: Payload> Courier<T> {
    pub(crate) fn new(
        handler: Arc<str>,
        settings: Delivery,
        queue: Arc<Queue<Event<T>>>,
        dead: DeadLetters,
        entropy: Entropy,
    ) -> Self {
        Self {
            handler,
            settings,
            queue,
            dead,
            entropy,
            desk: Mutex::new(Desk {
                lanes: Lanes::new(settings.order, settings.concurrency),
                in_hand: None,
                in_flight: BTreeMap::new(),
                answers: FuturesUnordered::new(),
                deadlines: VecDeque::new(),
                retries: BTreeMap::new(),
                suspects: 0,
                culprit_known: false,
                kept_out: None,
                timer: Alarm::default(),
                ticket: 0,
            }),
            handled: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            held: AtomicUsize::new(0),
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk<T>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event has been answered, has run out of time, or was interrupted as the one that must have caused it.
    fn settle(&self, desk: &mut Desk<T>, mut job: Job<T>, outcome: Outcome) {
        if std::mem::take(&mut job.suspect) {
            desk.suspects -= 1;
        }
        match outcome {
            Ok(()) => {
                self.handled.fetch_add(1, Ordering::Relaxed);
                self.done(desk, &job);
            }
            Err(error) => {
                job.failures += 1;
                self.fail(desk, job, &error);
            }
        }
    }

    fn fail(&self, desk: &mut Desk<T>, job: Job<T>, error: &HandlerError) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let tries = job.failures + job.interruptions;
        let exhausted = job.failures >= self.settings.attempts
            || tries >= self.settings.attempts.saturating_mul(INTERRUPTIONS);
        let wait = match error.retry() {
            Retry::Never => None,
            _ if exhausted => None,
            Retry::Now => Some(
                self.settings
                    .backoff
                    .delay(tries.saturating_sub(1), &self.entropy),
            ),
            Retry::After(wait) => Some(wait),
        };
        match wait {
            Some(wait) => {
                tracing::warn!(handler = &*self.handler, %error, attempt = job.event.attempt(), ?wait, "handling failed, trying again");
                self.retry(desk, job, wait);
            }
            None => {
                let reason = Reason::Failed(error.to_string());
                self.dead.add(DeadLetter::new(
                    &self.handler,
                    &job.event,
                    job.event.attempt(),
                    reason,
                ));
                self.done(desk, &job);
            }
        }
    }

    fn done(&self, desk: &mut Desk<T>, job: &Job<T>) {
        self.held.fetch_sub(1, Ordering::Relaxed);
        desk.lanes.done(&job.event.envelope().channel);
    }

    fn retry(&self, desk: &mut Desk<T>, mut job: Job<T>, wait: Duration) {
        job.event = job
            .event
            .with_attempt(job.event.attempt().saturating_add(1));
        desk.lanes.pause();
        desk.ticket += 1;
        desk.retries.insert((clock::now() + wait, desk.ticket), job);
    }

    /// An event was in the hands of an incarnation that ended, and may or may not have caused that.
    fn interrupt(&self, desk: &mut Desk<T>, mut job: Job<T>, suspect: bool, error: &HandlerError) {
        job.interruptions += 1;
        if job.interruptions >= self.settings.attempts.saturating_mul(INTERRUPTIONS) {
            if std::mem::take(&mut job.suspect) {
                desk.suspects -= 1;
            }
            self.fail(desk, job, error);
            return;
        }
        if suspect && !std::mem::replace(&mut job.suspect, true) {
            desk.suspects += 1;
        }
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.retry(desk, job, Duration::ZERO);
    }

    fn collect_answers(&self, desk: &mut Desk<T>, cx: &mut task::Context<'_>) -> bool {
        let mut dropped = false;
        while let Poll::Ready(Some((ticket, answer))) = desk.answers.poll_next_unpin(cx) {
            if let Some(Flight { job, .. }) = desk.in_flight.remove(&ticket) {
                dropped |= answer.is_none();
                let outcome = answer.unwrap_or_else(|| {
                    Err(HandlerError::transient("the handler's future panicked"))
                });
                self.settle(desk, job, outcome);
            }
        }
        dropped
    }

    fn expire(&self, desk: &mut Desk<T>) -> bool {
        let now = clock::now();
        let mut expired = false;
        while let Some((deadline, ticket)) = desk.deadlines.front().copied() {
            let open = desk.in_flight.contains_key(&ticket);
            if open && deadline > now {
                break;
            }
            desk.deadlines.pop_front();
            if let Some(Flight { job, abandon }) = desk.in_flight.remove(&ticket) {
                expired = true;
                abandon.abort();
                let text = format!("handling took longer than {:?}", self.settings.timeout);
                self.settle(desk, job, Err(HandlerError::transient(text)));
            }
        }
        expired
    }

    fn wake_retries(desk: &mut Desk<T>) {
        let now = clock::now();
        while let Some(entry) = desk.retries.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let job = entry.remove();
            desk.lanes.resume(job);
        }
    }

    fn take_in(&self, desk: &mut Desk<T>, cx: &mut task::Context<'_>) {
        while desk.lanes.has_room(self.settings.queue) && desk.retries.len() < self.settings.queue {
            let Poll::Ready(Some(event)) = self.queue.poll_pop(cx) else {
                return;
            };
            self.held.fetch_add(1, Ordering::Relaxed);
            let channel = event.envelope().channel.clone();
            desk.lanes.accept(
                &channel,
                Job {
                    event,
                    failures: 0,
                    interruptions: 0,
                    suspect: false,
                },
            );
        }
    }

    fn set_timer(desk: &mut Desk<T>, settings: &Delivery, cx: &mut task::Context<'_>) {
        let deadline = desk.deadlines.front().map(|(at, _)| *at);
        let retry = desk.retries.first_key_value().map(|((at, _), _)| *at);
        let timeout = settings.timeout;
        let kept_out = desk
            .kept_out
            .map(|since| since + timeout)
            .filter(|_| !desk.in_flight.is_empty());
        let due = deadline.max(kept_out).into_iter().chain(retry).min();
        desk.timer.set(due, cx);
    }
}

impl<A, T> Inlet<A> for Courier<T>
where
    A: Actor<Context = Context<A>> + Handler<Event<T>>,
    T: Payload,
{
    fn poll(
        &self,
        actor: &mut A,
        ctx: &mut Context<A>,
        cx: &mut task::Context<'_>,
        budget: &mut Budget,
    ) {
        use crate::supervisor::Supervised as _;

        let desk = &mut *self.desk();
        desk.kept_out = None;
        loop {
            if self.collect_answers(desk, cx) {
                desk.culprit_known = true;
                // actix runs such futures outside the actor, so the panic did not reach it; the rule is the same all the same.
                ctx.fail_by_panic("a handler's future panicked");
                return;
            }
            self.expire(desk);
            Self::wake_retries(desk);
            self.take_in(desk, cx);
            if !budget.allows(ctx) {
                break;
            }
            let Some(job) = desk.lanes.next(desk.suspects > 0) else {
                break;
            };
            budget.spend();
            let (answer, mut reply) = oneshot::channel();
            let event = job.event.clone();
            desk.in_hand = Some(job);
            spans::handle(&self.handler, &event)
                .in_scope(|| actor.handle(event, ctx).handle(ctx, Some(answer)));
            let Some(job) = desk.in_hand.take() else {
                break;
            };
            match reply.try_recv() {
                Ok(outcome) => self.settle(desk, job, outcome),
                Err(oneshot::error::TryRecvError::Closed) => {
                    self.settle(
                        desk,
                        job,
                        Err(HandlerError::transient(
                            "the handler dropped the event without an answer",
                        )),
                    );
                }
                Err(oneshot::error::TryRecvError::Empty) => {
                    desk.ticket += 1;
                    let ticket = desk.ticket;
                    let (reply, abandon) = abortable(reply);
                    desk.in_flight.insert(ticket, Flight { job, abandon });
                    let deadline = clock::now() + self.settings.timeout;
                    desk.deadlines.push_back((deadline, ticket));
                    let answer =
                        reply.map(move |answer| (ticket, answer.ok().and_then(Result::ok)));
                    desk.answers.push(answer.boxed());
                }
            }
        }
        Self::set_timer(desk, &self.settings, cx);
    }

    fn watch(&self, cx: &mut task::Context<'_>) -> Option<Exit> {
        let desk = &mut *self.desk();
        // The pump is polled with the actor's context, unless the actor waits for a future of its own: then time goes on here.
        let since = *desk.kept_out.get_or_insert_with(clock::now);
        if !desk.in_flight.is_empty()
            && clock::now().saturating_duration_since(since) >= self.settings.timeout
            && self.expire(desk)
        {
            desk.culprit_known = true;
            return Some(Exit::error(
                "the actor waited for longer than handling an event may take",
            ));
        }
        Self::set_timer(desk, &self.settings, cx);
        None
    }

    fn interrupted(&self, exit: &Exit) {
        let desk = &mut *self.desk();
        desk.answers = FuturesUnordered::new();
        desk.deadlines.clear();
        let flying: Vec<_> = std::mem::take(&mut desk.in_flight)
            .into_values()
            .map(|flight| flight.job)
            .collect();
        let known = std::mem::take(&mut desk.culprit_known) || exit.is_clean();
        let error = HandlerError::transient(format!("the handler ended: {exit}"));
        match desk.in_hand.take() {
            Some(culprit) => {
                for job in flying {
                    self.interrupt(desk, job, false, &error);
                }
                self.settle(desk, culprit, Err(error));
            }
            None if flying.len() == 1 && !known => {
                for job in flying {
                    self.settle(desk, job, Err(HandlerError::transient(error.to_string())));
                }
            }
            None => {
                for job in flying {
                    self.interrupt(desk, job, !known, &error);
                }
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.queue.len() == 0 && self.held.load(Ordering::Relaxed) == 0
    }

    fn close(&self) {
        self.queue.close();
    }

    fn bury(&self) -> usize {
        self.queue.close();
        let desk = &mut *self.desk();
        let held = desk.retries.len() + desk.in_flight.len() + desk.lanes.waiting();
        let retries = std::mem::take(&mut desk.retries).into_values();
        let mut left: Vec<_> = retries
            .chain(
                std::mem::take(&mut desk.in_flight)
                    .into_values()
                    .map(|flight| flight.job),
            )
            .collect();
        left.extend(
            std::mem::replace(
                &mut desk.lanes,
                Lanes::new(self.settings.order, self.settings.concurrency),
            )
            .into_waiting(),
        );
        for job in &left {
            self.dead.add(DeadLetter::new(
                &self.handler,
                &job.event,
                job.event.attempt() - 1,
                Reason::Stopped,
            ));
        }
        let queued = self.queue.drain();
        for event in &queued {
            self.dead.add(DeadLetter::new(
                &self.handler,
                event,
                event.attempt() - 1,
                Reason::Stopped,
            ));
        }
        self.held.store(0, Ordering::Relaxed);
        held + queued.len()
    }

    fn depth(&self) -> usize {
        self.queue.len() + self.held.load(Ordering::Relaxed)
    }

    fn oldest(&self) -> Option<Duration> {
        self.queue.oldest()
    }

    fn dropped(&self) -> u64 {
        self.queue.dropped() + self.queue.rejected()
    }

    fn outcomes(&self) -> (u64, u64) {
        (
            self.handled.load(Ordering::Relaxed),
            self.failed.load(Ordering::Relaxed),
        )
    }
}

/// An event that goes down with its handler, through no fault of its own, is given up after this many times its attempts.
const INTERRUPTIONS: u32 = 5;
