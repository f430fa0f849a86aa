//! A bot that runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use greenroom_actors::connection::{Quiesce, TakeLeave};
use greenroom_actors::graph::Graph;
use greenroom_actors::mailbox::Ref;
use greenroom_actors::router::{HandlerReport, Router};
use greenroom_actors::store::Store;
use greenroom_actors::supervisor::{Exit, Root, TreeSnapshot};
use greenroom_actors::telemetry::{Counters, metrics};
use serde::Serialize;

use super::shutdown::{self, Deadlines, Shutdown};
use super::signals::StopSignals;
use super::{BotError, Health};

/// A bot that runs. Clones refer to the same bot.
#[derive(Clone, Debug)]
pub struct Running {
    pub(super) name: Arc<str>,
    pub(super) platforms: Arc<[&'static str]>,
    pub(super) root: Arc<OnceLock<Root>>,
    pub(super) stopping: Arc<AtomicBool>,
    pub(super) router: Router,
    pub(super) counters: Arc<Counters>,
    pub(super) quiesce: Vec<Ref<Quiesce>>,
    pub(super) take_leave: Vec<Ref<TakeLeave>>,
    pub(super) store: Option<Store>,
    pub(super) deadlines: Deadlines,
    #[cfg(feature = "endpoint")]
    pub(super) endpoint: Option<std::net::SocketAddr>,
}

/// What a bot has done.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The tree.
    pub tree: TreeSnapshot,
    /// All counters by name.
    pub counters: BTreeMap<&'static str, u64>,
    /// Events that could not be handled.
    pub dead_letters: u64,
    /// What became of the events of each handler.
    pub handlers: Vec<HandlerReport>,
    /// How it stopped, once it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shutdown: Option<Shutdown>,
}

impl Running {
    /// Returns the router, to publish events from outside.
    #[must_use]
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// Returns the counters.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes a snapshot of the tree.
    #[must_use]
    pub fn tree(&self) -> TreeSnapshot {
        match self.root.get() {
            Some(root) => root.snapshot(),
            None => TreeSnapshot::idle(&self.name),
        }
    }

    /// Lets every running actor of this name, or below this branch (`handlers/wallet`), end as if it had panicked, and returns how many
    /// that are: to see that the rest does not notice.
    #[expect(clippy::must_use_candidate, reason = "what counts is that it is done")]
    pub fn crash(&self, path: &str) -> usize {
        self.root.get().map_or(0, |root| root.crash(path))
    }

    /// Draws the tree and how events travel through it.
    #[must_use]
    pub fn graph(&self) -> Graph {
        self.router.graph(&self.tree())
    }

    /// Says what the bot has done so far.
    #[must_use]
    pub fn report(&self) -> Report {
        Report {
            tree: self.tree(),
            counters: self.counters.snapshot(),
            dead_letters: self.router.dead_letters().total(),
            handlers: self.router.handlers(),
            shutdown: None,
        }
    }

    /// Returns the store, if the bot has one.
    #[must_use]
    pub fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// Returns everything that is measured, in the text format of Prometheus, version 0.0.4; its content type is
    /// [`metrics::CONTENT_TYPE`].
    #[must_use]
    pub fn metrics(&self) -> String {
        metrics::render(&self.tree(), &self.router, &self.counters)
    }

    /// Returns where the endpoint listens, if there is one.
    #[cfg(feature = "endpoint")]
    #[must_use]
    pub fn endpoint(&self) -> Option<std::net::SocketAddr> {
        self.endpoint
    }

    /// Says whether the bot lives, and whether every platform is connected now.
    #[must_use]
    pub fn health(&self) -> Health {
        Health::judge(
            &self.name,
            &self.platforms,
            self.root.get().is_some_and(|root| !root.is_ended()),
            self.stopping.load(Ordering::Relaxed),
            self.counters.connections.report(),
        )
    }

    /// Waits until every platform has been reached once.
    ///
    /// # Errors
    ///
    /// [`BotError::Failed`] if the bot ends before.
    pub async fn connected(&self) -> Result<(), BotError> {
        let platforms = self.platforms.len() as u64;
        let live = async {
            while self.counters.connects.get() < platforms {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            () = live => Ok(()),
            exit = self.ended() => Err(self.failed(exit)),
        }
    }

    /// Waits until the bot ends by itself, which it does only by failing.
    pub async fn ended(&self) -> Exit {
        match self.root.get() {
            Some(root) => root.ended().await,
            None => Exit::Normal,
        }
    }

    /// Shuts down in order: platforms take no more events, handlers finish what waits and their replies leave, then everything stops
    /// in reverse start order, each within its deadline. What is left then is reported and, where there is a store, kept for the next
    /// start.
    pub async fn shutdown(&self) -> Report {
        self.stopping.store(true, Ordering::Relaxed);
        let shutdown = shutdown::run(self, self.deadlines).await;
        Report {
            shutdown: Some(shutdown),
            ..self.report()
        }
    }

    /// Waits for SIGTERM, Ctrl-C or a failure; then shuts down in order. A second Ctrl-C keeps what is left, where
    /// there is a store, and ends the process with code 130.
    ///
    /// # Errors
    ///
    /// [`BotError::Failed`] if the tree failed, [`BotError::Signals`] if signals cannot be watched.
    pub async fn until_stopped(&self) -> Result<Report, BotError> {
        let mut signals = StopSignals::listen()?;
        tokio::select! {
            exit = self.ended() => {
                self.save().await;
                return Err(self.failed(exit));
            }
            () = signals.received() => tracing::info!("stopping"),
        }
        match signals.unless_again(self.shutdown()).await {
            Some(report) => Ok(report),
            None => {
                tracing::error!("stopped for the second time: not waiting any longer");
                self.router.give_up();
                self.save().await;
                let handlers = self.router.handlers();
                let left: u64 = handlers.iter().map(|handler| handler.stopped).sum();
                let kept: u64 = handlers.iter().map(|handler| handler.left).sum();
                tracing::error!(left, kept, "stopped with events left");
                std::process::exit(130)
            }
        }
    }

    /// Makes durable what the store has, as far as that is possible soon.
    async fn save(&self) {
        if let Some(store) = &self.store {
            let flushed = tokio::time::timeout(Duration::from_secs(5), store.flush()).await;
            if !matches!(flushed, Ok(Ok(()))) {
                tracing::error!(?flushed, "the store could not be written");
            }
        }
    }

    /// Hands what the last run left over to its handlers, before anything new.
    pub(super) fn restore(&self) {
        match self.router.restore() {
            Ok(done) if done.replayed.is_empty() => {}
            Ok(done) => {
                let events = done.replayed.len();
                tracing::info!(events, "delivering what the last run left over");
            }
            Err(error) => tracing::error!(%error, "cannot read what the last run left over"),
        }
    }

    /// Replays the dead letters that were asked for while no bot ran, once every platform is connected.
    pub(super) async fn replay_requested(self) {
        if self.connected().await.is_err() {
            return;
        }
        match self.router.replay_requested() {
            Ok(done) if done == Default::default() => {}
            Ok(done) => {
                let replayed = done.replayed.len();
                tracing::info!(replayed, refused = ?done.refused, "replayed dead letters");
            }
            Err(error) => tracing::error!(%error, "cannot replay dead letters"),
        }
    }

    /// Makes the error of a tree that has failed.
    #[must_use]
    pub fn failed(&self, exit: Exit) -> BotError {
        BotError::Failed {
            exit,
            tree: Box::new(self.tree()),
        }
    }
}
