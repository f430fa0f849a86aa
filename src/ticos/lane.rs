//! The messages of one agent on their way to the handlers: bounded, so that a socket is read only as fast as they are handled.
//!
//! They wait as they came, and are parsed where they are handled: as text they take a tenth of the memory, and a large one holds up nobody
//! who shares the thread of the sockets.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use bytestring::ByteString;
use serde_json::Value;

use super::codec::{self, Bad};

/// A whole message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Binary(Bytes),
    Text(ByteString),
}

impl Frame {
    fn len(&self) -> usize {
        match self {
            Self::Binary(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
        }
    }

    /// Reads the object that it should be.
    pub(super) fn parse(&self) -> Result<Value, Bad> {
        match self {
            Self::Binary(bytes) => codec::binary(bytes),
            Self::Text(text) => codec::text(text),
        }
    }
}

/// The queue of one agent.
#[derive(Debug)]
pub(super) struct Lane {
    /// So many messages, or so many bytes of them, and the socket is read no further.
    capacity: usize,
    bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Frame>,
    bytes: usize,
    is_closed: bool,
    is_working: bool,
    reader: Option<Waker>,
    worker: Option<Waker>,
}

impl Lane {
    pub(super) fn new(capacity: usize, bytes: usize) -> Self {
        Self {
            capacity,
            bytes,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message; nothing is dropped, since whoever adds asks for room before it reads on.
    pub(super) fn push(&self, message: Frame) {
        let mut state = self.lock();
        state.bytes += message.len();
        state.queue.push_back(message);
        if let Some(worker) = state.worker.take() {
            drop(state);
            worker.wake();
        }
    }

    /// Waits until there is room.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.queue.len() < self.capacity && state.bytes < self.bytes {
            return Poll::Ready(());
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Takes up to `most` messages; none once it is closed and empty.
    pub(super) fn poll_batch(&self, cx: &Context<'_>, most: usize) -> Poll<Option<Vec<Frame>>> {
        let mut state = self.lock();
        state.is_working = false;
        if state.queue.is_empty() {
            if state.is_closed {
                return Poll::Ready(None);
            }
            state.worker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let take = most.min(state.queue.len());
        let batch: Vec<Frame> = state.queue.drain(..take).collect();
        state.bytes -= batch.iter().map(Frame::len).sum::<usize>();
        state.is_working = true;
        if let Some(reader) = state.reader.take() {
            drop(state);
            reader.wake();
        }
        Poll::Ready(Some(batch))
    }

    /// Says whether everything that came was handled.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.lock();
        state.queue.is_empty() && !state.is_working
    }

    /// Says that nothing more will come.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let wakers = [state.worker.take(), state.reader.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }
}
