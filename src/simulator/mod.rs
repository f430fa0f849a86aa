//! The simulated platforms: faithful servers on ports of their own, and one API to control them.
//!
//! | platform | what it serves |
//! |---|---|
//! | `mezon` | REST and websocket of both wires |
//! | `token_bowl` | REST, the plain websocket and the Centrifugo line, over one world |
//! | `mesh`, `auth0` | the API of Mesh, and the tenant where its users log in |
//!
//! [`Simulator`] starts every platform together with the control API. Clients of the platforms, our own and those that
//! others wrote, work against it unchanged.
//!
//! # Examples
//!
//! ```no_run
//! # async fn run() -> Result<(), greenroom::simulator::SimulatorError> {
//! use greenroom::simulator::Simulator;
//!
//! let simulator = Simulator::builder().seed(7).start().await?;
//! println!("{}", simulator.ready());
//! let mezon = simulator.url("mezon");
//! # drop(mezon);
//! simulator.stop().await;
//! # Ok(())
//! # }
//! ```

#[cfg(any(feature = "mesh", feature = "payman"))]
pub(crate) mod bounded;
mod chaos;
mod control;
mod dial;
mod error;
mod exchange;
pub mod fault;
mod hooks;
mod host;
pub(crate) mod journal;
#[cfg(any(feature = "mesh", feature = "mezon", feature = "token-bowl"))]
pub(crate) mod jwt;
pub(crate) mod line;
pub(crate) mod network;
mod pending;
mod platform;
mod ports;
pub(crate) mod registry;
mod script;
mod serve;
pub(crate) mod server;
mod socket;
pub(crate) mod stream;
pub(crate) mod wire;
mod world;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use greenroom_actors::entropy::Entropy;

use self::server::Server;
use crate::platform::tls::Trust;
use crate::platform::{Network, Sockets};

pub use self::error::{Refusal, SimulatorError};
pub use self::exchange::{Request, Response, decode};
pub use self::fault::{Fault, FaultKind};
pub use self::host::{Host, Now, Out, Post, SocketId, Spoken, TokenFault};
pub use self::journal::{Body, Direction, Entry, Http, Journal, hex};
#[cfg(feature = "testing")]
pub use self::platform::MakeAdapter;
pub use self::platform::{Hosts, Maker, Platform, Setup};
pub use self::ports::Ports;
pub use self::script::{Cue, Script};
pub use self::world::{Located, Section, World, WorldFault};

/// The simulator while it runs; it ends when it is stopped or dropped.
#[derive(Debug)]
pub struct Simulator {
    platforms: control::Platforms,
    control: String,
    handles: Vec<Handle>,
    tasks: Vec<actix_rt::task::JoinHandle<()>>,
}

impl Simulator {
    /// Begins to describe a simulator.
    #[must_use]
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder::default()
    }

    /// Returns the names of the platforms.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.platforms.iter().map(|(name, _)| *name)
    }

    /// Returns the control side of a platform.
    #[must_use]
    pub fn platform(&self, name: &str) -> Option<Arc<dyn Platform>> {
        let found = self.platforms.iter().find(|(known, _)| *known == name);
        found.map(|(_, platform)| Arc::clone(platform))
    }

    /// Returns the address of a platform, e.g. `http://127.0.0.1:7350`; none if it does not run.
    #[must_use]
    pub fn url(&self, name: &str) -> Option<String> {
        self.platform(name).map(|platform| platform.url())
    }

    /// Returns the address of the control API.
    #[must_use]
    pub fn control_url(&self) -> &str {
        &self.control
    }

    /// Returns the line that says where everything is, as JSON.
    #[must_use]
    pub fn ready(&self) -> String {
        let mut pairs: Vec<String> = self
            .platforms
            .iter()
            .map(|(name, platform)| {
                let name = platform.ready_name().unwrap_or(name);
                format!("\"{name}\":\"{}\"", platform.url())
            })
            .collect();
        pairs.push(format!("\"control\":\"{}\"", self.control));
        format!("{{{}}}", pairs.join(","))
    }

    /// Ends the simulator: says goodbye on open sockets, then closes every port.
    pub async fn stop(mut self) {
        for (_, platform) in self.platforms.iter() {
            platform.stop();
        }
        tokio::time::sleep(GOODBYE).await;
        for handle in std::mem::take(&mut self.handles) {
            handle.0.stop(false).await;
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        for handle in &self.handles {
            // the order is given at once, waiting for it is not needed
            drop(handle.0.stop(false));
        }
    }
}

/// Describes a simulator that is to be started.
#[derive(Clone, Debug, Default)]
pub struct SimulatorBuilder {
    listen: Option<IpAddr>,
    ports: Ports,
    world: World,
    seed: Option<u64>,
    script: Script,
    chaos: f64,
}

impl SimulatorBuilder {
    /// Sets the address to listen on; default 127.0.0.1.
    #[must_use]
    pub fn listen(mut self, address: IpAddr) -> Self {
        self.listen = Some(address);
        self
    }

    /// Sets the port of one platform, or of `control`; default 0, any free one.
    #[must_use]
    pub fn port(mut self, name: &str, port: u16) -> Self {
        self.ports = self.ports.with(name, port);
        self
    }

    /// Sets all ports; default any free ones.
    #[must_use]
    pub fn ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self
    }

    /// Sets the world; default is every platform's own.
    #[must_use]
    pub fn world(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// Sets the seed of all random numbers; default is one from the operating system.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets what goes wrong when, counted from the start; default is nothing.
    #[must_use]
    pub fn script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// Lets faults happen by themselves: each occasion draws one with this probability, from the seed; default 0. The [mix](fault#chaos)
    /// says what is drawn.
    #[must_use]
    pub fn chaos(mut self, rate: f64) -> Self {
        self.chaos = rate;
        self
    }

    /// Starts all platforms and the control API; when this returns, all of them accept connections.
    ///
    /// # Errors
    ///
    /// Fails if a port is taken (trying again can help then), or if the ports, the world, the script or the rate of faults are wrong.
    #[expect(
        clippy::unused_async,
        reason = "it must be called on a running arbiter"
    )]
    pub async fn start(self) -> Result<Simulator, SimulatorError> {
        let sections: Vec<&str> = registry::PLATFORMS.iter().map(|maker| maker.name).collect();
        self.world.check(&sections)?;
        let names = registry::PLATFORMS.iter().flat_map(Maker::names);
        let names: Vec<&str> = names.chain([CONTROL]).collect();
        self.ports.check(&names)?;
        let entropy = self.seed.map_or_else(Entropy::from_system, Entropy::seeded);
        let mut simulator = Simulator {
            platforms: Arc::default(),
            control: String::new(),
            handles: Vec::new(),
            tasks: Vec::new(),
        };
        let mut platforms: Vec<(&'static str, Arc<dyn Platform>)> = Vec::new();
        for maker in registry::PLATFORMS {
            let bound: Result<Vec<_>, _> = maker.names().map(|name| self.bind(name)).collect();
            let bound = bound?;
            let urls: Vec<String> = bound.iter().map(url_of).collect();
            let made = self.servers(maker, &urls, &entropy)?;
            for (listener, (name, platform)) in bound.into_iter().zip(made) {
                let server = serve::serve(&platform, listener)
                    .map_err(|source| self.refused(name, source))?;
                simulator.run(server);
                let internet = || Sockets.http(&Trust::web());
                simulator.tasks.extend([
                    actix_rt::spawn(Arc::clone(&platform).keep_time()),
                    actix_rt::spawn(Arc::clone(&platform).call_hooks(internet)),
                ]);
                platforms.push((name, platform));
            }
        }
        self.script.check(&platforms)?;
        for (_, platform) in platforms.iter().filter(|_| self.chaos != 0.0) {
            platform
                .chaos(self.chaos)
                .map_err(|refusal| SimulatorError::Chaos(refusal.text))?;
        }
        simulator.platforms = Arc::new(platforms);
        if !self.script.cues().is_empty() {
            let play = self.script.clone().play(Arc::clone(&simulator.platforms));
            simulator.tasks.push(actix_rt::spawn(play));
        }
        let listener = self.bind(CONTROL)?;
        simulator.control = url_of(&listener);
        let server = control::serve(listener, Arc::clone(&simulator.platforms))
            .map_err(|source| self.refused(CONTROL, source))?;
        simulator.run(server);
        Ok(simulator)
    }

    /// Makes the servers of a platform, which are to be reached at `urls`.
    pub(crate) fn servers(
        &self,
        maker: &Maker,
        urls: &[String],
        entropy: &Entropy,
    ) -> Result<Vec<(&'static str, Arc<Server>)>, SimulatorError> {
        let hosts = (maker.make)(Setup {
            url: urls.first().map_or("", String::as_str),
            beside: urls.get(1..).unwrap_or_default(),
            world: &self.world,
            entropy: entropy.derive(maker.name),
        })?;
        let named = maker.names().zip(urls).zip(hosts);
        let served = named.map(|((name, url), host)| {
            let server = Server::new(host, url.clone(), entropy.derive(name));
            (name, Arc::new(server))
        });
        Ok(served.collect())
    }

    fn bind(&self, name: &str) -> Result<TcpListener, SimulatorError> {
        TcpListener::bind(self.address(name)).map_err(|source| self.refused(name, source))
    }

    fn address(&self, name: &str) -> SocketAddr {
        let ip = self.listen.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        SocketAddr::new(ip, self.ports.of(name))
    }

    fn refused(&self, name: &str, source: std::io::Error) -> SimulatorError {
        SimulatorError::Listen {
            name: name.to_owned(),
            address: self.address(name),
            source: source.into(),
        }
    }
}

impl Simulator {
    fn run(&mut self, server: actix_web::dev::Server) {
        self.handles.push(Handle(server.handle()));
        actix_rt::spawn(server);
    }
}

/// Returns the address under which a listener is reached from this machine.
#[must_use]
pub fn url_of(listener: &TcpListener) -> String {
    match listener.local_addr() {
        Ok(address) if address.ip().is_unspecified() => {
            format!("http://127.0.0.1:{}", address.port())
        }
        Ok(address) => format!("http://{address}"),
        Err(_) => String::new(),
    }
}

struct Handle(ServerHandle);

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handle")
    }
}

const CONTROL: &str = "control";
/// How long open sockets get to hear that the simulator ends.
const GOODBYE: Duration = Duration::from_millis(20);
