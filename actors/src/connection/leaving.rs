//! Closing a link in order: what waits goes out, a close frame follows, and the peer's own is waited for.

use std::collections::VecDeque;
use std::task::{self, Poll};

use actix::{ActorContext, Context};

use super::actor::Connection;
use super::io::READS_A_TURN;
use super::protocol::{Class, Protocol};
use super::state::{Input, State};
use super::{Frame, Link};
use crate::clock::{self, Instant};

/// A link over which everything was said, the close frame included.
#[derive(Debug)]
pub(super) struct Leaving {
    link: Link,
    /// Until when the peer's close is waited for.
    until: Instant,
}

impl Leaving {
    /// Writes what waits and adds to `frames` what the peer still sends; ready when it has closed, too, or is not waited for any more.
    fn poll(&mut self, frames: &mut VecDeque<Frame>, cx: &mut task::Context<'_>) -> Poll<()> {
        if self.until <= clock::now() {
            tracing::debug!("the peer has not closed the link in time");
            return Poll::Ready(());
        }
        if let Poll::Ready(Err(_)) = self.link.outgoing.poll_flush(cx) {
            return Poll::Ready(());
        }
        for _ in 0..READS_A_TURN {
            let begin = frames.len();
            let read = self.link.incoming.poll_frames(cx, frames);
            let mut new = frames.iter().skip(begin);
            if new.any(|frame| matches!(frame, Frame::Close(_))) {
                return Poll::Ready(());
            }
            match read {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<P: Protocol> Connection<P> {
    /// Says goodbye over the link, if there is one, and leaves it to close.
    pub(super) fn leave(&mut self) {
        let goodbye = self.protocol.close();
        let Some(mut link) = self.link.take() else {
            return;
        };
        // A link that fails now is gone either way.
        if link.outgoing.push(goodbye).is_ok() {
            let limit = || clock::now() + self.settings.close_limit;
            let until = self.closed_by.unwrap_or_else(limit);
            self.leaving = Some(Leaving { link, until });
        }
    }

    pub(super) fn leaving_until(&self) -> Option<Instant> {
        self.leaving.as_ref().map(|leaving| leaving.until)
    }

    /// Ends an orderly shutdown once everything is sent and answered, and the link is closed.
    pub(super) fn finish(
        &mut self,
        frames: &mut VecDeque<Frame>,
        ctx: &mut Context<Self>,
        cx: &mut task::Context<'_>,
    ) {
        if self.closing && self.has_said_all() && self.machine.state() != State::Closed {
            self.leave();
            self.feed(Input::Close, None, ctx);
        }
        let Some(leaving) = &mut self.leaving else {
            return;
        };
        let left = leaving.poll(frames, cx);
        let unread = frames.drain(..).filter(|frame| {
            // What comes while it is only paused is fetched later.
            self.closing && self.protocol.class(frame) == Class::Event
        });
        self.counters.unread.add(unread.count() as u64);
        if left.is_ready() {
            self.leaving = None;
            if self.machine.state() == State::Closed {
                ctx.stop();
            }
        }
    }

    /// Says whether nothing waits to be sent, answered or done.
    fn has_said_all(&self) -> bool {
        let is_live = matches!(self.machine.state(), State::Live(_));
        let is_answered = self.requests.is_idle() && self.unconfirmed.is_empty();
        (is_answered || !is_live) && self.background.is_empty() && self.background_queue.is_empty()
    }
}
