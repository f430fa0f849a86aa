//! The stage: simulated platforms in memory, a clock that only the test moves, one seed.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::clock;
use greenroom_actors::entropy::{self, Entropy};
use serde_json::json;

use super::bot::TestBot;
use super::heard::Heard;
use super::network::Local;
use super::platform::TestPlatform;
use super::trace::Trace;
use crate::bot::{BotBuilder, BotError};
use crate::platform::Network;
use crate::platform::tls::Trust;
use crate::simulator::journal::Sight;
use crate::simulator::registry::PLATFORMS;
use crate::simulator::server::Server;
use crate::simulator::{Simulator, World};

/// Runs a test on a stage as by default; [`Stage::builder`] has the choices.
///
/// # Panics
///
/// If the test does; then the seed and the end of the trace are printed, and all of it is saved to the file that the variable
/// `GREENROOM_TRACE` names, if it is set. And within an async runtime: it brings its own.
pub fn run<F, T>(test: F) -> T::Output
where
    F: FnOnce(Stage) -> T,
    T: Future,
{
    Stage::builder().run(test)
}

/// Describes a stage.
#[derive(Clone, Debug)]
#[must_use = "a stage is set when it is run"]
pub struct StageBuilder {
    seed: Option<u64>,
    world: World,
    date: u64,
    latency: Duration,
    patience: Duration,
    trace_limit: usize,
    frames: bool,
    is_real: bool,
}

/// Simulated platforms in memory, under a clock that stands still while anybody has something to do. Clones are the same stage.
#[derive(Clone)]
pub struct Stage {
    inner: Rc<Inner>,
}

struct Inner {
    seed: u64,
    network: Local,
    platforms: Vec<(&'static str, Arc<Server>)>,
    trace: Trace,
    heard: Arc<Heard>,
    patience: Duration,
    bots: std::cell::RefCell<Vec<TestBot>>,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("seed", &self.inner.seed)
            .finish_non_exhaustive()
    }
}

impl StageBuilder {
    /// Sets the seed of everything random: delays, chaos, the platforms. Default is the variable `GREENROOM_SEED`, else 1.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the world; default is every platform's own.
    pub fn world(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// Sets the date at which the test begins, in seconds since 1970; default is 2026-01-01.
    pub fn date(mut self, unix_seconds: u64) -> Self {
        self.date = unix_seconds;
        self
    }

    /// Sets how long a message takes to a platform, and back; default 1 ms each.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Sets how long, in virtual time, something expected may take; default 60 s.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets how many lines the trace keeps; default 1,000,000.
    pub fn trace_limit(mut self, lines: usize) -> Self {
        self.trace_limit = lines;
        self
    }

    /// Sets whether the trace has a line for everything that goes over a wire; default true. Long tests are quicker without.
    pub fn frames(mut self, frames: bool) -> Self {
        self.frames = frames;
        self
    }

    /// Lets time go by as it does for everybody, in place of virtual time: what is random is the same each time, and when it happens is
    /// not.
    pub fn in_real_time(mut self) -> Self {
        self.is_real = true;
        self
    }

    /// Sets the stage, runs `test` on it, stops the bots that it has started, and returns what it returns.
    ///
    /// # Panics
    ///
    /// As [`run`]; and if the variable `GREENROOM_SEED` or the world is wrong.
    pub fn run<F, T>(self, test: F) -> T::Output
    where
        F: FnOnce(Stage) -> T,
        T: Future,
    {
        let seed = self.seed.unwrap_or_else(seed_of_environment);
        let system = match self.is_real {
            true => actix_rt::System::new(),
            false => actix_rt::System::with_tokio_rt(paused),
        };
        let mut trace = None;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            system.block_on(async {
                let stage = Stage::set(self, seed);
                trace = Some(stage.trace().clone());
                let result = test(stage.clone()).await;
                stage.strike().await;
                result
            })
        }));
        entropy::repeat_on_this_thread(None);
        outcome.unwrap_or_else(|panic| {
            if let Some(trace) = trace {
                eprintln!("the last lines of the trace:\n{}", trace.tail(TAIL));
                if let Ok(file) = std::env::var(FILE) {
                    match trace.save(&file) {
                        Ok(()) => eprintln!("the whole trace is in {file}"),
                        Err(error) => eprintln!("the trace cannot be written to {file}: {error}"),
                    }
                }
            }
            eprintln!("seed {seed}; to run it again: GREENROOM_SEED={seed} cargo test");
            resume_unwind(panic)
        })
    }
}

#[expect(clippy::expect_used, reason = "without a runtime there is no test")]
fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime can be made")
}

fn seed_of_environment() -> u64 {
    match std::env::var(SEED) {
        Ok(text) => match text.trim().parse() {
            Ok(seed) => seed,
            Err(_) => panic!("{SEED}: {text:?} is no whole number from 0"),
        },
        Err(_) => 1,
    }
}

impl Stage {
    /// Begins to describe a stage.
    pub fn builder() -> StageBuilder {
        StageBuilder {
            seed: None,
            world: World::default(),
            date: NEW_YEAR,
            latency: Duration::from_millis(1),
            patience: Duration::from_secs(60),
            trace_limit: 1_000_000,
            frames: true,
            is_real: false,
        }
    }

    fn set(builder: StageBuilder, seed: u64) -> Self {
        let frames = builder.frames || std::env::var_os(FILE).is_some();
        clock::set_date(builder.date);
        entropy::repeat_on_this_thread(Some(seed));
        let trace = Trace::new(builder.trace_limit, frames);
        trace.note("stage", json!({"seed": seed, "date": builder.date}));
        let heard = Arc::new(Heard::default());
        let entropy = Entropy::seeded(seed);
        let simulator = Simulator::builder().world(builder.world);
        let mut platforms = Vec::new();
        for maker in PLATFORMS {
            let urls: Vec<String> = maker.names().map(address).collect();
            let servers = simulator.servers(maker, &urls, &entropy);
            platforms.extend(servers.unwrap_or_else(|error| panic!("{error}")));
        }
        for (name, server) in &platforms {
            let (name, trace, heard) = (*name, trace.clone(), Arc::clone(&heard));
            let tap = move |sight: Sight<'_>| match sight {
                Sight::Entry(entry) => trace.wire(name, entry),
                Sight::Spoken(spoken) => {
                    let said = heard.add(name, spoken);
                    trace.note("said", said.to_json());
                }
            };
            server.rehearse(builder.latency, Box::new(tap));
            actix_rt::spawn(Arc::clone(server).keep_time());
        }
        let hosts = platforms
            .iter()
            .map(|(name, server)| (format!("{name}.test"), Arc::clone(server)));
        let network = Local::new(hosts.collect::<BTreeMap<_, _>>(), builder.latency);
        for (_, server) in &platforms {
            let local = network.clone();
            let hooks = Arc::clone(server).call_hooks(move || local.http(&Trust::web()));
            actix_rt::spawn(hooks);
        }
        Self {
            inner: Rc::new(Inner {
                seed,
                network,
                platforms,
                trace,
                heard,
                patience: builder.patience,
                bots: std::cell::RefCell::default(),
            }),
        }
    }

    /// Stops the bots that still run.
    async fn strike(&self) {
        let bots = self.inner.bots.take();
        for bot in bots {
            bot.stop().await;
        }
    }

    /// Returns the seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.inner.seed
    }

    /// Returns what has happened so far.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.inner.trace
    }

    /// Returns a platform.
    ///
    /// # Panics
    ///
    /// If the simulator has none of this name.
    #[must_use]
    pub fn platform(&self, name: &str) -> TestPlatform {
        let found = self
            .inner
            .platforms
            .iter()
            .find(|(known, _)| *known == name);
        let Some((name, server)) = found else {
            let known: Vec<_> = self.inner.platforms.iter().map(|(name, _)| *name).collect();
            panic!(
                "there is no platform {name:?}, known are {}",
                known.join(", ")
            )
        };
        TestPlatform::new(name, Arc::clone(server), self.inner.trace.clone())
    }

    /// Returns all platforms with their names.
    #[must_use]
    pub fn platforms(&self) -> Vec<(&'static str, TestPlatform)> {
        let names = self.inner.platforms.iter().map(|(name, _)| *name);
        names.map(|name| (name, self.platform(name))).collect()
    }

    /// Puts a bot on a platform, with the account of its default world.
    ///
    /// # Panics
    ///
    /// If the simulator has none of this name, or no bot can be put on it.
    pub fn put(&self, bot: BotBuilder, name: &str) -> BotBuilder {
        let url = self.platform(name).url();
        let maker = PLATFORMS.iter().find(|maker| maker.name == name);
        match maker.and_then(|maker| maker.adapter) {
            Some(adapter) => bot.boxed_platform(adapter(&url)),
            None => panic!("no bot can be put on {name}"),
        }
    }

    /// Returns the simulated Mesh API.
    #[cfg(feature = "mesh")]
    #[must_use]
    pub fn mesh(&self) -> TestPlatform {
        self.platform("mesh")
    }

    /// Returns the simulated tenant where users of Mesh log in.
    #[cfg(feature = "mesh")]
    #[must_use]
    pub fn auth0(&self) -> TestPlatform {
        self.platform("auth0")
    }

    /// Returns the simulated Payman.
    #[cfg(feature = "payman")]
    #[must_use]
    pub fn payman(&self) -> TestPlatform {
        self.platform("payman")
    }

    /// Returns the network on which the simulated platforms are, for clients without a bot.
    #[must_use]
    pub fn network(&self) -> impl Network + use<> {
        self.inner.network.clone()
    }

    /// Returns the simulated Mezon.
    #[cfg(feature = "mezon")]
    #[must_use]
    pub fn mezon(&self) -> TestPlatform {
        self.platform("mezon")
    }

    /// Returns the simulated Token Bowl Chat.
    #[cfg(feature = "token-bowl")]
    #[must_use]
    pub fn token_bowl(&self) -> TestPlatform {
        self.platform("token_bowl")
    }

    /// Returns the simulated agent of Ticos and its cloud; it reaches a bot with [`TestPlatform::dial`].
    #[cfg(feature = "ticos")]
    #[must_use]
    pub fn ticos(&self) -> TestPlatform {
        self.platform("ticos")
    }

    /// Lets a user speak on the first platform; returns the id of the message.
    ///
    /// # Panics
    ///
    /// If there is no such user or channel, or no platform at all.
    #[expect(clippy::must_use_candidate, reason = "saying it is enough")]
    pub fn say(&self, from: &str, channel: &str, text: &str) -> String {
        match self.inner.platforms.first() {
            Some((name, _)) => self.platform(name).say(from, channel, text),
            None => panic!("there is no platform"),
        }
    }

    /// Starts a bot, and waits until it is connected. A bot on no platform is put on all that are simulated, with the accounts of their
    /// default worlds. It is stopped at the end of the test.
    ///
    /// # Panics
    ///
    /// If the bot cannot be built, or ends before it is connected.
    pub async fn start(&self, bot: BotBuilder) -> TestBot {
        match self.try_start(bot).await {
            Ok(bot) => bot,
            Err(error) => panic!("the bot did not start: {error}"),
        }
    }

    /// As [`start`](Self::start) for bots that may fail to.
    ///
    /// # Errors
    ///
    /// [`BotError`] if the bot cannot be built, or ends before it is connected.
    pub async fn try_start(&self, bot: BotBuilder) -> Result<TestBot, BotError> {
        let mut bot = bot
            .seed(self.inner.seed)
            .network(self.inner.network.clone());
        if bot.platform_names().is_empty() {
            for maker in PLATFORMS {
                if let Some(adapter) = maker.adapter {
                    bot = bot.boxed_platform(adapter(&address(maker.name)));
                }
            }
        }
        let bot = TestBot::start(
            bot,
            self.inner.trace.clone(),
            Arc::clone(&self.inner.heard),
            self.inner.patience,
        )?;
        self.inner.bots.borrow_mut().push(bot.clone());
        bot.running().connected().await?;
        Ok(bot)
    }

    /// Lets virtual time go by: everything that is due happens at its moment, and nobody waits for real.
    pub async fn advance(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Waits until `done` holds, looking every 10 ms of virtual time.
    ///
    /// # Panics
    ///
    /// If it does not within `limit`.
    pub async fn until(&self, what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
        let end = clock::now() + limit;
        while !done() {
            assert!(clock::now() < end, "not within {limit:?}: {what}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Returns the address of a server on the stage.
fn address(name: &str) -> String {
    format!("http://{name}.test")
}

const SEED: &str = "GREENROOM_SEED";
const FILE: &str = "GREENROOM_TRACE";
/// 2026-01-01.
const NEW_YEAR: u64 = 1_767_225_600;
const TAIL: usize = 40;
const LOOK_EVERY: Duration = Duration::from_millis(10);
