//! The world as it is if nobody says otherwise, and what a world file changes.

use std::time::Duration;

use greenroom_actors::entropy::Entropy;
use serde::Deserialize;

use super::world::{Client, World};
use crate::simulator::{Section, SimulatorError};

pub(super) const CLIENT: &str = "sim-payman-client";
pub(super) const SECRET: &str = "sim-payman-secret";
pub(super) const CODE: &str = "sim-auth-code";

/// An application of a world file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientEntry {
    id: String,
    secret: String,
    /// The authorization code of a user; it may be used any number of times.
    code: Option<String>,
}

/// Reads the section of a world file.
pub(super) fn load(mut section: Section<'_>, entropy: Entropy) -> Result<World, SimulatorError> {
    let mut world = World::new(entropy);
    if !section.value("replace").unwrap_or(false) {
        let client = Client {
            secret: SECRET.to_owned(),
            code: Some(CODE.to_owned()),
        };
        world.clients.insert(CLIENT.to_owned(), client);
    }
    if let Some(seconds) = section.value("expires_in") {
        world.life = Duration::from_secs(seconds);
    }
    for entry in section.list::<ClientEntry>("client") {
        if entry.value.id.is_empty() || entry.value.secret.is_empty() {
            section.fault(entry.line, "a client needs an id and a secret");
        }
        let client = Client {
            secret: entry.value.secret,
            code: entry.value.code,
        };
        if world
            .clients
            .insert(entry.value.id.clone(), client)
            .is_some()
        {
            let text = format!("there is a client \"{}\" already", entry.value.id);
            section.fault(entry.line, text);
        }
    }
    section.finish()?;
    Ok(world)
}
