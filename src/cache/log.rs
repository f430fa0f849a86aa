//! Keeps messages as they come: off the path of the events, in order, in batches.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use greenroom_actors::cache::{Batch, Cache, CacheError, Record};
use greenroom_actors::event::{ChannelKey, Id};
use greenroom_actors::telemetry::Counters;
use tokio::sync::Notify;

use super::CacheOptions;
use super::writer::Writer;

/// What has become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// It was changed as a whole.
    #[cfg_attr(
        not(feature = "mezon"),
        expect(dead_code, reason = "only Mezon tells that")
    )]
    Changed,
    /// It was withdrawn.
    #[cfg_attr(
        not(feature = "mezon"),
        expect(dead_code, reason = "only Mezon tells that")
    )]
    Removed,
    /// It is new.
    Said,
}

/// What a message is kept by; the meaning of the parts is that of [`Record`].
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) channel: ChannelKey,
    pub(crate) id: Id,
    pub(crate) at: u64,
    pub(crate) format: u8,
}

/// Writes the messages of a platform into the cache. Clones write into the same queue.
#[derive(Clone, Debug)]
pub(crate) struct MessageLog {
    cache: Cache,
    pub(super) counters: Arc<Counters>,
    lossless: bool,
    queue: usize,
    waiting: Arc<Mutex<Waiting>>,
    pub(super) written: Arc<Notify>,
}

#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) changes: VecDeque<Change>,
    /// How many messages `changes` has.
    pub(super) number: usize,
    /// How many messages are being written.
    pub(super) in_hand: usize,
    pub(super) has_writer: bool,
}

/// New messages together, or one that was changed or removed.
#[derive(Debug)]
pub(super) enum Change {
    Delete(ChannelKey, Id),
    Save(Batch),
    Update(Record),
}

impl Waiting {
    fn len(&self) -> usize {
        self.number + self.in_hand
    }

    /// Adds a message at the end. Its body is copied, so that the block in which it was read is not kept alive.
    fn add(&mut self, news: News, key: Key, body: &[u8]) {
        self.number += 1;
        let Key {
            channel,
            id,
            at,
            format,
        } = key;
        let change = match news {
            News::Removed => Change::Delete(channel, id),
            News::Changed => Change::Update(Record {
                channel,
                id,
                at,
                format,
                body: Bytes::copy_from_slice(body),
            }),
            News::Said => match self.changes.back_mut() {
                Some(Change::Save(batch)) if batch.len() < BATCH && batch.bytes() < BLOCK => {
                    batch.push(channel, id, at, format, body);
                    return;
                }
                last => {
                    // While messages come fast, the next batch is as large as the last.
                    let mut batch = match last {
                        Some(Change::Save(last)) => Batch::with_capacity(last.len(), last.bytes()),
                        _ => Batch::new(),
                    };
                    batch.push(channel, id, at, format, body);
                    Change::Save(batch)
                }
            },
        };
        self.changes.push_back(change);
    }

    /// Leaves out the oldest message.
    fn drop_first(&mut self) {
        if let Some(Change::Save(batch)) = self.changes.front_mut()
            && batch.len() > 1
        {
            batch.drop_first();
        } else {
            self.changes.pop_front();
        }
        self.number -= 1;
    }
}

/// What the caller has to do after a message was noted.
pub(crate) enum Noted {
    /// Hold back further messages until this is done.
    Hold(BoxFuture<'static, ()>),
    /// Nothing: it will be written with others.
    Later,
    /// Run this beside other work.
    Write(BoxFuture<'static, ()>),
}

impl MessageLog {
    pub(crate) fn new(cache: Cache, counters: Arc<Counters>, options: &CacheOptions) -> Self {
        Self {
            cache,
            counters,
            lossless: options.lossless,
            queue: options.queue.max(1),
            waiting: Arc::default(),
            written: Arc::default(),
        }
    }

    /// Notes a message as it was received.
    pub(crate) fn note(&self, news: News, key: Key, body: &[u8]) -> Noted {
        let mut waiting = self.lock();
        waiting.add(news, key, body);
        if !waiting.has_writer {
            waiting.has_writer = true;
            drop(waiting);
            return Noted::Write(Writer::new(self.clone()).write().boxed());
        }
        if waiting.len() <= self.queue {
            return Noted::Later;
        }
        if self.lossless {
            drop(waiting);
            return Noted::Hold(self.clone().wait_for_room().boxed());
        }
        waiting.drop_first();
        self.counters.cache_dropped.add(1);
        Noted::Later
    }

    async fn wait_for_room(self) {
        loop {
            let written = self.written.notified();
            if self.lock().len() <= self.queue {
                return;
            }
            written.await;
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn write_all(&self, changes: VecDeque<Change>) {
        for change in changes {
            let (number, outcome) = match change {
                Change::Delete(channel, id) => (1, self.cache.delete(&channel, id).await.map(drop)),
                Change::Save(batch) => (batch.len() as u64, self.cache.save_batch(batch).await),
                Change::Update(record) => (1, self.update(record).await),
            };
            self.count(number, outcome);
        }
    }

    /// Changes a message that is kept; one that is not is kept as it is now.
    async fn update(&self, record: Record) -> Result<(), CacheError> {
        let (channel, id) = (&record.channel, record.id.clone());
        let body = record.body.clone();
        match self.cache.update(channel, id, record.format, body).await? {
            true => Ok(()),
            false => self.cache.save(vec![record]).await,
        }
    }

    fn count(&self, number: u64, outcome: Result<(), CacheError>) {
        match outcome {
            Ok(()) => self.counters.cached.add(number),
            Err(error) => {
                self.counters.cache_dropped.add(number);
                tracing::warn!(%error, number, "messages could not be kept");
            }
        }
    }
}

/// The most messages, and about how many bytes, that go to the cache together.
const BATCH: usize = 256;
const BLOCK: usize = 256 << 10;
