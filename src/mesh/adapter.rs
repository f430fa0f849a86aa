//! Puts a bot on Mesh.
//!
//! ```text
//! mesh
//! ├─ session   the login: token, profile, timer
//! └─ client    chats, keys, commitments
//! ```

use std::fmt;
use std::sync::Arc;

use greenroom_actors::entropy::Entropy;
use greenroom_actors::error::BoxError;
use greenroom_actors::event::Origin;
use greenroom_actors::supervisor::{ChildSpec, NodeKind, Strategy, Supervisor};
use greenroom_actors::telemetry::Counters;

use super::caller::Caller;
use super::client::{Doors, MeshClient};
use super::config::Settings;
use super::http::Http;
use super::register::{Publisher, publishes};
use super::session::Session;
use crate::platform::tls::Trust;
use crate::platform::{Adapter, Assembly, Network, Source};

/// Mesh as a platform of a bot.
///
/// # Examples
///
/// ```
/// use greenroom::mesh::{Mesh, Settings};
/// use greenroom::prelude::*;
///
/// let mesh = Mesh::new(Settings::new("http://127.0.0.1:4000"));
/// let client = mesh.client();
/// let bot = Bot::builder("example").platform(mesh);
/// # drop((bot, client));
/// ```
#[must_use = "it does nothing until a bot is put on it"]
pub struct Mesh {
    client: MeshClient,
}

impl fmt::Debug for Mesh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mesh")
            .field("client", &self.client)
            .finish()
    }
}

impl Mesh {
    /// Describes the platform.
    pub fn new(settings: impl Into<Settings>) -> Self {
        Self {
            client: MeshClient::new(settings.into()),
        }
    }

    /// Returns what asks the models, for handlers to keep.
    #[must_use]
    pub fn client(&self) -> MeshClient {
        self.client.clone()
    }
}

impl Adapter for Mesh {
    fn name(&self) -> &'static str {
        NAME
    }

    fn assemble(self: Box<Self>, assembly: &Assembly) -> Result<Source, BoxError> {
        let Self { client } = *self;
        let settings = &client.shared.settings;
        settings.check()?;
        let trust = Trust::new(settings.ca_file.as_deref())?;
        let branch = assembly.supervisor(NAME, Strategy::OneForOne);
        let origin = Origin::with_door(NAME, &assembly.bot, &assembly.router, client.clone());
        origin.draw_traces(&assembly.entropy.derive("mesh traces"));
        let entropy = assembly.entropy.derive("mesh");
        let network = Arc::clone(&assembly.network);
        let bot = Some((&origin, &assembly.counters));
        let branch = furnish(&client, branch, &trust, network, bot, &entropy);
        let quiesce = client.shared.doors()?.caller.narrow();
        Ok(Source {
            branch: branch.into(),
            quiesce: vec![quiesce],
            take_leave: Vec::new(),
        })
    }
}

/// Puts the actors of a client under their supervisor.
pub(super) fn furnish(
    client: &MeshClient,
    branch: Supervisor,
    trust: &Trust,
    network: Arc<dyn Network>,
    bot: Option<(&Arc<Origin>, &Arc<Counters>)>,
    entropy: &Entropy,
) -> Supervisor {
    let http = {
        let (settings, trust) = (&client.shared.settings, trust.clone());
        let (limit, is_loud) = (settings.connect_timeout, settings.debug);
        // Each life of an actor has connections of its own, on the thread where it lives.
        move || Http::new(network.http_within(&trust, limit), is_loud)
    };
    let (shared, for_session) = (Arc::clone(&client.shared), http.clone());
    let session = ChildSpec::new("session", move || {
        Session::new(for_session(), Arc::clone(&shared))
    })
    .kind(NodeKind::Session);
    let publisher = bot.map(|(origin, counters)| Publisher::new(origin, counters));
    let (shared, entropy) = (Arc::clone(&client.shared), entropy.clone());
    let caller = ChildSpec::new("client", move || {
        Caller::new(
            http(),
            Arc::clone(&shared),
            publisher.clone(),
            entropy.clone(),
        )
    });
    let caller = match bot {
        Some((origin, _)) => publishes(caller.kind(NodeKind::Connection), origin.router()),
        None => caller,
    };
    client.open(Doors {
        caller: caller.address(),
        session: session.address(),
    });
    branch.child(session).child(caller)
}

pub(super) const NAME: &str = "mesh";
