//! The default world, and what a world file adds to it.

use std::time::Duration;

use greenroom_actors::entropy::Entropy;
use serde::Deserialize;

use super::messages::{CONTENT, NAME};
use super::role::Role;
use super::show::LOGOS;
use super::sockets::Pace;
use super::world::{NewUser, World};
use crate::simulator::{Located, Now, Section, SimulatorError};

/// The settings of a world file that are not part of the world.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Where clients find the server, if something stands in front of it.
    pub(super) public_url: Option<String>,
    /// The status with which a wrong key is refused when a websocket is opened.
    pub(super) handshake_status: u16,
    pub(super) pace: Pace,
    /// Which of the two lines there are.
    pub(super) plain_line: bool,
    pub(super) centrifugo_line: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry {
    name: String,
    key: Option<String>,
    #[serde(default)]
    role: Role,
    email: Option<String>,
    webhook_url: Option<String>,
    logo: Option<String>,
    emoji: Option<String>,
    owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageEntry {
    from: String,
    to: Option<String>,
    content: String,
}

/// Reads the section of a world file.
///
/// | key | fields |
/// |---|---|
/// | `replace` | true: begin with an empty world |
/// | `strict_roles` | true: bots may send no direct messages, as on the public server |
/// | `history` | how many messages are kept, 1 to 100,000; default 100 |
/// | `magic_links` | false: magic links are answered with 503 |
/// | `handshake_status` | the status for a wrong key on `/ws`: 401, the default, or 403 as the public server |
/// | `plain_line`, `centrifugo_line` | false: the server has no such line, and answers 404 |
/// | `ping_interval_s`, `idle_limit_s` | the pace of the plain websocket; default 30 and 90 |
/// | `public_url` | the address that connection tokens tell, e.g. of a TLS proxy in front |
/// | `[[token_bowl.user]]` | `name`, `key`, `role`, `email`, `webhook_url`, `logo`, `emoji`, `owner` (the name of who made the bot) |
/// | `[[token_bowl.message]]` | `from`, `to` (a direct message), `content` |
pub(super) fn load(
    mut section: Section<'_>,
    now: Now,
    entropy: &Entropy,
) -> Result<(World, Settings), SimulatorError> {
    let mut world = match section.value("replace") {
        Some(true) => World::new(entropy.derive("world")),
        _ => default_world(now, entropy),
    };
    world.strict_roles = section.value("strict_roles").unwrap_or_default();
    world.magic_links = section.value("magic_links").unwrap_or(true);
    if let Some(history) = bounded(&mut section, "history", 1..=100_000) {
        world.history = usize::try_from(history).unwrap_or(World::HISTORY);
    }
    let mut settings = Settings {
        public_url: section.value("public_url"),
        handshake_status: 401,
        pace: Pace::default(),
        plain_line: section.value("plain_line").unwrap_or(true),
        centrifugo_line: section.value("centrifugo_line").unwrap_or(true),
    };
    match section.value::<u16>("handshake_status") {
        None => {}
        Some(status @ (401 | 403)) => settings.handshake_status = status,
        Some(status) => section.fault(1, format!("handshake_status: {status} is not 401 or 403")),
    }
    if let Some(seconds) = bounded(&mut section, "ping_interval_s", 1..=86_400) {
        settings.pace.ping = Duration::from_secs(seconds);
    }
    if let Some(seconds) = bounded(&mut section, "idle_limit_s", 1..=86_400) {
        settings.pace.idle = Duration::from_secs(seconds);
    }
    for Located { line, value } in section.list::<UserEntry>("user") {
        if let Err(text) = world.add(now, value) {
            section.fault(line, format!("user: {text}"));
        }
    }
    for Located { line, value } in section.list::<MessageEntry>("message") {
        if let Err(text) = world.add_message(now, value) {
            section.fault(line, format!("message: {text}"));
        }
    }
    section.finish()?;
    Ok((world, settings))
}

fn bounded(
    section: &mut Section<'_>,
    key: &str,
    range: std::ops::RangeInclusive<u64>,
) -> Option<u64> {
    let value = section.value::<u64>(key)?;
    if range.contains(&value) {
        return Some(value);
    }
    let (least, most) = range.into_inner();
    section.fault(1, format!("{key}: {value} is not from {least} to {most}"));
    None
}

/// Makes the world that the contract of the simulator describes.
fn default_world(now: Now, entropy: &Entropy) -> World {
    let mut world = World::new(entropy.derive("world"));
    let user = |name: &str, role| NewUser {
        name: name.to_owned(),
        key: Some(format!("sim-{name}-key")),
        role,
        ..NewUser::default()
    };
    let users = [
        NewUser {
            emoji: Some("🤖".to_owned()),
            ..user("greenroom", Role::Bot)
        },
        NewUser {
            logo: Some("claude-color.png".to_owned()),
            ..user("alice", Role::Member)
        },
        NewUser {
            emoji: Some("🦊".to_owned()),
            ..user("bob", Role::Member)
        },
        user("admin", Role::Admin),
    ];
    for user in users {
        // the names differ, so that none is taken
        let _ = world.create(now, user);
    }
    world
}

impl World {
    /// Adds a user, in place of one of this name.
    fn add(&mut self, now: Now, entry: UserEntry) -> Result<(), String> {
        let length = entry.name.chars().count();
        if !(1..=NAME).contains(&length) {
            return Err(format!("name: must have 1 to {NAME} characters"));
        }
        if let Some(logo) = entry.logo.as_deref().filter(|logo| !LOGOS.contains(logo)) {
            let known = LOGOS.join(", ");
            return Err(format!("logo: there is no \"{logo}\", known are {known}"));
        }
        let key = entry.key.as_deref();
        let name = entry.name.as_str();
        let holder = key.and_then(|key| self.of_key(key));
        if holder.is_some_and(|no| self.user(no).is_some_and(|user| user.name != name)) {
            return Err("key: another user has it".to_owned());
        }
        let owner = match &entry.owner {
            None => None,
            Some(owner) => {
                let found = self.named(owner).map(super::world::User::party);
                Some(found.ok_or_else(|| format!("owner: there is no user \"{owner}\""))?)
            }
        };
        if let Some(no) = self.named(name).map(|user| user.no) {
            self.remove(no);
        }
        let user = NewUser {
            name: entry.name,
            key: entry.key,
            role: entry.role,
            email: entry.email,
            webhook: entry.webhook_url,
            logo: entry.logo,
            emoji: entry.emoji,
            owner,
        };
        let made = self.create(now, user);
        made.map(drop).map_err(|failure| failure.text())
    }

    fn add_message(&mut self, now: Now, entry: MessageEntry) -> Result<(), String> {
        let from = self.named(&entry.from).map(|user| user.no);
        let from = from.ok_or_else(|| format!("from: there is no user \"{}\"", entry.from))?;
        if !(1..=CONTENT).contains(&entry.content.chars().count()) {
            return Err(format!("content: must have 1 to {CONTENT} characters"));
        }
        let sent = self.send(now, from, entry.to.as_deref(), entry.content);
        sent.map(drop).map_err(|failure| failure.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::World as File;

    fn read(text: &str) -> Result<(World, Settings), SimulatorError> {
        let file = File::parse(text).unwrap();
        load(file.section("token_bowl"), Now::read(), &Entropy::seeded(1))
    }

    #[test]
    fn the_default_world_has_its_users_in_order() {
        let (world, _) = read("").unwrap();
        let users: Vec<_> = world
            .users()
            .map(|user| (user.name.as_str(), user.role.name(), user.key.as_str()))
            .collect();
        assert_eq!(
            users,
            [
                ("greenroom", "bot", "sim-greenroom-key"),
                ("alice", "member", "sim-alice-key"),
                ("bob", "member", "sim-bob-key"),
                ("admin", "admin", "sim-admin-key"),
            ]
        );
        assert!(world.messages.is_empty());
    }

    #[test]
    fn the_example_shows_every_key() {
        let (world, settings) = read(include_str!("../../../examples/world.toml")).unwrap();
        assert_eq!((world.users().count(), world.messages.len()), (6, 2));
        assert!(world.named("scribe").unwrap().owner.is_some());
        assert_eq!(settings.handshake_status, 401);
    }

    #[test]
    fn wrong_entries_are_faults_with_lines() {
        let text = "[token_bowl]\nhistory = 0\nhandshake_status = 500\n[[token_bowl.user]]\nname = \"\"\n[[token_bowl.user]]\nname = \"x\"\nkey = \"sim-bob-key\"\n[[token_bowl.user]]\nname = \"y\"\nlogo = \"z\"\n[[token_bowl.message]]\nfrom = \"nobody\"\ncontent = \"x\"\n[[token_bowl.user]]\nname = \"q\"\nrole = \"king\"\n";
        let Err(SimulatorError::World(faults)) = read(text) else {
            unreachable!()
        };
        let lines: Vec<usize> = faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [1, 1, 4, 6, 9, 12, 17], "{faults:?}");
    }
}
