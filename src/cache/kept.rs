//! The cache of a platform and what goes with it.

use std::path::Path;
use std::sync::Arc;

use actix::{Arbiter, ArbiterHandle, System};
use greenroom_actors::cache::Cache;
use greenroom_actors::supervisor::{ChildSpec, NodeKind, Strategy, Supervisor};

#[cfg(unix)]
use super::CacheDoor;
use super::{CacheOptions, MessageLog};
use crate::platform::Assembly;

/// What an adapter needs to keep messages.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) cache: Cache,
    pub(crate) log: MessageLog,
    /// The actors of the cache.
    pub(crate) branch: Supervisor,
}

impl Kept {
    pub(crate) fn new(options: &CacheOptions, assembly: &Assembly) -> Self {
        let cache = Cache::new(options.settings.clone());
        Self {
            branch: shards(&cache, &options.settings.path, assembly),
            log: MessageLog::new(cache.clone(), Arc::clone(&assembly.counters), options),
            cache,
        }
    }
}

/// The shards of the cache, on a thread of their own where there can be one: what they do blocks.
fn shards(cache: &Cache, folder: &Path, assembly: &Assembly) -> Supervisor {
    let system = System::try_current().filter(|_| !assembly.network.is_in_process());
    let thread: Option<ArbiterHandle> = system.map(|_| Arbiter::new().handle());
    let shard = |number: usize| {
        let cache = cache.clone();
        let shard = ChildSpec::new(format!("cache shard {number}"), move || cache.shard(number));
        let shard = shard.kind(NodeKind::Cache);
        match &thread {
            Some(thread) => shard.on_arbiter(thread.clone()),
            None => shard,
        }
    };
    let supervisor = assembly.supervisor("cache", Strategy::OneForOne);
    let supervisor = (0..cache.shards())
        .map(shard)
        .fold(supervisor, Supervisor::child);
    #[cfg(unix)]
    let supervisor = supervisor.child(door(cache, folder));
    supervisor
}

/// The way in for other processes, such as `greenroom cache`.
#[cfg(unix)]
fn door(cache: &Cache, folder: &Path) -> ChildSpec<CacheDoor> {
    let (cache, folder) = (cache.clone(), folder.to_owned());
    ChildSpec::new("cache door", move || CacheDoor::new(cache.clone(), &folder))
}
