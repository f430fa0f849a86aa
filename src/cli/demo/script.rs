//! What happens in a round.

use std::time::Duration;

use serde_json::{Value, json};

/// Where people speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Mezon,
    TokenBowl,
}

impl Place {
    /// The name of the platform in the simulator.
    pub(super) fn platform(self) -> &'static str {
        match self {
            Self::Mezon => "mezon",
            Self::TokenBowl => "token_bowl",
        }
    }

    pub(super) fn channel(self) -> &'static str {
        match self {
            Self::Mezon => "general",
            Self::TokenBowl => "room",
        }
    }
}

/// One step of a round.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A handler of the bot crashes.
    Crash(&'static str),
    /// The robot is connected again.
    Dial,
    /// Something breaks.
    Fault {
        platform: &'static str,
        fault: fn() -> Value,
        text: &'static str,
    },
    /// A word to the audience.
    Note(&'static str),
    /// Somebody presses the button that says yes.
    Press { replies: &'static [&'static str] },
    /// Somebody says something; the bot is expected to answer with texts that contain `replies`, and the robot to do what they say.
    Say {
        from: &'static str,
        place: Place,
        text: &'static str,
        replies: &'static [&'static str],
    },
    /// Waits until all that is expected has come.
    Settle,
    /// The platform will say this, when it is asked next.
    Think {
        platform: &'static str,
        text: &'static str,
    },
    /// Waits until Payman has been asked so often in this round.
    Orders(u64),
}

const fn say(
    from: &'static str,
    place: Place,
    text: &'static str,
    replies: &'static [&'static str],
) -> Step {
    Step::Say {
        from,
        place,
        text,
        replies,
    }
}

const fn model(text: &'static str) -> Step {
    Step::Think {
        platform: "mesh",
        text,
    }
}

const PAYS: Step = Step::Think {
    platform: "payman",
    text: "it is on its way.",
};

/// A round: a conversation that goes through all five platforms, then each of them is pulled out.
pub(super) const ROUND: &[Step] = &[
    Step::Note(
        "People speak on Mezon and Token Bowl Chat, over real sockets; a model of Mesh answers; the robot of Ticos says it aloud.",
    ),
    model("The Tempest, at eight."),
    say(
        "alice",
        Place::Mezon,
        "!ask what is on tonight?",
        &["The Tempest", "says: The Tempest"],
    ),
    Step::Settle,
    Step::Note(
        "Money is confirmed first: in words here, by a button on Mezon. Payman moves it, and the robot nods.",
    ),
    say(
        "bob",
        Place::TokenBowl,
        "pay alice 10",
        &["pay 10 USD to alice? Say yes or no"],
    ),
    Step::Settle,
    PAYS,
    say(
        "bob",
        Place::TokenBowl,
        "yes",
        &["Paid 10 USD to alice.", "moves: nod"],
    ),
    Step::Settle,
    say(
        "alice",
        Place::Mezon,
        "pay bob 2.50",
        &["pay 2.5 USD to bob? Press"],
    ),
    Step::Settle,
    PAYS,
    Step::Press {
        replies: &["Paid 2.5 USD to bob.", "moves: nod"],
    },
    Step::Settle,
    Step::Note("Now Mezon cuts the connection. People go on talking, there and elsewhere."),
    Step::Fault {
        platform: "mezon",
        fault: || json!({"kind": "disconnect"}),
        text: "cuts every socket, without a close frame",
    },
    model("Every word of it."),
    say(
        "alice",
        Place::Mezon,
        "!ask did you hear me?",
        &["Every word", "says: Every word"],
    ),
    Step::Settle,
    Step::Note(
        "What was said meanwhile was fetched and answered. Next, the wallet crashes while Payman is at it, and Token Bowl Chat is lost as well.",
    ),
    say(
        "bob",
        Place::TokenBowl,
        "pay alice 5",
        &["pay 5 USD to alice?"],
    ),
    Step::Settle,
    PAYS,
    Step::Fault {
        platform: "payman",
        fault: || json!({"kind": "delay", "ms": 300, "path": "/api/a2a/tasks"}),
        text: "takes its time",
    },
    say(
        "bob",
        Place::TokenBowl,
        "yes",
        &["Paid 5 USD to alice.", "moves: nod"],
    ),
    Step::Orders(3),
    Step::Crash("wallet"),
    Step::Fault {
        platform: "token_bowl",
        fault: || json!({"kind": "disconnect"}),
        text: "cuts every socket, without a close frame",
    },
    Step::Settle,
    Step::Note(
        "Paid once. Then Payman loses an answer, Mesh fails, and the robot is gone for a moment.",
    ),
    say(
        "bob",
        Place::TokenBowl,
        "pay alice 1",
        &["pay 1 USD to alice?"],
    ),
    Step::Settle,
    Step::Fault {
        platform: "payman",
        fault: || json!({"kind": "disconnect", "path": "/api/a2a/tasks"}),
        text: "cuts the next request without an answer",
    },
    say(
        "bob",
        Place::TokenBowl,
        "yes",
        &[
            "I do not know whether 1 USD was paid to alice",
            "moves: shake_head",
        ],
    ),
    Step::Settle,
    Step::Fault {
        platform: "ticos",
        fault: || json!({"kind": "disconnect"}),
        text: "cuts the link of the robot",
    },
    Step::Fault {
        platform: "mesh",
        fault: || json!({"kind": "http", "status": 503, "path": "/api/v1/chat"}),
        text: "answers the next request with 503",
    },
    model("Good night, alice."),
    say(
        "alice",
        Place::Mezon,
        "!ask will you say good night?",
        &["Good night, alice."],
    ),
    Step::Settle,
    Step::Dial,
    model("And to you, bob."),
    say(
        "bob",
        Place::TokenBowl,
        "!ask and to me?",
        &["And to you", "says: And to you"],
    ),
    Step::Settle,
];

/// How often money is moved in a round, or may have been.
pub(super) const ORDERS: u64 = 4;

/// How long people think before they speak.
pub(super) const PAUSE: Duration = Duration::from_millis(450);

/// How long an answer may take before it counts as missing.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
