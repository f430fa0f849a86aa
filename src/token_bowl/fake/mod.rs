//! The simulated Token Bowl Chat: REST, the plain websocket and the Centrifugo line on one port, over one world.
//!
//! The logic is pure and knows neither sockets nor clocks; the network, the faults and the journal are the simulator's.
//!
//! ```text
//!                    ┌─ plain       commands of the plain websocket ──┐
//! simulator ── hub ──┼─ centrifugo  commands of the Centrifugo line   ├─ world  who and what there is
//!               │    └─ rest        requests of HTTP: routes ─────────┘
//!              tell    who hears of what happened: both lines, web hooks
//! ```

mod admin;
mod bots;
mod centrifugo;
mod channels;
mod control;
mod conversations;
mod defaults;
mod event;
mod failure;
mod form;
mod hub;
mod ids;
mod json;
mod link;
mod messages;
mod plain;
mod query;
mod rest;
mod role;
mod routes;
mod show;
mod sockets;
mod tell;
#[cfg(test)]
mod tests;
mod tokens;
mod users;
mod world;

use self::hub::Hub;
use crate::simulator::{Hosts, Maker, Now, Setup, SimulatorError};

/// The platform's line in the list of the simulator.
pub(crate) const MAKER: Maker = Maker {
    name: "token_bowl",
    beside: &[],
    make,
    #[cfg(feature = "testing")]
    talks: &[("alice", "room"), ("bob", "@greenroom"), ("admin", "room")],
    #[cfg(feature = "testing")]
    adapter: Some(adapter),
};

/// Puts a bot on the platform, as greenroom of the default world.
#[cfg(feature = "testing")]
fn adapter(url: &str) -> Box<dyn crate::platform::Adapter> {
    use crate::token_bowl::{Settings, TokenBowl};

    let mut settings = Settings::new("sim-greenroom-key");
    if let Ok(url) = url.parse() {
        settings.base_url = url;
    }
    Box::new(TokenBowl::new(settings))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "every platform is made in the same way"
)]
fn make(setup: Setup<'_>) -> Result<Hosts, SimulatorError> {
    let section = setup.world.section(MAKER.name);
    let (world, settings) = defaults::load(section, Now::read(), &setup.entropy)?;
    let hub = Hub::new(world, &settings, setup.url, &setup.entropy);
    Ok(vec![Box::new(hub)])
}
