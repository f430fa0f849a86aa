//! The store of the command, opened for as long as it takes.

use std::path::Path;

use greenroom_actors::cache::{Bound, Cache, CacheError, ChannelInfo, Limits, Settings};
use greenroom_actors::event::{ChannelKey, Id};

use crate::cli::{Failure, FailureKind, Globals, Printer, remark};
use crate::config;

/// Where the messages are, and how results are printed.
#[derive(Debug)]
pub(super) struct Store {
    settings: Settings,
    pub(super) printer: Printer,
}

impl Store {
    /// Finds the store; nothing is opened yet.
    ///
    /// # Errors
    ///
    /// Something else than a folder is there.
    pub(super) fn new(section: &config::Cache, globals: &Globals) -> Result<Self, Failure> {
        // What is too much is up to the bot: a look must not throw anything away.
        let unbounded = Limits::default()
            .per_channel(Bound::NONE)
            .total(Bound::NONE);
        let store = Self {
            settings: Settings::from(section).limits(unbounded),
            printer: Printer::report(globals),
        };
        match store.path().exists() && !store.path().is_dir() {
            true => Err(Failure::failed(format!(
                "{} is not a folder",
                store.path().display()
            ))),
            false => Ok(store),
        }
    }

    /// Returns the folder.
    pub(super) fn path(&self) -> &Path {
        &self.settings.path
    }

    /// Says whether there is a store, so that a look does not make one.
    pub(super) fn exists(&self) -> bool {
        let path = self.path();
        let unfinished = || {
            let mut old = path.as_os_str().to_owned();
            old.push(".old");
            !path.exists() && Path::new(&old).is_dir()
        };
        ["conf", "db"].iter().any(|file| path.join(file).exists()) || unfinished()
    }

    /// Makes sure that there is a store, or a running bot that has none yet.
    ///
    /// # Errors
    ///
    /// There is neither, or the bot cannot be reached.
    pub(super) fn expect(&self) -> Result<(), Failure> {
        #[cfg(unix)]
        if crate::cache::Remote::find(self.path())?.is_some() {
            return Ok(());
        }
        match self.exists() {
            true => Ok(()),
            false => Err(Failure::failed(format!(
                "there is no cache at {}",
                self.path().display()
            ))),
        }
    }

    /// Tells a person something that is no result.
    pub(super) fn remark(&self, text: &str) {
        if !self.printer.is_json() {
            remark(text);
        }
    }

    /// Looks into the store; without one, the answer is `None`.
    ///
    /// # Errors
    ///
    /// Those of `look`, or the store cannot be opened.
    pub(super) async fn look<R>(
        &self,
        look: impl AsyncFnOnce(&Cache) -> Result<R, Failure>,
    ) -> Result<Option<R>, Failure> {
        match self.exists() {
            true => self.work(look).await.map(Some),
            false => Ok(None),
        }
    }

    /// Returns the cache of the running bot that has the folder open; if there is none, that of the folder.
    ///
    /// # Errors
    ///
    /// A bot has it open which cannot be reached.
    fn cache(&self) -> Result<Cache, Failure> {
        #[cfg(unix)]
        if let Some(remote) = crate::cache::Remote::find(self.path())? {
            tracing::debug!("a running bot has the cache open: it is asked");
            return Ok(Cache::with_backend(
                Box::new(remote),
                self.settings.write_every,
                false,
            ));
        }
        Ok(Cache::new(self.settings.clone()))
    }

    /// Works on the store, which is made if it does not exist as soon as something is put into it.
    ///
    /// # Errors
    ///
    /// Those of `work`, or the store cannot be opened or written.
    pub(super) async fn work<R>(
        &self,
        work: impl AsyncFnOnce(&Cache) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let cache = self.cache()?;
        cache.start();
        if self.exists() {
            cache.open().await?;
        }
        let done = work(&cache).await;
        // Even if the work failed, what it did must be kept.
        let closed = cache.close().await;
        let done = done?;
        closed?;
        Ok(done)
    }
}

/// Finds a channel by `CHANNEL` or `CLAN/CHANNEL`, if any message of it is kept.
///
/// # Errors
///
/// Channels of several clans have this id.
pub(super) async fn find(cache: &Cache, name: &str) -> Result<Option<ChannelInfo>, Failure> {
    let exact = name
        .split_once('/')
        .map(|(clan, channel)| ChannelKey::new(clan, channel));
    let id = Id::from(name);
    let mut found = cache.channels().await?;
    found.retain(|info| exact.as_ref() == Some(&info.channel) || info.channel.channel == id);
    let Some(first) = found.pop() else {
        return Ok(None);
    };
    if found.is_empty() {
        return Ok(Some(first));
    }
    found.push(first);
    let names: Vec<_> = found.iter().map(|info| info.channel.to_string()).collect();
    let message = format!(
        "there are several channels {name}: say which of {} is meant",
        names.join(", ")
    );
    Err(Failure::new(FailureKind::Usage, message))
}

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Self {
        use std::io::ErrorKind::BrokenPipe;
        match error {
            CacheError::Io { source, .. } if source.kind() == BrokenPipe => Self::from(source),
            CacheError::Locked { path } => Self::failed(format!(
                "the cache at {} is in use by a running bot that lets no other process in, or by another command: stop that first",
                path.display()
            )),
            CacheError::Engine { ref source, .. } | CacheError::Import { ref source, .. } => {
                Self::failed(format!("{error}: {source}"))
            }
            CacheError::Io { ref source, .. } => Self::failed(format!("{error}: {source}")),
            other => Self::failed(other.to_string()),
        }
    }
}
