//! What the layers of a registration say before an attempt.

use std::task::{self, Poll};
use std::time::Duration;

use futures::StreamExt;

use super::Courier;
use super::desk::{Check, Desk, Job};
use crate::clock;
use crate::event::Payload;
use crate::router::middleware::{Call, End, Layers, Verdict, contained};

impl<T: Payload> Courier<T> {
    /// Asks the layers; returns the job if it may go to the handler now.
    pub(super) fn admit(&self, desk: &mut Desk<T>, job: Job<T>) -> Option<Job<T>> {
        let Some(layers) = &self.layers else {
            return Some(job);
        };
        let verdict = layers.before(0, &self.call(&job));
        self.pass(desk, layers, job, verdict)
    }

    /// Goes on with what the layers took their time about.
    pub(super) fn collect_verdicts(
        &self,
        desk: &mut Desk<T>,
        layers: &Layers,
        cx: &mut task::Context<'_>,
    ) {
        while let Poll::Ready(Some((ticket, verdict))) = desk.verdicts.poll_next_unpin(cx) {
            let Some(verdict) = verdict else { continue };
            if let Some(Check { job, .. }) = desk.checking.remove(&ticket) {
                let admitted = self.pass(desk, layers, job, verdict);
                desk.admitted.extend(admitted);
            }
        }
    }

    /// Does what the first layer that has not passed the job says, and goes on with those behind it.
    fn pass(
        &self,
        desk: &mut Desk<T>,
        layers: &Layers,
        mut job: Job<T>,
        mut verdict: Verdict,
    ) -> Option<Job<T>> {
        loop {
            match verdict {
                Verdict::Pass => job.passed += 1,
                Verdict::Skip(why) => {
                    self.skip(desk, job, &why);
                    return None;
                }
                Verdict::Fail(error) => {
                    self.settle(desk, job, Err(error));
                    return None;
                }
                Verdict::Wait(wait) => {
                    self.tell(&mut job, &End::Waiting(wait));
                    desk.put_off(job, clock::now() + wait);
                    return None;
                }
                Verdict::Ask(verdict) => {
                    let deadline = clock::now() + self.settings.timeout;
                    desk.check(job, contained(verdict), deadline);
                    return None;
                }
            }
            if job.passed == layers.len() {
                job.since = Some(clock::now());
                return Some(job);
            }
            verdict = layers.before(job.passed, &self.call(&job));
        }
    }

    fn skip(&self, desk: &mut Desk<T>, mut job: Job<T>, why: &str) {
        tracing::debug!(handler = &*self.handler, event = ?job.event, why, "skipped");
        self.tell(&mut job, &End::Skipped(why));
        desk.acquit(&mut job);
        self.tally.filtered.add_one();
        if let Some(ticket) = job.event.ticket() {
            self.dead.skipped(ticket, why);
        }
        self.done(desk, &job);
    }

    /// Tells the layers that have let the attempt pass what became of it.
    pub(super) fn tell(&self, job: &mut Job<T>, end: &End<'_>) {
        let passed = std::mem::take(&mut job.passed);
        let since = job.since.take();
        if let Some(layers) = &self.layers {
            let elapsed = since.map_or(Duration::ZERO, |since| {
                clock::now().saturating_duration_since(since)
            });
            layers.after(passed, &self.call(job), end, elapsed);
        }
    }

    fn call<'a>(&'a self, job: &'a Job<T>) -> Call<'a> {
        Call::new(&self.handler, &job.event)
    }
}
