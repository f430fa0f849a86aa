//! The line between a supervisor and one running child.

use std::any::Any;
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    /// It ends because nothing has come for long enough.
    idle: AtomicBool,
    /// Somebody wants to see what happens if it fails.
    crash: AtomicBool,
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

    /// Waits until the wish is more urgent than `wish`, and returns it.
    pub(crate) async fn wished_more_than(&self, wish: Wish) -> Wish {
        std::future::poll_fn(|cx| match self.poll_wish(cx) {
            more if more > wish => std::task::Poll::Ready(more),
            _ => std::task::Poll::Pending,
        })
        .await
    }

    /// Lets the incarnation end as if it had panicked.
    pub(crate) fn crash(&self) {
        self.crash.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub(crate) fn is_to_crash(&self) -> bool {
        self.crash.load(Ordering::Acquire)
    }

    /// Says why the incarnation is about to end; the first word counts.
    pub(crate) fn ends_with(&self, exit: Exit) {
        self.exit().get_or_insert(exit);
    }

    /// Says that the incarnation is about to end for want of work.
    pub(crate) fn ends_idle(&self) {
        self.ends_with(Exit::Normal);
        self.idle.store(true, Ordering::Release);
    }

    /// Says that the incarnation goes on after all.
    pub(crate) fn stays(&self) {
        if self.idle.swap(false, Ordering::AcqRel) {
            *self.exit() = None;
        }
    }

    /// Says whether the incarnation has ended for want of work.
    pub(crate) fn is_idle(&self) -> bool {
        self.idle.load(Ordering::Acquire)
    }

    pub(crate) fn take_exit(&self) -> Option<Exit> {
        self.exit().take()
    }

    fn exit(&self) -> MutexGuard<'_, Option<Exit>> {
        self.exit.lock().unwrap_or_else(PoisonError::into_inner)
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
