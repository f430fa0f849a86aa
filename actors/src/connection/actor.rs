//! The connection actor: carries out what its state machine says.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures::future::{BoxFuture, LocalBoxFuture};
use futures::stream::FuturesUnordered;
use tracing::Span;

use super::io::Pump;
use super::leaving::Leaving;
use super::lifecycle::{Connected, Disconnected, HeartbeatMissed, Reconnecting};
use super::outbox::Outbox;
use super::protocol::{Confirmation, Lost, Protocol, Reception, Settings, Trouble};
use super::requests::{Purpose, Request, Requests};
use super::state::{Action, Input, Machine, State, TroubleKind};
use super::status::Watched;
use super::{DialError, Frame, Link, LinkError, RequestError};
use crate::clock::{self, Instant, millis};
use crate::entropy::Entropy;
use crate::error::Retry;
use crate::event::{ChannelKey, Event, Origin, Payload};
use crate::supervisor::Supervised as _;
use crate::telemetry::{Counters, spans};

/// A connection to a platform: authenticates, dials, joins, keeps itself alive, reconnects, and turns frames into events.
///
/// * **Who starts it**: its supervisor, with a new [`Protocol`] value each time.
/// * **What ends it**: its supervisor's wish (it sends what waits, then a close frame, and waits for the peer's), or a trouble that no try
///   can help.
/// * **What happens to its mailbox then**: it outlives a restart; requests in it are sent by the next incarnation.
/// * **What it may lose**: nothing without a word. Requests in flight when the link breaks are confirmed from what the platform
///   replays, or fail with [`RequestError::OutcomeUnknown`]; those that wait keep their order over a reconnect.
pub struct Connection<P: Protocol> {
    pub(super) protocol: P,
    pub(super) settings: Settings,
    pub(super) machine: Machine,
    pub(super) origin: Arc<Origin>,
    pub(super) span: Span,
    pub(super) entropy: Entropy,
    pub(super) counters: Arc<Counters>,
    pub(super) status: Watched,
    pub(super) session: Option<P::Session>,
    pub(super) link: Option<Link>,
    /// The link that is being closed in order.
    pub(super) leaving: Option<Leaving>,
    /// What is being waited for to make progress; one thing at a time.
    pub(super) operation: Option<LocalBoxFuture<'static, Operation<P>>>,
    pub(super) requests: Requests<P::Request, P::Answer>,
    pub(super) joins: usize,
    /// Joins that were not sent yet, or that the server wants later.
    pub(super) waiting_joins: VecDeque<P::Request>,
    pub(super) joins_from: Option<Instant>,
    pub(super) joins_until: Option<Instant>,
    /// Events that wait while handlers are behind or missed ones are being fetched.
    pub(super) parked: VecDeque<Frame>,
    pub(super) blocked: FuturesUnordered<BoxFuture<'static, ()>>,
    /// Nothing waits in it: only its memory is kept for the next run.
    pub(super) outbox: Outbox,
    pub(super) background: FuturesUnordered<LocalBoxFuture<'static, ()>>,
    pub(super) background_queue: VecDeque<LocalBoxFuture<'static, ()>>,
    /// How many of them came over an earlier link: they go before what was missed since.
    pub(super) old: usize,
    pub(super) catching_up: bool,
    pub(super) missed: Option<Vec<P::Missed>>,
    /// What of it is to be handed out yet, as handlers have room.
    pub(super) replaying: VecDeque<P::Missed>,
    /// What was missed before the last link was lost was never fetched: what is parked may be newer.
    pub(super) gap: bool,
    /// When what was missed is fetched (again), and how often that has failed.
    pub(super) catch_up_due: Option<Instant>,
    catch_up_tries: u32,
    /// The lost link may still carry requests to the peer: we gave it up, not the peer.
    abandoned: bool,
    /// Requests whose answers were lost with the last link.
    pub(super) unconfirmed: Vec<Request<P::Request, P::Answer>>,
    /// When those who wait for them are told that nobody knows.
    pub(super) unconfirmed_until: Option<Instant>,
    pub(super) backoff_until: Option<Instant>,
    pub(super) heartbeat_due: Option<Instant>,
    pub(super) pong_due: Option<Instant>,
    /// When something came last over this link.
    pub(super) heard_at: Instant,
    pub(super) went_down: Option<Instant>,
    pub(super) reconnects: u64,
    pub(super) quiet: bool,
    pub(super) closing: bool,
    /// When the peer's close is no longer waited for, once it stops.
    pub(super) closed_by: Option<Instant>,
    /// Handlers were told that it ends: they hear no more of it.
    pub(super) has_taken_leave: bool,
    /// It was closed on purpose, and not for good.
    pub(super) paused: bool,
    /// The state has changed since the pump last looked.
    pub(super) changed: bool,
    pub(super) waker: Option<std::task::Waker>,
}

pub(super) enum Operation<P: Protocol> {
    Authenticated(Result<P::Session, Trouble>),
    CaughtUp(Result<Vec<P::Missed>, Trouble>),
    Dialed(Result<Link, DialError>),
    Planned(Result<Vec<P::Request>, Trouble>),
}

impl<P: Protocol> fmt::Debug for Connection<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("state", &self.machine.state())
            .finish_non_exhaustive()
    }
}

impl<P: Protocol> Connection<P> {
    /// Makes a connection that has not started yet.
    pub fn new(
        protocol: P,
        origin: Arc<Origin>,
        entropy: &Entropy,
        counters: Arc<Counters>,
    ) -> Self {
        let settings = protocol.settings();
        Self {
            // A connection that was live in an earlier incarnation never gives up either.
            machine: Machine::new(
                &settings.backoff,
                settings
                    .first_tries
                    .filter(|_| counters.connects.get() == 0),
            ),
            requests: Requests::new(
                settings.queue,
                settings.per_second,
                settings.request_timeout,
            ),
            protocol,
            settings,
            span: spans::connection(origin.platform(), origin.bot()),
            entropy: entropy.clone(),
            status: counters.connections.begin(origin.platform(), origin.bot()),
            origin,
            counters,
            session: None,
            link: None,
            leaving: None,
            operation: None,
            joins: 0,
            waiting_joins: VecDeque::new(),
            joins_from: None,
            joins_until: None,
            parked: VecDeque::new(),
            blocked: FuturesUnordered::new(),
            outbox: Outbox::default(),
            background: FuturesUnordered::new(),
            background_queue: VecDeque::new(),
            old: 0,
            catching_up: false,
            missed: None,
            replaying: VecDeque::new(),
            gap: false,
            catch_up_due: None,
            catch_up_tries: 0,
            abandoned: false,
            unconfirmed: Vec::new(),
            unconfirmed_until: None,
            backoff_until: None,
            heartbeat_due: None,
            pong_due: None,
            heard_at: clock::now(),
            went_down: None,
            reconnects: 0,
            quiet: false,
            closing: false,
            closed_by: None,
            has_taken_leave: false,
            paused: false,
            changed: false,
            waker: None,
        }
    }

    pub(super) fn feed(&mut self, input: Input, reason: Option<Trouble>, ctx: &mut Context<Self>) {
        let was_live = matches!(self.machine.state(), State::Live(_));
        let actions = self.machine.step(input, clock::now());
        self.status.moved_to(self.machine.state());
        self.changed = true;
        let mut reason = reason;
        let is_down = was_live && actions.contains(&Action::DropLink);
        if is_down && self.closing {
            self.protocol.disconnected(None, &mut Reception::default());
        } else if is_down {
            let text = reason
                .as_ref()
                .map_or_else(|| "closed".to_owned(), ToString::to_string);
            match self.paused {
                true => tracing::info!("closed the connection"),
                false => tracing::warn!(reason = text, "disconnected"),
            }
            self.went_down = Some(clock::now());
            self.status.down_because(0, &text);
            let mut reception = self.receive();
            let told = (!self.paused).then_some(text.as_str());
            self.protocol.disconnected(told, &mut reception);
            self.take(reception, ctx);
            self.announce(Disconnected { reason: text });
        }
        for action in actions {
            self.act(action, &mut reason, ctx);
        }
    }

    fn act(&mut self, action: Action, reason: &mut Option<Trouble>, ctx: &mut Context<Self>) {
        match action {
            Action::Authenticate { fresh } => {
                self.backoff_until = None;
                let session = self.protocol.authenticate(fresh);
                self.operation = Some(Box::pin(async { Operation::Authenticated(session.await) }));
            }
            Action::Dial => {
                let Some(session) = &self.session else { return };
                let link = self.protocol.transport().dial(self.protocol.dial(session));
                self.operation = Some(Box::pin(async { Operation::Dialed(link.await) }));
            }
            Action::Join => {
                let Some(session) = &self.session else { return };
                let now = clock::now();
                self.heartbeat_due = Some(now + self.settings.heartbeat_every);
                self.heard_at = now;
                self.catching_up = self.went_down.is_some();
                if !std::mem::take(&mut self.gap) {
                    self.old = self.parked.len();
                }
                let plan = self.protocol.join(session);
                self.operation = Some(Box::pin(async { Operation::Planned(plan.await) }));
            }
            Action::Announce { attempt } => self.go_live(attempt),
            Action::DropLink => self.drop_link(),
            Action::Wait { attempt, at_least } => {
                let delay = self
                    .settings
                    .backoff
                    .delay(attempt, &self.entropy)
                    .max(at_least.unwrap_or_default());
                self.backoff_until = Some(clock::now() + delay);
                let reason = reason
                    .take()
                    .map_or_else(String::new, |trouble| trouble.to_string());
                tracing::warn!(
                    attempt = attempt + 1,
                    ?delay,
                    reason,
                    "connecting again after a wait"
                );
                self.counters.reconnect_attempts.add(1);
                self.status.down_because(attempt + 1, &reason);
                self.announce(Reconnecting {
                    attempt: attempt + 1,
                    delay_ms: millis(delay),
                    reason,
                });
            }
            Action::Fail => {
                self.requests.fail_waiting(&RequestError::Closed);
                match reason.take() {
                    Some(trouble) => ctx.fail_for_good(trouble.error),
                    None => ctx.fail_for_good(RequestError::Closed),
                }
            }
            Action::Finish => {
                self.requests.fail_waiting(&RequestError::Closed);
                self.counters.unread.add(self.parked.len() as u64);
                self.parked.clear();
                if self.leaving.is_none() {
                    ctx.stop();
                }
            }
        }
    }

    fn go_live(&mut self, attempt: u32) {
        let down_for = self
            .went_down
            .take()
            .map(|since| clock::now().saturating_duration_since(since));
        self.counters.connects.add(1);
        self.protocol.connected();
        if down_for.is_some() {
            self.reconnects += 1;
            self.counters.reconnects.add(1);
            self.status.reconnected();
        }
        tracing::info!(attempt, ?down_for, "connected");
        self.announce(Connected {
            down_for_ms: down_for.map(millis),
            reconnects: self.reconnects,
        });
        match down_for {
            Some(down_for) => self.catch_up(down_for),
            None => self.catching_up = false,
        }
    }

    /// Fetches what was missed.
    pub(super) fn catch_up(&mut self, down_for: Duration) {
        self.catch_up_due = None;
        let Some(session) = &self.session else {
            self.catching_up = false;
            return;
        };
        self.catching_up = true;
        let missed = self.protocol.catch_up(session, down_for);
        self.operation = Some(Box::pin(async { Operation::CaughtUp(missed.await) }));
    }

    pub(super) fn caught_up(
        &mut self,
        missed: Result<Vec<P::Missed>, Trouble>,
        ctx: &mut Context<Self>,
    ) {
        let trouble = match missed {
            Ok(missed) => {
                self.catch_up_tries = 0;
                self.missed = Some(missed);
                return;
            }
            Err(trouble) => trouble,
        };
        let wait = match trouble.kind {
            TroubleKind::Relogin => {
                self.feed(Input::Trouble(trouble.kind), Some(trouble), ctx);
                return;
            }
            TroubleKind::Retry(wait) if self.catch_up_tries < CATCH_UPS => wait,
            TroubleKind::Retry(_) | TroubleKind::Fatal => {
                tracing::error!(%trouble, "what was missed is given up");
                self.catch_up_tries = 0;
                self.counters.failed_catch_ups.add(1);
                self.catching_up = false;
                self.fail_unconfirmed();
                return;
            }
        };
        let backoff = &self.settings.backoff;
        let delay = backoff.delay(self.catch_up_tries, &self.entropy);
        self.catch_up_tries += 1;
        self.catch_up_due = Some(clock::now() + delay.max(wait.unwrap_or_default()));
        tracing::warn!(%trouble, ?delay, "what was missed is fetched again after a wait");
    }

    /// What was fetched is handed out: either that was all, or more is fetched.
    pub(super) fn replayed(&mut self) {
        self.catching_up = self.protocol.has_more_missed();
        if self.catching_up {
            self.catch_up_due = Some(clock::now());
            self.changed = true;
        }
    }

    /// An event could not be read: it is fetched, soon and not too often.
    pub(super) fn mend(&mut self) {
        let is_live = matches!(self.machine.state(), State::Live(_));
        if is_live && !self.catching_up && self.catch_up_due.is_none() {
            self.catch_up_due = Some(clock::now() + MEND_AFTER);
        }
    }

    fn drop_link(&mut self) {
        self.link = None;
        self.operation = None;
        self.heartbeat_due = None;
        self.pong_due = None;
        self.joins = 0;
        self.gap |= self.catching_up;
        self.waiting_joins.clear();
        self.joins_from = None;
        self.joins_until = None;
        self.catching_up = false;
        self.catch_up_due = None;
        self.missed = None;
        self.replaying.clear();
        for request in self.requests.lost() {
            if matches!(request.purpose, Purpose::Asked(_)) {
                self.unconfirmed.push(request);
            }
        }
        if self.closing {
            self.fail_unconfirmed();
        }
        if !self.unconfirmed.is_empty() {
            let until = clock::now() + self.settings.request_timeout;
            self.unconfirmed_until.get_or_insert(until);
        }
    }

    pub(super) fn fail_unconfirmed(&mut self) {
        self.abandoned = false;
        self.unconfirmed_until = None;
        for request in std::mem::take(&mut self.unconfirmed) {
            request.settle(Err(RequestError::OutcomeUnknown));
        }
    }

    /// Settles the requests whose answers were lost, by what was missed; those that never arrived are sent again, once it is known
    /// that they did not.
    pub(super) fn confirm(&mut self, missed: &[P::Missed], is_all: bool) {
        let mut again = Vec::new();
        let abandoned = self.abandoned;
        if is_all {
            self.unconfirmed_until = None;
            self.abandoned = false;
        }
        for request in std::mem::take(&mut self.unconfirmed) {
            let confirmation = match self.protocol.confirm(&request.body, missed) {
                Confirmation::Absent if abandoned => Confirmation::Unknown,
                confirmation => confirmation,
            };
            match confirmation {
                Confirmation::Absent | Confirmation::Repeatable | Confirmation::Unknown
                    if !is_all =>
                {
                    self.unconfirmed.push(request);
                }
                Confirmation::Absent | Confirmation::Repeatable => again.push(request),
                Confirmation::Done(answer) => request.settle(Ok(answer)),
                Confirmation::Unknown => request.settle(Err(RequestError::OutcomeUnknown)),
            }
        }
        self.requests.resubmit(again);
    }

    pub(super) fn lost(&mut self, lost: Lost, ctx: &mut Context<Self>) {
        if let Lost::HeartbeatMissed(limit) | Lost::Silent(limit) = lost {
            self.announce(HeartbeatMissed {
                limit_ms: millis(limit),
            });
        }
        self.abandoned |= match &lost {
            Lost::Closed { .. } | Lost::Link(LinkError::Ended | LinkError::Failed(_)) => false,
            // The peer may not have read yet what we sent.
            Lost::HeartbeatMissed(_) | Lost::JoinFailed(_) | Lost::Silent(_) | Lost::Link(_) => {
                true
            }
        };
        let trouble = self.protocol.lost(lost);
        self.feed(Input::Trouble(trouble.kind), Some(trouble), ctx);
    }

    /// Publishes an event about the connection itself.
    pub(super) fn announce<T: Payload>(&mut self, payload: T) {
        let topic = self.origin.router().topic::<T>();
        if topic.is_wanted() && !self.has_taken_leave {
            let event = Event::new(&self.origin, 0, ChannelKey::default(), payload);
            self.blocked.push(Box::pin(topic.publish(event)));
        }
    }

    /// Begins to read what came together.
    pub(super) fn receive(&mut self) -> Reception<P::Request, P::Answer> {
        Reception {
            outbox: std::mem::take(&mut self.outbox),
            ..Reception::default()
        }
    }

    pub(super) fn take(
        &mut self,
        mut reception: Reception<P::Request, P::Answer>,
        ctx: &mut Context<Self>,
    ) {
        reception.outbox.flush(&mut reception.blocked);
        self.outbox = reception.outbox;
        self.counters.events.add(reception.events);
        self.counters.malformed.add(reception.malformed);
        if reception.malformed > 0 {
            self.mend();
        }
        self.blocked.extend(reception.blocked);
        self.background_queue.extend(reception.background);
        for frame in reception.urgent {
            self.push(frame, ctx);
        }
        for body in reception.follow_ups {
            self.requests.submit(Request::new(body, Purpose::FollowUp));
        }
        for (correlation, answer) in reception.answers {
            self.answered(correlation, answer, ctx);
        }
    }

    fn answered(
        &mut self,
        correlation: u32,
        answer: Result<P::Answer, RequestError>,
        ctx: &mut Context<Self>,
    ) {
        let Some((request, sent)) = self.requests.answered(correlation) else {
            self.counters.late_answers.add(1);
            return;
        };
        match (&request.purpose, answer) {
            (Purpose::Asked(_), answer) => request.settle(answer),
            (Purpose::Heartbeat, Ok(_)) => {
                self.pong_due = None;
                let rtt = clock::now().saturating_duration_since(sent);
                self.status.answered_heartbeat(rtt);
                self.counters
                    .heartbeat_rtt_us
                    .set(u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX));
            }
            (Purpose::Join, Ok(_)) => self.joined(ctx),
            (Purpose::Join, Err(error)) => self.join_refused(request.body, error, ctx),
            (Purpose::FollowUp, Ok(_)) => {}
            (Purpose::FollowUp | Purpose::Heartbeat, Err(error)) => {
                tracing::warn!(%error, "a request of the connection itself failed");
            }
        }
    }

    /// Joins again after as long as the server says; for ever it does not.
    fn join_refused(&mut self, body: P::Request, error: RequestError, ctx: &mut Context<Self>) {
        let now = clock::now();
        match error.retry() {
            Retry::After(wait) if self.joins_until.is_some_and(|until| now + wait < until) => {
                let again = now + wait.max(LEAST_WAIT);
                self.joins_from = self.joins_from.max(Some(again));
                self.waiting_joins.push_back(body);
                self.counters.limited.add(1);
            }
            _ => self.lost(Lost::JoinFailed(error), ctx),
        }
    }

    pub(super) fn joined(&mut self, ctx: &mut Context<Self>) {
        self.joins = self.joins.saturating_sub(1);
        if self.joins == 0 {
            self.feed(Input::Joined, None, ctx);
        }
    }

    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// How long a join that was refused waits at least.
const LEAST_WAIT: Duration = Duration::from_millis(20);

// Nothing in it is ever pinned in place: the futures are boxed.
impl<P: Protocol> Unpin for Connection<P> {}

impl<P: Protocol> Actor for Connection<P> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(Pump::default());
        self.feed(Input::Start, None, ctx);
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        if self.machine.state() == State::Closed && self.leaving.is_none() {
            return Running::Stop;
        }
        // The pump sends what waits, says goodbye and stops for good.
        self.closing = true;
        let limit = clock::now() + self.settings.close_limit;
        self.closed_by.get_or_insert(limit);
        self.wake();
        Running::Continue
    }
}

/// How often fetching what was missed is tried again.
const CATCH_UPS: u32 = 10;
/// How long after a broken event what it may have been is fetched; others that are broken meanwhile are in it.
const MEND_AFTER: Duration = Duration::from_secs(1);
