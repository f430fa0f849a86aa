//! What is shared of one agent's connection: by its socket, its actor and those who broadcast.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytestring::ByteString;
use tokio::sync::watch;

use super::lane::Lane;
use super::limits::{OUT_BYTES, OUT_FRAMES, QUEUE, QUEUE_BYTES};

/// The connection of one agent.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: u64,
    pub(super) lane: Lane,
    pub(super) outbox: Outbox,
    ended: watch::Sender<bool>,
}

impl Link {
    /// The socket has ended: nothing more comes, and nothing more leaves.
    pub(super) fn end(&self) {
        self.lane.close();
        self.ended.send_replace(true);
    }

    /// Waits until the socket has ended.
    pub(super) async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as this.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

/// What leaves for one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Out {
    Text(ByteString),
    Close(u16),
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pushed {
    /// The connection is being closed.
    Ending,
    Full,
    Queued,
}

/// What waits to leave for one agent; bounded.
#[derive(Debug, Default)]
pub(super) struct Outbox(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<ByteString>,
    /// What waits here, and what the socket has not handed to the network yet.
    bytes: usize,
    count: usize,
    close: Option<u16>,
    is_ended: bool,
    socket: Option<Waker>,
    flushed: Option<Waker>,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a frame, if there is room.
    fn push(&self, frame: &ByteString) -> Pushed {
        let mut waiting = self.lock();
        if waiting.close.is_some() || waiting.is_ended {
            return Pushed::Ending;
        }
        // One frame always has room, however large it is.
        let is_over = waiting.count > 0 && waiting.bytes + frame.len() > OUT_BYTES;
        if is_over || waiting.count >= OUT_FRAMES {
            return Pushed::Full;
        }
        waiting.bytes += frame.len();
        waiting.count += 1;
        waiting.frames.push_back(frame.clone());
        wake(&mut waiting.socket);
        Pushed::Queued
    }

    /// Ends the connection with this code, at once or after what waits.
    pub(super) fn close(&self, code: u16, at_once: bool) {
        let mut waiting = self.lock();
        waiting.close.get_or_insert(code);
        if at_once {
            waiting.frames.clear();
        }
        wake(&mut waiting.socket);
    }

    /// Returns what leaves next.
    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<Out>> {
        let mut waiting = self.lock();
        if waiting.is_ended {
            return Poll::Ready(None);
        }
        if let Some(frame) = waiting.frames.pop_front() {
            return Poll::Ready(Some(Out::Text(frame)));
        }
        if let Some(code) = waiting.close {
            waiting.is_ended = true;
            return Poll::Ready(Some(Out::Close(code)));
        }
        waiting.socket = Some(cx.waker().clone());
        Poll::Pending
    }

    /// So much has left for the network.
    pub(super) fn left(&self, frames: usize, bytes: usize) {
        let mut waiting = self.lock();
        waiting.count = waiting.count.saturating_sub(frames);
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        if waiting.count == 0 {
            wake(&mut waiting.flushed);
        }
    }

    /// Waits until everything has left for the network.
    pub(super) fn poll_flushed(&self, cx: &Context<'_>) -> Poll<()> {
        let mut waiting = self.lock();
        if waiting.count == 0 || waiting.is_ended {
            return Poll::Ready(());
        }
        waiting.flushed = Some(cx.waker().clone());
        Poll::Pending
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// All agents that are connected. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Hub(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    links: Mutex<BTreeMap<u64, Arc<Link>>>,
    last: AtomicU64,
    is_closing: AtomicBool,
}

impl Hub {
    fn links(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Link>>> {
        self.0.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the link of a new agent.
    pub(super) fn open(&self) -> Arc<Link> {
        let id = self.0.last.fetch_add(1, Ordering::Relaxed) + 1;
        let link = Arc::new(Link {
            id,
            lane: Lane::new(QUEUE, QUEUE_BYTES),
            outbox: Outbox::default(),
            ended: watch::Sender::new(false),
        });
        self.links().insert(id, Arc::clone(&link));
        link
    }

    /// Forgets an agent; says whether it was there.
    pub(super) fn remove(&self, id: u64) -> bool {
        self.links().remove(&id).is_some()
    }

    /// Says whether an agent is connected.
    pub(super) fn has(&self, id: u64) -> bool {
        self.links().contains_key(&id)
    }

    /// Returns how many agents are connected.
    pub(super) fn len(&self) -> usize {
        self.links().len()
    }

    /// Queues a frame for every agent and returns for how many. One whose queue is full is closed.
    pub(super) fn broadcast(&self, frame: &ByteString) -> usize {
        let mut queued = 0;
        self.links()
            .retain(|id, link| match link.outbox.push(frame) {
                Pushed::Ending => true,
                Pushed::Full => {
                    tracing::warn!(agent = id, "does not read what is sent to it: closed");
                    link.outbox.close(POLICY, true);
                    false
                }
                Pushed::Queued => {
                    queued += 1;
                    true
                }
            });
        queued
    }

    /// Queues a frame for one agent; says whether it is there.
    pub(super) fn send(&self, id: u64, frame: &ByteString) -> bool {
        let links = self.links();
        let link = links.get(&id);
        link.is_some_and(|link| link.outbox.push(frame) == Pushed::Queued)
    }

    /// Tells every agent that the device stops.
    pub(super) fn close_all(&self) {
        for link in self.links().values() {
            link.outbox.close(RESTART, false);
        }
    }

    /// Says whether everything that came from agents was handled.
    pub(super) fn is_idle(&self) -> bool {
        self.links().values().all(|link| link.lane.is_idle())
    }

    /// Takes no more agents, and reads no more of those that are there.
    pub(super) fn quiesce(&self) {
        self.0.is_closing.store(true, Ordering::Relaxed);
    }

    /// Takes agents again.
    pub(super) fn resume(&self) {
        self.0.is_closing.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.0.is_closing.load(Ordering::Relaxed)
    }
}

const POLICY: u16 = 1_008;
const RESTART: u16 = 1_012;
