//! Puts a bot on Ticos, where the bot is the server and agents dial it.
//!
//! ```text
//! ticos
//! ├─ store     closes the message store at the end, if there is one
//! ├─ cloud     calls on the cloud
//! ├─ memory    makes memories, if messages are stored
//! ├─ server    the port: agents and HTTP
//! └─ agents    one actor for each agent that is connected
//! ```

use std::fmt;
use std::sync::Arc;

use actix::prelude::*;
use greenroom_actors::error::BoxError;
use greenroom_actors::event::Origin;
use greenroom_actors::supervisor::{ChildSpec, NodeKind, Strategy};
use tokio::sync::watch;

use super::client::{Doors, TicosClient};
use super::cloud::{Calls, Cloud};
use super::config::Settings;
use super::desk::{Desk, Events};
use super::error::TicosError;
use super::event::{
    AgentConnected, AgentDisconnected, AgentMessage, Conversation, Emotion, FunctionCall,
    HealthCode, Motion, health_status,
};
use super::figures::Figures;
use super::files::Files;
use super::handlers::Handlers;
use super::http::{self, Port, Server};
use super::limits::{AGENT_STOP, MEMORY_STOP};
use super::memory::{self, MemoryKeeper};
use super::paths::{Folders, mounted_card};
use super::routes::Access;
use super::store::Keeper;
use super::transcript::Seen;
use crate::chat::{ChatMessage, Speaker};
use crate::platform::proxy::Proxies;
use crate::platform::tls::Trust;
use crate::platform::{Adapter, Assembly, Source};

/// Ticos as a platform of a bot: a device that agents dial.
///
/// # Examples
///
/// ```
/// use greenroom::prelude::*;
/// use greenroom::ticos::{Motion, Settings, Ticos};
///
/// let ticos = Ticos::new(Settings::new(0));
/// let client = ticos.client();
/// let bot = Bot::builder("robot").platform(ticos).on("legs", async |motion: Event<Motion>| {
///     println!("{:?}", motion.tag());
///     Ok(())
/// });
/// # drop((bot, client));
/// ```
#[must_use = "it does nothing until a bot is put on it"]
pub struct Ticos {
    settings: Settings,
    handlers: Handlers,
    client: TicosClient,
}

impl fmt::Debug for Ticos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticos")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Ticos {
    /// Describes the device.
    pub fn new(settings: impl Into<Settings>) -> Self {
        Self {
            settings: settings.into(),
            handlers: Handlers::default(),
            client: TicosClient::default(),
        }
    }

    /// Calls these handlers, beside those of the bot that handle events.
    pub fn handlers(mut self, handlers: &Handlers) -> Self {
        self.handlers = handlers.clone();
        self
    }

    /// Returns what can be done on the platform, for those who have no event from there at hand.
    #[must_use]
    pub fn client(&self) -> TicosClient {
        self.client.clone()
    }
}

/// Opens the store; what is wrong with it is told to the message handler, too.
fn opened(
    settings: &Settings,
    folders: &Folders,
    handlers: &Handlers,
    figures: &Figures,
) -> Result<Option<Arc<Keeper>>, TicosError> {
    let Some(storage) = &settings.storage else {
        return Ok(None);
    };
    let keeper = Keeper::new(Arc::clone(storage));
    match keeper.open(&folders.root, settings.db_filename.as_deref()) {
        Ok(()) => Ok(Some(Arc::new(keeper))),
        Err(error) => {
            let status = health_status(HealthCode::Database, &error.to_string());
            handlers.tell(&status, figures);
            Err(error.into())
        }
    }
}

impl Adapter for Ticos {
    fn name(&self) -> &'static str {
        super::NAME
    }

    fn assemble(self: Box<Self>, assembly: &Assembly) -> Result<Source, BoxError> {
        let Self {
            settings,
            handlers,
            client,
        } = *self;
        let figures = Arc::new(Figures::default());
        let folders = Arc::new(Folders::find(
            settings.home.as_deref(),
            settings.save_mode,
            settings.tf_root_dir.as_deref(),
            mounted_card,
        )?);
        let files = Files::read(&folders)?;
        let port = match Port::bind(&settings.host, settings.port) {
            Ok(port) => Arc::new(port),
            Err(error) => {
                let status = health_status(HealthCode::Executer, &error.to_string());
                handlers.tell(&status, &figures);
                return Err(error.into());
            }
        };
        let keeper = opened(&settings, &folders, &handlers, &figures)?;

        let speaker: Arc<dyn Speaker> = Arc::new(client.clone());
        let origin = Origin::with_door(super::NAME, &assembly.bot, &assembly.router, speaker);
        origin.draw_traces(&assembly.entropy.derive("ticos traces"));
        let ready = Arc::new(watch::Sender::new(false));
        let cloud = cloud(&files, &ready, assembly);
        let memory = keeper.as_ref().map(|keeper| {
            let parts = memory::Parts {
                folders: Arc::clone(&folders),
                files: files.clone(),
                keeper: Arc::clone(keeper),
                summarize: cloud.address().narrow(),
                push: cloud.address().narrow(),
                ready: ready.subscribe(),
            };
            parts.write_session();
            ChildSpec::new("memory", move || MemoryKeeper::new(parts.clone()))
                .shutdown_within(MEMORY_STOP)
        });
        let desk = Arc::new(Desk {
            handlers,
            keeper: keeper.clone(),
            figures,
            counters: Arc::clone(&assembly.counters),
            memory: memory.as_ref().map(|memory| memory.address().narrow()),
            begun: memory.as_ref().map(|memory| memory.address().narrow()),
            seen: Seen::default(),
            events: Events::new(origin),
            ping: settings.ping_interval,
        });
        client.open(Doors {
            port: Arc::clone(&port),
            desk: Arc::clone(&desk),
            realtime: cloud.address().narrow(),
            variables: cloud.address().narrow(),
            memory: memory.as_ref().map(|memory| {
                let memory = memory.address();
                (memory.narrow(), memory.narrow())
            }),
        });
        // An agent that fails is one of many; their number is not one of restarts.
        let agents = assembly.supervisor("agents", Strategy::OneForOne);
        let agents = agents.shutdown_within(AGENT_STOP * 6 / 5);
        let parts = http::Parts {
            port,
            hub: client.hub().clone(),
            desk,
            counters: Arc::clone(&assembly.counters),
            agents: agents.handle(),
            access: Arc::new(Access {
                token: settings.agent_token,
                is_open: settings.open_history,
            }),
            bot: assembly.bot.clone(),
        };
        let router = &assembly.router;
        let server = ChildSpec::new("server", move || Server::new(parts.clone()))
            .kind(NodeKind::Endpoint)
            .publishes::<AgentConnected>(router)
            .publishes::<AgentDisconnected>(router)
            .publishes::<AgentMessage>(router)
            .publishes::<ChatMessage>(router)
            .publishes::<Conversation>(router)
            .publishes::<Emotion>(router)
            .publishes::<FunctionCall>(router)
            .publishes::<Motion>(router);
        let quiesce = vec![server.address().narrow()];
        let mut branch = assembly.supervisor(super::NAME, Strategy::OneForOne);
        branch = branch.shutdown_within(MEMORY_STOP + BESIDE);
        if let Some(keeper) = keeper {
            branch = branch.child(ChildSpec::new("store", move || Store {
                keeper: Arc::clone(&keeper),
            }));
        }
        branch = branch.child(cloud);
        if let Some(memory) = memory {
            branch = branch.child(memory);
        }
        let branch = branch.child(server).child(agents);
        Ok(Source {
            branch: branch.into(),
            quiesce,
            take_leave: Vec::new(),
        })
    }
}

fn cloud(files: &Files, ready: &Arc<watch::Sender<bool>>, assembly: &Assembly) -> ChildSpec<Cloud> {
    let entropy = assembly.entropy.derive("ticos cloud");
    let network = Arc::clone(&assembly.network);
    let counters = Arc::clone(&assembly.counters);
    let (files, ready) = (files.clone(), Arc::clone(ready));
    ChildSpec::new("cloud", move || {
        let (trust, proxies) = (Trust::web(), Proxies::of_environment());
        let calls = Calls::new(
            files.clone(),
            network.http_by(&trust, &proxies),
            network.websocket_by(&trust, &proxies),
            entropy.clone(),
        );
        Cloud::new(calls, Arc::clone(&ready), Arc::clone(&counters))
    })
    .shutdown_within(std::time::Duration::from_secs(1))
}

/// Closes the message store when everybody else has stopped.
///
/// * **Who starts it**: the branch of the platform, before everybody who stores something.
/// * **What ends it**: shutdown, after them.
/// * **What happens to its mailbox then**: it has none.
/// * **What it may lose**: nothing.
struct Store {
    keeper: Arc<Keeper>,
}

impl Actor for Store {
    type Context = Context<Self>;

    fn stopped(&mut self, _: &mut Self::Context) {
        self.keeper.close();
    }
}

/// What stopping takes beside the job of a memory.
const BESIDE: std::time::Duration = std::time::Duration::from_secs(8);
