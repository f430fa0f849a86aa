//! The pump of a connection: reads, writes and keeps time, from inside the actor's context.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use actix::{ActorFuture, Context};
use futures::{FutureExt, StreamExt};

use super::actor::{Connection, Operation};
use super::protocol::{Class, Lost, Protocol, Reception};
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
        actor.hand_out(ctx, cx);
        let next_send = actor.write(ctx, cx);
        actor.poll_background(cx);
        actor.finish(ctx);
        if busy || std::mem::take(&mut actor.changed) {
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

    /// Returns true while the socket is not read because handlers are behind.
    fn is_held_up(&self) -> bool {
        // Answers that somebody waits for may be what the handlers need to go on: then more is read ahead.
        let limit = match self.requests.asked_in_flight() {
            0 => self.settings.read_ahead,
            _ => self.settings.read_ahead.saturating_mul(64),
        };
        self.parked.len() >= limit
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
            let Some(link) = &mut self.link else {
                return false;
            };
            let read = link.incoming.poll_frames(cx, frames);
            self.counters.frames.add(frames.len() as u64);
            let mut reception = Reception::default();
            for frame in frames.drain(..) {
                match frame {
                    Frame::Close(code) => {
                        self.take(reception, ctx);
                        self.lost(Lost::Closed { code }, ctx);
                        return false;
                    }
                    Frame::Ping(_) | Frame::Pong(_) => {}
                    frame => match self.protocol.class(&frame) {
                        Class::Answer => spans::receive("answer", frame.len())
                            .in_scope(|| self.protocol.receive(frame, &mut reception)),
                        Class::Event if self.quiet => self.counters.unread.add(1),
                        Class::Event => self.parked.push_back(frame),
                        Class::Ignored => self.counters.ignored.add(1),
                    },
                }
            }
            self.take(reception, ctx);
            match read {
                Poll::Pending => return false,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    // What came before the end is still good.
                    self.hand_out(ctx, cx);
                    self.lost(error.into(), ctx);
                    return false;
                }
            }
        }
        true
    }

    /// Gives events to the router until a queue blocks: those that came before the link broke, those that were missed, then the rest.
    fn hand_out(&mut self, ctx: &mut Context<Self>, cx: &mut task::Context<'_>) {
        loop {
            while let Poll::Ready(Some(())) = self.blocked.poll_next_unpin(cx) {}
            if !self.blocked.is_empty() {
                return;
            }
            let mut reception = Reception::default();
            let is_behind = self.catching_up || self.gap;
            if is_behind && self.old == 0 {
                let Some(missed) = self.missed.take() else {
                    return;
                };
                self.catching_up = false;
                self.confirm(&missed);
                for missed in missed {
                    spans::receive("missed", 0)
                        .in_scope(|| self.protocol.replay(missed, &mut reception));
                }
            } else {
                if self.parked.is_empty() {
                    return;
                }
                while reception.blocked.is_empty()
                    && !(is_behind && self.old == 0)
                    && let Some(frame) = self.parked.pop_front()
                {
                    self.old = self.old.saturating_sub(1);
                    spans::receive("event", frame.len())
                        .in_scope(|| self.protocol.receive(frame, &mut reception));
                }
            }
            self.take(reception, ctx);
        }
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
                self.requests.sent(correlation, request, clock::now());
                self.counters.sent.add(1);
                if let Err(error) = link.outgoing.push(frame) {
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

    /// Ends an orderly shutdown once everything is sent and answered.
    fn finish(&mut self, ctx: &mut Context<Self>) {
        if !self.closing || self.machine.state() == State::Closed {
            return;
        }
        let live = matches!(self.machine.state(), State::Live(_));
        if live && !(self.requests.is_idle() && self.unconfirmed.is_empty()) {
            return;
        }
        if !(self.background.is_empty() && self.background_queue.is_empty()) {
            return;
        }
        self.say_goodbye();
        self.feed(Input::Close, None, ctx);
    }

    /// Tells the peer that the link is closed in order.
    pub(super) fn say_goodbye(&mut self) {
        let goodbye = self.protocol.close();
        if let Some(link) = &mut self.link {
            // A link that fails now is gone either way.
            let _ = link.outgoing.push(goodbye);
            let noop = futures::task::noop_waker_ref();
            let _ = link
                .outgoing
                .poll_flush(&mut task::Context::from_waker(noop));
        }
    }

    fn next_moment(&self, next_send: Option<Instant>) -> Option<Instant> {
        [
            self.backoff_until,
            self.heartbeat_due,
            self.pong_due,
            self.catch_up_due,
            self.unconfirmed_until,
            self.requests.next_deadline(),
            next_send,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

const READS_A_TURN: usize = 4;
const BACKGROUND_LIMIT: usize = 64;
const JOINS_AT_ONCE: usize = 32;
/// How long a server may put off joins.
const JOINING_LIMIT: Duration = Duration::from_secs(60);
