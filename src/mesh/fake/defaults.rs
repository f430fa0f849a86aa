//! The world as it is if nobody says otherwise, and what a world file changes.

use greenroom_actors::entropy::Entropy;
use serde::Deserialize;

use super::identity::{Identity, User};
use super::world::World;
use crate::simulator::{Located, Section, SimulatorError};

pub(super) const CLIENT: &str = "sim-mesh-client";
pub(super) const AUDIENCE: &str = "https://sim-mesh-audience.example";
pub(super) const USER: &str = "auth0|sim-user";

/// A user of a world file, who is registered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry {
    id: String,
    email: Option<String>,
    credits: Option<u64>,
}

/// A key of a world file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    user: String,
    name: String,
    value: String,
}

/// A commitment of a world file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommitmentEntry {
    user: String,
    name: String,
    commitment: String,
}

/// Reads the section of a world file; `tenant` is the address of the other server.
///
/// | key | what |
/// |---|---|
/// | `client_id`, `client_secret`, `audience` | the application; by default it has no secret |
/// | `login`, `email` | the id of who logs in, and the address |
/// | `expires_in` | seconds that access tokens live; default 86,400 |
/// | `rotate` | false: a refresh gives no new refresh token |
/// | `credits` | what a new user has; default 1,000 |
/// | `auth0_url` | where clients find the tenant, if something stands in front of it |
/// | `missing` | paths of the API that are not there |
/// | `forms` | how answers look that differ between releases |
/// | `[[mesh.user]]` | `id`, `email`, `credits`: users who are registered already |
/// | `[[mesh.key]]` | `user`, `name`, `value` |
/// | `[[mesh.commitment]]` | `user`, `name`, `commitment` |
pub(super) fn load(
    mut section: Section<'_>,
    tenant: &str,
    entropy: &Entropy,
) -> Result<(World, Identity), SimulatorError> {
    let mut text = |key: &str, default: &str| {
        let value: Option<String> = section.value(key);
        value.unwrap_or_else(|| default.to_owned())
    };
    let url = text("auth0_url", tenant);
    let (client, audience) = (text("client_id", CLIENT), text("audience", AUDIENCE));
    let user = text("login", USER);
    let url = url.trim_end_matches('/');
    let mut identity = Identity::new(url, &client, &audience, &user, entropy);
    identity.secret = section.value("client_secret");
    identity.user = User {
        email: section.value("email"),
        ..identity.user
    };
    identity.life = section.value("expires_in").unwrap_or(identity.life);
    identity.rotates = section.value("rotate").unwrap_or(identity.rotates);
    let mut world = World::new(entropy.derive("world"));
    world.credits = section.value("credits").unwrap_or(world.credits);
    world.forms = section.value("forms").unwrap_or_default();
    for path in section.value::<Vec<String>>("missing").unwrap_or_default() {
        world.routes.disable(path, 404);
    }
    for Located { line, value } in section.list::<UserEntry>("user") {
        if value.id.is_empty() {
            section.fault(line, "a user needs an id");
        } else if world.user(&value.id).is_some() {
            section.fault(line, format!("there is a user \"{}\" already", value.id));
        }
        let account = world.register(&value.id, value.email.as_deref());
        account.credits = value.credits.unwrap_or(account.credits);
    }
    for Located { line, value } in section.list::<KeyEntry>("key") {
        if [&value.user, &value.name, &value.value]
            .iter()
            .any(|text| text.is_empty())
        {
            section.fault(line, "a key needs a user, a name and a value");
        }
        let path = format!("{}_{}", value.user, value.name);
        world.store(&value.user, &path, &value.value);
    }
    for Located { line, value } in section.list::<CommitmentEntry>("commitment") {
        if [&value.user, &value.name]
            .iter()
            .any(|text| text.is_empty())
        {
            section.fault(line, "a commitment needs a user and a name");
        }
        world.commit(&value.user, &value.name, &value.commitment);
    }
    section.finish()?;
    Ok((world, identity))
}
