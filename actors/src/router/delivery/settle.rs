//! What becomes of an event: handled, tried again, given up, left.

use std::sync::atomic::Ordering;
use std::task::{self, Poll};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::Courier;
use super::desk::{Check, Desk, Flight, Job};
use crate::clock;
use crate::error::Retry;
use crate::event::Payload;
use crate::router::letters::Reason;
use crate::router::middleware::End;
use crate::router::{HandlerError, Outcome};
use crate::supervisor::Exit;

impl<T: Payload> Courier<T> {
    /// An event has been answered, has run out of time, or was interrupted as the one that must have caused it.
    pub(super) fn settle(&self, desk: &mut Desk<T>, mut job: Job<T>, outcome: Outcome) {
        desk.acquit(&mut job);
        if let Some(began) = job.began.take() {
            let took = clock::now().saturating_duration_since(began);
            self.tally.times.observe(took);
        }
        if self.layers.is_some() {
            self.tell(&mut job, &End::from(&outcome));
        }
        match outcome {
            Ok(()) => {
                self.tally.handled.add_one();
                if let Some(ticket) = job.event.ticket() {
                    self.dead.settled(ticket);
                }
                self.done(desk, &job);
            }
            Err(error) => {
                job.failures += 1;
                self.fail(desk, job, &error);
            }
        }
    }

    /// What it says may or may not have arrived: trying again could say it twice.
    fn is_half_said(&self, job: &Job<T>) -> bool {
        job.event.is_saying(self.place)
    }

    fn fail(&self, desk: &mut Desk<T>, job: Job<T>, error: &HandlerError) {
        self.tally.failed.add_one();
        let tries = job.failures + job.interruptions;
        let exhausted = job.failures >= self.settings.attempts
            || tries >= self.settings.attempts.saturating_mul(INTERRUPTIONS);
        let wait = match error.retry() {
            Retry::Never => None,
            _ if exhausted || self.is_half_said(&job) => None,
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
                self.retry(desk, job, wait, error);
            }
            None => {
                let final_word = error.retry() == Retry::Never;
                let reason = Reason::Failed(match &job.cause {
                    // A handler that refuses to go on after a failure does not know what that was.
                    Some(cause) if final_word => {
                        format!("{error}; the attempt before failed: {cause}")
                    }
                    _ if !final_word && self.is_half_said(&job) => {
                        format!("{error}; whether what it said has arrived is unknown")
                    }
                    _ => error.to_string(),
                });
                self.tally.dead.add_one();
                let attempts = job.event.attempt();
                self.dead.bury(&self.handler, &job.event, attempts, reason);
                self.done(desk, &job);
            }
        }
    }

    pub(super) fn done(&self, desk: &mut Desk<T>, job: &Job<T>) {
        self.let_go(1);
        if let Some(number) = job.number {
            desk.ages.leave(number);
            self.oldest_held.set(desk.oldest());
            desk.lanes.done(&job.event.envelope().channel);
        }
    }

    fn retry(&self, desk: &mut Desk<T>, mut job: Job<T>, wait: Duration, error: &HandlerError) {
        job.cause = Some(error.to_string());
        job.event = job
            .event
            .with_attempt(job.event.attempt().saturating_add(1));
        desk.put_off(job, clock::now() + wait);
    }

    /// An event was in the hands of an incarnation that ended, and may or may not have caused that.
    fn interrupt(&self, desk: &mut Desk<T>, mut job: Job<T>, suspect: bool, error: &HandlerError) {
        job.interruptions += 1;
        if self.layers.is_some() {
            self.tell(&mut job, &End::Failed(error));
        }
        let spent = job.interruptions >= self.settings.attempts.saturating_mul(INTERRUPTIONS);
        if spent || self.is_half_said(&job) {
            desk.acquit(&mut job);
            self.fail(desk, job, error);
            return;
        }
        if suspect && !std::mem::replace(&mut job.suspect, true) {
            desk.suspects += 1;
        }
        self.tally.failed.add_one();
        self.retry(desk, job, Duration::ZERO, error);
    }

    pub(super) fn collect_answers(&self, desk: &mut Desk<T>, cx: &mut task::Context<'_>) -> bool {
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

    /// Takes the answers that were given and not seen yet: what was handled before the end was handled.
    pub(super) fn collect_last_answers(&self, desk: &mut Desk<T>) {
        let mut cx = task::Context::from_waker(task::Waker::noop());
        while let Poll::Ready(Some((ticket, answer))) = desk.answers.poll_next_unpin(&mut cx) {
            // Without an answer, its handler has ended: what that means is decided by whoever knows why.
            if let Some(outcome) = answer
                && let Some(Flight { job, .. }) = desk.in_flight.remove(&ticket)
            {
                self.settle(desk, job, outcome);
            }
        }
    }

    /// Ends what has run out of time; says whether a handler has.
    pub(super) fn expire(&self, desk: &mut Desk<T>) -> bool {
        let now = clock::now();
        let mut expired = false;
        while let Some((deadline, ticket)) = desk.deadlines.front().copied() {
            if desk.is_open(ticket) && deadline > now {
                break;
            }
            desk.deadlines.pop_front();
            let (job, abandon, what) = if let Some(flight) = desk.in_flight.remove(&ticket) {
                expired = true;
                (flight.job, flight.abandon, "handling")
            } else if let Some(Check { job, abandon }) = desk.checking.remove(&ticket) {
                (job, abandon, "a middleware")
            } else {
                continue;
            };
            abandon.abort();
            let text = format!("{what} took longer than {:?}", self.settings.timeout);
            self.settle(desk, job, Err(HandlerError::transient(text)));
        }
        expired
    }

    /// Takes up to `most` events from the queue, if there is room for them.
    pub(super) fn take_in(&self, desk: &mut Desk<T>, most: usize, cx: &mut task::Context<'_>) {
        if desk.retries.len() >= self.settings.queue {
            return;
        }
        let room = desk.lanes.room(self.settings.queue).min(most);
        let taken = self.queue.poll_take(room, &mut desk.fresh, cx);
        if taken > 0 {
            self.held.fetch_add(taken, Ordering::Relaxed);
            self.oldest_held.set(desk.oldest());
        }
    }

    /// What the incarnation had in its hands is tried again, or judged.
    pub(super) fn incarnation_ended(&self, desk: &mut Desk<T>, exit: &Exit) {
        desk.pace.pause(&self.tally.times);
        self.collect_last_answers(desk);
        desk.answers = FuturesUnordered::new();
        let checking = &desk.checking;
        desk.deadlines
            .retain(|(_, ticket)| checking.contains_key(ticket));
        let flying: Vec<_> = std::mem::take(&mut desk.in_flight)
            .into_values()
            .map(|flight| flight.job)
            .collect();
        let known = std::mem::take(&mut desk.culprit_known) || exit.is_clean();
        let error = HandlerError::transient(format!("the handler ended: {exit}"));
        let first = desk.take_first_in_hand(&self.settings);
        match desk.in_hand.take().or(first) {
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
}

/// An event that goes down with its handler, through no fault of its own, is given up after this many times its attempts.
const INTERRUPTIONS: u32 = 5;
