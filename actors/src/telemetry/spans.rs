//! The spans of the trace: their names and fields, all in one place.
//!
//! One event is followed from the socket to the acknowledgement of its reply. Each span is a child of the one before, and all but the
//! first two carry the same `trace`, 16 hexadecimal digits:
//!
//! | span | fields | what it covers |
//! |---|---|---|
//! | `connection` | `platform`, `bot` | everything that a connection does |
//! | `receive` | `kind` (`event`, `answer`, or `missed` for what a catch-up has fetched), `bytes` | reading one frame |
//! | `event` | `type`, `id`, `channel`, `sequence`, `trace` | an event, until nobody has it any more |
//! | `handle` | `handler`, `attempt`, `trace` | one attempt of a handler, asynchronous ones included |
//! | `say` | `channel`, `trace` | something that is said, from the handler through its channel |
//! | `send` | `cid`, `bytes`, `outcome`, `trace` | a request on the socket, until it is answered |
//!
//! An event that a handler emits is a child of its `handle`. `connection` is on level `info`, the others are on `debug`, and all have
//! the target `greenroom::trace`. A span that nobody wants costs the reading of a number.
//!
//! What people write, tokens and URLs are in none of them.

use std::fmt;

use tracing::level_filters::LevelFilter;
use tracing::{Span, debug, debug_span, field, info_span};

use super::Cause;
use crate::connection::RequestError;
use crate::event::{ChannelKey, Envelope, Event, Payload};

/// Everything that a connection does.
pub(crate) fn connection(platform: &str, bot: &str) -> Span {
    info_span!(target: TARGET, "connection", platform, bot)
}

/// Says whether anybody may want the spans on level `debug`. Asked first, since a span that nobody wants is more than nothing if the
/// crate `tracing` speaks to the crate `log` as well, which the feature `log` of any dependency brings about.
fn is_wanted() -> bool {
    LevelFilter::current() >= LevelFilter::DEBUG
}

/// Reading one frame.
pub(crate) fn receive(kind: &'static str, bytes: usize) -> Span {
    if !is_wanted() {
        return Span::none();
    }
    debug_span!(target: TARGET, "receive", kind, bytes)
}

/// An event, in what runs now: reading a frame, or a handler that emits it.
pub(crate) fn event<T: Payload>(envelope: &Envelope) -> Option<Box<Span>> {
    if !is_wanted() {
        return None;
    }
    let span = debug_span!(
        target: TARGET,
        "event",
        "type" = Event::<T>::name(),
        id = %envelope.id,
        channel = %envelope.channel,
        sequence = envelope.sequence,
        trace = %Trace(envelope.trace),
    );
    (!span.is_disabled()).then(|| Box::new(span))
}

/// One attempt of a handler at an event.
pub(crate) fn handle<T: Payload>(handler: &str, event: &Event<T>) -> Cause {
    let trace = event.envelope().trace;
    let span = match event.span() {
        None => Span::none(),
        Some(parent) => debug_span!(
            target: TARGET,
            parent: parent,
            "handle",
            handler,
            attempt = event.attempt(),
            trace = %Trace(trace),
        ),
    };
    Cause::of(span, trace)
}

/// Something that is said in a channel, by what runs now.
pub(crate) fn say(channel: &ChannelKey) -> Cause {
    let cause = Cause::current();
    if !is_wanted() {
        return cause;
    }
    let span = debug_span!(target: TARGET, "say", %channel, trace = %Trace(cause.trace));
    Cause::of(span, cause.trace)
}

/// A request on the socket.
pub(crate) fn send(cause: &Cause, cid: u32, bytes: usize) -> Span {
    if cause.span.is_disabled() {
        return Span::none();
    }
    debug_span!(
        target: TARGET,
        parent: &cause.span,
        "send",
        cid,
        bytes,
        outcome = field::Empty,
        trace = %Trace(cause.trace),
    )
}

/// The end of a request: its answer, or why there is none.
pub(crate) fn answered<A>(sent: &Span, answer: &Result<A, RequestError>) {
    if sent.is_disabled() {
        return;
    }
    let outcome = match answer {
        Ok(_) => "acknowledged",
        Err(RequestError::OutcomeUnknown) => "unknown",
        Err(RequestError::TimedOut(_)) => "timed out",
        Err(_) => "refused",
    };
    sent.record("outcome", outcome);
    sent.in_scope(|| debug!(target: TARGET, outcome, "answered"));
}

/// A trace as it is written.
struct Trace(u64);

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The target of all spans, for filters.
const TARGET: &str = "greenroom::trace";
