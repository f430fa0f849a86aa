//! The pump of a connection: reads, writes and keeps time, from inside the actor's context.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use actix::{ActorFuture, Context};
use futures::{FutureExt, StreamExt};

use super::actor::{Connection, Operation};
use super::protocol::{Class, Liveness, Lost, Protocol, Reception};
use super::requests::{Purpose, Request};
use super::state::{Input, State};
use super::{Frame, RequestError};
use crate::clock::{self, Alarm, Instant};
use crate::telemetry::spans;

/// Drives one incarnation of a connection.
#[derive(Debug, Default)]
pub(super) struct Pump {
    timer: Alarm,
    frames: VecDeque<Frame>,
}

impl<P: Protocol> ActorFuture<Connection<P>> for Pump {
    type Output = ();

    fn poll(
        mut self: Pin<&mut Self>,
        actor: &mut Connection<P>,
        ctx: &mut Context<Connection<P>>,
        cx: &mut task::Context<'_>,
    ) -> Poll<()> {
        actor.waker = Some(cx.waker().clone());
        let span = actor.span.clone();
        let _entered = span.enter();
        actor.poll_operation(ctx, cx);
        actor.keep_time(ctx);
        let busy = actor.read(&mut self.frames, ctx, cx);
        let more = actor.hand_out(ctx, cx);
        let next_send = actor.write(ctx, cx);
        actor.poll_background(cx);
        actor.finish(&mut self.frames, ctx, cx);
        if busy || more || std::mem::take(&mut actor.changed) {
            cx.waker().wake_by_ref();
        }
        self.timer.set(actor.next_moment(next_send), cx);
        Poll::Pending
    }
}

impl<P: Protocol> Connection<P> {
    fn poll_operation(&mut self, ctx: &mut Context<Self>, cx: &mut task::Context<'_>) {
        while let Some(operation) = &mut self.operation {
            let Poll::Ready(outcome) = operation.poll_unpin(cx) else {
                return;
            };
            self.operation = None;
            match outcome {
                Operation::Authenticated(Ok(session)) => {
                    self.session = Some(session);
                    self.feed(Input::Authenticated, None, ctx);
                }
                Operation::Dialed(Ok(link)) => {
                    self.link = Some(link);
                    self.feed(Input::Dialed, None, ctx);
                }
                Operation::Dialed(Err(error)) => {
                    let trouble = self.protocol.dial_trouble(error);
                    self.feed(Input::Trouble(trouble.kind), Some(trouble), ctx);
                }
                Operation::Planned(Ok(joins)) => self.send_joins(joins, ctx),
                Operation::CaughtUp(missed) => self.caught_up(missed, ctx),
                Operation::Authenticated(Err(trouble)) | Operation::Planned(Err(trouble)) => {
                    self.feed(Input::Trouble(trouble.kind), Some(trouble), ctx);
                }
            }
        }
    }

    fn send_joins(&mut self, joins: Vec<P::Request>, ctx: &mut Context<Self>) {
        // One more than there are, so that the last word is ours even if there are none.
        self.joins = joins.len() + 1;
        self.waiting_joins = joins.into();
        self.joins_until = Some(clock::now() + JOINING_LIMIT);
        self.joined(ctx);
    }

    fn keep_time(&mut self, ctx: &mut Context<Self>) {
        let now = clock::now();
        self.give_up_unconfirmed();
        if self.backoff_until.is_some_and(|until| until <= now) {
            self.backoff_until = None;
            self.feed(Input::BackoffElapsed, None, ctx);
        }
        match self.protocol.liveness() {
            Liveness::Heartbeat => self.keep_asking(now, ctx),
            Liveness::Silence(limit) => self.keep_listening(limit, now, ctx),
        }
        if self.catch_up_due.is_some_and(|due| due <= now) && self.operation.is_none() {
            self.catch_up(Duration::ZERO);
            self.changed = true;
        }
        while let Some(request) = self.requests.overdue(now) {
            let timeout = self.settings.request_timeout;
            match request.purpose {
                Purpose::Asked(_) => request.settle(Err(RequestError::TimedOut(timeout))),
                Purpose::Join => self.lost(Lost::JoinFailed(RequestError::TimedOut(timeout)), ctx),
                Purpose::FollowUp => {
                    tracing::warn!("a request of the connection itself was not answered in time");
                }
                Purpose::Heartbeat => {}
            }
        }
    }

    /// Sends heartbeats, and ends a link over which none is answered.
    fn keep_asking(&mut self, now: Instant, ctx: &mut Context<Self>) {
        if self.pong_due.is_some_and(|due| due <= now) {
            if self.is_held_up() {
                // The answer may wait unread behind events that nobody takes; the peer is not to blame.
                self.pong_due = Some(now + self.settings.heartbeat_limit);
            } else {
                self.lost(Lost::HeartbeatMissed(self.settings.heartbeat_limit), ctx);
            }
        }
        if self.heartbeat_due.is_some_and(|due| due <= now) {
            self.heartbeat_due = Some(now + self.settings.heartbeat_every);
            self.pong_due
                .get_or_insert(now + self.settings.heartbeat_limit);
            let body = self.protocol.heartbeat();
            self.send(Request::new(body, Purpose::Heartbeat), ctx);
        }
    }

    /// Ends a link over which nothing comes.
    fn keep_listening(&mut self, limit: Duration, now: Instant, ctx: &mut Context<Self>) {
        self.heartbeat_due = None;
        self.pong_due = None;
        if self.link.is_none() || self.heard_at + limit > now {
            return;
        }
        if self.is_held_up() {
            // We do not listen; the peer is not to blame.
            self.heard_at = now;
        } else {
            self.lost(Lost::Silent(limit), ctx);
        }
    }

    /// Returns when a peer that speaks by itself has been silent for too long.
    fn silent_at(&self) -> Option<Instant> {
        match self.protocol.liveness() {
            Liveness::Silence(limit) if self.link.is_some() => Some(self.heard_at + limit),
            _ => None,
        }
    }

    /// Returns true while the socket is not read because handlers are behind.
    fn is_held_up(&self) -> bool {
        // What is parked may wait for the link to be live, and that for the answers to joins.
        if self.joins > 0 {
            return false;
        }
        // Answers that somebody waits for may be what the handlers need to go on: then more is read ahead.
        let limit = match self.requests.asked_in_flight() {
            0 => self.settings.read_ahead,
            _ => self.most_parked(),
        };
        self.parked.len() >= limit
    }

    /// Returns how many events wait at most, whatever else has to be read.
    fn most_parked(&self) -> usize {
        self.settings.read_ahead.saturating_mul(64)
    }

    /// Returns true while there is no need to read more: what was read can be handed out.
    fn has_plenty(&self) -> bool {
        self.parked.len() >= RUN && self.blocked.is_empty() && !self.catching_up && !self.gap
    }

    /// Reads what is there. Answers are dealt with at once; events are parked. Returns true if there may be more.
    fn read(
        &mut self,
        frames: &mut VecDeque<Frame>,
        ctx: &mut Context<Self>,
        cx: &mut task::Context<'_>,
    ) -> bool {
        for _ in 0..READS_A_TURN {
            if self.is_held_up() {
                return false;
            }
            if self.has_plenty() {
                return true;
            }
            let Some(link) = &mut self.link else {
                return false;
            };
            let read = link.incoming.poll_frames(cx, frames);
            self.counters.frames.add(frames.len() as u64);
            if !frames.is_empty() {
                self.heard_at = clock::now();
                if self.settings.healthy_by_frame {
                    self.machine.proven();
                }
            }
            let mut reception = self.receive();
            for frame in frames.drain(..) {
                match frame {
                    Frame::Close(code) => {
                        self.take(reception, ctx);
                        self.lost(Lost::Closed { code }, ctx);
                        return false;
                    }
                    Frame::Ping(_) => {}
                    Frame::Pong(_) if self.protocol.class(&frame) != Class::Answer => {}
                    frame if self.protocol.is_batch(&frame) => {
                        for frame in self.protocol.split(frame) {
                            self.sort(frame, &mut reception);
                        }
                    }
                    frame => self.sort(frame, &mut reception),
                }
            }
            self.take(reception, ctx);
            match read {
                Poll::Pending => return false,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    // What came before the end is still good.
                    while self.hand_out(ctx, cx) {}
                    self.lost(error.into(), ctx);
                    return false;
                }
            }
        }
        true
    }

    /// Deals with an answer, parks an event.
    fn sort(&mut self, frame: Frame, reception: &mut Reception<P::Request, P::Answer>) {
        match self.protocol.class(&frame) {
            Class::Answer => spans::receive("answer", frame.len())
                .in_scope(|| self.protocol.receive(frame, reception)),
            Class::Event if self.quiet || self.parked.len() >= self.most_parked() => {
                self.counters.unread.add(1);
            }
            Class::Event => self.parked.push_back(frame),
            Class::Ignored => self.counters.ignored.add(1),
        }
    }

    /// Gives events to the router until a queue blocks: those that came before the link broke, those that were missed, then the rest.
    /// After a run of them, handlers on the same thread get their turn; returns true if more can go out then.
    fn hand_out(&mut self, ctx: &mut Context<Self>, cx: &mut task::Context<'_>) -> bool {
        let mut run = RUN;
        loop {
            while let Poll::Ready(Some(())) = self.blocked.poll_next_unpin(cx) {}
            if !self.blocked.is_empty() {
                return false;
            }
            let is_behind = self.catching_up || self.gap;
            if is_behind && self.old == 0 {
                if self.replaying.is_empty() {
                    let Some(missed) = self.missed.take() else {
                        return false;
                    };
                    let is_all = !self.protocol.has_more_missed();
                    self.confirm(&missed, is_all);
                    self.replaying = missed.into();
                }
                if run == 0 {
                    return true;
                }
                let mut reception = self.receive();
                while run > 0
                    && reception.blocked.is_empty()
                    && let Some(missed) = self.replaying.pop_front()
                {
                    run -= 1;
                    spans::receive("missed", 0)
                        .in_scope(|| self.protocol.replay(missed, &mut reception));
                }
                if self.replaying.is_empty() {
                    self.replayed();
                }
                self.take(reception, ctx);
            } else {
                if self.is_planning() && self.old == 0 {
                    return false;
                }
                if self.parked.is_empty() || run == 0 {
                    return !self.parked.is_empty();
                }
                let mut reception = self.receive();
                while run > 0
                    && reception.blocked.is_empty()
                    && !(is_behind && self.old == 0)
                    && let Some(frame) = self.parked.pop_front()
                {
                    run -= 1;
                    self.old = self.old.saturating_sub(1);
                    spans::receive("event", frame.len())
                        .in_scope(|| self.protocol.receive(frame, &mut reception));
                }
                self.take(reception, ctx);
            }
        }
    }

    /// Returns true until the protocol knows what to join. By then it knows who the bot is, too, which says what an event means.
    fn is_planning(&self) -> bool {
        matches!(self.machine.state(), State::Joining) && self.operation.is_some()
    }

    /// Sends what waits; returns when the rate limit allows the next.
    fn write(&mut self, ctx: &mut Context<Self>, cx: &mut task::Context<'_>) -> Option<Instant> {
        loop {
            let link = self.link.as_mut()?;
            match link.outgoing.poll_flush(cx) {
                Poll::Pending => return None,
                Poll::Ready(Err(error)) => {
                    self.lost(error.into(), ctx);
                    return None;
                }
                Poll::Ready(Ok(())) => {}
            }
            if let Some(body) = self.next_join() {
                let purpose = Purpose::Join;
                self.send(Request::new(body, purpose), ctx);
                continue;
            }
            if !self.waiting_joins.is_empty() {
                return self.joins_from;
            }
            if !matches!(self.machine.state(), State::Live(_)) || !self.unconfirmed.is_empty() {
                return None;
            }
            match self.requests.next(clock::now()) {
                Ok(request) => self.send(request, ctx),
                Err(when) => return when,
            }
        }
    }

    /// Takes the next join that may be sent now: some at a time, and not before the server wants them.
    fn next_join(&mut self) -> Option<P::Request> {
        if self.joins_from.is_some_and(|from| from > clock::now()) {
            return None;
        }
        self.joins_from = None;
        let in_flight = self.joins.saturating_sub(self.waiting_joins.len());
        match in_flight < JOINS_AT_ONCE {
            true => self.waiting_joins.pop_front(),
            false => None,
        }
    }

    fn send(&mut self, mut request: Request<P::Request, P::Answer>, ctx: &mut Context<Self>) {
        let Some(link) = &mut self.link else { return };
        let correlation = self.requests.correlation();
        match self.protocol.encode(correlation, &request.body) {
            Ok(frame) => {
                request.sent = spans::send(&request.cause, correlation, frame.len());
                self.counters.sent.add(1);
                let pushed = link.outgoing.push(frame);
                match self.protocol.unanswered(&request.body) {
                    Some(answer) if pushed.is_ok() => request.settle(Ok(answer)),
                    _ => self.requests.sent(correlation, request, clock::now()),
                }
                if let Err(error) = pushed {
                    self.lost(error.into(), ctx);
                }
            }
            Err(error) => match request.purpose {
                Purpose::Asked(_) => request.settle(Err(error)),
                Purpose::Join => self.lost(Lost::JoinFailed(error), ctx),
                Purpose::FollowUp | Purpose::Heartbeat => {
                    tracing::error!(%error, "a request of the connection itself cannot be written");
                }
            },
        }
    }

    /// Writes a frame that is no request.
    pub(super) fn push(&mut self, frame: Frame, ctx: &mut Context<Self>) {
        if let Some(link) = &mut self.link
            && let Err(error) = link.outgoing.push(frame)
        {
            self.lost(error.into(), ctx);
        }
    }

    fn poll_background(&mut self, cx: &mut task::Context<'_>) {
        loop {
            while self.background.len() < BACKGROUND_LIMIT
                && let Some(work) = self.background_queue.pop_front()
            {
                self.background.push(work);
            }
            if !matches!(self.background.poll_next_unpin(cx), Poll::Ready(Some(()))) {
                return;
            }
        }
    }

    fn next_moment(&self, next_send: Option<Instant>) -> Option<Instant> {
        [
            self.backoff_until,
            self.heartbeat_due,
            self.pong_due,
            self.silent_at(),
            self.catch_up_due,
            self.unconfirmed_until,
            self.requests.next_deadline(),
            self.leaving_until(),
            next_send,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

pub(super) const READS_A_TURN: usize = 4;
/// How many events go out before handlers get their turn: so few that what they hold is still in the processor's cache.
const RUN: usize = 64;
const BACKGROUND_LIMIT: usize = 64;
const JOINS_AT_ONCE: usize = 32;
/// How long a server may put off joins.
const JOINING_LIMIT: Duration = Duration::from_secs(60);
