//! A bounded queue with one reader that outlives its reader.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::Overflow;
use crate::clock::{self, Instant};

/// A bounded first-in-first-out queue: any number of writers on any thread, one reader at a time.
///
/// The queue belongs to nobody: when its reader dies, what waits stays for the next reader.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    room: Semaphore,
    overflow: Overflow,
    dropped: AtomicU64,
    rejected: AtomicU64,
}

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<(Instant, T)>,
    /// How many of the first items are here beyond the bound: they were put back.
    restored: usize,
    reader: Option<Waker>,
    closed: bool,
}

/// Why a queue did not take an item; the item comes back.
#[derive(Debug)]
pub(crate) enum Refused<T> {
    /// No room, and the policy is to block or to reject.
    Full(T),
    /// The queue takes nothing any more.
    Closed(T),
}

/// What became of an accepted item.
#[derive(Debug)]
pub(crate) enum Accepted<T> {
    /// It waits in the queue.
    Queued,
    /// It waits, and this older one was dropped for it; or it was itself dropped.
    Dropped(T),
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize, overflow: Overflow) -> Self {
        let capacity = capacity.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            inner: Mutex::new(Inner {
                items: VecDeque::new(),
                restored: 0,
                reader: None,
                closed: false,
            }),
            room: Semaphore::new(capacity),
            overflow,
            dropped: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        }
    }

    /// Adds an item without waiting; who finds a queue full that blocks may wait then.
    pub(crate) fn try_push(&self, item: T) -> Result<Accepted<T>, Refused<T>> {
        match self.room.try_acquire() {
            Ok(permit) => {
                permit.forget();
                self.enqueue(item)
            }
            Err(tokio::sync::TryAcquireError::Closed) => Err(Refused::Closed(item)),
            Err(tokio::sync::TryAcquireError::NoPermits) => self.overflowing(item),
        }
    }

    /// Adds an item for somebody who never waits: under [`Overflow::Block`] too, what comes back is counted.
    pub(crate) fn offer(&self, item: T) -> Result<Accepted<T>, Refused<T>> {
        let outcome = self.try_push(item);
        if self.blocks() && matches!(outcome, Err(Refused::Full(_))) {
            self.rejected.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }

    /// Adds an item; with [`Overflow::Block`] waits until there is room, in the order of the callers.
    pub(crate) async fn push(&self, item: T) -> Result<Accepted<T>, Refused<T>> {
        match self.try_push(item) {
            Err(Refused::Full(item)) if self.overflow == Overflow::Block => {
                match self.room.acquire().await {
                    Ok(permit) => {
                        permit.forget();
                        self.enqueue(item)
                    }
                    Err(_) => Err(Refused::Closed(item)),
                }
            }
            done => done,
        }
    }

    /// Takes the oldest item; `None` once the queue is closed and empty.
    pub(crate) fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut inner = self.lock();
        match inner.items.pop_front() {
            Some((_, item)) if inner.restored > 0 => {
                inner.restored -= 1;
                Poll::Ready(Some(item))
            }
            Some((_, item)) => {
                drop(inner);
                self.room.add_permits(1);
                Poll::Ready(Some(item))
            }
            None if inner.closed => Poll::Ready(None),
            None => {
                match &mut inner.reader {
                    Some(waker) => waker.clone_from(cx.waker()),
                    none => *none = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
        }
    }

    /// Takes nothing more; what waits can still be read.
    pub(crate) fn close(&self) {
        self.room.close();
        let mut inner = self.lock();
        inner.closed = true;
        let reader = inner.reader.take();
        drop(inner);
        if let Some(waker) = reader {
            waker.wake();
        }
    }

    /// Closes if nothing waits, in one step. Returns whether it is closed and empty.
    pub(crate) fn retire(&self) -> bool {
        let mut inner = self.lock();
        if !inner.items.is_empty() {
            return false;
        }
        inner.closed = true;
        drop(inner);
        // Whoever has room already finds it closed.
        self.close();
        true
    }

    /// Puts an item before all others but those put back before it, whatever the bound; a closed queue gives it back.
    pub(crate) fn restore(&self, item: T) -> Result<(), T> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(item);
        }
        let place = inner.restored;
        inner.items.insert(place, (clock::now(), item));
        inner.restored += 1;
        let reader = inner.reader.take();
        drop(inner);
        if let Some(waker) = reader {
            waker.wake();
        }
        Ok(())
    }

    /// Takes everything that waits, oldest first.
    pub(crate) fn drain(&self) -> Vec<T> {
        let mut inner = self.lock();
        let items = std::mem::take(&mut inner.items);
        let restored = std::mem::take(&mut inner.restored);
        drop(inner);
        if !self.room.is_closed() {
            self.room.add_permits(items.len() - restored);
        }
        items.into_iter().map(|(_, item)| item).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.room.is_closed()
    }

    /// Says whether a writer waits when it is full.
    pub(crate) fn blocks(&self) -> bool {
        self.overflow == Overflow::Block
    }

    /// Returns how long the oldest item has waited.
    pub(crate) fn oldest(&self) -> Option<Duration> {
        let since = self.lock().items.front()?.0;
        Some(clock::now().saturating_duration_since(since))
    }

    /// Returns how many items were dropped by the policy.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Returns how many items were given back by the policy, as against to somebody who waits then.
    pub(crate) fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    fn enqueue(&self, item: T) -> Result<Accepted<T>, Refused<T>> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(Refused::Closed(item));
        }
        inner.items.push_back((clock::now(), item));
        let reader = inner.reader.take();
        drop(inner);
        if let Some(waker) = reader {
            waker.wake();
        }
        Ok(Accepted::Queued)
    }

    fn overflowing(&self, item: T) -> Result<Accepted<T>, Refused<T>> {
        match self.overflow {
            Overflow::Block => Err(Refused::Full(item)),
            Overflow::Reject => {
                self.rejected.fetch_add(1, Ordering::Relaxed);
                Err(Refused::Full(item))
            }
            Overflow::DropNewest => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                Ok(Accepted::Dropped(item))
            }
            Overflow::DropOldest => {
                let mut inner = self.lock();
                if inner.closed {
                    return Err(Refused::Closed(item));
                }
                // What was put back took nobody's room, so dropping it would make none.
                let place = inner.restored;
                let Some((_, oldest)) = inner.items.remove(place) else {
                    // The reader took everything meanwhile: there is room after all.
                    drop(inner);
                    return self.try_push(item);
                };
                inner.items.push_back((clock::now(), item));
                self.dropped.fetch_add(1, Ordering::Relaxed);
                Ok(Accepted::Dropped(oldest))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::future::poll_fn;

    use super::*;

    fn pop<T>(queue: &Queue<T>) -> Option<T> {
        poll_fn(|cx| queue.poll_pop(cx)).now_or_never().flatten()
    }

    #[test]
    fn each_policy_does_what_its_table_says() {
        let full = |overflow| {
            let queue = Queue::new(2, overflow);
            queue.try_push(1).unwrap();
            queue.try_push(2).unwrap();
            queue
        };
        let queue = full(Overflow::Block);
        assert!(matches!(queue.try_push(3), Err(Refused::Full(3))));
        assert!(queue.push(3).now_or_never().is_none());
        assert_eq!((queue.rejected(), queue.dropped()), (0, 0));
        assert!(matches!(queue.offer(3), Err(Refused::Full(3))));
        assert_eq!((queue.rejected(), queue.dropped()), (1, 0));

        let queue = full(Overflow::Reject);
        assert!(matches!(
            queue.push(3).now_or_never(),
            Some(Err(Refused::Full(3)))
        ));
        assert!(matches!(queue.offer(3), Err(Refused::Full(3))));
        assert_eq!((queue.rejected(), queue.dropped()), (2, 0));

        let queue = full(Overflow::DropOldest);
        assert!(matches!(queue.try_push(3), Ok(Accepted::Dropped(1))));
        assert_eq!(
            (pop(&queue), pop(&queue), pop(&queue)),
            (Some(2), Some(3), None)
        );
        assert_eq!((queue.rejected(), queue.dropped()), (0, 1));

        let queue = full(Overflow::DropNewest);
        assert!(matches!(queue.try_push(3), Ok(Accepted::Dropped(3))));
        assert_eq!(
            (pop(&queue), pop(&queue), pop(&queue)),
            (Some(1), Some(2), None)
        );
    }

    #[tokio::test]
    async fn a_blocked_writer_goes_on_when_there_is_room() {
        let queue = Queue::new(1, Overflow::Block);
        queue.try_push(1).unwrap();
        let (pushed, popped) = futures::join!(queue.push(2), async { pop(&queue) });
        assert!(pushed.is_ok());
        assert_eq!((popped, pop(&queue)), (Some(1), Some(2)));
    }

    #[test]
    fn a_queue_retires_only_when_it_is_empty() {
        let queue = Queue::new(1, Overflow::DropOldest);
        queue.try_push(1).unwrap();
        assert!(!queue.retire());
        assert!(queue.try_push(2).is_ok());
        assert_eq!(pop(&queue), Some(2));
        assert!(queue.retire() && queue.retire() && queue.is_closed());
        assert!(matches!(queue.try_push(3), Err(Refused::Closed(3))));
    }

    #[test]
    fn what_is_put_back_goes_first_and_takes_nobodys_room() {
        let queue = Queue::new(2, Overflow::Reject);
        queue.try_push(3).unwrap();
        queue.restore(1).unwrap();
        queue.restore(2).unwrap();
        queue.try_push(4).unwrap();
        assert!(queue.try_push(5).is_err(), "the bound holds for the others");
        assert_eq!((pop(&queue), pop(&queue)), (Some(1), Some(2)));
        assert!(queue.try_push(5).is_err(), "no room was made");
        assert_eq!(pop(&queue), Some(3));
        queue.try_push(5).unwrap();
        queue.restore(0).unwrap();
        assert_eq!(queue.drain(), [0, 4, 5]);
        queue.try_push(6).unwrap();
        queue.try_push(7).unwrap();
        assert!(queue.try_push(8).is_err());
    }

    #[test]
    fn what_is_put_back_is_not_what_is_dropped() {
        let queue = Queue::new(2, Overflow::DropOldest);
        queue.try_push(3).unwrap();
        queue.restore(1).unwrap();
        queue.try_push(4).unwrap();
        assert!(matches!(queue.try_push(5), Ok(Accepted::Dropped(3))));
        queue.restore(2).unwrap();
        assert!(matches!(queue.try_push(6), Ok(Accepted::Dropped(4))));
        let left: Vec<_> = std::iter::from_fn(|| pop(&queue)).collect();
        assert_eq!(left, [1, 2, 5, 6]);
        assert_eq!(queue.dropped(), 2);
        queue.try_push(7).unwrap();
        queue.try_push(8).unwrap();
        assert!(matches!(queue.try_push(9), Ok(Accepted::Dropped(7))));
    }

    #[test]
    fn a_closed_queue_gives_items_back_and_can_be_read_empty() {
        let queue = Queue::new(4, Overflow::Block);
        queue.try_push(1).unwrap();
        queue.close();
        assert!(matches!(queue.try_push(2), Err(Refused::Closed(2))));
        assert_eq!(pop(&queue), Some(1));
        assert_eq!(poll_fn(|cx| queue.poll_pop(cx)).now_or_never(), Some(None));
    }
}
