//! The simulated Payman: tokens, an agent that follows commands in its prompts, and streams.
//!
//! The logic is pure and knows neither sockets nor clocks; the network, the faults and the journal are the simulator's.
//!
//! ```text
//!                    ┌─ oauth  requests for tokens
//! simulator ── hub ──┼─ rpc    requests of the tasks, and answers to them
//!               │    └─ agent  what the agent says
//!             world: clients, tokens, sessions, tasks
//! ```

mod agent;
mod control;
mod defaults;
mod hub;
mod oauth;
mod rpc;
#[cfg(test)]
mod tests;
mod world;

use self::hub::Hub;
use crate::simulator::{Hosts, Maker, Setup, SimulatorError};

/// The platform's line in the list of the simulator.
pub(crate) const MAKER: Maker = Maker {
    name: "payman",
    beside: &[],
    make,
    #[cfg(feature = "testing")]
    talks: &[],
    #[cfg(feature = "testing")]
    adapter: Some(adapter),
};

#[expect(
    clippy::needless_pass_by_value,
    reason = "every platform is made in the same way"
)]
fn make(setup: Setup<'_>) -> Result<Hosts, SimulatorError> {
    let world = defaults::load(setup.world.section(MAKER.name), setup.entropy.clone())?;
    Ok(vec![Box::new(Hub::new(world))])
}

#[cfg(feature = "testing")]
fn adapter(url: &str) -> Box<dyn crate::platform::Adapter> {
    use crate::payman::{Payman, Settings};

    let mut settings = Settings::new(defaults::CLIENT, defaults::SECRET);
    settings.base_url = url.parse().ok();
    Box::new(Payman::new(settings))
}
