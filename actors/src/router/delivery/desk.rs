//! Where each event of a registration is.

use std::collections::{BTreeMap, VecDeque};
use std::task;

use futures::FutureExt;
use futures::future::{AbortHandle, BoxFuture, abortable};
use futures::stream::FuturesUnordered;
use tokio::sync::oneshot;

use crate::clock::{self, Alarm, Instant};
use crate::event::Event;
use crate::router::lanes::Lanes;
use crate::router::{Delivery, Outcome};

/// The events that a courier has taken from its queue.
pub(super) struct Desk<T> {
    pub(super) lanes: Lanes<Job<T>>,
    /// The event that is in a synchronous handler right now.
    pub(super) in_hand: Option<Job<T>>,
    /// What asynchronous handlers are at, by ticket.
    pub(super) in_flight: BTreeMap<u64, Flight<T>>,
    pub(super) answers: FuturesUnordered<Answer>,
    /// When each ticket runs out, in order: the time-out is the same for all.
    pub(super) deadlines: VecDeque<(Instant, u64)>,
    /// What is tried again later.
    pub(super) retries: BTreeMap<(Instant, u64), Job<T>>,
    /// How many events may have caused a crash; they are tried one at a time, until it is known which.
    pub(super) suspects: usize,
    /// The event that caused the end of the incarnation is already dealt with.
    pub(super) culprit_known: bool,
    /// Since when the actor has waited for something of its own, and takes no work.
    pub(super) kept_out: Option<Instant>,
    pub(super) timer: Alarm,
    pub(super) ticket: u64,
}

/// An event in the hands of an asynchronous handler.
pub(super) struct Flight<T> {
    pub(super) job: Job<T>,
    /// Gives up the answer, so that whoever works on it can notice.
    pub(super) abandon: AbortHandle,
}

pub(super) struct Job<T> {
    pub(super) event: Event<T>,
    pub(super) failures: u32,
    pub(super) interruptions: u32,
    pub(super) suspect: bool,
}

type Answer = BoxFuture<'static, (u64, Option<Outcome>)>;

impl<T> Desk<T> {
    pub(super) fn new(settings: &Delivery) -> Self {
        Self {
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
        }
    }

    /// Waits for the answer of an asynchronous handler.
    pub(super) fn fly(
        &mut self,
        job: Job<T>,
        reply: oneshot::Receiver<Outcome>,
        deadline: Instant,
    ) {
        self.ticket += 1;
        let ticket = self.ticket;
        let (reply, abandon) = abortable(reply);
        self.in_flight.insert(ticket, Flight { job, abandon });
        self.deadlines.push_back((deadline, ticket));
        let answer = reply.map(move |answer| (ticket, answer.ok().and_then(Result::ok)));
        self.answers.push(answer.boxed());
    }

    /// Puts a job off; its lane waits for it.
    pub(super) fn put_off(&mut self, job: Job<T>, due: Instant) {
        self.lanes.pause();
        self.ticket += 1;
        self.retries.insert((due, self.ticket), job);
    }

    pub(super) fn wake_retries(&mut self) {
        let now = clock::now();
        while let Some(entry) = self.retries.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let job = entry.remove();
            self.lanes.resume(job);
        }
    }

    pub(super) fn set_timer(&mut self, settings: &Delivery, cx: &mut task::Context<'_>) {
        let deadline = self.deadlines.front().map(|(at, _)| *at);
        let retry = self.retries.first_key_value().map(|((at, _), _)| *at);
        let timeout = settings.timeout;
        let kept_out = self
            .kept_out
            .map(|since| since + timeout)
            .filter(|_| !self.in_flight.is_empty());
        let due = deadline.max(kept_out).into_iter().chain(retry).min();
        self.timer.set(due, cx);
    }
}
