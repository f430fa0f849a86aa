//! The queue of one registration as a source of work for its handler actor.

mod admit;
mod ages;
mod answer;
mod desk;
mod leave;
mod pace;
mod settle;

use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task;
use std::time::Duration;

use actix::{Actor, Context, Handler};

use self::ages::Mark;
use self::answer::{Answer, answer};
use self::desk::{Desk, Job};
use super::Delivery;
use super::letters::DeadLetters;
use super::middleware::Layers;
use super::tally::Tally;
use crate::clock::{self, Instant};
use crate::entropy::Entropy;
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
    /// Tells it from other registrations of the same event.
    place: u16,
    settings: Delivery,
    queue: Arc<Queue<Event<T>>>,
    dead: DeadLetters,
    entropy: Entropy,
    layers: Option<Layers>,
    desk: Mutex<Desk<T>>,
    tally: Arc<Tally>,
    /// Events taken from the queue and not done.
    held: AtomicUsize,
    /// Since when the oldest of them is here.
    oldest_held: Mark,
}

impl<T: Payload> Courier<T> {
    pub(crate) fn new(
        handler: Arc<str>,
        settings: Delivery,
        dead: DeadLetters,
        entropy: Entropy,
        layers: Option<Layers>,
    ) -> Self {
        Self {
            handler,
            place: next_place(),
            settings,
            queue: Arc::new(Queue::new(settings.queue, settings.overflow)),
            dead,
            entropy,
            layers,
            desk: Mutex::new(Desk::new(&settings)),
            tally: Arc::default(),
            held: AtomicUsize::new(0),
            oldest_held: Mark::default(),
        }
    }

    pub(crate) fn queue(&self) -> &Arc<Queue<Event<T>>> {
        &self.queue
    }

    pub(crate) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    fn desk(&self) -> MutexGuard<'_, Desk<T>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the first of the fresh events to the handler, if nothing has to be known of it but that. It stays where it is until it is
    /// answered. Returns false if there is none, or if it is to go the long way.
    fn attempt_fresh<A>(
        &self,
        desk: &mut Desk<T>,
        actor: &mut A,
        ctx: &mut Context<A>,
        cx: &mut task::Context<'_>,
    ) -> bool
    where
        A: Actor<Context = Context<A>> + Handler<Event<T>, Result: 'static>,
    {
        if self.layers.is_some() || !desk.is_first_free() {
            return false;
        }
        let began = desk.pace.began();
        let due = began + self.settings.timeout;
        let Some(first) = desk.fresh.front() else {
            return false;
        };
        let event = first.handed_out(self.place, due);
        desk.first_in_hand = Some(began);
        let answer = self.ask(event, actor, ctx, cx);
        if let Answer::Now(Ok(())) = answer {
            // The most frequent case by far.
            desk.first_in_hand = None;
            desk.fresh.pop_front();
            desk.pace.done(&self.tally.times);
            self.tally.handled.add_one_alone();
            self.let_go(1);
        } else if let Some(job) = desk.take_first_in_hand(&self.settings) {
            self.conclude(desk, job, answer, due);
        }
        true
    }

    /// Gives an event to the handler.
    fn attempt<A>(
        &self,
        desk: &mut Desk<T>,
        mut job: Job<T>,
        actor: &mut A,
        ctx: &mut Context<A>,
        cx: &mut task::Context<'_>,
    ) where
        A: Actor<Context = Context<A>> + Handler<Event<T>, Result: 'static>,
    {
        let began = desk.pace.began();
        let due = began + self.settings.timeout;
        let event = job.event.handed_out(self.place, due);
        job.began = Some(began);
        desk.in_hand = Some(job);
        let answer = self.ask(event, actor, ctx, cx);
        if let Some(job) = desk.in_hand.take() {
            self.conclude(desk, job, answer, due);
        }
    }

    fn ask<A>(
        &self,
        event: Event<T>,
        actor: &mut A,
        ctx: &mut Context<A>,
        cx: &mut task::Context<'_>,
    ) -> Answer
    where
        A: Actor<Context = Context<A>> + Handler<Event<T>, Result: 'static>,
    {
        let cause = spans::handle(&self.handler, &event);
        cause.scope(|| answer(actor.handle(event, ctx), actor, ctx, cx, &cause))
    }

    fn conclude(&self, desk: &mut Desk<T>, mut job: Job<T>, answer: Answer, due: Instant) {
        match answer {
            Answer::Now(outcome) => {
                job.began = None;
                desk.pace.done(&self.tally.times);
                self.settle(desk, job, outcome);
            }
            Answer::Later(reply) => {
                desk.pace.pause(&self.tally.times);
                desk.fly(job, reply, due);
            }
        }
    }

    /// So many of the events that it holds are gone. Nobody else changes the number at the same time.
    fn let_go(&self, number: usize) {
        let held = self.held.load(Ordering::Relaxed);
        self.held
            .store(held.saturating_sub(number), Ordering::Relaxed);
    }

    fn waiting(&self) -> usize {
        self.queue.len() + self.held.load(Ordering::Relaxed)
    }
}

/// Returns another number at each call, and 0 never.
fn next_place() -> u16 {
    static PLACES: AtomicU16 = AtomicU16::new(1);
    PLACES.fetch_add(1, Ordering::Relaxed).max(1)
}

impl<A, T> Inlet<A> for Courier<T>
where
    A: Actor<Context = Context<A>> + Handler<Event<T>, Result: 'static>,
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
            if desk.is_under_way() {
                if self.collect_answers(desk, cx) {
                    desk.culprit_known = true;
                    // actix runs such futures outside the actor, so the panic did not reach it; the rule is the same all the same.
                    ctx.fail_by_panic("a handler's future panicked");
                    break;
                }
                if let Some(layers) = &self.layers {
                    self.collect_verdicts(desk, layers, cx);
                }
                self.expire(desk);
                desk.wake_retries();
            }
            if desk.fresh.is_empty() {
                self.take_in(desk, budget.left(), cx);
            }
            if !budget.allows(ctx) {
                break;
            }
            let looked_at_more = !desk.fresh.is_empty();
            if let Some(job) = desk.next_admitted() {
                self.attempt(desk, job, actor, ctx, cx);
            } else if self.attempt_fresh(desk, actor, ctx, cx) {
                budget.spend();
            } else if let Some(job) = desk.next(&self.settings) {
                budget.spend();
                if let Some(job) = self.admit(desk, job) {
                    self.attempt(desk, job, actor, ctx, cx);
                }
            } else if !looked_at_more {
                break;
            }
        }
        desk.pace.pause(&self.tally.times);
        self.oldest_held.set(desk.oldest());
        desk.set_timer(&self.settings, cx);
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
        desk.set_timer(&self.settings, cx);
        None
    }

    fn interrupted(&self, exit: &Exit) {
        self.incarnation_ended(&mut self.desk(), exit);
    }

    fn is_idle(&self) -> bool {
        self.waiting() == 0
    }

    fn close(&self) {
        self.queue.close();
    }

    fn bury(&self) -> usize {
        self.queue.close();
        self.leave(&mut self.desk())
    }

    fn depth(&self) -> usize {
        self.waiting()
    }

    fn oldest(&self) -> Option<Duration> {
        // The queue counts from when it took an event in, which is about when that was received.
        self.oldest_held.age().max(self.queue.oldest())
    }

    fn dropped(&self) -> u64 {
        self.queue.dropped() + self.queue.rejected()
    }

    fn outcomes(&self) -> (u64, u64) {
        (self.tally.handled.get(), self.tally.failed.get())
    }

    fn filtered(&self) -> u64 {
        self.tally.filtered.get()
    }
}
