//! Where each event of a registration is.

use std::collections::{BTreeMap, VecDeque};
use std::task;

use futures::FutureExt;
use futures::future::{AbortHandle, BoxFuture, abortable};
use futures::stream::FuturesUnordered;
use tokio::sync::oneshot;

use super::ages::Ages;
use super::pace::Pace;
use crate::clock::{self, Alarm, Instant};
use crate::event::{Event, Payload};
use crate::router::lanes::Lanes;
use crate::router::middleware::Verdict;
use crate::router::{Delivery, Outcome};

/// The events that a courier has taken from its queue.
pub(super) struct Desk<T> {
    /// What came last from the queue and was not looked at yet.
    pub(super) fresh: VecDeque<Event<T>>,
    pub(super) pace: Pace,
    pub(super) lanes: Lanes<Job<T>>,
    /// How long each is here.
    pub(super) ages: Ages,
    /// The event that the handler was just given, and has not answered.
    pub(super) in_hand: Option<Job<T>>,
    /// Since when that is the first of the fresh ones instead.
    pub(super) first_in_hand: Option<Instant>,
    /// What asynchronous handlers are at, by ticket.
    pub(super) in_flight: BTreeMap<u64, Flight<T>>,
    pub(super) answers: FuturesUnordered<Answer>,
    /// What a layer takes its time about, by ticket.
    pub(super) checking: BTreeMap<u64, Check<T>>,
    pub(super) verdicts: FuturesUnordered<Asked>,
    /// What all layers have let pass, and no handler has yet.
    pub(super) admitted: VecDeque<Job<T>>,
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

/// An event whose layers take their time.
pub(super) struct Check<T> {
    pub(super) job: Job<T>,
    pub(super) abandon: AbortHandle,
}

pub(super) struct Job<T> {
    /// Its number among the ages, once it has a place in a lane. What is answered at once never has.
    pub(super) number: Option<u64>,
    pub(super) event: Event<T>,
    pub(super) failures: u32,
    pub(super) interruptions: u32,
    /// Why the attempt before failed.
    pub(super) cause: Option<String>,
    pub(super) suspect: bool,
    /// How many layers have let this attempt pass.
    pub(super) passed: usize,
    /// When the handler got it, if somebody wants to know.
    pub(super) since: Option<Instant>,
    /// When the attempt was handed to the handler.
    pub(super) began: Option<Instant>,
    /// It was with the handler when everything was given up.
    pub(super) in_hand: bool,
}

impl<T: Payload> Job<T> {
    /// Begins a job. One that was tried in an earlier run has at least one attempt left of its `attempts`.
    pub(super) fn new(event: Event<T>, attempts: u32) -> Self {
        Self {
            number: None,
            failures: (event.attempt() - 1).min(attempts.saturating_sub(1)),
            event,
            interruptions: 0,
            cause: None,
            suspect: false,
            passed: 0,
            since: None,
            began: None,
            in_hand: false,
        }
    }
}

type Answer = BoxFuture<'static, (u64, Option<Outcome>)>;

type Asked = BoxFuture<'static, (u64, Option<Verdict>)>;

impl<T: Payload> Desk<T> {
    pub(super) fn new(settings: &Delivery) -> Self {
        Self {
            fresh: VecDeque::new(),
            pace: Pace::default(),
            lanes: Lanes::new(settings.order, settings.concurrency),
            ages: Ages::default(),
            in_hand: None,
            first_in_hand: None,
            in_flight: BTreeMap::new(),
            answers: FuturesUnordered::new(),
            checking: BTreeMap::new(),
            verdicts: FuturesUnordered::new(),
            admitted: VecDeque::new(),
            deadlines: VecDeque::new(),
            retries: BTreeMap::new(),
            suspects: 0,
            culprit_known: false,
            kept_out: None,
            timer: Alarm::default(),
            ticket: 0,
        }
    }

    /// Gives a job its place in a lane, if it has none: it is not done at once.
    pub(super) fn enter(&mut self, job: &mut Job<T>) {
        if job.number.is_none() {
            let envelope = job.event.envelope();
            job.number = Some(self.ages.enter(envelope.received_at));
            self.lanes.begin(&envelope.channel);
        }
    }

    /// Says whether anything is under way that may have come to an end.
    pub(super) fn is_under_way(&self) -> bool {
        !(self.in_flight.is_empty()
            && self.checking.is_empty()
            && self.deadlines.is_empty()
            && self.retries.is_empty())
    }

    /// Waits for the answer of an asynchronous handler.
    pub(super) fn fly(
        &mut self,
        mut job: Job<T>,
        reply: oneshot::Receiver<Outcome>,
        deadline: Instant,
    ) {
        self.enter(&mut job);
        self.ticket += 1;
        let ticket = self.ticket;
        let (reply, abandon) = abortable(reply);
        self.in_flight.insert(ticket, Flight { job, abandon });
        self.deadlines.push_back((deadline, ticket));
        let answer = reply.map(move |answer| (ticket, answer.ok().and_then(Result::ok)));
        self.answers.push(answer.boxed());
    }

    /// Waits for the verdict of a layer.
    pub(super) fn check(
        &mut self,
        mut job: Job<T>,
        verdict: BoxFuture<'static, Verdict>,
        deadline: Instant,
    ) {
        self.enter(&mut job);
        self.ticket += 1;
        let ticket = self.ticket;
        let (verdict, abandon) = abortable(verdict);
        self.checking.insert(ticket, Check { job, abandon });
        self.deadlines.push_back((deadline, ticket));
        self.verdicts
            .push(verdict.map(move |said| (ticket, said.ok())).boxed());
    }

    /// Returns the next job that all layers have let pass, unless it could be mistaken for what causes a crash.
    pub(super) fn next_admitted(&mut self) -> Option<Job<T>> {
        match self.suspects > 0 && !self.in_flight.is_empty() {
            true => None,
            false => self.admitted.pop_front(),
        }
    }

    /// Says whether an event may go to the handler before all that has a place in a lane.
    fn is_free(&self, event: &Event<T>) -> bool {
        self.suspects == 0 && self.lanes.is_free(&event.envelope().channel)
    }

    /// Says whether the first of the fresh events may go to the handler at once, and that is its first attempt ever.
    pub(super) fn is_first_free(&self) -> bool {
        let is_so = |event: &Event<T>| {
            self.is_free(event) && event.attempt() == 1 && event.ticket().is_none()
        };
        self.fresh.front().is_some_and(is_so)
    }

    /// Makes a job of the fresh event that is in hand: it is not simply done.
    pub(super) fn take_first_in_hand(&mut self, settings: &Delivery) -> Option<Job<T>> {
        let began = self.first_in_hand.take()?;
        let mut job = Job::new(self.fresh.pop_front()?, settings.attempts);
        job.began = Some(began);
        Some(job)
    }

    /// Returns the job that may go to the handler next. What came last from the queue goes there at once, unless it has to wait: then it
    /// gets its place in a lane.
    pub(super) fn next(&mut self, settings: &Delivery) -> Option<Job<T>> {
        loop {
            if let Some(job) = self.lanes.next(self.suspects > 0) {
                return Some(job);
            }
            let event = self.fresh.pop_front()?;
            let is_free = self.is_free(&event);
            let mut job = Job::new(event, settings.attempts);
            if is_free {
                return Some(job);
            }
            let envelope = job.event.envelope();
            job.number = Some(self.ages.enter(envelope.received_at));
            let channel = envelope.channel.clone();
            self.lanes.accept(&channel, job);
        }
    }

    /// Returns since when the oldest event is here.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let first = self.fresh.front().map(|event| event.envelope().received_at);
        self.ages.oldest().or(first)
    }

    /// Says whether time is running for this ticket.
    pub(super) fn is_open(&self, ticket: u64) -> bool {
        self.in_flight.contains_key(&ticket) || self.checking.contains_key(&ticket)
    }

    /// Nobody suspects this job any more.
    pub(super) fn acquit(&mut self, job: &mut Job<T>) {
        if std::mem::take(&mut job.suspect) {
            self.suspects -= 1;
        }
    }

    /// Takes everything away: for each channel in the order in which it would have been handled.
    pub(super) fn take_all(&mut self, settings: &Delivery) -> Vec<Job<T>> {
        let flying = std::mem::take(&mut self.in_flight).into_values();
        let mut all: Vec<_> = flying
            .map(|Flight { mut job, abandon }| {
                abandon.abort();
                job.in_hand = true;
                job
            })
            .collect();
        let checking = std::mem::take(&mut self.checking).into_values();
        all.extend(checking.map(|Check { job, abandon }| {
            abandon.abort();
            job
        }));
        all.extend(std::mem::take(&mut self.admitted));
        all.extend(std::mem::take(&mut self.retries).into_values());
        let lanes = Lanes::new(settings.order, settings.concurrency);
        all.extend(std::mem::replace(&mut self.lanes, lanes).into_waiting());
        let fresh = std::mem::take(&mut self.fresh).into_iter();
        all.extend(fresh.map(|event| Job::new(event, settings.attempts)));
        self.suspects = 0;
        all
    }

    /// Puts a job off; its lane waits for it.
    pub(super) fn put_off(&mut self, mut job: Job<T>, due: Instant) {
        self.enter(&mut job);
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
