//! `greenroom sim`: the simulated platforms, each on a port of its own, until SIGTERM or Ctrl-C.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::Args;

use super::{Failure, FailureKind, Globals, logging};
use crate::bot::signals::StopSignals;
use crate::config::Config;
use crate::simulator::{Ports, Script, Simulator, SimulatorError, World};

/// The arguments of `greenroom sim`.
#[derive(Args, Clone, Debug)]
pub(super) struct SimArgs {
    /// The address to listen on
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// The port of each server, such as `mezon=7350,control=7351`; what is not named gets a free one
    #[arg(
        long,
        value_name = "NAME=PORT,..",
        default_value = "",
        hide_default_value = true
    )]
    ports: Ports,
    /// A file that extends or replaces the world
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// A file that says what goes wrong when
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// The probability, from 0 to 1, with which each request and message meets a fault
    #[arg(long, value_name = "RATE", default_value_t = 0.0, hide_default_value = true, value_parser = rate)]
    chaos: f64,
    /// The seed of all random numbers, the faults' included; by default another one each time
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Prints one line of JSON with the address of each server when all of them accept connections, then runs until it is told to stop.
pub(super) async fn run(args: SimArgs, globals: &Globals) -> Result<(), Failure> {
    logging::start(globals, &Config::default())?;
    let mut signals = StopSignals::listen()?;
    let simulator = start(args).await?;
    writeln!(io::stdout(), "{}", simulator.ready())?;
    signals.received().await;
    let stopped = signals.unless_again(simulator.stop()).await;
    stopped.ok_or_else(|| Failure::failed("stopped by a second signal"))
}

async fn start(args: SimArgs) -> Result<Simulator, SimulatorError> {
    let mut builder = Simulator::builder().listen(args.listen).ports(args.ports);
    if let Some(file) = args.world {
        builder = builder.world(World::read(&file)?);
    }
    if let Some(file) = args.script {
        builder = builder.script(Script::read(&file)?);
    }
    builder = builder.chaos(args.chaos);
    if let Some(seed) = args.seed {
        builder = builder.seed(seed);
    }
    builder.start().await
}

impl From<SimulatorError> for Failure {
    fn from(error: SimulatorError) -> Self {
        let kind = match error {
            SimulatorError::Listen { .. } => FailureKind::Network,
            SimulatorError::Chaos(_) | SimulatorError::Ports(_) => FailureKind::Usage,
            SimulatorError::Read { .. } | SimulatorError::Script(_) | SimulatorError::World(_) => {
                FailureKind::Configuration
            }
        };
        Self::new(kind, error.to_string())
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok();
    rate.filter(|rate| (0.0..=1.0).contains(rate))
        .ok_or_else(|| "it must be a number from 0 to 1, such as 0.01".to_owned())
}
