//! The spans of the trace: their names and fields.

use tracing::{Span, debug_span, info_span};

use crate::event::{Event, Payload};

/// Everything that a connection does.
pub(crate) fn connection(platform: &str, bot: &str) -> Span {
    info_span!("connection", platform, bot)
}

/// One attempt of a handler at an event; `trace` is the same for all that one cause leads to.
pub(crate) fn handle<T: Payload>(handler: &str, event: &Event<T>) -> Span {
    let envelope = event.envelope();
    debug_span!(
        "handle",
        handler,
        event = Event::<T>::name(),
        id = %envelope.id,
        channel = %envelope.channel,
        trace = envelope.trace,
        attempt = event.attempt(),
    )
}
