//! What a supervisor does about one exit: a pure function over plain data. Its table is in the documentation of [`decide`].

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

impl Restart {
    /// Says whether a child of this type is started again after `exit`.
    #[must_use]
    pub fn applies_to(self, exit: &Exit) -> bool {
        match self {
            Self::Permanent => true,
            Self::Transient => !exit.is_clean(),
            Self::Temporary => false,
        }
    }
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
///
/// First, whether the child is started again:
///
/// | exit | permanent | transient | temporary |
/// |---|---|---|---|
/// | normal | restart | forget | forget |
/// | shutdown | restart | forget | forget |
/// | error | restart | restart | forget |
/// | panic | restart | restart | forget |
/// | killed | restart | restart | forget |
/// | start failure | restart | restart | forget |
/// | fatal error | escalate | escalate | forget |
///
/// A restart that would be one more than the intensity allows becomes *escalate*. One exit counts as one restart, however many
/// siblings it takes along. *Forget*: the child has ended for good and its mailbox is closed, whatever the strategy. *Escalate*:
/// everything is stopped, last started first, and the supervisor fails to its parent.
///
/// Then, for *restart*, who is stopped and who is started; the children are `a`, `b`, `c` in start order:
///
/// | strategy | `a` failed | `b` failed | `c` failed |
/// |---|---|---|---|
/// | one-for-one | start a | start b | start c |
/// | rest-for-one | stop c, b; start a, b, c | stop c; start b, c | start c |
/// | one-for-all | stop c, b; start a, b, c | stop c, a; start a, b, c | stop b, a; start a, b, c |
///
/// A sibling in the group of the failed child is treated by its own type and state:
///
/// | sibling | permanent | transient | temporary |
/// |---|---|---|---|
/// | runs, waits for its start, or is being stopped | stop, start | stop, start | stop, forget |
/// | ended for good | leave | leave | leave |
///
/// What the supervisor does with a decision:
///
/// * The group is stopped one after another, each child within its deadline, then killed. When all are down, all are started in start
///   order at one moment: the delay of the child that failed, counted from its failure, or later if a member waited for a later
///   start of its own.
/// * A member that ends by itself while the group is stopped is not decided upon again and not counted; only a fatal error
///   escalates, and a transient one that ended as it should is forgotten. A failure outside the group makes the group larger, and
///   counts.
/// * While a supervisor stops, whether for its parent or because it fails, no exit is decided upon.
/// * *Shutdown* and *killed* are exits that a supervisor itself has caused; the table has them for completeness.
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
    if !child.restart.applies_to(exit) {
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
    let concerned = |other: &usize| *other == place || children[*other].running;
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
