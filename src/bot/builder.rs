//! Composing a bot.

use std::fmt;
#[cfg(feature = "endpoint")]
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::{Actor, Context};
use greenroom_actors::dialogue::State;
use greenroom_actors::entropy::Entropy;
use greenroom_actors::event::{ChannelKey, Event, Origin, Payload};
use greenroom_actors::graph::Graph;
use greenroom_actors::router::middleware::Middleware;
use greenroom_actors::router::{Outcome, Registration, Router, closure};
use greenroom_actors::store::{Store, StoreError};
use greenroom_actors::supervisor::{
    Backoff, Child, Intensity, Observer, Restarted, Root, Strategy, Supervisor,
};
use greenroom_actors::telemetry::Counters;

use super::shutdown::Deadlines;
use super::{Backstage, BotError, Placement, Running};
use crate::chat::{Commands, Dialogue};
#[cfg(feature = "endpoint")]
use crate::endpoint::Endpoint;
use crate::platform::{Adapter, Assembly};

/// A bot that is composed and not yet started.
///
/// # Examples
///
/// ```
/// use greenroom::prelude::*;
///
/// let bot = Bot::builder("hello").on("ping", async |message: Event<ChatMessage>| {
///     if message.text == "!ping" {
///         message.reply("Pong!").await?;
///     }
///     Ok(())
/// });
/// # drop(bot);
/// ```
pub struct Bot {
    tree: Supervisor,
    running: Running,
}

impl fmt::Debug for Bot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bot")
            .field("tree", &self.tree)
            .finish_non_exhaustive()
    }
}

/// Composes a [`Bot`].
#[must_use = "a builder does nothing until the bot is built"]
pub struct BotBuilder {
    name: String,
    adapters: Vec<Box<dyn Adapter>>,
    handlers: Vec<Register>,
    names: Vec<String>,
    faults: Vec<BotError>,
    entropy: Entropy,
    intensity: Intensity,
    handler_intensity: Intensity,
    backoff: Backoff,
    deadlines: Deadlines,
    child_shutdown: Option<Duration>,
    store: Option<Keep>,
    arbiters: usize,
    placement: Placement,
    router: Router,
    #[cfg(feature = "client")]
    network: Arc<dyn crate::platform::Network>,
    #[cfg(feature = "endpoint")]
    endpoint: Option<SocketAddr>,
}

/// Enters a handler into the router and makes its child.
type Register = Box<dyn FnOnce(&Place<'_>) -> Result<Child, BotError>>;

/// Where a handler is entered.
struct Place<'a> {
    backstage: Backstage<'a>,
    shutdown: Option<Duration>,
}

impl Place<'_> {
    fn enter<A: Actor<Context = Context<A>>>(&self, registration: Registration<A>) -> Child {
        let registration = registration.entropy(self.backstage.entropy);
        let registration = match self.shutdown {
            Some(deadline) => registration.supervised(|child| child.shutdown_within(deadline)),
            None => registration,
        };
        registration.register(self.backstage.router)
    }
}

/// Where dead letters and leftovers are kept.
enum Keep {
    At(PathBuf),
    In(Store),
}

impl fmt::Debug for BotBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BotBuilder")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Bot {
    /// Begins a bot of this name.
    pub fn builder(name: impl Into<String>) -> BotBuilder {
        BotBuilder {
            name: name.into(),
            adapters: Vec::new(),
            handlers: Vec::new(),
            names: Vec::new(),
            faults: Vec::new(),
            entropy: Entropy::from_system(),
            intensity: Intensity::default(),
            handler_intensity: Intensity {
                restarts: 100,
                period: Duration::from_secs(30),
            },
            backoff: Backoff::default(),
            deadlines: Deadlines::default(),
            child_shutdown: None,
            store: None,
            arbiters: 1,
            placement: Placement::default(),
            router: Router::default(),
            #[cfg(feature = "client")]
            network: crate::platform::network::default(),
            #[cfg(feature = "endpoint")]
            endpoint: None,
        }
    }

    /// Draws the tree and how events will travel through it.
    #[must_use]
    pub fn graph(&self) -> Graph {
        self.running.router.graph(&self.tree.snapshot())
    }

    /// Starts the bot on the current arbiter.
    ///
    /// # Panics
    ///
    /// Panics outside an actix system, such as `#[actix::main]` makes.
    #[must_use = "it is what stops the bot in order"]
    pub fn start(self) -> Running {
        let running = self.running;
        running.restore();
        running.root.get_or_init(|| Root::start(self.tree));
        if running.store.is_some() {
            tokio::task::spawn_local(running.clone().replay_requested());
        }
        running
    }

    /// Runs the bot until SIGTERM, Ctrl-C or a failure, then shuts it down in order.
    ///
    /// # Errors
    ///
    /// [`BotError::Failed`] if the tree failed, [`BotError::Signals`] if signals cannot be watched.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn run(self) -> Result<(), BotError> {
        self.start().until_stopped().await.map(drop)
    }
}

impl BotBuilder {
    /// Puts the bot on a platform.
    pub fn platform(mut self, adapter: impl Adapter + 'static) -> Self {
        self.adapters.push(Box::new(adapter));
        self
    }

    /// Reaches the platforms in another way than over the sockets of this machine.
    #[cfg(feature = "client")]
    pub fn network(mut self, network: impl crate::platform::Network + 'static) -> Self {
        self.network = Arc::new(network);
        self
    }

    #[cfg(feature = "testing")]
    pub(crate) fn boxed_platform(mut self, adapter: Box<dyn Adapter>) -> Self {
        self.adapters.push(adapter);
        self
    }

    #[cfg(feature = "testing")]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the names of the platforms that the bot is on already.
    #[cfg(feature = "testing")]
    pub(crate) fn platform_names(&self) -> Vec<&'static str> {
        self.adapters.iter().map(|adapter| adapter.name()).collect()
    }

    /// Registers an async closure for events of type `T` under `name`.
    pub fn on<T, F>(self, name: &str, handle: F) -> Self
    where
        T: Payload,
        F: AsyncFn(Event<T>) -> Outcome + Send + Sync + 'static,
    {
        self.named_handler(name, closure(name, handle))
    }

    /// Registers a handler actor.
    pub fn handler<A: Actor<Context = Context<A>>>(self, registration: Registration<A>) -> Self {
        let name = registration.name().to_owned();
        self.named_handler(&name, registration)
    }

    /// Registers under `name` a handler actor that keeps something in the store of the bot, which `make` gets; in one in memory if the
    /// bot has none. That the store cannot be read is the error of [`build`](Self::build).
    pub fn stored_handler<A: Actor<Context = Context<A>>>(
        self,
        name: &str,
        make: impl FnOnce(&Store) -> Result<Registration<A>, StoreError> + 'static,
    ) -> Self {
        self.staged(name, move |backstage| {
            let registration = match backstage.store {
                Some(store) => make(store),
                None => make(&Store::temporary()),
            };
            Ok(registration?)
        })
    }

    /// Registers commands under `name`. What is wrong with them is the error of [`build`](Self::build).
    pub fn commands(self, name: &str, commands: Commands) -> Self {
        match commands.register(name) {
            Ok(registration) => self.handler(registration),
            Err(faults) => self.fault(faults),
        }
    }

    /// Registers a dialogue under its name. It is kept in the store of the bot, if it has none of its own; a store that cannot be read
    /// is the error of [`build`](Self::build).
    pub fn dialogue<S: State>(mut self, dialogue: Dialogue<S>) -> Self {
        self.names.push(dialogue.name().to_owned());
        self.handlers.push(Box::new(move |place| {
            let dialogue = match place.backstage.store {
                Some(store) => dialogue.or_store(store),
                None => dialogue,
            };
            let (registration, _) = dialogue.register()?;
            Ok(place.enter(registration))
        }));
        self
    }

    /// Notes an error of [`build`](Self::build).
    pub(crate) fn fault(mut self, fault: impl Into<BotError>) -> Self {
        self.faults.push(fault.into());
        self
    }

    /// Registers a handler actor that needs to know more of the bot than its events.
    pub(crate) fn staged<A: Actor<Context = Context<A>>>(
        mut self,
        name: &str,
        make: impl FnOnce(&Backstage<'_>) -> Result<Registration<A>, BotError> + 'static,
    ) -> Self {
        self.names.push(name.to_owned());
        self.handlers.push(Box::new(move |place| {
            Ok(place.enter(make(&place.backstage)?))
        }));
        self
    }

    fn named_handler<A: Actor<Context = Context<A>>>(
        mut self,
        name: &str,
        registration: Registration<A>,
    ) -> Self {
        self.names.push(name.to_owned());
        self.handlers
            .push(Box::new(move |place| Ok(place.enter(registration))));
        self
    }

    /// Sets the seed of all delays; drawn from the system by default. Bots of other names draw other delays from the same seed, so that
    /// they do not come back to a server all at once.
    pub fn seed(mut self, seed: u64) -> Self {
        self.entropy = Entropy::seeded(seed);
        self
    }

    /// Sets how many restarts the platforms' actors may need in a period before the bot gives up; 5 in 30 s.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Self {
        self.intensity = Intensity { restarts, period };
        self
    }

    /// Sets how many restarts the handlers may need in a period; 100 in 30 s, since what they are fed is not their fault.
    pub fn handler_intensity(mut self, restarts: usize, period: Duration) -> Self {
        self.handler_intensity = Intensity { restarts, period };
        self
    }

    /// Sets the delays before restarts; 100 ms doubling to 30 s for the platforms' actors. Handlers wait 2 s at most.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Puts a layer around every handler of the bot, outside the handler's own and inside the layers before it.
    pub fn layer(self, layer: impl Middleware) -> Self {
        self.router.layer(layer);
        self
    }

    /// Keeps dead letters, and what a shutdown leaves over, in this folder, which is made when the bot is built. By default they are
    /// in memory, and end with the process.
    pub fn store(mut self, path: impl Into<PathBuf>) -> Self {
        self.store = Some(Keep::At(path.into()));
        self
    }

    /// As [`store`](Self::store), in a store that is open already.
    pub fn open_store(mut self, store: &Store) -> Self {
        self.store = Some(Keep::In(store.clone()));
        self
    }

    /// Spreads the work over so many threads; 1 by default. See [`Placement`] for what goes where.
    pub fn arbiters(mut self, number: usize) -> Self {
        self.arbiters = number.max(1);
        self
    }

    /// Sets how the work is spread over the threads; [`Placement::Connections`] by default.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Sets how long handlers may take to finish at shutdown; 20 s.
    pub fn shutdown_within(mut self, deadline: Duration) -> Self {
        self.deadlines.drain = deadline;
        self
    }

    /// Sets how long the whole shutdown may take; 60 s. What is not done by then is left.
    pub fn shutdown_total(mut self, deadline: Duration) -> Self {
        self.deadlines.total = deadline;
        self
    }

    /// Sets how long each handler may take to stop once there is nothing left for it to do; by default as it was registered, 5 s.
    pub fn handler_shutdown(mut self, deadline: Duration) -> Self {
        self.child_shutdown = Some(deadline);
        self
    }

    /// Lets the bot answer over HTTP how it is, at an address of this machine; port 0 takes a free one, which
    /// [`Running::endpoint`] tells. Nothing is opened by default. See [`crate::endpoint`] for what it answers.
    #[cfg(feature = "endpoint")]
    pub fn endpoint(mut self, listen: SocketAddr) -> Self {
        self.endpoint = Some(listen);
        self
    }

    /// Composes the bot and runs it: [`build`](Self::build), then [`Bot::run`].
    ///
    /// # Errors
    ///
    /// As both.
    ///
    /// # Panics
    ///
    /// As [`Bot::start`].
    pub async fn run(self) -> Result<(), BotError> {
        self.build()?.run().await
    }

    /// Returns the router, to publish events of one's own from outside.
    #[must_use]
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// Composes the bot.
    ///
    /// # Errors
    ///
    /// [`BotError::Assembly`] if a platform cannot be set up, [`BotError::SameName`] if two handlers have one name,
    /// [`BotError::Commands`] or [`BotError::Dialogue`] if one of these cannot be registered, [`BotError::Store`] if the store cannot be
    /// opened, and `BotError::Endpoint` if the endpoint cannot listen.
    pub fn build(self) -> Result<Bot, BotError> {
        if let Some(fault) = self.faults.into_iter().next() {
            return Err(fault);
        }
        let mut names = self.names;
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(BotError::SameName(pair[0].clone()));
        }
        let router = self.router;
        let entropy = self.entropy.derive(&self.name);
        let store = match self.store {
            Some(Keep::At(path)) => Some(Store::open(path)?),
            Some(Keep::In(store)) => Some(store),
            None => None,
        };
        if let Some(store) = &store {
            router.keep_in(store)?;
        }
        #[cfg(feature = "client")]
        let network = match self.placement {
            Placement::Sockets if !self.network.is_in_process() => Arc::new(
                crate::platform::network::SocketsApart::new(Placement::threads(self.arbiters)),
            ),
            _ => self.network,
        };
        #[cfg(feature = "client")]
        let is_in_process = network.is_in_process();
        #[cfg(not(feature = "client"))]
        let is_in_process = false;
        let assembly = Assembly {
            bot: self.name.clone(),
            router: router.clone(),
            entropy: entropy.clone(),
            counters: Arc::new(Counters::default()),
            intensity: self.intensity,
            backoff: self.backoff,
            observer: restarts_as_events(&self.name, &router, &entropy),
            #[cfg(feature = "client")]
            network,
        };
        // The first thread is the one that starts the bot.
        let threads = match self.placement {
            Placement::Connections if !is_in_process && self.adapters.len() > 1 => {
                let most = self.arbiters.min(self.adapters.len());
                Placement::threads(most.saturating_sub(1))
            }
            _ => Vec::new(),
        };
        let mut thread_of = std::iter::once(None)
            .chain(threads.into_iter().map(Some))
            .collect::<Vec<_>>()
            .into_iter()
            .cycle();
        let mut platforms = assembly.supervisor("platforms", Strategy::OneForOne);
        let (mut quiesce, mut take_leave, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for adapter in self.adapters {
            let platform = adapter.name();
            let source = adapter
                .assemble(&assembly)
                .map_err(|error| BotError::Assembly { platform, error })?;
            names.push(platform);
            let branch = match thread_of.next().flatten() {
                Some(thread) => source.branch.on_arbiter(thread),
                None => source.branch,
            };
            platforms = platforms.child(branch);
            quiesce.extend(source.quiesce);
            take_leave.extend(source.take_leave);
        }
        // A handler that met a poisonous event should be back soon.
        let quick = Backoff::exponential(Duration::from_millis(50), Duration::from_secs(2));
        let mut handlers = assembly
            .supervisor("handlers", Strategy::OneForOne)
            .intensity(
                self.handler_intensity.restarts,
                self.handler_intensity.period,
            )
            .backoff(quick)
            .shutdown_within(self.deadlines.drain);
        let place = Place {
            backstage: Backstage {
                bot: &self.name,
                router: &router,
                counters: &assembly.counters,
                entropy: &entropy,
                store: store.as_ref(),
            },
            shutdown: self.child_shutdown,
        };
        for register in self.handlers {
            handlers = handlers.child(register(&place)?);
        }
        // Stopped in reverse order: handlers finish while the platforms can still carry their replies.
        let tree = assembly
            .supervisor(&self.name, Strategy::OneForOne)
            .shutdown_within(self.deadlines.drain.saturating_add(PLATFORMS_STOP));
        #[cfg_attr(
            not(feature = "endpoint"),
            expect(unused_mut, reason = "only the endpoint changes it")
        )]
        let mut running = Running {
            name: self.name.into(),
            platforms: names.into(),
            root: Arc::new(OnceLock::new()),
            stopping: Arc::default(),
            router,
            counters: assembly.counters,
            quiesce,
            take_leave,
            store,
            deadlines: self.deadlines,
            #[cfg(feature = "endpoint")]
            endpoint: None,
        };
        // The endpoint is stopped after everything else, so that it can say what is being waited for.
        #[cfg(feature = "endpoint")]
        let tree = match self.endpoint {
            Some(address) => {
                let endpoint = Endpoint::bind(address)
                    .map_err(|source| BotError::Endpoint { address, source })?;
                running.endpoint = Some(endpoint.address());
                tree.child(endpoint.child(running.clone()))
            }
            None => tree,
        };
        let tree = tree.child(platforms).child(handlers);
        Ok(Bot { tree, running })
    }
}

/// Publishes the restarts of a bot's actors as events of type [`Restarted`].
fn restarts_as_events(bot: &str, router: &Router, entropy: &Entropy) -> Observer {
    let origin = Origin::new("greenroom", bot, router);
    origin.draw_traces(&entropy.derive("restart traces"));
    let topic = router.topic::<Restarted>();
    Arc::new(move |restarted| {
        let event = Event::new(&origin, 0, ChannelKey::default(), restarted.clone());
        let published = topic.publish(event);
        if !published.is_done() {
            tokio::task::spawn_local(published);
        }
    })
}

/// How long the platforms may take to stop, once the handlers have.
const PLATFORMS_STOP: Duration = Duration::from_secs(30);
