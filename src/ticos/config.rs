//! The settings of a device.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::limits::PING;
use super::paths::SaveMode;
use super::store::StorageService;

/// How a device is set up; what its owner and the cloud configure is read from its files.
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The address to listen on; `0.0.0.0` by default.
    pub host: String,
    /// The port; 9999 by default, and 0 takes a free one.
    pub port: u16,
    /// Where messages are stored; [`SaveMode::Internal`] by default.
    pub save_mode: SaveMode,
    /// The folder of the TF card; found by itself by default.
    pub tf_root_dir: Option<PathBuf>,
    /// The folder in whose `.config/ticos` the configuration is; the user's home by default.
    pub home: Option<PathBuf>,
    /// What keeps messages; nothing by default.
    pub storage: Option<Arc<dyn StorageService>>,
    /// The name of the store's file: absolute, or relative to `.config/ticos`; `ticos.db` by default.
    pub db_filename: Option<String>,
    /// What agents must know, as `Authorization: Bearer` or `?terminal_secret=`; nothing by default.
    pub agent_token: Option<SecretString>,
    /// Whether other machines may read messages, memories and figures over HTTP; false by default.
    pub open_history: bool,
    /// How often an agent is pinged; one that says nothing until the next time is closed with 1011. 20 s by default.
    pub ping_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".to_owned(),
            port: 9_999,
            save_mode: SaveMode::default(),
            tf_root_dir: None,
            home: None,
            storage: None,
            db_filename: None,
            agent_token: None,
            open_history: false,
            ping_interval: PING,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("save_mode", &self.save_mode)
            .field("tf_root_dir", &self.tf_root_dir)
            .field("home", &self.home)
            .field("storage", &self.storage.is_some())
            .field("db_filename", &self.db_filename)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Creates the settings of a device that listens on `port`, with the other defaults.
    #[must_use]
    pub fn new(port: u16) -> Self {
        Self {
            port,
            ..Self::default()
        }
    }

    /// Sets the address to listen on (default: `0.0.0.0`).
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    /// Sets the folder in whose `.config/ticos` the configuration is (default: the user's home).
    #[must_use]
    pub fn home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// Sets where messages are stored (default: [`SaveMode::Internal`]).
    #[must_use]
    pub fn save_mode(mut self, mode: SaveMode) -> Self {
        self.save_mode = mode;
        self
    }

    /// Sets the folder of the TF card (default: found by itself).
    #[must_use]
    pub fn tf_root_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.tf_root_dir = Some(folder.into());
        self
    }

    /// Keeps messages in this store (default: they are not kept).
    #[must_use]
    pub fn storage(mut self, storage: impl StorageService + 'static) -> Self {
        self.storage = Some(Arc::new(storage));
        self
    }

    /// Sets the name of the store's file (default: `ticos.db`).
    #[must_use]
    pub fn db_filename(mut self, name: impl Into<String>) -> Self {
        self.db_filename = Some(name.into());
        self
    }

    /// Sets what agents must know (default: nothing).
    #[must_use]
    pub fn agent_token(mut self, token: impl Into<String>) -> Self {
        self.agent_token = Some(token.into().into());
        self
    }

    /// Lets other machines read messages, memories and figures over HTTP (default: only this one).
    #[must_use]
    pub fn open_history(mut self, open: bool) -> Self {
        self.open_history = open;
        self
    }

    /// Sets how often an agent is pinged (default: 20 s; a millisecond at least).
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval.max(Duration::from_millis(1));
        self
    }
}
