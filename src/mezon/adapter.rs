//! Puts a bot on Mezon.
//!
//! ```text
//! mezon
//! ├─ cache        messages on disk, if they are kept: shards on a thread of their own, and a door for other processes
//! ├─ session      tokens
//! ├─ api          calls over HTTP
//! ├─ wallet       transfers of tokens, one after another
//! ├─ connection   the socket
//! ├─ agent        the events of agents in meetings, if there is a server for them
//! └─ channels     one actor for each conversation in which something is said
//! ```

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use greenroom_actors::channel::{ChannelSettings, Channels};
use greenroom_actors::connection::{Connection, ConnectionRef, Transport, declared};
use greenroom_actors::error::BoxError;
use greenroom_actors::event::Origin;
use greenroom_actors::session::{Session, SessionSettings, SessionStore};
use greenroom_actors::supervisor::{ChildSpec, NodeKind, Strategy};
use secrecy::ExposeSecret;

use super::agent::{self, AgentListener};
use super::authenticator::MezonAuthenticator;
use super::caller::ApiCaller;
use super::client::{Doors, Line, MezonClient};
use super::config::Settings;
use super::limits::MAX_BODY;
use super::protocol::{MezonProtocol, Parts, publishes};
use super::state::State;
use super::tokens::Wallet;
use crate::cache::{CacheOptions, Kept};
use crate::chat::Speaker;
use crate::platform::http::{HttpClient, Pace};
use crate::platform::reach::{MakeTransport, Reach};
use crate::platform::tls::Trust;
use crate::platform::{Adapter, Assembly, Source};

/// Mezon as a platform of a bot.
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
    client: MezonClient,
    cache: Option<CacheOptions>,
    transport: Option<MakeTransport>,
}

impl fmt::Debug for Mezon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mezon")
            .field("settings", self.client.settings())
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

impl Mezon {
    /// Describes the platform; without a message cache.
    pub fn new(settings: impl Into<Settings>) -> Self {
        Self {
            client: MezonClient::new(Arc::new(settings.into())),
            cache: None,
            transport: None,
        }
    }

    /// Keeps every message that is received in a cache.
    pub fn cached(mut self, options: CacheOptions) -> Self {
        self.cache = Some(options);
        self
    }

    /// Keeps messages as the section `[cache]` says.
    #[cfg(feature = "cli")]
    pub fn cache(mut self, section: &crate::config::Cache) -> Self {
        self.cache = CacheOptions::configured(section, &section.path);
        self
    }

    /// Opens links in another way than over the network of the bot. `make` is called on the thread of the connection, at each of its starts.
    pub fn transport(
        mut self,
        make: impl Fn() -> Rc<dyn Transport> + Send + Sync + 'static,
    ) -> Self {
        self.transport = Some(Arc::new(make));
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

    /// Returns what can be done on the platform, for those who have no event from there at hand.
    #[must_use]
    pub fn client(&self) -> MezonClient {
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
        let (settings, state) = (Arc::clone(client.settings()), Arc::clone(client.state()));
        check(&settings)?;
        let trust = Trust::new(settings.ca_file.as_deref())?;
        let mut branch = assembly.supervisor(NAME, Strategy::OneForOne);
        let kept = options.map(|options| Kept::new(&options, assembly));
        let (cache, log) = (
            kept.as_ref().map(|kept| kept.cache.clone()),
            kept.as_ref().map(|kept| kept.log.clone()),
        );
        let mut cached = None;
        if let Some(kept) = kept {
            cached = Some(kept.branch.node());
            branch = branch.child(kept.branch);
        }

        let web = Web {
            settings: Arc::clone(&settings),
            pace: settings.rest_spacing.map(Pace::new),
            reach: Reach {
                network: Arc::clone(&assembly.network),
                trust,
                transport,
                timeout: settings.timeout,
                max_body: MAX_BODY,
            },
        };
        let session = session(&web);
        let authenticated = session.address();
        let api = api(&web, &session);
        let caller = api.address();
        let wallet = wallet(&web, &session);
        let tokens = wallet.address();
        let channels = assembly.supervisor("channels", Strategy::OneForOne);
        let counters = Arc::clone(&assembly.counters);
        let door: Arc<dyn Speaker> = Arc::new(client.clone());
        let origin = Origin::with_door(NAME, &assembly.bot, &assembly.router, door);
        origin.draw_traces(&assembly.entropy.derive("mezon traces"));
        let agent = agent(&web, &state, &origin, assembly);
        let connection = ChildSpec::linked("connection", |address| {
            let line = Line {
                connection: ConnectionRef::new(address.narrow()),
                counters: Arc::clone(&counters),
                state: Arc::clone(&state),
            };
            client.open(Doors {
                hang_up: address.narrow(),
                resume: address.narrow(),
                api: caller,
                wallet: tokens,
                cache,
                channels: Channels::new(line, ChannelSettings::default(), channels.handle())
                    .counted_in(&counters),
            });
            let entropy = assembly.entropy.derive("mezon connection");
            move || {
                let protocol = MezonProtocol::new(Parts {
                    settings: Arc::clone(&settings),
                    transport: web.reach.transport(),
                    http: web.client(),
                    session: authenticated.clone(),
                    state: Arc::clone(&state),
                    origin: Arc::clone(&origin),
                    log: log.clone(),
                });
                Connection::new(
                    protocol,
                    Arc::clone(&origin),
                    &entropy,
                    Arc::clone(&counters),
                )
            }
        });
        let connection = publishes(declared(connection, &assembly.router), &assembly.router);
        channels.node().feeds(&connection.node(), "sends");
        if let Some(cached) = cached {
            connection.node().feeds(&cached, "keeps");
        }
        let mut quiesce = vec![connection.address().narrow()];
        let take_leave = vec![connection.address().narrow()];
        let mut branch = branch
            .child(session)
            .child(api)
            .child(wallet)
            .child(connection);
        if let Some(agent) = agent {
            quiesce.push(agent.address().narrow());
            branch = branch.child(agent);
        }
        let branch = branch.child(channels);
        Ok(Source {
            branch: branch.into(),
            quiesce,
            take_leave,
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

/// What calls over HTTP are made with; each actor has a client of its own, all have one pace.
#[derive(Clone)]
struct Web {
    settings: Arc<Settings>,
    reach: Reach,
    pace: Option<Pace>,
}

impl Web {
    fn client(&self) -> HttpClient {
        self.reach.http().paced(self.pace.clone())
    }
}

fn session(web: &Web) -> ChildSpec<Session<MezonAuthenticator>> {
    let mut kept = SessionSettings::default();
    if let Some(file) = &web.settings.session_file {
        kept = kept.store(SessionStore::new(file));
    }
    let web = web.clone();
    ChildSpec::new("session", move || {
        let authenticator = MezonAuthenticator::new(web.client(), Arc::clone(&web.settings));
        Session::new(authenticator, kept.clone())
    })
    .kind(NodeKind::Session)
}

fn api(web: &Web, session: &ChildSpec<Session<MezonAuthenticator>>) -> ChildSpec<ApiCaller> {
    let (web, session) = (web.clone(), session.address());
    ChildSpec::new("api", move || ApiCaller::new(web.client(), session.clone()))
}

fn wallet(web: &Web, session: &ChildSpec<Session<MezonAuthenticator>>) -> ChildSpec<Wallet> {
    let (web, session) = (web.clone(), session.address());
    ChildSpec::new("wallet", move || {
        // The ledger is another server.
        Wallet::new(web.reach.http(), Arc::clone(&web.settings), session.clone())
    })
}

/// What listens to agents, if there is a server for that.
fn agent(
    web: &Web,
    state: &Arc<State>,
    origin: &Arc<Origin>,
    assembly: &Assembly,
) -> Option<ChildSpec<AgentListener>> {
    let url = web.settings.agent_url.clone()?;
    let entropy = assembly.entropy.derive("mezon agent");
    let counters = Arc::clone(&assembly.counters);
    let (web, state, origin) = (web.clone(), Arc::clone(state), Arc::clone(origin));
    let spec = ChildSpec::new("agent", move || {
        AgentListener::new(agent::Parts {
            // It is another server.
            http: web.reach.http(),
            url: url.clone(),
            settings: Arc::clone(&web.settings),
            state: Arc::clone(&state),
            origin: Arc::clone(&origin),
            counters: Arc::clone(&counters),
            entropy: entropy.clone(),
        })
    });
    Some(agent::publishes(spec, &assembly.router))
}

const NAME: &str = "mezon";
