//! The line between a supervisor and one running child.

use std::any::Any;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Context;

use futures::task::AtomicWaker;

use super::Exit;

/// What a supervisor wants of a running child, in rising order of urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Wish {
    /// Go on.
    Run,
    /// Handle what waits, take nothing more, then stop.
    Drain,
    /// Stop; what waits is for the next incarnation.
    Stop,
    /// Be gone.
    Kill,
}

/// Shared by a supervisor and one incarnation of a child.
#[derive(Default)]
pub(crate) struct Control {
    wish: AtomicU8,
    waker: AtomicWaker,
    exit: Mutex<Option<Exit>>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control")
            .field("wish", &self.wish())
            .finish_non_exhaustive()
    }
}

impl Control {
    /// Asks for `wish`; a weaker wish than the one before is ignored.
    pub(crate) fn want(&self, wish: Wish) {
        self.wish.fetch_max(wish as u8, Ordering::AcqRel);
        self.waker.wake();
    }

    pub(crate) fn wish(&self) -> Wish {
        match self.wish.load(Ordering::Acquire) {
            0 => Wish::Run,
            1 => Wish::Drain,
            2 => Wish::Stop,
            _ => Wish::Kill,
        }
    }

    /// Returns the wish, and wakes the task of `cx` when it changes.
    pub(crate) fn poll_wish(&self, cx: &Context<'_>) -> Wish {
        self.waker.register(cx.waker());
        self.wish()
    }

    /// Waits until the wish is at least `wish`.
    pub(crate) async fn wished(&self, wish: Wish) {
        std::future::poll_fn(|cx| match self.poll_wish(cx) >= wish {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        })
        .await;
    }

    /// Says why the incarnation is about to end; the first word counts.
    pub(crate) fn ends_with(&self, exit: Exit) {
        self.exit
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(exit);
    }

    pub(crate) fn take_exit(&self) -> Option<Exit> {
        self.exit
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// What an actor can learn of itself while it runs.
#[derive(Clone)]
pub(crate) struct Myself {
    pub(crate) control: Arc<Control>,
    pub(crate) address: Arc<dyn Any + Send + Sync>,
}

thread_local! {
    static MYSELF: RefCell<Option<Myself>> = const { RefCell::new(None) };
}

impl Myself {
    /// Runs `work` as this incarnation.
    pub(crate) fn scope<R>(&self, work: impl FnOnce() -> R) -> R {
        struct Restore(Option<Myself>);
        impl Drop for Restore {
            fn drop(&mut self) {
                MYSELF.with(|myself| *myself.borrow_mut() = self.0.take());
            }
        }
        let _restore = Restore(MYSELF.with(|myself| myself.borrow_mut().replace(self.clone())));
        work()
    }

    /// Returns the incarnation that runs now on this thread.
    pub(crate) fn current() -> Option<Self> {
        MYSELF.with(|myself| myself.borrow().clone())
    }
}
