//! The requests of a connection: those that wait to be sent, and those that wait for their answer. Plain data.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::Span;

use super::RequestError;
use crate::clock::Instant;
use crate::limiter::Window;
use crate::telemetry::{Cause, spans};

/// Who waits for an answer.
#[derive(Debug)]
pub(super) enum Purpose<A> {
    /// Somebody asked.
    Asked(oneshot::Sender<Result<A, RequestError>>),
    /// Nobody; failures are logged.
    FollowUp,
    /// The connection, to know that the peer lives.
    Heartbeat,
    /// The connection, to become live.
    Join,
}

/// A request and who asked for it.
#[derive(Debug)]
pub(super) struct Request<R, A> {
    pub(super) body: R,
    pub(super) purpose: Purpose<A>,
    /// What led to it.
    pub(super) cause: Cause,
    /// The span of its last way over the socket.
    pub(super) sent: Span,
}

impl<R, A> Request<R, A> {
    /// Makes a request that nothing has led to.
    pub(super) fn new(body: R, purpose: Purpose<A>) -> Self {
        Self {
            body,
            purpose,
            cause: Cause::none(),
            sent: Span::none(),
        }
    }

    /// Tells whoever asked, if somebody did, how it ended.
    pub(super) fn settle(self, answer: Result<A, RequestError>) {
        spans::answered(&self.sent, &answer);
        if let Purpose::Asked(reply) = self.purpose {
            // Whoever gave up waiting does not mind.
            let _ = reply.send(answer);
        }
    }
}

#[derive(Debug)]
pub(super) struct Requests<R, A> {
    waiting: VecDeque<Request<R, A>>,
    in_flight: BTreeMap<u32, (Request<R, A>, Instant)>,
    deadlines: VecDeque<(Instant, u32)>,
    next: u32,
    window: Window,
    capacity: usize,
    timeout: Duration,
}

impl<R, A> Requests<R, A> {
    pub(super) fn new(capacity: usize, per_second: usize, timeout: Duration) -> Self {
        Self {
            waiting: VecDeque::new(),
            in_flight: BTreeMap::new(),
            deadlines: VecDeque::new(),
            next: 0,
            window: Window::new(per_second, Duration::from_secs(1)),
            capacity,
            timeout,
        }
    }

    /// Queues a request behind the others; the asker is told if there is no room.
    pub(super) fn submit(&mut self, request: Request<R, A>) {
        if self.waiting.len() < self.capacity {
            self.waiting.push_back(request);
        } else {
            request.settle(Err(RequestError::QueueFull));
        }
    }

    /// Queues requests before all others, in their order.
    pub(super) fn resubmit(&mut self, requests: Vec<Request<R, A>>) {
        for request in requests.into_iter().rev() {
            self.waiting.push_front(request);
        }
    }

    /// Takes the next request that may be sent now.
    ///
    /// # Errors
    ///
    /// `Some` moment at which the rate limit allows it, or `None` if nothing waits.
    pub(super) fn next(&mut self, now: Instant) -> Result<Request<R, A>, Option<Instant>> {
        while let Some(Purpose::Asked(reply)) = self.waiting.front().map(|next| &next.purpose)
            && reply.is_closed()
        {
            // Whoever asked has given up: it must not happen behind their back.
            self.waiting.pop_front();
        }
        if self.waiting.is_empty() {
            return Err(None);
        }
        self.window.admit(now).map_err(Some)?;
        self.waiting.pop_front().ok_or(None)
    }

    /// Returns the correlation for the next request of this link.
    pub(super) fn correlation(&mut self) -> u32 {
        self.next = if self.next >= i32::MAX as u32 {
            1
        } else {
            self.next + 1
        };
        self.next
    }

    /// Notes that a request was sent.
    pub(super) fn sent(&mut self, correlation: u32, request: Request<R, A>, now: Instant) {
        self.in_flight.insert(correlation, (request, now));
        self.deadlines.push_back((now + self.timeout, correlation));
    }

    /// Finds the request of an answer, and when it was sent.
    pub(super) fn answered(&mut self, correlation: u32) -> Option<(Request<R, A>, Instant)> {
        self.in_flight.remove(&correlation)
    }

    /// Takes a request whose answer is overdue.
    pub(super) fn overdue(&mut self, now: Instant) -> Option<Request<R, A>> {
        while let Some((deadline, correlation)) = self.deadlines.front().copied() {
            if self.in_flight.contains_key(&correlation) {
                if deadline > now {
                    return None;
                }
                self.deadlines.pop_front();
                return self
                    .in_flight
                    .remove(&correlation)
                    .map(|(request, _)| request);
            }
            self.deadlines.pop_front();
        }
        None
    }

    /// Returns when the next answer is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    /// Takes all requests whose answers were lost with the link, in the order they were sent.
    pub(super) fn lost(&mut self) -> Vec<Request<R, A>> {
        self.deadlines.clear();
        self.next = 0;
        std::mem::take(&mut self.in_flight)
            .into_values()
            .map(|(request, _)| request)
            .collect()
    }

    /// Fails everything that waits to be sent.
    pub(super) fn fail_waiting(&mut self, error: &RequestError) {
        for request in std::mem::take(&mut self.waiting) {
            request.settle(Err(error.clone()));
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.asked_in_flight() == 0
    }

    /// Returns how many answers somebody waits for.
    pub(super) fn asked_in_flight(&self) -> usize {
        let asked =
            |request: &&(Request<R, A>, Instant)| matches!(request.0.purpose, Purpose::Asked(_));
        self.in_flight.values().filter(asked).count()
    }
}
