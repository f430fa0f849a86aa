//! What can go wrong in the simulator.

use std::fmt;
use std::net::SocketAddr;

use greenroom_actors::error::BoxError;

use super::world::WorldFault;

/// The simulator could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// The rate of faults is wrong.
    #[error("{0}")]
    Chaos(String),
    /// A port could not be taken; another program holds it, or the address is not one of this machine.
    #[error("{name} cannot listen on {address}: {source}")]
    Listen {
        /// The platform, or `control`.
        name: String,
        /// Where it should have listened.
        address: SocketAddr,
        /// What the operating system said.
        source: BoxError,
    },
    /// The list of ports is wrong.
    #[error("ports: {0}")]
    Ports(String),
    /// A world or script file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the operating system said.
        source: BoxError,
    },
    /// The script file is wrong; every fault is listed.
    #[error("script file: {}", lines(.0))]
    Script(Vec<WorldFault>),
    /// The world file is wrong; every fault is listed.
    #[error("world file: {}", lines(.0))]
    World(Vec<WorldFault>),
}

/// A command to the control API was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status of the answer.
    pub status: u16,
    /// What is wrong, for a person.
    pub text: String,
}

impl Refusal {
    /// The command is wrong (status 400).
    #[must_use]
    pub fn bad(text: impl Into<String>) -> Self {
        Self {
            status: 400,
            text: text.into(),
        }
    }

    /// What the command names does not exist (status 404).
    #[must_use]
    pub fn unknown(text: impl Into<String>) -> Self {
        Self {
            status: 404,
            text: text.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refusal {}

fn lines(faults: &[WorldFault]) -> String {
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
