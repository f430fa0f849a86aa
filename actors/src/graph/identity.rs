//! Who is who: the identity of a node of the tree, and whose code is running now.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use super::Counts;

/// Refers to a node of the supervision tree before it runs, to say what the pictures of a bot should show of it.
#[derive(Clone, Debug)]
pub struct NodeRef(Arc<Identity>);

/// What a node is known by. It belongs to the node for all its incarnations.
#[derive(Debug)]
struct Identity {
    number: u64,
    calls: Counts,
    feeds: Mutex<Vec<(u64, &'static str)>>,
}

impl NodeRef {
    pub(crate) fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(OUTSIDE);
        Self(Arc::new(Identity {
            number: LAST.fetch_add(1, Ordering::Relaxed) + 1,
            calls: Counts::default(),
            feeds: Mutex::default(),
        }))
    }

    /// Declares that this node passes on to `other` what it gets; `what` says in a word or two what that is.
    pub fn feeds(&self, other: &Self, what: &'static str) {
        let mut feeds = self.0.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.push((other.number(), what));
    }

    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }

    /// Counts who has told this node something.
    pub(crate) fn calls(&self) -> &Counts {
        &self.0.calls
    }

    pub(crate) fn fed(&self) -> Vec<(u64, &'static str)> {
        let feeds = self.0.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.clone()
    }
}

impl PartialEq for NodeRef {
    fn eq(&self, other: &Self) -> bool {
        self.number() == other.number()
    }
}

impl Eq for NodeRef {}

/// Whose code runs on a thread, and which trace it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    /// The number of the node, or [`OUTSIDE`].
    pub(crate) node: u64,
    /// The trace of the event that is being handled, or 0.
    pub(crate) trace: u64,
}

impl Running {
    /// Returns what runs now on this thread.
    pub(crate) fn current() -> Self {
        CURRENT.get()
    }

    /// Runs `work` as this.
    pub(crate) fn scope<R>(self, work: impl FnOnce() -> R) -> R {
        struct Restore(Running);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        let _restore = Restore(CURRENT.replace(self));
        work()
    }
}

/// A future that runs as a node.
pub(crate) struct RunsAs<F> {
    running: Running,
    future: F,
}

impl<F: Future + Unpin> RunsAs<F> {
    pub(crate) fn new(node: &NodeRef, future: F) -> Self {
        let running = Running {
            node: node.number(),
            trace: 0,
        };
        Self { running, future }
    }
}

impl<F: Future + Unpin> Future for RunsAs<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { running, future } = &mut *self;
        running.scope(|| Pin::new(future).poll(cx))
    }
}

/// The number of nobody: code that runs outside the tree.
pub(crate) const OUTSIDE: u64 = 0;

thread_local! {
    static CURRENT: Cell<Running> = const {
        Cell::new(Running {
            node: OUTSIDE,
            trace: 0,
        })
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn code_runs_as_its_node_and_only_while_it_is_polled() {
        let (outer, inner) = (NodeRef::new(), NodeRef::new());
        let seen = RunsAs::new(
            &outer,
            Box::pin(async {
                let before = Running::current().node;
                let within = RunsAs::new(&inner, Box::pin(async { Running::current().node })).await;
                tokio::task::yield_now().await;
                (before, within, Running::current().node)
            }),
        )
        .await;
        assert_eq!(seen, (outer.number(), inner.number(), outer.number()));
        assert_eq!(Running::current().node, OUTSIDE);
    }
}
