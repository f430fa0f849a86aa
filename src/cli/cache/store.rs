//! The stores of the command, each opened for as long as it takes.

use std::path::Path;

use greenroom_actors::cache::{Bound, Cache, CacheError, ChannelInfo, Limits, Settings};
use greenroom_actors::event::{ChannelKey, Id};

use crate::cli::{Failure, FailureKind, Globals, Printer, remark};
use crate::config;

/// Where the messages of all platforms are, and how results are printed.
#[derive(Debug)]
pub(super) struct Stores {
    /// The one of Mezon, or the only one that is meant.
    pub(super) first: Store,
    pub(super) token_bowl: Option<Store>,
    pub(super) printer: Printer,
}

impl Stores {
    /// Finds the stores of the configuration, or the one at `cache.path` only; nothing is opened yet.
    ///
    /// # Errors
    ///
    /// Something else than a folder is there.
    pub(super) fn new(
        section: &config::Cache,
        is_one: bool,
        globals: &Globals,
    ) -> Result<Self, Failure> {
        let is_another = !is_one && section.token_bowl_path != section.path;
        let token_bowl = is_another.then(|| Store::new(section, &section.token_bowl_path));
        Ok(Self {
            first: Store::new(section, &section.path)?,
            token_bowl: token_bowl.transpose()?,
            printer: Printer::report(globals),
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Store> {
        std::iter::once(&self.first).chain(&self.token_bowl)
    }

    /// Tells a person something that is no result.
    pub(super) fn remark(&self, text: &str) {
        if !self.printer.is_json() {
            remark(text);
        }
    }

    /// Works on the store that has messages of a channel; the answer is `None` if none has.
    ///
    /// # Errors
    ///
    /// Those of `work`, several channels have this name, or a store cannot be opened.
    pub(super) async fn with<R>(
        &self,
        channel: &str,
        work: impl AsyncFn(&Cache, ChannelInfo) -> Result<R, Failure>,
    ) -> Result<Option<R>, Failure> {
        for store in self.iter() {
            let done = store.look(async |cache| match find(cache, channel).await? {
                Some(info) => work(cache, info).await.map(Some),
                None => Ok(None),
            });
            if let Some(done) = done.await?.flatten() {
                return Ok(Some(done));
            }
        }
        Ok(None)
    }
}

/// Where the messages of a platform are.
#[derive(Debug)]
pub(super) struct Store {
    settings: Settings,
}

impl Store {
    /// Finds the store; nothing is opened yet.
    ///
    /// # Errors
    ///
    /// Something else than a folder is there.
    fn new(section: &config::Cache, path: &Path) -> Result<Self, Failure> {
        // What is too much is up to the bot: a look must not throw anything away.
        let unbounded = Limits::default()
            .per_channel(Bound::NONE)
            .total(Bound::NONE);
        let mut settings = Settings::from(section).limits(unbounded);
        path.clone_into(&mut settings.path);
        let store = Self { settings };
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
