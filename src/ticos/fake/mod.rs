//! The simulated other side of a device: the agent, which dials it, and the cloud, which it calls.
//!
//! The logic is pure and knows neither sockets nor clocks; the network, the faults and the journal are the simulator's, and so is
//! dialing.

mod agent;
mod cloud;
mod hub;
#[cfg(test)]
mod tests;

use self::cloud::Cloud;
use self::hub::Hub;
use crate::simulator::{Hosts, Maker, Setup, SimulatorError};

/// The platform's line in the list of the simulator.
pub(crate) const MAKER: Maker = Maker {
    name: "ticos",
    beside: &[],
    make,
    #[cfg(feature = "testing")]
    talks: &[],
    #[cfg(feature = "testing")]
    // A device dials nobody: the agent is told where it is.
    adapter: None,
};

#[expect(
    clippy::needless_pass_by_value,
    reason = "every platform is made in the same way"
)]
fn make(setup: Setup<'_>) -> Result<Hosts, SimulatorError> {
    let cloud = Cloud::load(setup.world.section(MAKER.name))?;
    let hub = Hub::new(cloud, setup.entropy.derive("items"));
    Ok(vec![Box::new(hub)])
}
