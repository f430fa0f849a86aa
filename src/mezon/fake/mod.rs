//! The simulated Mezon server: both wires, REST and websocket on one port.
//!
//! The logic is pure and knows neither sockets nor clocks; the network, the faults and the journal are the simulator's.
//!
//! ```text
//!                    ┌─ chat   requests of the websocket
//! simulator ── hub ──┼─ rest   requests of HTTP: calls (newer wire), routes (older wire)
//!               │    └─ world  who and what there is
//!             frames
//! ```

mod agent;
mod base58;
mod calls;
#[cfg(feature = "cli")]
mod cast;
mod chat;
mod control;
mod defaults;
mod emit;
mod entries;
mod failure;
mod frames;
mod hub;
mod json;
mod lists;
mod messages;
mod mmn;
mod objects;
mod query;
mod rate;
mod rest;
mod routes;
#[cfg(test)]
mod tests;
mod token;
mod world;

#[cfg(feature = "cli")]
pub(crate) use self::cast::Cast;
use self::hub::Hub;
use crate::simulator::{Hosts, Maker, Setup, SimulatorError};

/// The platform's line in the list of the simulator.
pub(crate) const MAKER: Maker = Maker {
    name: "mezon",
    beside: &[],
    make,
    #[cfg(feature = "testing")]
    talks: &[("alice", "general"), ("bob", "backstage"), ("alice", "dm")],
    #[cfg(feature = "testing")]
    adapter: Some(adapter),
};

#[expect(
    clippy::needless_pass_by_value,
    reason = "every platform is made in the same way"
)]
fn make(setup: Setup<'_>) -> Result<Hosts, SimulatorError> {
    let (world, settings) = defaults::load(setup.world.section(MAKER.name))?;
    let hub = Hub::new(world, &settings, setup.url, &setup.entropy);
    Ok(vec![Box::new(hub)])
}

#[cfg(feature = "testing")]
fn adapter(url: &str) -> Box<dyn crate::platform::Adapter> {
    use crate::mezon::{Mezon, Settings};

    let mut settings = Settings::new(defaults::BOT, defaults::KEY);
    if let Ok(url) = url.parse() {
        settings.base_url = url;
    }
    Box::new(Mezon::new(settings))
}
