//! What the simulator asks of a simulated platform.

use std::fmt;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::Server;
use greenroom_actors::entropy::Entropy;
use serde_json::{Map, Value};

use super::error::{Refusal, SimulatorError};
use super::fault::{Fault, FaultKind};
use super::journal::Entry;
use super::world::World;

/// The control side of a simulated platform; its network side is the server that [`Maker::start`] gives.
pub trait Platform: fmt::Debug + Send + Sync {
    /// Returns the address under which clients find the platform, e.g. `http://127.0.0.1:7350`.
    fn url(&self) -> String;

    /// Pushes a realtime event to the connected clients; the body has `event` and `data`.
    ///
    /// # Errors
    ///
    /// Refuses unknown events and data that do not fit the event.
    fn emit(&self, body: Map<String, Value>) -> Result<Value, Refusal>;

    /// Lets a user speak.
    ///
    /// # Errors
    ///
    /// Refuses users and channels that do not exist.
    fn say(&self, body: Map<String, Value>) -> Result<Value, Refusal>;

    /// Lets something go wrong.
    ///
    /// # Errors
    ///
    /// Refuses what the platform cannot do.
    fn fault(&self, fault: Fault) -> Result<Value, Refusal>;

    /// Returns the kinds of faults that the platform knows.
    fn faults(&self) -> &'static [FaultKind];

    /// Returns the journal's entries with a number above `seq`.
    fn journal(&self, seq: u64) -> Vec<Entry>;

    /// Returns a few figures for `GET /health`.
    fn health(&self) -> Value;

    /// Carries out a command that only this platform has.
    ///
    /// # Errors
    ///
    /// Refuses commands that it does not have.
    fn command(&self, name: &str, body: Map<String, Value>) -> Result<Value, Refusal> {
        drop(body);
        Err(Refusal::unknown(format!(
            "unknown command \"{name}\", known are emit, fault, journal, say"
        )))
    }

    /// Tells connected clients that the simulator ends.
    fn stop(&self);
}

/// How to start a simulated platform.
#[derive(Clone, Copy, Debug)]
pub struct Maker {
    /// The name of the platform in addresses, files and the ready line.
    pub name: &'static str,
    /// Starts it.
    pub start: fn(Setup) -> Result<Started, SimulatorError>,
}

/// What a platform is started with.
#[derive(Debug)]
pub struct Setup {
    /// Where it shall accept connections.
    pub listener: TcpListener,
    /// The world file, of which it reads its own section.
    pub world: World,
    /// Its own stream of random numbers.
    pub entropy: Entropy,
}

/// A platform whose server waits to be run.
#[expect(missing_debug_implementations, reason = "a server cannot be shown")]
pub struct Started {
    /// The control side.
    pub platform: Arc<dyn Platform>,
    /// The network side.
    pub server: Server,
}
