//! What becomes of an event: handled, tried again, given up, left.

use std::sync::atomic::Ordering;
use std::task::{self, Poll};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::Courier;
use super::desk::{Desk, Flight, Job};
use crate::clock;
use crate::error::Retry;
use crate::event::Payload;
use crate::router::dead_letter::{DeadLetter, Reason};
use crate::router::lanes::Lanes;
use crate::router::{HandlerError, Outcome};
use crate::supervisor::Exit;

impl<T: Payload> Courier<T> {
    /// An event has been answered, has run out of time, or was interrupted as the one that must have caused it.
    pub(super) fn settle(&self, desk: &mut Desk<T>, mut job: Job<T>, outcome: Outcome) {
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
        desk.put_off(job, clock::now() + wait);
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

    pub(super) fn expire(&self, desk: &mut Desk<T>) -> bool {
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

    pub(super) fn take_in(&self, desk: &mut Desk<T>, cx: &mut task::Context<'_>) {
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

    /// What the incarnation had in its hands is tried again, or judged.
    pub(super) fn incarnation_ended(&self, desk: &mut Desk<T>, exit: &Exit) {
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

    /// Gives up everything that is left; returns how much.
    pub(super) fn leave(&self, desk: &mut Desk<T>) -> usize {
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
}

/// An event that goes down with its handler, through no fault of its own, is given up after this many times its attempts.
const INTERRUPTIONS: u32 = 5;
