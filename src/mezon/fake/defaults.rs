//! The default world, and what a world file adds to it.

use greenroom_proto::mezon::api;

use super::entries::{Bot, Clan, Dm, Id, Role, Room, Seat, User};
use super::world::{Channel, Voice, World, channel_type};
use crate::simulator::{Located, Section, SimulatorError};

/// The settings of a world file that are not part of the world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// The login answer gives `ws_url` as `host:port`, without a scheme.
    pub(super) bare_ws_url: bool,
    /// Where clients find the server, if something stands in front of it.
    pub(super) public_url: Option<String>,
    /// At most so many calls over HTTP in any second.
    pub(super) rest_per_second: Option<usize>,
    /// At most so many requests on one websocket in any second, heartbeats aside.
    pub(super) socket_per_second: Option<usize>,
}

/// Reads the section of a world file.
///
/// | key | fields |
/// |---|---|
/// | `replace` | true: begin with an empty world |
/// | `bare_ws_url` | true: `ws_url` of the login without a scheme |
/// | `public_url` | the address that logins are told, e.g. of a TLS proxy in front |
/// | `rest_per_second` | more calls over HTTP are answered with 429 and `Retry-After` |
/// | `socket_per_second` | more requests on a websocket are answered with an error that has `retry_after_ms` |
/// | `[[mezon.bot]]` | `id`, `key`, `name`, `display_name`, `avatar` |
/// | `[[mezon.user]]` | `id`, `name`, `display_name`, `avatar`, `friend` (state towards every bot) |
/// | `[[mezon.clan]]` | `id`, `name`, `welcome_channel`, `logo` |
/// | `[[mezon.channel]]` | `id`, `clan`, `label`, `type`, `private`, `category`, `parent`, `meeting_code` |
/// | `[[mezon.dm]]` | `id`, `bot`, `user` |
/// | `[[mezon.role]]` | `id`, `clan`, `title`, `color` |
/// | `[[mezon.voice]]` | `id`, `channel`, `user` |
pub(super) fn load(mut section: Section<'_>) -> Result<(World, Settings), SimulatorError> {
    let mut world = match section.value("replace") {
        Some(true) => World::default(),
        _ => default_world(),
    };
    let settings = Settings {
        bare_ws_url: section.value("bare_ws_url").unwrap_or_default(),
        public_url: section.value("public_url"),
        rest_per_second: section.value("rest_per_second"),
        socket_per_second: section.value("socket_per_second"),
    };
    let mut friends = Vec::new();
    for Located { value, .. } in section.list::<Bot>("bot") {
        world.add_bot(value);
    }
    for Located { value, .. } in section.list::<User>("user") {
        friends.extend(value.friend.map(|state| (value.id.0, state)));
        world.add_user(value);
    }
    for (user, state) in friends {
        let bots: Vec<i64> = world.bots.keys().copied().collect();
        world
            .friends
            .extend(bots.into_iter().map(|bot| ((bot, user), state)));
    }
    for Located { value, .. } in section.list::<Clan>("clan") {
        world.add_clan(value);
    }
    for Located { line, value } in section.list::<Room>("channel") {
        if !world.clans.contains_key(&value.clan.0) {
            section.fault(line, format!("channel: there is no clan {}", value.clan.0));
        }
        world.add_channel(value);
    }
    for Located { line, value } in section.list::<Dm>("dm") {
        let bot = value
            .bot
            .map(|id| id.0)
            .or_else(|| world.bots.keys().next().copied());
        match bot.filter(|bot| world.bots.contains_key(bot)) {
            None => section.fault(line, "dm: there is no such bot"),
            Some(_) if !world.users.contains_key(&value.user.0) => {
                section.fault(line, format!("dm: there is no user {}", value.user.0));
            }
            Some(bot) => {
                world.add_direct(bot, value.id.0, channel_type::DM, &[value.user.0]);
            }
        }
    }
    for Located { line, value } in section.list::<Role>("role") {
        if !world.clans.contains_key(&value.clan.0) {
            section.fault(line, format!("role: there is no clan {}", value.clan.0));
        }
        world.add_role(value);
    }
    for Located { line, value } in section.list::<Seat>("voice") {
        if !world.channels.contains_key(&value.channel.0)
            || !world.users.contains_key(&value.user.0)
        {
            section.fault(line, "voice: there is no such channel or user");
        }
        world.voices.push(Voice {
            id: value.id,
            channel: value.channel.0,
            user: value.user.0,
        });
    }
    world.begin_ids();
    section.finish()?;
    Ok((world, settings))
}

/// Makes the world that the contract of the simulator describes.
pub(super) fn default_world() -> World {
    let mut world = World::default();
    world.add_bot(Bot {
        id: Id(BOT),
        key: KEY.into(),
        name: "greenroom".into(),
        display_name: Some("Greenroom".into()),
        avatar: None,
    });
    for (id, name, display_name) in [(ALICE, "alice", "Alice"), (BOB, "bob", "Bob")] {
        world.add_user(User {
            id: Id(id),
            name: name.into(),
            display_name: Some(display_name.into()),
            avatar: None,
            friend: None,
        });
    }
    world.friends.insert((BOT, ALICE), 0);
    world.add_clan(Clan {
        id: Id(CLAN),
        name: "Green Room".into(),
        welcome_channel: Some(Id(GENERAL)),
        logo: String::new(),
    });
    for (id, label, kind, private, code) in [
        (GENERAL, "general", channel_type::TEXT, false, ""),
        (BACKSTAGE, "backstage", channel_type::TEXT, true, ""),
        (
            STAGE,
            "stage",
            channel_type::VOICE,
            false,
            "sim-meeting-stage",
        ),
    ] {
        world.add_channel(Room {
            id: Id(id),
            clan: Id(CLAN),
            label: label.into(),
            r#type: kind,
            private,
            meeting_code: code.into(),
            category: String::new(),
            parent: None,
        });
    }
    world.add_direct(BOT, DM, channel_type::DM, &[ALICE]);
    world.add_role(Role {
        id: Id(CREW),
        clan: Id(CLAN),
        title: "crew".into(),
        color: String::new(),
    });
    world.voices.push(Voice {
        id: "sim-voice-1".into(),
        channel: STAGE,
        user: ALICE,
    });
    world
}

impl World {
    fn add_bot(&mut self, bot: Bot) {
        self.bots.insert(bot.id.0, bot.key);
        self.add_user(User {
            id: bot.id,
            name: bot.name,
            display_name: bot.display_name,
            avatar: bot.avatar,
            friend: None,
        });
    }

    fn add_user(&mut self, user: User) {
        let found = api::User {
            id: user.id.0,
            display_name: user.display_name.unwrap_or_else(|| user.name.clone()),
            username: user.name,
            avatar_url: user.avatar.unwrap_or_default(),
            online: true,
            ..Default::default()
        };
        self.users.insert(found.id, found);
    }

    fn add_clan(&mut self, clan: Clan) {
        let desc = api::ClanDesc {
            clan_id: clan.id.0,
            clan_name: clan.name,
            creator_id: self.first_person(),
            welcome_channel_id: clan.welcome_channel.map_or(0, |id| id.0),
            logo: clan.logo,
            status: 1,
            ..Default::default()
        };
        self.clans.insert(desc.clan_id, desc);
    }

    fn add_channel(&mut self, room: Room) {
        let clan = self.clans.get(&room.clan.0);
        let desc = api::ChannelDescription {
            clan_id: room.clan.0,
            channel_id: room.id.0,
            parent_id: room.parent.map_or(0, |id| id.0),
            channel_label: room.label,
            r#type: room.r#type,
            channel_private: i32::from(room.private),
            category_name: room.category,
            meeting_code: room.meeting_code,
            clan_name: clan.map(|clan| clan.clan_name.clone()).unwrap_or_default(),
            creator_id: self.first_person(),
            active: 1,
            ..Default::default()
        };
        let channel = Channel {
            desc,
            ..Channel::default()
        };
        self.channels.insert(channel.desc.channel_id, channel);
    }

    fn add_role(&mut self, role: Role) {
        let role = api::Role {
            id: role.id.0,
            clan_id: role.clan.0,
            slug: role.title.to_lowercase(),
            title: role.title,
            color: role.color,
            creator_id: self.first_person(),
            active: 1,
            ..Default::default()
        };
        self.roles.insert(role.id, role);
    }

    fn first_person(&self) -> i64 {
        let people = self.users.keys().filter(|id| !self.bots.contains_key(id));
        people.copied().next().unwrap_or_default()
    }

    /// Lets new ids begin behind those that the file has taken.
    fn begin_ids(&mut self) {
        let taken = |id: &i64| self.channels.contains_key(id);
        while taken(&self.next.dm) {
            self.next.dm += 1;
        }
        while taken(&self.next.channel) {
            self.next.channel += 1;
        }
    }
}

pub(super) const BOT: i64 = 1_000_000_000_000_000_001;
pub(super) const KEY: &str = "sim-mezon-key";
const CLAN: i64 = 2_000_000_000_000_000_001;
const GENERAL: i64 = 3_000_000_000_000_000_001;
const BACKSTAGE: i64 = 3_000_000_000_000_000_002;
const STAGE: i64 = 3_000_000_000_000_000_003;
const ALICE: i64 = 4_000_000_000_000_000_001;
const BOB: i64 = 4_000_000_000_000_000_002;
const DM: i64 = 5_000_000_000_000_000_001;
const CREW: i64 = 6_000_000_000_000_000_001;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::World as File;

    fn read(text: &str) -> Result<(World, Settings), SimulatorError> {
        load(File::parse(text).unwrap().section("mezon"))
    }

    #[test]
    fn a_file_extends_the_default_world() {
        let (world, settings) = read(
            "[mezon]\nbare_ws_url = true\n[[mezon.user]]\nid = \"4000000000000000003\"\nname = \"carol\"\nfriend = 2\n[[mezon.dm]]\nid = 5000000000000000002\nuser = 4000000000000000003\n",
        )
        .unwrap();
        assert!(settings.bare_ws_url);
        assert_eq!(world.users.len(), 4);
        assert_eq!(world.friends[&(BOT, 4_000_000_000_000_000_003)], 2);
        assert_eq!(world.next.dm, 5_000_000_000_000_000_003);
        assert!(world.dm(BOT, 4_000_000_000_000_000_003).is_some());
    }

    #[test]
    fn the_example_shows_every_key() {
        let (world, _) = read(include_str!("../../../examples/world.toml")).unwrap();
        assert_eq!(
            (world.bots.len(), world.clans.len(), world.roles.len()),
            (2, 2, 2)
        );
        assert_eq!(
            (world.users.len(), world.channels.len(), world.voices.len()),
            (5, 8, 2)
        );
    }

    #[test]
    fn a_file_can_replace_it() {
        let (world, _) =
            read("[mezon]\nreplace = true\n[[mezon.bot]]\nid = 7\nkey = \"k\"\nname = \"b\"\n")
                .unwrap();
        assert_eq!(
            (world.bots.len(), world.users.len(), world.channels.len()),
            (1, 1, 0)
        );
    }

    #[test]
    fn wrong_references_are_faults_with_lines() {
        let text = "[[mezon.channel]]\nid = 9\nclan = 8\nlabel = \"x\"\n[[mezon.dm]]\nid = 9\nuser = 1\n[[mezon.user]]\nid = -1\nname = \"x\"\n";
        let Err(SimulatorError::World(faults)) = read(text) else {
            unreachable!()
        };
        let lines: Vec<usize> = faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [1, 5, 9], "{faults:?}");
    }
}
