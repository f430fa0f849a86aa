//! Puts a bot on Payman.
//!
//! ```text
//! payman
//! ├─ session   tokens
//! └─ client    asks, and requests for tokens
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::entropy::Entropy;
use greenroom_actors::error::BoxError;
use greenroom_actors::event::Origin;
use greenroom_actors::session::{LoginBudget, Session, SessionSettings};
use greenroom_actors::supervisor::{ChildSpec, NodeKind, Strategy, Supervisor};
use greenroom_actors::telemetry::Counters;

use super::authenticator::PaymanAuthenticator;
use super::caller::Caller;
use super::client::{Doors, PaymanClient};
use super::config::Settings;
use super::http::Http;
use super::register::{Publisher, publishes};
use crate::platform::tls::Trust;
use crate::platform::{Adapter, Assembly, Network, Source};

/// Payman as a platform of a bot.
///
/// # Examples
///
/// ```
/// use greenroom::payman::{Payman, Settings};
/// use greenroom::prelude::*;
///
/// let payman = Payman::new(Settings::new("sim-payman-client", "sim-payman-secret"));
/// let client = payman.client();
/// let bot = Bot::builder("example").platform(payman);
/// # drop((bot, client));
/// ```
#[must_use = "it does nothing until a bot is put on it"]
pub struct Payman {
    client: PaymanClient,
}

impl fmt::Debug for Payman {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payman")
            .field("client", &self.client)
            .finish()
    }
}

impl Payman {
    /// Describes the platform.
    pub fn new(settings: impl Into<Settings>) -> Self {
        Self {
            client: PaymanClient::new(settings.into()),
        }
    }

    /// Returns what asks the agent, for handlers to keep.
    #[must_use]
    pub fn client(&self) -> PaymanClient {
        self.client.clone()
    }
}

impl Adapter for Payman {
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
        origin.draw_traces(&assembly.entropy.derive("payman traces"));
        let entropy = assembly.entropy.derive("payman");
        let network = Arc::clone(&assembly.network);
        let branch = furnish(
            &client,
            branch,
            &trust,
            network,
            Some((&origin, &assembly.counters)),
            &entropy,
        );
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
    client: &PaymanClient,
    branch: Supervisor,
    trust: &Trust,
    network: Arc<dyn Network>,
    bot: Option<(&Arc<Origin>, &Arc<Counters>)>,
    entropy: &Entropy,
) -> Supervisor {
    let shared = Arc::clone(&client.shared);
    let kept = SessionSettings::default()
        // Tokens may live for less than a minute, and are renewed then before each ask.
        .budget(LoginBudget::new(usize::MAX, Duration::ZERO))
        // Each request for a token has a limit of its own, as have the waits between them.
        .timeout(Duration::from_secs(600));
    let session = ChildSpec::new("session", move || {
        Session::new(PaymanAuthenticator::new(Arc::clone(&shared)), kept.clone())
    })
    .kind(NodeKind::Session);
    let publisher = bot.map(|(origin, counters)| Publisher::new(origin, counters));
    let (shared, trust, entropy) = (Arc::clone(&client.shared), trust.clone(), entropy.clone());
    let caller = ChildSpec::new("client", move || {
        let settings = &shared.settings;
        let exchange = network.http_within(&trust, settings.connect_timeout);
        let http = Http::new(exchange, settings.server());
        Caller::new(
            http,
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

pub(super) const NAME: &str = "payman";
