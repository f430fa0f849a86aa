//! The life of a connection as a pure, total state machine.
//!
//! ```text
//! Idle ─> Authenticating ─> Dialing ─> Joining ─> Live
//!              ^                │         │         │   trouble
//!              └──── Backoff <──┴─────────┴─────────┘
//! any state ── hang up ──> Idle
//! any state ── fatal trouble, close ──> Closed
//! ```

use std::time::Duration;

use crate::clock::Instant;
use crate::supervisor::Backoff;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not started.
    Idle,
    /// Waiting for a session.
    Authenticating,
    /// Opening the link.
    Dialing,
    /// The link is open; the rooms are being joined.
    Joining,
    /// Working, since then.
    Live(Instant),
    /// Waiting before the next try.
    Backoff,
    /// Ended for good.
    Closed,
}

/// What can happen to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Begin.
    Start,
    /// A session is there.
    Authenticated,
    /// The link is open.
    Dialed,
    /// Everything is joined.
    Joined,
    /// Something went wrong.
    Trouble(TroubleKind),
    /// The wait is over.
    BackoffElapsed,
    /// Close the link, and stay without one until it begins again.
    HangUp,
    /// End for good.
    Close,
}

/// What to do about a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// No try can help: the key was refused, the configuration is wrong.
    Fatal,
    /// Try again with a new login.
    Relogin,
    /// Try again, not before this long if the server said so.
    Retry(Option<Duration>),
}

/// What the actor must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Get a session; a fresh one if the last was refused.
    Authenticate {
        /// Whether the session at hand must not be used again.
        fresh: bool,
    },
    /// Open the link.
    Dial,
    /// Join the rooms.
    Join,
    /// Say that it is live, and after how many tries.
    Announce {
        /// Tries since it was last live, from 0.
        attempt: u32,
    },
    /// Drop the link and all that hangs on it.
    DropLink,
    /// Wait before the next try.
    Wait {
        /// Which try this will be, from 0.
        attempt: u32,
        /// The wait that the server asked for.
        at_least: Option<Duration>,
    },
    /// End with an error that no restart can mend.
    Fail,
    /// End.
    Finish,
}

/// A connection's state and what it remembers.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    state: State,
    attempt: u32,
    relogin: bool,
    healthy_after: Duration,
    /// How many tries are left to become live for the first time; `None` once it was, or if there is no limit.
    first_tries: Option<u32>,
}

impl Machine {
    /// Makes the machine of a connection that counts its tries anew after the health period of `backoff`.
    ///
    /// With `first_tries` it gives up after so many tries if it has never been live: whoever starts a bot with a wrong address should
    /// learn of it. Once it was live it never gives up.
    #[must_use]
    pub fn new(backoff: &Backoff, first_tries: Option<u32>) -> Self {
        Self {
            state: State::Idle,
            attempt: 0,
            relogin: false,
            healthy_after: backoff.health_period(),
            first_tries,
        }
    }

    /// Returns where the connection stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes one step. Inputs that make no sense in a state, such as late answers, change nothing.
    pub fn step(&mut self, input: Input, now: Instant) -> Vec<Action> {
        match (self.state, input) {
            (State::Closed, _) => Vec::new(),
            (_, Input::Close) => {
                self.state = State::Closed;
                vec![Action::DropLink, Action::Finish]
            }
            (State::Idle, Input::HangUp) => Vec::new(),
            (_, Input::HangUp) => {
                self.state = State::Idle;
                self.attempt = 0;
                vec![Action::DropLink]
            }
            (State::Idle, Input::Start) | (State::Backoff, Input::BackoffElapsed) => {
                self.state = State::Authenticating;
                let fresh = std::mem::take(&mut self.relogin);
                vec![Action::Authenticate { fresh }]
            }
            (State::Authenticating, Input::Authenticated) => {
                self.state = State::Dialing;
                vec![Action::Dial]
            }
            (State::Dialing, Input::Dialed) => {
                self.state = State::Joining;
                vec![Action::Join]
            }
            (State::Joining, Input::Joined) => {
                self.state = State::Live(now);
                self.first_tries = None;
                vec![Action::Announce {
                    attempt: self.attempt,
                }]
            }
            (
                State::Authenticating | State::Dialing | State::Joining | State::Live(_),
                Input::Trouble(kind),
            ) => self.trouble(kind, now),
            (
                State::Idle
                | State::Authenticating
                | State::Dialing
                | State::Joining
                | State::Live(_)
                | State::Backoff,
                Input::Start
                | Input::Authenticated
                | Input::Dialed
                | Input::Joined
                | Input::Trouble(_)
                | Input::BackoffElapsed,
            ) => Vec::new(),
        }
    }

    /// Counts the tries anew: the live link has shown that it works.
    pub fn proven(&mut self) {
        if matches!(self.state, State::Live(_)) {
            self.attempt = 0;
        }
    }

    fn trouble(&mut self, kind: TroubleKind, now: Instant) -> Vec<Action> {
        if let State::Live(since) = self.state
            && now.saturating_duration_since(since) >= self.healthy_after
        {
            self.attempt = 0;
        }
        let long = matches!(kind, TroubleKind::Retry(Some(wait)) if wait > FIRST_PATIENCE);
        let hopeless = match &mut self.first_tries {
            Some(left) => {
                *left = left.saturating_sub(1);
                *left == 0 || long
            }
            None => false,
        };
        let at_least = match kind {
            kind if hopeless || kind == TroubleKind::Fatal => {
                self.state = State::Closed;
                return vec![Action::DropLink, Action::Fail];
            }
            TroubleKind::Fatal | TroubleKind::Relogin => None,
            TroubleKind::Retry(at_least) => at_least,
        };
        self.relogin |= kind == TroubleKind::Relogin;
        self.state = State::Backoff;
        let attempt = self.attempt;
        self.attempt = self.attempt.saturating_add(1);
        vec![Action::DropLink, Action::Wait { attempt, at_least }]
    }
}

/// A connection that was never live does not wait longer than this because a server asks for it: it gives up.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, proptest};

    use super::*;

    const RETRY: Input = Input::Trouble(TroubleKind::Retry(None));

    fn machine() -> (Machine, Instant) {
        (Machine::new(&Backoff::default(), None), crate::clock::now())
    }

    #[test]
    fn a_life_from_start_to_live_and_back() {
        let (mut machine, now) = machine();
        assert_eq!(
            machine.step(Input::Start, now),
            [Action::Authenticate { fresh: false }]
        );
        assert_eq!(machine.step(Input::Authenticated, now), [Action::Dial]);
        assert_eq!(machine.step(Input::Dialed, now), [Action::Join]);
        assert_eq!(
            machine.step(Input::Joined, now),
            [Action::Announce { attempt: 0 }]
        );
        let wait = |attempt| {
            [
                Action::DropLink,
                Action::Wait {
                    attempt,
                    at_least: None,
                },
            ]
        };
        assert_eq!(machine.step(RETRY, now), wait(0));
        assert_eq!(
            machine.step(Input::BackoffElapsed, now),
            [Action::Authenticate { fresh: false }]
        );
        assert_eq!(
            machine.step(Input::Trouble(TroubleKind::Relogin), now),
            wait(1)
        );
        assert_eq!(
            machine.step(Input::BackoffElapsed, now),
            [Action::Authenticate { fresh: true }]
        );
        assert_eq!(
            machine.step(Input::Trouble(TroubleKind::Fatal), now),
            [Action::DropLink, Action::Fail]
        );
        assert_eq!(machine.step(Input::Start, now), []);
    }

    #[test]
    fn tries_are_counted_anew_after_a_minute_of_health() {
        let (mut machine, now) = machine();
        for input in [
            Input::Start,
            RETRY,
            Input::BackoffElapsed,
            Input::Authenticated,
            Input::Dialed,
            Input::Joined,
        ] {
            machine.step(input, now);
        }
        let mut early = machine;
        assert_eq!(
            early.step(RETRY, now + Duration::from_secs(59))[1],
            Action::Wait {
                attempt: 1,
                at_least: None
            }
        );
        assert_eq!(
            machine.step(RETRY, now + Duration::from_secs(60))[1],
            Action::Wait {
                attempt: 0,
                at_least: None
            }
        );
    }

    #[test]
    fn it_gives_up_only_if_it_never_worked() {
        let now = crate::clock::now();
        let mut never = Machine::new(&Backoff::default(), Some(2));
        never.step(Input::Start, now);
        assert_eq!(
            never.step(RETRY, now).last(),
            Some(&Action::Wait {
                attempt: 0,
                at_least: None
            })
        );
        never.step(Input::BackoffElapsed, now);
        assert_eq!(never.step(RETRY, now).last(), Some(&Action::Fail));

        let mut asked = Machine::new(&Backoff::default(), Some(3));
        asked.step(Input::Start, now);
        let long = Input::Trouble(TroubleKind::Retry(Some(Duration::from_secs(30))));
        assert_eq!(asked.step(long, now).last(), Some(&Action::Fail));

        let mut once = Machine::new(&Backoff::default(), Some(1));
        for input in [
            Input::Start,
            Input::Authenticated,
            Input::Dialed,
            Input::Joined,
        ] {
            once.step(input, now);
        }
        for _ in 0..100 {
            assert!(matches!(
                once.step(RETRY, now).last(),
                Some(Action::Wait { .. })
            ));
            once.step(Input::BackoffElapsed, now);
        }
    }

    #[test]
    fn what_hung_up_begins_anew_when_it_is_told() {
        let (mut machine, now) = machine();
        assert_eq!(machine.step(Input::HangUp, now), []);
        for input in [
            Input::Start,
            Input::Authenticated,
            Input::Dialed,
            Input::Joined,
        ] {
            machine.step(input, now);
        }
        assert_eq!(machine.step(Input::HangUp, now), [Action::DropLink]);
        assert_eq!(machine.step(RETRY, now), []);
        assert_eq!(
            machine.step(Input::Start, now),
            [Action::Authenticate { fresh: false }]
        );
    }

    proptest! {
        #[test]
        fn any_sequence_of_inputs_is_survived(inputs in proptest::collection::vec(0_usize..10, 0..60)) {
            let all = [
                Input::Start, Input::Authenticated, Input::Dialed, Input::Joined, RETRY, Input::BackoffElapsed, Input::Close, Input::HangUp,
                Input::Trouble(TroubleKind::Relogin), Input::Trouble(TroubleKind::Fatal),
            ];
            let (mut machine, now) = machine();
            for input in inputs {
                let before = machine.state();
                let actions = machine.step(all[input], now);
                prop_assert!(before != State::Closed || actions.is_empty());
                let ends = actions.iter().any(|action| matches!(action, Action::Fail | Action::Finish));
                prop_assert!(!ends || machine.state() == State::Closed);
            }
        }
    }
}
