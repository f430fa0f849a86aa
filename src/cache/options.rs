//! Where a platform keeps its messages.

use greenroom_actors::cache;

/// Where messages are kept, and what happens if that is too slow.
#[derive(Clone, Debug)]
pub struct CacheOptions {
    /// The files and their bounds.
    pub settings: cache::Settings,
    /// Whether the connection waits for the disk rather than leave a message out; true by default.
    pub lossless: bool,
    /// How many messages may wait to be written; 8,192 by default.
    pub queue: usize,
}

impl CacheOptions {
    /// Keeps messages in the folder `path`, everything else as by default.
    #[must_use]
    pub fn new(path: impl Into<std::path::PathBuf>) -> Self {
        Self {
            settings: cache::Settings::new(path),
            lossless: true,
            queue: 8_192,
        }
    }
}

#[cfg(feature = "cli")]
impl CacheOptions {
    /// Reads the section of the configuration, with the folder of a platform; `None` if it switches the cache off.
    pub(crate) fn configured(
        section: &crate::config::Cache,
        path: &std::path::Path,
    ) -> Option<Self> {
        let mut settings = cache::Settings::from(section);
        path.clone_into(&mut settings.path);
        section.enabled.then(|| Self {
            settings,
            lossless: section.overflow == crate::config::CacheOverflow::Block,
            queue: section.queue,
        })
    }
}
