//! Puts a bot on Mezon: the actors, and how they hang together.
//!
//! ```text
//! mezon (rest-for-one)
//! ├─ cache shard 0..n    on a thread of its own
//! ├─ session
//! ├─ connection
//! └─ channels            one a conversation, on demand
//! ```

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use actix::Arbiter;
use greenroom_actors::cache::Cache;
use greenroom_actors::channel::{ChannelSettings, Channels};
use greenroom_actors::connection::{Connection, ConnectionRef};
use greenroom_actors::error::BoxError;
use greenroom_actors::event::Origin;
use greenroom_actors::session::{Session, SessionSettings, SessionStore};
use greenroom_actors::supervisor::{ChildSpec, Strategy, Supervisor};

use super::authenticator::MezonAuthenticator;
use super::client::{Line, MezonClient};
use super::config::Settings;
use super::limits::MAX_BODY;
use super::log::{CacheOptions, MessageLog};
use super::protocol::{MezonProtocol, Parts};
use super::state::State;
use crate::chat::Speaker;
use crate::platform::http::HttpClient;
use crate::platform::websocket::Websocket;
use crate::platform::{Adapter, Assembly, Source};

/// Mezon as a platform of a bot.
///
/// # Examples
///
/// ```
/// use greenroom::mezon::{Mezon, Settings};
///
/// let mezon = Mezon::new(Settings::new("1000000000000000001", "sim-mezon-key"));
/// # drop(mezon);
/// ```
pub struct Mezon {
    settings: Settings,
    cache: Option<CacheOptions>,
}

impl fmt::Debug for Mezon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mezon").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Mezon {
    /// Describes the platform; without a message cache.
    #[must_use]
    pub fn new(settings: impl Into<Settings>) -> Self {
        Self {
            settings: settings.into(),
            cache: None,
        }
    }

    /// Keeps every message that is received in a cache.
    #[must_use]
    pub fn cached(mut self, options: CacheOptions) -> Self {
        self.cache = Some(options);
        self
    }

    /// Keeps messages as the section `[cache]` says.
    #[cfg(feature = "cli")]
    #[must_use]
    pub fn cache(mut self, section: &crate::config::Cache) -> Self {
        self.cache = CacheOptions::configured(section);
        self
    }

    /// Describes the platform by `greenroom.toml` and the environment, cache included.
    ///
    /// # Errors
    ///
    /// Every fault of the configuration.
    #[cfg(feature = "cli")]
    pub fn from_config() -> Result<Self, crate::config::Faults> {
        let config = crate::config::Sources::of_process(None).load(crate::config::Purpose::Run)?;
        let mezon = config.mezon.unwrap_or_default();
        Ok(Self::new(mezon).cache(&config.cache))
    }
}

impl Adapter for Mezon {
    fn name(&self) -> &'static str {
        "mezon"
    }

    fn assemble(self: Box<Self>, assembly: &Assembly) -> Result<Source, BoxError> {
        let settings = Arc::new(self.settings);
        let state = Arc::new(State::default());
        let mut branch = assembly.supervisor("mezon", Strategy::RestForOne);
        let mut log = None;
        if let Some(options) = &self.cache {
            let cache = Cache::new(options.settings.clone());
            branch = branch.child(shards(&cache, assembly));
            log = Some(MessageLog::new(cache, Arc::clone(&assembly.counters), options));
        }

        let mut session_settings = SessionSettings::default();
        if let Some(file) = &settings.session_file {
            session_settings = session_settings.store(SessionStore::new(file));
        }
        let logging_in = Arc::clone(&settings);
        let session = ChildSpec::new("session", move || {
            let authenticator = MezonAuthenticator::new(http(&logging_in), Arc::clone(&logging_in));
            Session::new(authenticator, session_settings.clone())
        });
        let authenticated = session.address();

        let channels = assembly.supervisor("channels", Strategy::OneForOne);
        let counters = Arc::clone(&assembly.counters);
        let connection = ChildSpec::linked("connection", |address| {
            let line = Line {
                connection: ConnectionRef::new(address.narrow()),
                counters: Arc::clone(&counters),
            };
            let channels = Channels::new(line, ChannelSettings::default(), channels.handle());
            let client = MezonClient::new(channels, Arc::clone(&state), settings.content_limit);
            let door: Arc<dyn Speaker> = Arc::new(client);
            let origin = Origin::with_door("mezon", &assembly.bot, &assembly.router, door);
            let entropy = assembly.entropy.derive("mezon connection");
            move || {
                let protocol = MezonProtocol::new(Parts {
                    settings: Arc::clone(&settings),
                    transport: Rc::new(Websocket::new()),
                    http: http(&settings),
                    session: authenticated.clone(),
                    state: Arc::clone(&state),
                    origin: Arc::clone(&origin),
                    log: log.clone(),
                });
                Connection::new(protocol, Arc::clone(&origin), &entropy, Arc::clone(&counters))
            }
        });
        let quiesce = vec![connection.address().narrow()];
        let branch = branch.child(session).child(connection).child(channels);
        Ok(Source {
            branch: branch.into(),
            quiesce,
        })
    }
}

fn http(settings: &Settings) -> HttpClient {
    HttpClient::new(settings.timeout, MAX_BODY)
}

/// The shards of the cache, on a thread of their own: what they do blocks.
fn shards(cache: &Cache, assembly: &Assembly) -> Supervisor {
    let arbiter = Arbiter::new().handle();
    (0..cache.shards()).fold(assembly.supervisor("cache", Strategy::OneForOne), |shards, number| {
        let cache = cache.clone();
        let shard = ChildSpec::new(format!("cache shard {number}"), move || cache.shard(number));
        shards.child(shard.on_arbiter(arbiter.clone()))
    })
}
