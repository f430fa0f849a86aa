//! What a supervisor does about one exit: a pure function over plain data.
//!
//! | exit \ restart type | permanent | transient | temporary |
//! |---|---|---|---|
//! | normal, shutdown | restart | forget | forget |
//! | error, panic, killed, start failure | restart | restart | forget |
//! | fatal error | escalate | escalate | forget |
//!
//! A restart takes with it, by strategy: one-for-one nobody else; one-for-all every other child; rest-for-one the children that were
//! started after it. Siblings that have already ended for good and are not permanent stay ended. The restart that exceeds the
//! intensity becomes an escalation.

use std::collections::VecDeque;
use std::time::Duration;

use super::Exit;
use crate::clock::Instant;

/// Whom a failing child takes with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// All children are stopped and started again.
    OneForAll,
    /// Only the child itself is started again. The default.
    #[default]
    OneForOne,
    /// The child and those that were started after it.
    RestForOne,
}

/// When a child is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// Always. The default.
    #[default]
    Permanent,
    /// Never.
    Temporary,
    /// Only after it failed.
    Transient,
}

/// How many restarts are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intensity {
    /// So many restarts are allowed ...
    pub restarts: usize,
    /// ... in any window of this length.
    pub period: Duration,
}

impl Default for Intensity {
    /// 5 restarts in 30 s.
    fn default() -> Self {
        Self {
            restarts: 5,
            period: Duration::from_secs(30),
        }
    }
}

/// What a supervisor does about an exit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Stops everything and fails to the parent.
    Escalate,
    /// Leaves the child as it is: ended.
    Forget,
    /// Stops these running siblings in the order given, then starts these children in the order given.
    Restart {
        /// Places of the siblings to stop, last started first.
        stop: Vec<usize>,
        /// Places of the children to start, in start order.
        start: Vec<usize>,
    },
}

/// What the decision needs to know of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildFacts {
    /// When it is started again.
    pub restart: Restart,
    /// Whether it is running, or about to be.
    pub running: bool,
}

/// The restarts of the recent past.
#[derive(Clone, Debug, Default)]
pub struct History {
    restarts: VecDeque<Instant>,
}

impl History {
    /// Counts one restart; returns false if the window then holds more than are allowed.
    pub fn admit(&mut self, intensity: Intensity, now: Instant) -> bool {
        while self
            .restarts
            .front()
            .is_some_and(|at| now.saturating_duration_since(*at) >= intensity.period)
        {
            self.restarts.pop_front();
        }
        if self.restarts.len() >= intensity.restarts {
            return false;
        }
        self.restarts.push_back(now);
        true
    }
}

/// Decides what to do about the exit of the child at `place`.
#[must_use]
pub fn decide(
    strategy: Strategy,
    intensity: Intensity,
    history: &mut History,
    children: &[ChildFacts],
    place: usize,
    exit: &Exit,
    now: Instant,
) -> Decision {
    let Some(child) = children.get(place) else {
        return Decision::Forget;
    };
    let again = match child.restart {
        Restart::Permanent => true,
        Restart::Transient => !exit.is_clean(),
        Restart::Temporary => false,
    };
    if !again {
        return Decision::Forget;
    }
    if exit.is_fatal() || !history.admit(intensity, now) {
        return Decision::Escalate;
    }
    let group = match strategy {
        Strategy::OneForOne => place..place + 1,
        Strategy::RestForOne => place..children.len(),
        Strategy::OneForAll => 0..children.len(),
    };
    let concerned = |other: &usize| {
        *other == place
            || children[*other].running
            || children[*other].restart == Restart::Permanent
    };
    Decision::Restart {
        stop: group
            .clone()
            .rev()
            .filter(|other| *other != place && children[*other].running)
            .collect(),
        start: group
            .filter(concerned)
            .filter(|other| *other == place || children[*other].restart != Restart::Temporary)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, proptest};

    use super::*;

    const NOW: fn() -> Instant = crate::clock::now;

    fn running(restart: Restart) -> ChildFacts {
        ChildFacts {
            restart,
            running: true,
        }
    }

    fn exits() -> [Exit; 7] {
        [
            Exit::Normal,
            Exit::Shutdown,
            Exit::error("e"),
            Exit::Panic("p".into()),
            Exit::Killed,
            Exit::StartFailure(super::super::Failure::new("s", false)),
            Exit::fatal("f"),
        ]
    }

    /// The table of the module's documentation, one row an exit, one letter a restart type: Restart, Forget, Escalate.
    const TABLE: [&str; 7] = ["RFF", "RFF", "RRF", "RRF", "RRF", "RRF", "EEF"];

    #[test]
    fn every_cell_of_the_table_holds() {
        let types = [Restart::Permanent, Restart::Transient, Restart::Temporary];
        type Group = fn(usize) -> Vec<usize>;
        let groups: [(Strategy, Group); 3] = [
            (Strategy::OneForOne, |place| vec![place]),
            (Strategy::RestForOne, |place| (place..3).collect()),
            (Strategy::OneForAll, |_| vec![0, 1, 2]),
        ];
        for (exit, row) in exits().iter().zip(TABLE) {
            for (restart, cell) in types.into_iter().zip(row.chars()) {
                for (strategy, group) in groups {
                    for place in 0..3 {
                        let mut children = [running(Restart::Permanent); 3];
                        children[place] = running(restart);
                        let decision = decide(
                            strategy,
                            Intensity::default(),
                            &mut History::default(),
                            &children,
                            place,
                            exit,
                            NOW(),
                        );
                        let expected = match cell {
                            'E' => Decision::Escalate,
                            'F' => Decision::Forget,
                            _ => Decision::Restart {
                                stop: group(place)
                                    .into_iter()
                                    .rev()
                                    .filter(|other| *other != place)
                                    .collect(),
                                start: group(place),
                            },
                        };
                        assert_eq!(
                            decision, expected,
                            "{strategy:?} {restart:?} {exit} at {place}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn ended_siblings_stay_ended_unless_permanent() {
        let mut children = [running(Restart::Permanent); 4];
        children[1] = ChildFacts {
            restart: Restart::Transient,
            running: false,
        };
        children[2] = ChildFacts {
            restart: Restart::Permanent,
            running: false,
        };
        children[3] = running(Restart::Temporary);
        let decision = decide(
            Strategy::OneForAll,
            Intensity::default(),
            &mut History::default(),
            &children,
            0,
            &Exit::Killed,
            NOW(),
        );
        assert_eq!(
            decision,
            Decision::Restart {
                stop: vec![3],
                start: vec![0, 2]
            }
        );
    }

    proptest! {
        #[test]
        fn never_more_restarts_than_the_intensity_allows_in_any_window(
            gaps in proptest::collection::vec(0_u64..20_000, 1..200), restarts in 0_usize..8, period in 1_u64..60_000,
        ) {
            let intensity = Intensity { restarts, period: Duration::from_millis(period) };
            let (mut history, mut at, mut admitted) = (History::default(), NOW(), Vec::new());
            for gap in gaps {
                at += Duration::from_millis(gap);
                if history.admit(intensity, at) {
                    admitted.push(at);
                }
            }
            for first in &admitted {
                let inside = admitted.iter().filter(|at| *at >= first && **at - *first < intensity.period).count();
                prop_assert!(inside <= restarts);
            }
        }
    }
}
