//! What is left when there is no further life, and what comes back from an earlier run.

use std::sync::{Arc, TryLockError};

use super::Courier;
use super::ages::Ages;
use super::desk::Desk;
use crate::event::{Envelope, Event, Origin, Payload};
use crate::router::letters::{DeadLetter, Ticket};
use crate::router::registry::{Registered, ReplayError};
use crate::router::tally::HandlerReport;
use crate::telemetry::Histogram;

impl<T: Payload> Courier<T> {
    /// Gives up everything that is left, in the order in which it would have been handled; returns how much.
    pub(super) fn leave(&self, desk: &mut Desk<T>) -> usize {
        self.collect_last_answers(desk);
        let mut left = 0;
        for job in desk.take_all(&self.settings) {
            // What is being handled now may or may not get done: that was an attempt.
            self.leave_one(&job.event, job.event.attempt() - u32::from(!job.in_hand));
            left += 1;
        }
        self.let_go(left);
        desk.ages = Ages::default();
        self.oldest_held.set(None);
        left + self.leave_queued()
    }

    fn leave_queued(&self) -> usize {
        let queued = self.queue.drain();
        for event in &queued {
            self.leave_one(event, event.attempt() - 1);
        }
        queued.len()
    }

    fn leave_one(&self, event: &Event<T>, attempts: u32) {
        let left = self.dead.leave(&self.handler, event, attempts);
        self.tally.left(left, attempts);
    }
}

impl<T: Payload> Registered for Courier<T> {
    fn handler(&self) -> &str {
        &self.handler
    }

    fn event(&self) -> &'static str {
        Event::<T>::name()
    }

    fn readmit(
        &self,
        letter: &DeadLetter,
        origin: &Arc<Origin>,
        ticket: Ticket,
    ) -> Result<(), ReplayError> {
        let payload = T::deserialize(&letter.payload).map_err(ReplayError::Payload)?;
        let envelope = Envelope {
            origin: Arc::clone(origin),
            id: letter.id.clone(),
            channel: letter.channel.clone(),
            sequence: letter.sequence,
            received_at: letter.received_at(),
            trace: letter.trace,
        };
        let attempt = match ticket {
            Ticket::Dead(_) => 1,
            Ticket::Left(_) => letter.attempts.saturating_add(1),
        };
        let event = Event::once_more(envelope, payload, ticket, attempt);
        self.queue
            .restore(event)
            .map_err(|_| ReplayError::Stopped(self.handler.to_string()))
    }

    fn report(&self) -> HandlerReport {
        HandlerReport {
            handler: self.handler.to_string(),
            event: Event::<T>::name(),
            handled: self.tally.handled.get(),
            failed: self.tally.failed.get(),
            filtered: self.tally.filtered.get(),
            dead: self.tally.dead.get(),
            left: self.tally.left.get(),
            stopped: self.tally.stopped.get(),
            stopped_tried: self.tally.stopped_tried.get(),
            abandoned: self.tally.abandoned.get(),
            waiting: self.waiting(),
        }
    }

    fn times(&self) -> &Histogram {
        &self.tally.times
    }

    fn is_idle(&self) -> bool {
        self.waiting() == 0
    }

    fn give_up(&self) {
        self.queue.close();
        let mut desk = match self.desk.try_lock() {
            Ok(desk) => desk,
            Err(TryLockError::Poisoned(desk)) => desk.into_inner(),
            // Its handler blocks its thread: what is behind it can still be saved.
            Err(TryLockError::WouldBlock) => {
                self.leave_queued();
                return;
            }
        };
        self.leave(&mut desk);
    }
}
