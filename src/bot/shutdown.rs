//! How a bot stops: in phases, each within its deadline, and all of them within one.
//!
//! | phase | what happens | deadline |
//! |---|---|---|
//! | `sources` | platforms take no more events; requests and heartbeats go on | 5 s |
//! | `drain` | handlers finish what waits, tries in between included, and their replies leave; then they hear that connections end | [`shutdown_within`](super::BotBuilder::shutdown_within), 20 s |
//! | `stop` | actors stop in reverse start order, each within its own deadline | what is left |
//! | `store` | what could not be handled is made durable for the next start | what is left |

use std::time::Duration;

use greenroom_actors::clock::{self, Instant};
use greenroom_actors::connection::{Disconnected, Quiesce, TakeLeave};
use greenroom_actors::router::HandlerReport;
use serde::Serialize;

use super::Running;

/// How long a shutdown may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    pub(super) drain: Duration,
    pub(super) total: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            drain: Duration::from_secs(20),
            total: Duration::from_secs(60),
        }
    }
}

/// How a bot has stopped.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Shutdown {
    /// The phases, in order.
    pub phases: Vec<Phase>,
    /// What was not done by the end.
    pub left: Left,
}

/// One phase of a shutdown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Phase {
    /// `sources`, `drain`, `stop` or `store`.
    pub name: &'static str,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Whether it was done within its deadline, and without an error.
    pub done: bool,
}

/// What a bot did not get done before it stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Left {
    /// Events that waited in the queues of handlers, untried.
    pub queued: u64,
    /// Events that had been tried, and waited for another attempt or were in a handler's hands.
    pub tried: u64,
    /// How many of these events the store keeps for the next start; the others are dead letters.
    pub kept: u64,
    /// Events that were received and that no handler was given.
    pub unread: u64,
    /// Messages of the bot that did not leave, or nobody knows.
    pub unsent: u64,
}

impl Left {
    /// Returns how many events were neither handled nor kept.
    #[must_use]
    pub fn lost(&self) -> u64 {
        (self.queued + self.tried).saturating_sub(self.kept)
    }

    /// Says whether everything was done.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What had been left, dead and unsent before the shutdown.
struct Before {
    handlers: Vec<HandlerReport>,
    unread: u64,
    unsent: u64,
}

impl Before {
    fn of(bot: &Running) -> Self {
        Self {
            handlers: bot.router.handlers(),
            unread: bot.counters.unread.get(),
            unsent: bot.counters.unsent.get(),
        }
    }

    fn left(&self, now: &Self) -> Left {
        let sum = |all: &[HandlerReport], of: fn(&HandlerReport) -> u64| -> u64 {
            all.iter().map(of).sum()
        };
        let since = |of: fn(&HandlerReport) -> u64| {
            sum(&now.handlers, of).saturating_sub(sum(&self.handlers, of))
        };
        let stopped = since(|handler| handler.stopped);
        let tried = since(|handler| handler.stopped_tried);
        Left {
            queued: stopped.saturating_sub(tried),
            tried,
            kept: since(|handler| handler.left),
            unread: now.unread.saturating_sub(self.unread),
            unsent: now.unsent.saturating_sub(self.unsent),
        }
    }
}

/// Carries out all phases.
pub(super) async fn run(bot: &Running, deadlines: Deadlines) -> Shutdown {
    let (begin, before) = (clock::now(), Before::of(bot));
    let end = begin + deadlines.total;
    // The last words of the store have some time of their own.
    let stopped_by = end - (deadlines.total / 4).min(STORE);
    let by = |time: Duration| (clock::now() + time).min(stopped_by);
    bot.router.stop();
    let mut phases = Vec::new();
    phases.push(
        phase("sources", by(SOURCES), async {
            // A platform that has ended takes no more events either, and one that starts again has none.
            let told = bot.quiesce.iter().map(|source| async {
                let _ = tokio::time::timeout(SOURCES / 2, source.ask(Quiesce)).await;
            });
            futures::future::join_all(told).await;
            true
        })
        .await,
    );
    bot.router.end_waits();
    let drained_by = by(deadlines.drain);
    let drain = async {
        let is_done = bot.router.drained(drained_by).await;
        tell_the_end(bot, drained_by.max(by(LAST_NEWS))).await && is_done
    };
    phases.push(phase("drain", stopped_by, drain).await);
    phases.push(
        phase("stop", stopped_by, async {
            if let Some(root) = bot.root.get() {
                root.shutdown().await;
            }
            true
        })
        .await,
    );
    // Whoever could not be stopped gets nothing more, and what it has is saved.
    bot.router.give_up();
    if let Some(store) = &bot.store {
        let flushed = async {
            let flushed = store.flush().await;
            let flushed = flushed.inspect_err(|error| tracing::error!(%error, "the store"));
            flushed.is_ok()
        };
        phases.push(phase("store", end, flushed).await);
    }
    let left = before.left(&Before::of(bot));
    if !left.is_nothing() {
        tracing::warn!(?left, "stopped with work left");
    }
    Shutdown { phases, left }
}

/// Lets handlers hear that connections end, if any wants to, after all else that came from there.
async fn tell_the_end(bot: &Running, deadline: Instant) -> bool {
    if !bot.router.topic::<Disconnected>().is_wanted() {
        return true;
    }
    let told = bot.take_leave.iter().map(|source| async {
        let _ = tokio::time::timeout(LAST_NEWS, source.ask(TakeLeave)).await;
    });
    futures::future::join_all(told).await;
    bot.router.drained(deadline).await
}

async fn phase(name: &'static str, deadline: Instant, work: impl Future<Output = bool>) -> Phase {
    let begin = clock::now();
    let done = tokio::time::timeout_at(deadline, work).await;
    let took = clock::now().saturating_duration_since(begin);
    let phase = Phase {
        name,
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        done: done.unwrap_or(false),
    };
    match phase.done {
        true => tracing::debug!(phase = name, ?took, "done"),
        false => tracing::warn!(phase = name, ?took, "not done in time"),
    }
    phase
}

const SOURCES: Duration = Duration::from_secs(5);
/// How long handlers have at least to hear of the end, if others were not done in time.
const LAST_NEWS: Duration = Duration::from_secs(1);
const STORE: Duration = Duration::from_secs(5);
