//! A bounded queue with one reader that outlives its reader.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::Overflow;
use crate::clock::{self, Instant};

/// A bounded first-in-first-out queue: any number of writers on any thread, one reader at a time.
///
/// The queue belongs to nobody: when its reader dies, what waits stays for the next reader. One lock is all that adding or taking
/// costs, for one item or for many.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    overflow: Overflow,
    dropped: AtomicU64,
    rejected: AtomicU64,
}

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<(Instant, T)>,
    capacity: usize,
    /// How many of the first items are here beyond the bound: they were put back.
    restored: usize,
    reader: Option<Waker>,
    /// Who waits for room, in the order in which they came. Nobody overtakes them.
    writers: VecDeque<Writer>,
    last_writer: u64,
    closed: bool,
}

/// Somebody who waits for room.
#[derive(Debug)]
struct Writer {
    number: u64,
    /// How much room is worth waking it for.
    wants: usize,
    waker: Option<Waker>,
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

impl<T> Inner<T> {
    fn room(&self) -> usize {
        let taken = self.items.len() - self.restored;
        self.capacity.saturating_sub(taken)
    }

    /// Returns the room for somebody who does not wait.
    fn free_room(&self) -> usize {
        match self.writers.is_empty() {
            true => self.room(),
            false => 0,
        }
    }

    /// Takes the oldest item.
    fn pop(&mut self) -> Option<T> {
        let (_, item) = self.items.pop_front()?;
        self.restored = self.restored.saturating_sub(1);
        Some(item)
    }

    /// Returns whom to wake now that there may be more room.
    fn next_writer(&mut self) -> Option<Waker> {
        let room = self.room();
        let first = self.writers.front_mut()?;
        (first.wants <= room).then(|| first.waker.take()).flatten()
    }

    fn read_by(&mut self, cx: &Context<'_>) {
        match &mut self.reader {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize, overflow: Overflow) -> Self {
        Self {
            inner: Mutex::new(Inner {
                items: VecDeque::new(),
                capacity: capacity.max(1),
                restored: 0,
                reader: None,
                writers: VecDeque::new(),
                last_writer: 0,
                closed: false,
            }),
            overflow,
            dropped: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        }
    }

    /// Adds an item without waiting; who finds a queue full that blocks may wait then.
    pub(crate) fn try_push(&self, item: T) -> Result<Accepted<T>, Refused<T>> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(Refused::Closed(item));
        }
        if inner.free_room() == 0 {
            return self.overflowing(inner, item);
        }
        inner.items.push_back((clock::now(), item));
        wake_reader(inner);
        Ok(Accepted::Queued)
    }

    /// Adds as many items as there is room for without waiting, in one step.
    pub(crate) fn fill(&self, items: &mut impl Iterator<Item = T>) {
        let mut inner = self.lock();
        let room = inner.free_room();
        if inner.closed || room == 0 {
            return;
        }
        let now = clock::now();
        let before = inner.items.len();
        inner.items.extend(items.take(room).map(|item| (now, item)));
        if inner.items.len() > before {
            wake_reader(inner);
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
            Err(Refused::Full(item)) if self.blocks() => {
                let mut items = VecDeque::from([item]);
                self.push_all(&mut items).await;
                match items.pop_front() {
                    Some(item) => Err(Refused::Closed(item)),
                    None => Ok(Accepted::Queued),
                }
            }
            done => done,
        }
    }

    /// Waits until there is room for all items, in the order of the callers, whatever the policy; what is left in `items` then found the
    /// queue closed.
    pub(crate) fn push_all<'a>(&'a self, items: &'a mut VecDeque<T>) -> PushAll<'a, T> {
        PushAll {
            queue: self,
            items,
            number: None,
        }
    }

    /// Takes the oldest item; `None` once the queue is closed and empty.
    pub(crate) fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut inner = self.lock();
        let popped = inner.pop();
        if popped.is_none() && !inner.closed {
            inner.read_by(cx);
            return Poll::Pending;
        }
        wake_writer(inner);
        Poll::Ready(popped)
    }

    /// Takes up to `most` items and adds them to `items`; if there is none, wakes the task of `cx` when there is one.
    pub(crate) fn poll_take(
        &self,
        most: usize,
        items: &mut VecDeque<T>,
        cx: &mut Context<'_>,
    ) -> usize {
        let mut inner = self.lock();
        let count = most.min(inner.items.len());
        if count == 0 {
            if most > 0 && !inner.closed {
                inner.read_by(cx);
            }
            return 0;
        }
        inner.restored = inner.restored.saturating_sub(count);
        items.extend(inner.items.drain(..count).map(|(_, item)| item));
        wake_writer(inner);
        count
    }

    /// Takes nothing more; what waits can still be read.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        let writers: Vec<_> = inner
            .writers
            .iter_mut()
            .filter_map(|writer| writer.waker.take())
            .collect();
        wake_reader(inner);
        writers.into_iter().for_each(Waker::wake);
    }

    /// Closes if nothing waits, in one step. Returns whether it is closed and empty.
    pub(crate) fn retire(&self) -> bool {
        let mut inner = self.lock();
        if !inner.items.is_empty() {
            return false;
        }
        inner.closed = true;
        drop(inner);
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
        wake_reader(inner);
        Ok(())
    }

    /// Takes everything that waits, oldest first.
    pub(crate) fn drain(&self) -> Vec<T> {
        let mut inner = self.lock();
        let items = std::mem::take(&mut inner.items);
        inner.restored = 0;
        wake_writer(inner);
        items.into_iter().map(|(_, item)| item).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
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

    #[cold]
    fn overflowing(
        &self,
        mut inner: MutexGuard<'_, Inner<T>>,
        item: T,
    ) -> Result<Accepted<T>, Refused<T>> {
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
                // What was put back took nobody's room, so dropping it would make none.
                let place = inner.restored;
                let oldest = inner.items.remove(place);
                inner.items.push_back((clock::now(), item));
                wake_reader(inner);
                Ok(match oldest {
                    Some((_, oldest)) => {
                        self.dropped.fetch_add(1, Ordering::Relaxed);
                        Accepted::Dropped(oldest)
                    }
                    None => Accepted::Queued,
                })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake_reader<T>(mut inner: MutexGuard<'_, Inner<T>>) {
    let reader = inner.reader.take();
    drop(inner);
    if let Some(waker) = reader {
        waker.wake();
    }
}

fn wake_writer<T>(mut inner: MutexGuard<'_, Inner<T>>) {
    if inner.writers.is_empty() {
        return;
    }
    let writer = inner.next_writer();
    drop(inner);
    if let Some(waker) = writer {
        waker.wake();
    }
}

/// Waits for room for some items; made by [`Queue::push_all`]. Dropping it leaves the rest where they are.
#[derive(Debug)]
pub(crate) struct PushAll<'a, T> {
    queue: &'a Queue<T>,
    items: &'a mut VecDeque<T>,
    /// Its number among those who wait.
    number: Option<u64>,
}

impl<T> Future for PushAll<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut inner = this.queue.lock();
        if inner.closed || this.items.is_empty() {
            return Poll::Ready(());
        }
        let is_first = match (inner.writers.front(), this.number) {
            (None, _) => true,
            (Some(first), number) => Some(first.number) == number,
        };
        if is_first {
            let count = inner.room().min(this.items.len());
            if count > 0 {
                let now = clock::now();
                inner
                    .items
                    .extend(this.items.drain(..count).map(|item| (now, item)));
                if this.items.is_empty() {
                    wake_reader(inner);
                    return Poll::Ready(());
                }
                let reader = inner.reader.take();
                if let Some(waker) = reader {
                    waker.wake();
                }
            }
        }
        // Some at a time, so that nobody is woken for each item that is read.
        let wants = this.items.len().min(inner.capacity / 4).max(1);
        let waker = Some(cx.waker().clone());
        let found = this.number;
        match inner
            .writers
            .iter_mut()
            .find(|writer| Some(writer.number) == found)
        {
            Some(writer) => (writer.wants, writer.waker) = (wants, waker),
            None => {
                inner.last_writer += 1;
                let number = inner.last_writer;
                inner.writers.push_back(Writer {
                    number,
                    wants,
                    waker,
                });
                this.number = Some(number);
            }
        }
        Poll::Pending
    }
}

impl<T> Drop for PushAll<'_, T> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut inner = self.queue.lock();
        inner.writers.retain(|writer| writer.number != number);
        wake_writer(inner);
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
