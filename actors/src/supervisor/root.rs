//! The root of a supervision tree.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::child::Child;
use super::control::{Control, Wish};
use super::tree::NodeState;
use super::{Exit, Supervisor, TreeSnapshot};
use crate::clock;

/// A running supervision tree. Clones refer to the same tree.
///
/// * **Who starts it**: the program.
/// * **What ends it**: [`Root::shutdown`], or a failure that escalates to it.
/// * **What happens to the mailboxes then**: on shutdown they are emptied first, each within its actor's deadline.
/// * **What it may lose**: what was not handled by its deadline; the log says how much.
#[derive(Clone, Debug)]
pub struct Root {
    node: Arc<super::tree::Node>,
    control: Arc<Control>,
    deadline: Duration,
    exit: watch::Receiver<Option<Exit>>,
}

impl Root {
    /// Starts the tree below `supervisor` on the current arbiter.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio `LocalSet`; every actix arbiter has one.
    #[must_use = "dropping the last handle leaves the tree running without a way to stop it"]
    pub fn start(supervisor: Supervisor) -> Self {
        let child = Child::from(supervisor);
        let control = Arc::new(Control::default());
        let (ended, exit) = watch::channel(None);
        let root = Self {
            node: Arc::clone(child.life.node()),
            control: Arc::clone(&control),
            deadline: child.settings.shutdown,
            exit,
        };
        root.node.set_state(NodeState::Running);
        tokio::task::spawn_local(async move {
            let exit = Arc::clone(&child.life).live(control).await;
            child.life.bury();
            child.life.node().exited(&exit);
            child.life.node().set_state(NodeState::Stopped);
            ended.send_replace(Some(exit));
        });
        root
    }

    /// Waits until the tree has ended and says why.
    pub async fn ended(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.clone().unwrap_or(Exit::Killed),
            // The task was dropped with its runtime.
            Err(_) => Exit::Killed,
        }
    }

    /// Stops all children in reverse start order, each within its deadline and all within the supervisor's, and waits for the end.
    ///
    /// Returns [`Exit::Shutdown`]; [`Exit::Killed`] if the supervisor's deadline has passed; or why the tree had failed before.
    pub async fn shutdown(&self) -> Exit {
        if self.exit.borrow().is_none() {
            self.node.set_state(NodeState::Stopping);
        }
        self.control.want(Wish::Drain);
        let deadline = clock::after(clock::now(), self.deadline);
        if let Ok(exit) = tokio::time::timeout_at(deadline, self.ended()).await {
            return exit;
        }
        self.kill().await
    }

    /// Ends all actors at once, whatever they are doing, and waits for the end.
    pub async fn kill(&self) -> Exit {
        self.control.want(Wish::Kill);
        self.ended().await
    }

    /// Lets every running actor of this name, or below this branch (`handlers/wallet`), end as if it had panicked, and returns how many
    /// that are: to see what the rest makes of it.
    #[expect(clippy::must_use_candidate, reason = "what counts is that it is done")]
    pub fn crash(&self, path: &str) -> usize {
        self.node.crash(path)
    }

    /// Says whether the tree has ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        // Without a sender the task was dropped with its runtime.
        self.exit.borrow().is_some() || self.exit.has_changed().is_err()
    }

    /// Takes a snapshot of the whole tree.
    #[must_use]
    pub fn snapshot(&self) -> TreeSnapshot {
        self.node.snapshot()
    }
}
