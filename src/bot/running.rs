//! A bot that runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use greenroom_actors::connection::Quiesce;
use greenroom_actors::mailbox::Ref;
use greenroom_actors::router::Router;
use greenroom_actors::supervisor::{Exit, NodeState, Root, TreeSnapshot};
use greenroom_actors::telemetry::{Counters, metrics};
use serde::Serialize;

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
            None => TreeSnapshot {
                name: self.name.to_string(),
                state: NodeState::Idle,
                restarts: 0,
                last_exit: None,
                figures: Default::default(),
                children: Vec::new(),
            },
        }
    }

    /// Says what the bot has done so far.
    #[must_use]
    pub fn report(&self) -> Report {
        Report {
            tree: self.tree(),
            counters: self.counters.snapshot(),
            dead_letters: self.router.dead_letters().total(),
        }
    }

    /// Returns everything that is measured, in the text format of Prometheus, version 0.0.4; its content type is
    /// [`metrics::CONTENT_TYPE`].
    #[must_use]
    pub fn metrics(&self) -> String {
        let dead_letters = self.router.dead_letters().total();
        metrics::render(&self.tree(), &self.counters, dead_letters)
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
        let platforms = self.quiesce.len() as u64;
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
    /// in reverse start order, each within its deadline.
    pub async fn shutdown(&self) -> Report {
        self.stopping.store(true, Ordering::Relaxed);
        for source in &self.quiesce {
            // A platform that has ended takes no more events either.
            let _ = source.send(Quiesce).await;
        }
        self.router.end_waits();
        if let Some(root) = self.root.get() {
            root.shutdown().await;
        }
        self.report()
    }

    /// Waits for SIGTERM, Ctrl-C or a failure; then shuts down in order. A second Ctrl-C ends the process at once, with code 130.
    ///
    /// # Errors
    ///
    /// [`BotError::Failed`] if the tree failed, [`BotError::Signals`] if signals cannot be watched.
    pub async fn until_stopped(&self) -> Result<Report, BotError> {
        let signal = stop_signal()?;
        tokio::select! {
            exit = self.ended() => return Err(self.failed(exit)),
            () = signal => tracing::info!("stopping"),
        }
        let again = stop_signal()?;
        tokio::select! {
            report = self.shutdown() => Ok(report),
            () = again => {
                tracing::error!("stopped for the second time: not waiting any longer");
                std::process::exit(130)
            }
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

/// Returns a future that ends at SIGTERM or Ctrl-C; the signals are watched from now on.
fn stop_signal() -> Result<impl Future<Output = ()>, std::io::Error> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
