//! Puts a bot on Mezon.

use std::rc::Rc;
use std::sync::Arc;

use actix::{Arbiter, ArbiterHandle, System};
use greenroom_actors::cache::Cache;
use greenroom_actors::channel::{ChannelSettings, Channels};
use greenroom_actors::connection::{Connection, ConnectionRef, Quiesce, Submit, Transport};
use greenroom_actors::error::BoxError;
use greenroom_actors::event::Origin;
use greenroom_actors::session::{Session, SessionSettings, SessionStore};
use greenroom_actors::supervisor::{ChildSpec, Strategy};
use secrecy::ExposeSecret;

use super::authenticator::MezonAuthenticator;
use super::caller::ApiCaller;
use super::client::{Client, Doors};
use super::config::Settings;
use super::limits::MAX_BODY;
use super::log::{CacheOptions, MessageLog};
use super::outlet::MezonOutlet;
use super::protocol::{MezonProtocol, Parts};
use crate::chat::Speaker;
use crate::platform::http::HttpClient;
use crate::platform::websocket::Websocket;
use crate::platform::{Adapter, Assembly, Source};

/// The platform Mezon.
///
/// ```text
/// mezon
/// ├─ session      tokens
/// ├─ api          calls over HTTP
/// ├─ cache 0..    messages on disk, if they are kept
/// ├─ connection   the socket
/// └─ channels     one actor for each conversation in which something is said
/// ```
///
/// # Examples
///
/// ```
/// use greenroom::mezon::{Mezon, Settings};
/// use greenroom::prelude::*;
///
/// let mezon = Mezon::new(Settings::new("1000000000000000001", "sim-mezon-key"));
/// let client = mezon.client();
/// let bot = Bot::builder("example").platform(mezon);
/// # drop((bot, client));
/// ```
#[must_use = "it does nothing until a bot is put on it"]
pub struct Mezon {
    client: Client,
    cache: Option<CacheOptions>,
    transport: MakeTransport,
}

type MakeTransport = Arc<dyn Fn() -> Rc<dyn Transport> + Send + Sync>;

impl std::fmt::Debug for Mezon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mezon")
            .field("settings", self.client.settings())
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

impl Mezon {
    /// Prepares a connection with these settings. Messages are not kept.
    pub fn new(settings: impl Into<Settings>) -> Self {
        Self {
            client: Client::new(Arc::new(settings.into())),
            cache: None,
            transport: Arc::new(|| Rc::new(Websocket::new())),
        }
    }

    /// Keeps messages as they come.
    pub fn cache(mut self, cache: impl Into<Option<CacheOptions>>) -> Self {
        self.cache = cache.into();
        self
    }

    /// Describes the platform by `greenroom.toml` and the environment, the message cache included.
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

    /// Opens links in another way than over the network; `make` is called on the thread of the connection.
    pub fn transport(
        mut self,
        make: impl Fn() -> Rc<dyn Transport> + Send + Sync + 'static,
    ) -> Self {
        self.transport = Arc::new(make);
        self
    }

    /// Returns the handle through which handlers use all that the platform can do.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }
}

impl Adapter for Mezon {
    fn name(&self) -> &'static str {
        NAME
    }

    fn assemble(self: Box<Self>, assembly: &Assembly) -> Result<Source, BoxError> {
        let Self {
            client,
            cache: options,
            transport,
        } = *self;
        let settings = Arc::clone(client.settings());
        check(&settings)?;
        let mut branch = assembly.supervisor(NAME, Strategy::OneForOne);

        let session = session(&settings);
        let session_door = session.address();
        let api = api(&settings, &session);
        let api_door = api.address();
        branch = branch.child(session).child(api);

        let cache = options
            .as_ref()
            .map(|options| Cache::new(options.settings.clone()));
        for shard in cache.iter().flat_map(shards) {
            branch = branch.child(shard);
        }

        let speaker: Arc<dyn Speaker> = Arc::new(client.clone());
        let origin = Origin::with_door(NAME, &assembly.bot, &assembly.router, speaker);
        let log = cache.clone().zip(options);
        let (state, entropy) = (
            Arc::clone(client.state()),
            assembly.entropy.derive("mezon connection"),
        );
        let counters = Arc::clone(&assembly.counters);
        let connection = ChildSpec::new("connection", move || {
            let log = log.as_ref().map(|(cache, options)| {
                MessageLog::new(cache.clone(), Arc::clone(&counters), options)
            });
            let protocol = MezonProtocol::new(Parts {
                settings: Arc::clone(&settings),
                transport: transport(),
                http: http(&settings),
                session: session_door.clone(),
                state: Arc::clone(&state),
                origin: Arc::clone(&origin),
                log,
            });
            Connection::new(
                protocol,
                Arc::clone(&origin),
                &entropy,
                Arc::clone(&counters),
            )
        });
        let connection_door = connection.address();
        let quiesce = vec![connection_door.narrow::<Quiesce>()];
        let channels = assembly.supervisor("channels", Strategy::OneForOne);
        client.connect(Doors {
            api: api_door,
            cache,
            channels: Channels::new(
                MezonOutlet::new(client.clone()),
                ChannelSettings::default(),
                channels.handle(),
            ),
            connection: ConnectionRef::new(connection_door.narrow::<Submit<MezonProtocol>>()),
        });
        Ok(Source {
            branch: branch.child(connection).child(channels).into(),
            quiesce,
        })
    }
}

fn check(settings: &Settings) -> Result<(), BoxError> {
    if settings.client_id.is_none() {
        return Err("the bot's id is required".into());
    }
    if settings.api_key.expose_secret().trim().is_empty() {
        return Err("the bot's key is required".into());
    }
    if !matches!(settings.base_url.scheme(), "http" | "https") || !settings.base_url.has_host() {
        return Err(format!("{} is no address of a server", settings.base_url).into());
    }
    Ok(())
}

fn session(settings: &Arc<Settings>) -> ChildSpec<Session<MezonAuthenticator>> {
    let mut kept = SessionSettings::default();
    if let Some(file) = &settings.session_file {
        kept = kept.store(SessionStore::new(file));
    }
    let settings = Arc::clone(settings);
    ChildSpec::new("session", move || {
        let authenticator = MezonAuthenticator::new(http(&settings), Arc::clone(&settings));
        Session::new(authenticator, kept.clone())
    })
}

fn api(
    settings: &Arc<Settings>,
    session: &ChildSpec<Session<MezonAuthenticator>>,
) -> ChildSpec<ApiCaller> {
    let (settings, session) = (Arc::clone(settings), session.address());
    ChildSpec::new("api", move || {
        ApiCaller::new(http(&settings), session.clone())
    })
}

/// The shards of the cache: they block while they use the disk, so they get a thread of their own where there can be one.
fn shards(cache: &Cache) -> Vec<ChildSpec<greenroom_actors::cache::CacheShard>> {
    let thread: Option<ArbiterHandle> = System::try_current().map(|_| Arbiter::new().handle());
    let shard = |number| {
        let cache = cache.clone();
        let spec = ChildSpec::new(format!("cache {number}"), move || cache.shard(number));
        match &thread {
            Some(thread) => spec.on_arbiter(thread.clone()),
            None => spec,
        }
    };
    (0..cache.shards()).map(shard).collect()
}

fn http(settings: &Settings) -> HttpClient {
    HttpClient::new(settings.timeout, MAX_BODY)
}

const NAME: &str = "mezon";
