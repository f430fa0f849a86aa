//! Puts a bot on Token Bowl Chat.
//!
//! ```text
//! token_bowl
//! ├─ cache        messages on disk, if they are kept: shards on a thread of their own, and a door for other processes
//! ├─ session      how to connect
//! ├─ api          calls over HTTP
//! ├─ connection   the websocket
//! └─ channels     one actor for each conversation in which something is said
//! ```
//!
//! With several accounts, each has a branch of its own below the platform's; they share the cache.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::cache::Cache;
use greenroom_actors::channel::{ChannelSettings, Channels};
use greenroom_actors::connection::{
    Connection, ConnectionRef, Quiesce, TakeLeave, Transport, declared,
};
use greenroom_actors::error::BoxError;
use greenroom_actors::event::{Id, Origin};
use greenroom_actors::graph::NodeRef;
use greenroom_actors::mailbox::Ref;
use greenroom_actors::session::{Session, SessionSettings};
use greenroom_actors::supervisor::{ChildSpec, NodeKind, Strategy, Supervisor};

use super::authenticator::TokenBowlAuthenticator;
use super::caller::ApiCaller;
use super::client::{Doors, Line, TokenBowlClient};
use super::config::{InvalidBaseUrl, Settings};
use super::limits::MAX_BODY;
use super::log::Log;
use super::protocol::{Parts, TokenBowlProtocol, publishes};
use crate::bot::BotError;
use crate::cache::{CacheOptions, Kept, MessageLog};
use crate::chat::Speaker;
use crate::platform::environment::Variables;
use crate::platform::reach::{MakeTransport, Reach};
use crate::platform::tls::Trust;
use crate::platform::{Adapter, Assembly, Source};

/// Token Bowl Chat as a platform of a bot, with one account or several.
///
/// # Examples
///
/// ```
/// use greenroom::prelude::*;
/// use greenroom::token_bowl::{Settings, TokenBowl};
///
/// let token_bowl = TokenBowl::new(Settings::new("sim-greenroom-key"));
/// let client = token_bowl.client();
/// let bot = Bot::builder("example").platform(token_bowl);
/// # drop((bot, client));
/// ```
#[must_use = "it does nothing until a bot is put on it"]
pub struct TokenBowl {
    accounts: Vec<TokenBowlClient>,
    cache: Option<CacheOptions>,
    transport: Option<MakeTransport>,
}

impl fmt::Debug for TokenBowl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBowl")
            .field("accounts", &self.accounts)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

impl TokenBowl {
    /// Describes the platform with one account; without a message cache.
    pub fn new(settings: impl Into<Settings>) -> Self {
        Self {
            accounts: vec![TokenBowlClient::new(
                String::new(),
                Arc::new(settings.into()),
            )],
            cache: None,
            transport: None,
        }
    }

    /// Describes the platform with several accounts. Each has a connection of its own; the label is in its events as the name of the
    /// bot that got them, and two accounts may have the same key.
    pub fn accounts<S: Into<Settings>>(
        accounts: impl IntoIterator<Item = (impl Into<String>, S)>,
    ) -> Self {
        let accounts = accounts.into_iter();
        let accounts = accounts
            .map(|(label, settings)| TokenBowlClient::new(label.into(), Arc::new(settings.into())));
        Self {
            accounts: accounts.collect(),
            cache: None,
            transport: None,
        }
    }

    /// Describes the platform with the key in `TOKEN_BOWL_CHAT_API_KEY`, at the server in `TOKEN_BOWL_CHAT_BASE_URL` if that is set, as
    /// the platform's own clients have it: variables of the process, or of the file `.env` in the working directory. Without a key the bot ends as soon as it starts.
    ///
    /// # Errors
    ///
    /// [`BotError::Assembly`] if the base URL is none.
    pub fn from_env() -> Result<Self, BotError> {
        let variables = Variables::of_process();
        let key = variables.get("TOKEN_BOWL_CHAT_API_KEY");
        let mut settings = Settings::new(key.unwrap_or_default());
        if let Some(base) = variables.get("TOKEN_BOWL_CHAT_BASE_URL") {
            let wrong = |error: InvalidBaseUrl| BotError::Assembly {
                platform: NAME,
                error: error.into(),
            };
            settings.base_url = base.parse().map_err(wrong)?;
        }
        Ok(Self::new(settings))
    }

    /// Describes the platform by `greenroom.toml` and the environment, cache included.
    ///
    /// # Errors
    ///
    /// Every fault of the configuration.
    #[cfg(feature = "cli")]
    pub fn from_config() -> Result<Self, crate::config::Faults> {
        let sources = crate::config::Sources::of_process(None).section(NAME);
        let config = sources.load(crate::config::Purpose::Run)?;
        let section = config.token_bowl.unwrap_or_default();
        Ok(Self::configured(&section).cache(&config.cache))
    }

    /// Describes the platform as the section `[token_bowl]` says.
    #[cfg(feature = "cli")]
    pub fn configured(section: &crate::config::TokenBowl) -> Self {
        if section.accounts.is_empty() {
            return Self::new(section.clone());
        }
        Self::accounts(section.accounts.iter().map(|account| {
            let settings = Settings {
                api_key: account.api_key.clone(),
                ..section.clone().into()
            };
            (account.label.clone(), settings)
        }))
    }

    /// Keeps every message that is heard or said in a cache.
    pub fn cached(mut self, options: CacheOptions) -> Self {
        self.cache = Some(options);
        self
    }

    /// Keeps messages as the section `[cache]` says.
    #[cfg(feature = "cli")]
    pub fn cache(mut self, section: &crate::config::Cache) -> Self {
        self.cache = CacheOptions::configured(section, &section.token_bowl_path);
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

    /// Returns what can be done as the first account, for those who have no event from there at hand.
    ///
    /// # Panics
    ///
    /// If there is no account.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "it is said that it panics")]
    pub fn client(&self) -> TokenBowlClient {
        self.accounts[0].clone()
    }

    /// Returns what can be done as each of the accounts, in their order.
    #[must_use]
    pub fn clients(&self) -> Vec<TokenBowlClient> {
        self.accounts.clone()
    }
}

impl Adapter for TokenBowl {
    fn name(&self) -> &'static str {
        NAME
    }

    fn assemble(self: Box<Self>, assembly: &Assembly) -> Result<Source, BoxError> {
        check(&self.accounts)?;
        let mut branch = assembly.supervisor(NAME, Strategy::OneForOne);
        let mut cached = None;
        if let Some(options) = &self.cache {
            let kept = Kept::new(options, assembly);
            let node = kept.branch.node();
            branch = branch.child(kept.branch);
            cached = Some(Cached {
                cache: kept.cache,
                log: kept.log,
                node,
            });
        }
        let mut ends = Ends::default();
        let branch = match self.accounts.as_slice() {
            [only] => account(
                only,
                &assembly.bot,
                branch,
                self.transport.as_ref(),
                cached.as_ref(),
                assembly,
                &mut ends,
            )?,
            several => {
                let mut branch = branch;
                for client in several {
                    let label = client.label();
                    let own = assembly.supervisor(label, Strategy::OneForOne);
                    branch = branch.child(account(
                        client,
                        label,
                        own,
                        self.transport.as_ref(),
                        cached.as_ref(),
                        assembly,
                        &mut ends,
                    )?);
                }
                branch
            }
        };
        Ok(Source {
            branch: branch.into(),
            quiesce: ends.quiesce,
            take_leave: ends.take_leave,
        })
    }
}

/// Where all accounts keep their messages.
struct Cached {
    cache: Cache,
    log: MessageLog,
    node: NodeRef,
}

/// Whom to tell at the end.
#[derive(Default)]
struct Ends {
    quiesce: Vec<Ref<Quiesce>>,
    take_leave: Vec<Ref<TakeLeave>>,
}

fn check(accounts: &[TokenBowlClient]) -> Result<(), BoxError> {
    if accounts.is_empty() {
        return Err("there is no account".into());
    }
    for (place, client) in accounts.iter().enumerate() {
        let label = client.label();
        if accounts.len() > 1 && label.is_empty() {
            return Err("each of several accounts needs a label".into());
        }
        if accounts
            .iter()
            .take(place)
            .any(|other| other.label() == label)
        {
            return Err(format!("two accounts have the label {label:?}").into());
        }
    }
    Ok(())
}

/// Puts the actors of one account into its branch.
fn account(
    client: &TokenBowlClient,
    bot: &str,
    branch: Supervisor,
    transport: Option<&MakeTransport>,
    cached: Option<&Cached>,
    assembly: &Assembly,
    ends: &mut Ends,
) -> Result<Supervisor, BoxError> {
    let (settings, state) = (Arc::clone(client.settings()), Arc::clone(client.state()));
    let stopped_within = settings.close_timeout.saturating_add(LAST_WORDS);
    let reach = Reach {
        network: Arc::clone(&assembly.network),
        trust: Trust::new(settings.ca_file.as_deref())?,
        transport: transport.cloned(),
        timeout: settings.timeout,
        max_body: MAX_BODY,
    };
    let session = {
        let (reach, settings, state) = (reach.clone(), Arc::clone(&settings), Arc::clone(&state));
        ChildSpec::new("session", move || {
            let (settings, state) = (Arc::clone(&settings), Arc::clone(&state));
            let authenticator = TokenBowlAuthenticator::new(reach.http(), settings, state);
            Session::new(authenticator, SessionSettings::default())
        })
        .kind(NodeKind::Session)
    };
    let authenticated = session.address();
    let api = {
        let (reach, settings, state) = (reach.clone(), Arc::clone(&settings), Arc::clone(&state));
        ChildSpec::new("api", move || {
            ApiCaller::new(reach.http(), Arc::clone(&settings), Arc::clone(&state))
        })
    };
    let caller = api.address();
    let channels = assembly.supervisor("channels", Strategy::OneForOne);
    let counters = Arc::clone(&assembly.counters);
    let door: Arc<dyn Speaker> = Arc::new(client.clone());
    let origin = Origin::with_door(NAME, bot, &assembly.router, door);
    let stream = format!("token_bowl {}", client.label());
    origin.draw_traces(&assembly.entropy.derive(&format!("{stream} traces")));
    let log = cached.map(|cached| Log {
        log: cached.log.clone(),
        account: Id::from(client.label()),
    });
    let connection = ChildSpec::linked("connection", |address| {
        let line = Line {
            connection: ConnectionRef::new(address.narrow()),
            api: caller.clone(),
            state: Arc::clone(&state),
            counters: Arc::clone(&counters),
            log: log.clone(),
            turn: Arc::default(),
        };
        client.open(Doors {
            hang_up: address.narrow(),
            resume: address.narrow(),
            api: caller,
            cache: cached.map(|cached| cached.cache.clone()),
            channels: Channels::new(line, ChannelSettings::default(), channels.handle())
                .counted_in(&counters),
        });
        let entropy = assembly.entropy.derive(&format!("{stream} connection"));
        move || {
            let protocol = TokenBowlProtocol::new(Parts {
                settings: Arc::clone(&settings),
                transport: reach.transport(),
                http: reach.http(),
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
    let connection = publishes(declared(connection, &assembly.router), &assembly.router)
        .shutdown_within(stopped_within);
    channels.node().feeds(&connection.node(), "sends");
    if let Some(cached) = cached {
        connection.node().feeds(&cached.node, "keeps");
    }
    ends.quiesce.push(connection.address().narrow());
    ends.take_leave.push(connection.address().narrow());
    Ok(branch
        .child(session)
        .child(api)
        .child(connection)
        .child(channels))
}

pub(super) const NAME: &str = "token_bowl";
/// How long what waits to be sent may take at the end, beside closing.
const LAST_WORDS: Duration = Duration::from_secs(1);
