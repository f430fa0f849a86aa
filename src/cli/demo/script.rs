//! What happens in a round.

use std::time::Duration;

/// One step of a round.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Something breaks.
    Cut,
    /// A word to the audience.
    Note(&'static str),
    /// A user says something; the bot is expected to answer with a text that contains `reply`.
    Say {
        from: &'static str,
        text: &'static str,
        reply: Option<&'static str>,
        /// Whether to go on at once, without waiting for the reply.
        at_once: bool,
    },
}

const fn say(from: &'static str, text: &'static str, reply: &'static str) -> Step {
    Step::Say {
        from,
        text,
        reply: Some(reply),
        at_once: false,
    }
}

/// A round: small talk, an outage in the middle of a conversation, and a handler that panics.
pub(super) const ROUND: &[Step] = &[
    Step::Note("A conversation in #general, over a real websocket."),
    say("alice", "!ping", "Pong!"),
    Step::Say {
        from: "bob",
        text: "good morning",
        reply: None,
        at_once: false,
    },
    say("alice", "!tip @bob 10", "alice tipped bob 10"),
    say("bob", "!ask will it rain?", "It is decided."),
    Step::Note("Now the server cuts the connection, and people go on talking."),
    Step::Cut,
    Step::Say {
        from: "bob",
        text: "!tip @alice 5",
        reply: Some("bob tipped alice 5"),
        at_once: true,
    },
    say("alice", "!tip @bob 7", "alice tipped bob 7"),
    Step::Note("What was said meanwhile was fetched and handled. Next, a handler panics."),
    say("bob", "!ask what is in the abyss?", "attempt 2"),
    say("alice", "!ping", "Pong!"),
];

/// How long people think before they speak.
pub(super) const PAUSE: Duration = Duration::from_millis(700);

/// How long an answer may take before it counts as missing.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
