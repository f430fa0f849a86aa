//! The simulated Mesh: its API, and the Auth0 tenant where its users log in, each on a port of its own.
//!
//! The logic is pure and knows neither sockets nor clocks; the network, the faults and the journal are the simulator's.
//!
//! ```text
//!                     ┌─ rest     which request is which
//!              ┌ hub ─┼─ chat     what a model says
//!              │      └─ world    users, keys, commitments
//! simulator ───┤
//!              └ auth0 ─ oauth    codes and tokens
//!                 both: identity, what is known of who is logged in
//! ```

mod answer;
mod auth0;
mod chat;
mod control;
mod defaults;
mod forms;
mod hub;
mod identity;
mod oauth;
mod rest;
mod routes;
#[cfg(test)]
mod tests;
mod world;

use self::auth0::Auth0;
use self::hub::Hub;
use self::identity::Shared;
use crate::simulator::{FaultKind, Hosts, Maker, Setup, SimulatorError};

/// The platform's line in the list of the simulator.
pub(crate) const MAKER: Maker = Maker {
    name: "mesh",
    beside: &["auth0"],
    make,
    #[cfg(feature = "testing")]
    talks: &[],
    #[cfg(feature = "testing")]
    // Nobody speaks on it: it is asked.
    adapter: None,
};

/// What can go wrong on either server.
const FAULTS: &[FaultKind] = &[
    FaultKind::Delay,
    FaultKind::Disconnect,
    FaultKind::Expire,
    FaultKind::Garbage,
    FaultKind::Http,
    FaultKind::Maintenance,
    FaultKind::Refuse,
    FaultKind::Revoke,
    FaultKind::Skew,
    FaultKind::Stall,
    FaultKind::Truncate,
];

#[expect(
    clippy::needless_pass_by_value,
    reason = "every platform is made in the same way"
)]
fn make(setup: Setup<'_>) -> Result<Hosts, SimulatorError> {
    let tenant = setup.beside.first().map_or("", String::as_str);
    let section = setup.world.section(MAKER.name);
    let (world, identity) = defaults::load(section, tenant, &setup.entropy)?;
    let identity = Shared::new(identity);
    Ok(vec![
        Box::new(Hub::new(world, identity.clone())),
        Box::new(Auth0::new(identity)),
    ])
}
