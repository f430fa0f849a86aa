//! The actor that owns one shard of the cache.

use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::prelude::*;

use super::error::CacheError;
use super::handle::Doors;
use super::message::*;
use super::record::{ChannelInfo, Record};
use super::shared::Shared;
use super::store::{MessageStore, Recovery, StoreStats};
use crate::clock;

/// One shard of the cache: the messages of the channels whose partition it is.
///
/// * **Who starts it:** [`Cache::start`](super::Cache::start), or a supervisor with the values that
///   [`Cache::shard`](super::Cache::shard) makes. Its calls block, so in production it has an arbiter of its own.
/// * **What ends it:** its supervisor or arbiter, or that nobody holds the cache any more. It flushes then.
/// * **What happens to its mailbox then:** requests in it fail with [`CacheError::Unavailable`] and can be repeated; new requests
///   reach the next incarnation, which registers itself with the cache.
/// * **What it may lose:** nothing by a panic, not even the message that caused it if that was kept before: all state, including what
///   waits to be written, lives in the cache's shared part, and the next incarnation puts it right first. By a crash of the process:
///   what was not handed to the engine (`write_behind`) and not flushed (`flush_every`).
#[derive(Debug)]
pub struct CacheShard {
    shared: Arc<Shared>,
    doors: Weak<Doors>,
    shard: usize,
    write_every: Duration,
    expires: bool,
    writing: bool,
}

impl CacheShard {
    pub(super) fn new(
        shared: Arc<Shared>,
        doors: Weak<Doors>,
        shard: usize,
        write_every: Duration,
        expires: bool,
    ) -> Self {
        Self {
            shared,
            doors,
            shard,
            write_every,
            expires,
            writing: false,
        }
    }

    /// Makes sure that what waits is written in time.
    fn write_later(&mut self, ctx: &mut Context<Self>) {
        if !self.writing {
            self.writing = true;
            ctx.run_later(self.write_every, Self::write);
        }
    }

    fn write(&mut self, ctx: &mut Context<Self>) {
        self.writing = false;
        let written = self
            .shared
            .with_open(self.shard, MessageStore::write_behind);
        if let Err(error) = written {
            tracing::warn!(shard = self.shard, %error, "could not write cached messages");
            self.writing = true;
            ctx.run_later(self.write_every.max(PAUSE), Self::write);
        }
    }

    fn expire(&mut self, ctx: &mut Context<Self>) {
        if self.doors.strong_count() == 0 {
            ctx.stop();
            return;
        }
        let now = clock::unix_seconds();
        let expired = self.shared.with_open(self.shard, |store| store.expire(now));
        match expired {
            Ok(0) => {}
            Ok(_) => self.write_later(ctx),
            Err(error) => tracing::warn!(shard = self.shard, %error, "could not expire messages"),
        }
    }
}

impl Actor for CacheShard {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        if let Some(doors) = self.doors.upgrade() {
            doors.register(self.shard, ctx.address());
        }
        if self.expires {
            ctx.run_interval(EXPIRE_EVERY, Self::expire);
        }
        if self
            .shared
            .stats(self.shard)
            .is_ok_and(|stats| stats.waiting > 0)
        {
            self.write_later(ctx);
        }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        let flushed = self.shared.with_open(self.shard, MessageStore::flush);
        if let Err(error) = flushed {
            tracing::warn!(shard = self.shard, %error, "could not flush the cache at its end");
        }
    }
}

impl Supervised for CacheShard {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.writing = false;
    }
}

impl Handler<Save> for CacheShard {
    type Result = Result<(), CacheError>;

    fn handle(&mut self, Save(records): Save, ctx: &mut Self::Context) -> Self::Result {
        self.write_later(ctx);
        self.shared.with(self.shard, |store| store.save(records))
    }
}

impl Handler<SaveBatch> for CacheShard {
    type Result = Result<(), CacheError>;

    fn handle(&mut self, SaveBatch(batch): SaveBatch, ctx: &mut Self::Context) -> Self::Result {
        self.write_later(ctx);
        self.shared
            .with(self.shard, |store| store.save_batch(batch))
    }
}

impl Handler<Get> for CacheShard {
    type Result = Result<Option<Record>, CacheError>;

    fn handle(&mut self, Get { channel, id }: Get, _: &mut Self::Context) -> Self::Result {
        self.shared
            .with(self.shard, |store| store.get(&channel, &id))
    }
}

impl Handler<List> for CacheShard {
    type Result = Result<Vec<Record>, CacheError>;

    fn handle(&mut self, List(query): List, _: &mut Self::Context) -> Self::Result {
        self.shared.with(self.shard, |store| store.list(&query))
    }
}

impl Handler<Count> for CacheShard {
    type Result = Result<u64, CacheError>;

    fn handle(&mut self, Count(channel): Count, _: &mut Self::Context) -> Self::Result {
        self.shared
            .with(self.shard, |store| store.count(channel.as_ref()))
    }
}

impl Handler<Channels> for CacheShard {
    type Result = Result<Vec<ChannelInfo>, CacheError>;

    fn handle(&mut self, _: Channels, _: &mut Self::Context) -> Self::Result {
        self.shared.with(self.shard, |store| store.channels())
    }
}

impl Handler<Update> for CacheShard {
    type Result = Result<bool, CacheError>;

    fn handle(&mut self, update: Update, ctx: &mut Self::Context) -> Self::Result {
        self.write_later(ctx);
        let Update {
            channel,
            id,
            format,
            body,
        } = update;
        self.shared.with(self.shard, |store| {
            store.update(&channel, &id, format, body)
        })
    }
}

impl Handler<Delete> for CacheShard {
    type Result = Result<bool, CacheError>;

    fn handle(&mut self, Delete { channel, id }: Delete, ctx: &mut Self::Context) -> Self::Result {
        self.write_later(ctx);
        self.shared
            .with(self.shard, |store| store.delete(&channel, &id))
    }
}

impl Handler<Clear> for CacheShard {
    type Result = Result<u64, CacheError>;

    fn handle(&mut self, Clear(channel): Clear, ctx: &mut Self::Context) -> Self::Result {
        self.write_later(ctx);
        self.shared.with(self.shard, |store| store.clear(&channel))
    }
}

impl Handler<Flush> for CacheShard {
    type Result = Result<(), CacheError>;

    fn handle(&mut self, _: Flush, _: &mut Self::Context) -> Self::Result {
        self.shared.with_open(self.shard, MessageStore::flush)
    }
}

impl Handler<Stats> for CacheShard {
    type Result = Result<StoreStats, CacheError>;

    fn handle(&mut self, _: Stats, _: &mut Self::Context) -> Self::Result {
        self.shared.stats(self.shard)
    }
}

impl Handler<Open> for CacheShard {
    type Result = Result<Recovery, CacheError>;

    fn handle(&mut self, _: Open, _: &mut Self::Context) -> Self::Result {
        self.shared.open()
    }
}

impl Handler<Close> for CacheShard {
    type Result = Result<(), CacheError>;

    fn handle(&mut self, _: Close, _: &mut Self::Context) -> Self::Result {
        self.shared.close()
    }
}

impl Handler<Compact> for CacheShard {
    type Result = Result<(), CacheError>;

    fn handle(&mut self, _: Compact, _: &mut Self::Context) -> Self::Result {
        self.shared.compact()
    }
}

const MAILBOX: usize = 64;
const EXPIRE_EVERY: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_secs(1);
