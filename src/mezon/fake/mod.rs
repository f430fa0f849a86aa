//! The simulated Mezon server: both wires, REST and websocket on one port.
//!
//! The logic is pure and knows neither sockets nor clocks; the network is a thin layer around it.
//!
//! ```text
//! socket (actor) ─┐                    ┌─ chat   requests of the websocket
//!                 ├─ server ── hub ────┼─ rest   requests of HTTP: calls (newer wire), routes (older wire)
//! HTTP request ───┘   │         │      └─ world  who and what there is
//!                  line, lock   └─ journal, faults, frames
//! ```

mod agent;
mod base58;
mod calls;
mod chat;
mod control;
mod defaults;
mod emit;
mod entries;
mod failure;
mod frames;
mod hub;
mod json;
mod line;
mod lists;
mod messages;
mod mmn;
mod notes;
mod objects;
mod query;
mod rate;
mod rest;
mod routes;
mod server;
mod socket;
#[cfg(test)]
mod tests;
mod token;
mod world;

use std::sync::Arc;

use serde_json::{Map, Value};

use self::hub::{Hub, Now};
use self::server::Server;
use crate::simulator::{
    Entry, Fault, FaultKind, Maker, Platform, Refusal, Setup, SimulatorError, Started, url_of,
};

/// The platform's line in the list of the simulator.
pub(crate) const MAKER: Maker = Maker {
    name: "mezon",
    start,
};

/// The control side of the simulated server.
#[derive(Debug)]
struct Mezon {
    url: String,
    server: Arc<Server>,
}

fn start(setup: Setup) -> Result<Started, SimulatorError> {
    let (world, settings) = defaults::load(setup.world.section(MAKER.name))?;
    let url = url_of(&setup.listener);
    let address = setup.listener.local_addr();
    let hub = Hub::new(world, settings, &url, setup.entropy);
    let server = Arc::new(Server::new(hub));
    let running = server
        .serve(setup.listener)
        .map_err(|source| SimulatorError::Listen {
            name: MAKER.name.to_owned(),
            address: address.unwrap_or_else(|_| ([0, 0, 0, 0], 0).into()),
            source: source.into(),
        })?;
    Ok(Started {
        platform: Arc::new(Mezon { url, server }),
        server: running,
    })
}

impl Platform for Mezon {
    fn url(&self) -> String {
        self.url.clone()
    }

    fn emit(&self, body: Map<String, Value>) -> Result<Value, Refusal> {
        self.server.try_run(|hub| hub.emit(Now::read(), body))
    }

    fn say(&self, body: Map<String, Value>) -> Result<Value, Refusal> {
        self.server.try_run(|hub| hub.say(Now::read(), &body))
    }

    fn fault(&self, fault: Fault) -> Result<Value, Refusal> {
        self.server.try_run(|hub| hub.fault(Now::read(), fault))
    }

    fn faults(&self) -> &'static [FaultKind] {
        control::FAULTS
    }

    fn journal(&self, seq: u64) -> Vec<Entry> {
        self.server.look(|hub| hub.journal(seq))
    }

    fn health(&self) -> Value {
        let mut figures = self.server.look(Hub::health);
        figures["overflows"] = self.server.overflows().into();
        figures
    }

    fn command(&self, name: &str, body: Map<String, Value>) -> Result<Value, Refusal> {
        match name {
            "agent" => self.server.run(|hub| {
                let answer = hub.streams.command(Now::read(), &body);
                (answer, Vec::new())
            }),
            "raw" => self.server.try_run(|hub| hub.raw(Now::read(), &body)),
            other => Err(Refusal::unknown(format!(
                "unknown command \"{other}\", known are agent, emit, fault, journal, raw, say"
            ))),
        }
    }

    fn stop(&self) {
        self.server.run(|hub| ((), hub.goodbye()));
    }
}
