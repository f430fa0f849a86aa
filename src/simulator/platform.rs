//! What the simulator asks of a simulated platform.

use std::fmt;
use std::sync::Arc;

use futures::future::LocalBoxFuture;
use greenroom_actors::entropy::Entropy;
use serde_json::{Map, Value};

use super::error::{Refusal, SimulatorError};
use super::fault::{Fault, FaultKind};
use super::host::Host;
use super::journal::Entry;
use super::world::World;

/// The control side of a simulated platform.
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

    /// Lets faults happen by themselves: each occasion draws one with this probability (0 to 1), from the seed of the simulator. A rate
    /// of 0 ends it. The [mix](super::fault#chaos) says what is drawn.
    ///
    /// # Errors
    ///
    /// Refuses rates outside 0 to 1.
    fn chaos(&self, rate: f64) -> Result<Value, Refusal>;

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
            "unknown command \"{name}\", known are chaos, emit, fault, journal, say"
        )))
    }

    /// As [`command`](Self::command), with the query of the request.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command).
    fn command_with_query(
        &self,
        name: &str,
        query: &str,
        body: Map<String, Value>,
    ) -> Result<Value, Refusal> {
        let _ = query;
        self.command(name, body)
    }

    /// Dials the client that the body names; none if the platform does not dial. It is carried out on the thread of the caller.
    fn dial(
        self: Arc<Self>,
        body: Map<String, Value>,
    ) -> Option<LocalBoxFuture<'static, Result<Value, Refusal>>> {
        drop(body);
        None
    }

    /// Returns the name under which the ready line gives the address, if that is not the platform's.
    fn ready_name(&self) -> Option<&'static str> {
        None
    }

    /// Tells connected clients that the simulator ends.
    fn stop(&self);
}

/// The logic of the servers of a platform.
pub type Hosts = Vec<Box<dyn Host>>;

/// How to make a simulated platform.
#[derive(Clone, Copy, Debug)]
pub struct Maker {
    /// The name of the platform in addresses, files and the ready line.
    pub name: &'static str,
    /// The names of its other servers, each with an address, faults and a journal of its own.
    pub beside: &'static [&'static str],
    /// Makes the logic of its servers, in the order of their names.
    pub make: fn(Setup<'_>) -> Result<Hosts, SimulatorError>,
    /// Who speaks where in the default world: names of users and channels; none where nobody speaks.
    #[cfg(feature = "testing")]
    pub talks: &'static [(&'static str, &'static str)],
    /// Puts a bot on it, with the account of the default world, at this address.
    #[cfg(feature = "testing")]
    pub adapter: Option<MakeAdapter>,
}

impl Maker {
    /// Returns the names of all its servers.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.beside.iter().copied())
    }
}

/// Makes an adapter of a platform at an address.
#[cfg(feature = "testing")]
pub type MakeAdapter = fn(&str) -> Box<dyn crate::platform::Adapter>;

/// What a platform is made with.
#[derive(Debug)]
pub struct Setup<'a> {
    /// Where it is reached, e.g. `http://127.0.0.1:7350`.
    pub url: &'a str,
    /// Where its other servers are reached, in the order of their names.
    pub beside: &'a [String],
    /// The world file, of which it reads its own section.
    pub world: &'a World,
    /// Its own stream of random numbers.
    pub entropy: Entropy,
}
