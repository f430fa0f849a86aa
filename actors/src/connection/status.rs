//! What the connections of a bot are doing, for whoever looks on from outside.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::state::State;
use crate::clock::{self, Instant, millis};

/// Where a connection stands: [`State`] without its moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Getting a session.
    Authenticating,
    /// Waiting before the next try.
    Backoff,
    /// Ended for good.
    Closed,
    /// Opening the link.
    Dialing,
    /// Not started, or between two incarnations.
    #[default]
    Idle,
    /// Joining the rooms.
    Joining,
    /// Working.
    Live,
}

impl Phase {
    /// Returns the name under which it is reported.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Authenticating => "authenticating",
            Self::Backoff => "backoff",
            Self::Closed => "closed",
            Self::Dialing => "dialing",
            Self::Idle => "idle",
            Self::Joining => "joining",
            Self::Live => "live",
        }
    }
}

impl From<State> for Phase {
    fn from(state: State) -> Self {
        match state {
            State::Authenticating => Self::Authenticating,
            State::Backoff => Self::Backoff,
            State::Closed => Self::Closed,
            State::Dialing => Self::Dialing,
            State::Idle => Self::Idle,
            State::Joining => Self::Joining,
            State::Live(_) => Self::Live,
        }
    }
}

/// The connections of one bot. Each has one entry, which outlives its incarnations. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<Mutex<Vec<Arc<Status>>>>);

impl Connections {
    /// Returns what each connection is doing, in the order of their first start.
    #[must_use]
    pub fn report(&self) -> Vec<ConnectionReport> {
        lock(&self.0).iter().map(|status| status.report()).collect()
    }

    /// Says whether the connection of `bot` to `platform` works now.
    #[must_use]
    pub fn is_live(&self, platform: &str, bot: &str) -> bool {
        let all = lock(&self.0);
        let mut all = all.iter();
        let status = all.find(|status| status.platform == platform && status.bot == bot);
        status.is_some_and(|status| lock(&status.standing).phase == Phase::Live)
    }

    /// Enters a platform to which the bot holds no link, since that dials the bot or is asked only when there is something to ask: it is
    /// live as long as the answer is kept.
    #[must_use]
    pub fn listening(&self, platform: &'static str, bot: &str) -> Listening {
        let watched = self.begin(platform, bot);
        watched.moved_to(State::Live(clock::now()));
        Listening(watched)
    }

    /// Begins an incarnation of the connection of `bot` to `platform`.
    pub(super) fn begin(&self, platform: &'static str, bot: &str) -> Watched {
        let mut all = lock(&self.0);
        let known = all
            .iter()
            .find(|status| status.platform == platform && status.bot == bot);
        let status = known.cloned().unwrap_or_else(|| {
            let fresh = Arc::new(Status::new(platform, bot));
            all.push(Arc::clone(&fresh));
            fresh
        });
        Watched(status)
    }
}

/// Keeps the entry of a platform without a link live.
#[derive(Debug)]
pub struct Listening(#[expect(dead_code, reason = "what counts is when it is dropped")] Watched);

/// What one connection is doing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConnectionReport {
    /// The platform.
    pub platform: &'static str,
    /// The bot.
    pub bot: String,
    /// Where it stands.
    pub state: Phase,
    /// For how long it has stood there, in milliseconds.
    pub for_ms: u64,
    /// Which try to connect again this is, from 1; 0 while it is live and before the first trouble.
    pub attempt: u32,
    /// Why it is not live, if that is known.
    pub reason: Option<String>,
    /// Whether it was live before, or is.
    pub was_live: bool,
    /// How often it was live again after it was lost.
    pub reconnects: u64,
    /// How long the answer to the last heartbeat took, in microseconds.
    pub heartbeat_rtt_us: Option<u64>,
}

#[derive(Debug)]
struct Status {
    platform: &'static str,
    bot: String,
    standing: Mutex<Standing>,
    reconnects: AtomicU64,
    /// In microseconds and one more, so that 0 means that none was measured.
    heartbeat_rtt: AtomicU64,
}

#[derive(Debug)]
struct Standing {
    phase: Phase,
    since: Instant,
    attempt: u32,
    reason: Option<String>,
    was_live: bool,
}

impl Status {
    fn new(platform: &'static str, bot: &str) -> Self {
        Self {
            platform,
            bot: bot.to_owned(),
            standing: Mutex::new(Standing {
                phase: Phase::Idle,
                since: clock::now(),
                attempt: 0,
                reason: None,
                was_live: false,
            }),
            reconnects: AtomicU64::new(0),
            heartbeat_rtt: AtomicU64::new(0),
        }
    }

    fn report(&self) -> ConnectionReport {
        let standing = lock(&self.standing);
        ConnectionReport {
            platform: self.platform,
            bot: self.bot.clone(),
            state: standing.phase,
            for_ms: millis(clock::now().saturating_duration_since(standing.since)),
            attempt: standing.attempt,
            reason: standing.reason.clone(),
            was_live: standing.was_live,
            reconnects: self.reconnects.load(Ordering::Relaxed),
            heartbeat_rtt_us: self.heartbeat_rtt.load(Ordering::Relaxed).checked_sub(1),
        }
    }
}

/// The hand of one incarnation on its entry; when the incarnation is gone, the connection is not live.
#[derive(Debug)]
pub(super) struct Watched(Arc<Status>);

impl Watched {
    pub(super) fn moved_to(&self, state: State) {
        let phase = Phase::from(state);
        let mut standing = lock(&self.0.standing);
        if standing.phase != phase {
            standing.phase = phase;
            standing.since = clock::now();
        }
        if phase == Phase::Live {
            standing.was_live = true;
            standing.attempt = 0;
            standing.reason = None;
        }
    }

    pub(super) fn down_because(&self, attempt: u32, reason: &str) {
        let mut standing = lock(&self.0.standing);
        standing.attempt = attempt;
        standing.reason = Some(reason.to_owned());
    }

    pub(super) fn reconnected(&self) {
        self.0.reconnects.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answered_heartbeat(&self, rtt: Duration) {
        let micros = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
        self.0
            .heartbeat_rtt
            .store(micros.saturating_add(1), Ordering::Relaxed);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if lock(&self.0.standing).phase != Phase::Closed {
            self.moved_to(State::Idle);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_whose_incarnation_is_gone_is_not_live() {
        let all = Connections::default();
        let first = all.begin("mezon", "bot");
        first.moved_to(State::Live(clock::now()));
        first.answered_heartbeat(Duration::ZERO);
        tokio::time::advance(Duration::from_secs(2)).await;
        let report = all.report().remove(0);
        assert_eq!((report.state, report.for_ms), (Phase::Live, 2_000));
        assert_eq!(report.heartbeat_rtt_us, Some(0));
        drop(first);
        assert_eq!(all.report()[0].state, Phase::Idle);
        let second = all.begin("mezon", "bot");
        second.down_because(3, "refused");
        second.moved_to(State::Backoff);
        let report = all.report().remove(0);
        assert_eq!((report.state, report.attempt), (Phase::Backoff, 3));
        assert_eq!(report.reason.as_deref(), Some("refused"));
        second.moved_to(State::Closed);
        drop(second);
        assert_eq!(all.report()[0].state, Phase::Closed);
        assert_eq!(all.report().len(), 1, "one entry for all incarnations");
    }
}
