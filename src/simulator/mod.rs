//! The simulated platforms: faithful servers on ports of their own, and one API to control them.
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

mod chaos;
mod control;
mod error;
mod exchange;
pub mod fault;
mod host;
pub(crate) mod journal;
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
pub(crate) mod wire;
mod world;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use greenroom_actors::entropy::Entropy;

use self::server::Server;

pub use self::error::{Refusal, SimulatorError};
pub use self::exchange::{Request, Response};
pub use self::fault::{Fault, FaultKind};
pub use self::host::{Host, Now, Out, SocketId, Spoken, TokenFault};
pub use self::journal::{Body, Direction, Entry, Http, Journal, hex};
pub use self::platform::{Maker, Platform, Setup};
pub use self::ports::Ports;
pub use self::script::{Cue, Script};
pub use self::world::{Located, Section, World, WorldFault};

/// The simulator while it runs; it ends when it is stopped or dropped.
#[derive(Debug)]
pub struct Simulator {
    platforms: control::Platforms,
    control: String,
    handles: Vec<Handle>,
    script: Option<actix_rt::task::JoinHandle<()>>,
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
            .map(|(name, platform)| format!("\"{name}\":\"{}\"", platform.url()))
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
        if let Some(script) = &self.script {
            script.abort();
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
        let mut names: Vec<&str> = registry::PLATFORMS.iter().map(|maker| maker.name).collect();
        self.world.check(&names)?;
        names.push(CONTROL);
        self.ports.check(&names)?;
        let entropy = self.seed.map_or_else(Entropy::from_system, Entropy::seeded);
        let mut simulator = Simulator {
            platforms: Arc::default(),
            control: String::new(),
            handles: Vec::new(),
            script: None,
        };
        let mut platforms: Vec<(&'static str, Arc<dyn Platform>)> = Vec::new();
        for maker in registry::PLATFORMS {
            let listener = self.bind(maker.name)?;
            let platform = self.platform(maker, url_of(&listener), &entropy)?;
            let server = serve::serve(&platform, listener)
                .map_err(|source| self.refused(maker.name, source))?;
            simulator.run(server);
            platforms.push((maker.name, platform));
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
            simulator.script = Some(actix_rt::spawn(play));
        }
        let listener = self.bind(CONTROL)?;
        simulator.control = url_of(&listener);
        let server = control::serve(listener, Arc::clone(&simulator.platforms))
            .map_err(|source| self.refused(CONTROL, source))?;
        simulator.run(server);
        Ok(simulator)
    }

    /// Makes a platform that is to be reached at `url`.
    pub(crate) fn platform(
        &self,
        maker: &Maker,
        url: String,
        entropy: &Entropy,
    ) -> Result<Arc<Server>, SimulatorError> {
        let entropy = entropy.derive(maker.name);
        let host = (maker.make)(Setup {
            url: &url,
            world: &self.world,
            entropy: entropy.clone(),
        })?;
        Ok(Arc::new(Server::new(host, url, entropy)))
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
