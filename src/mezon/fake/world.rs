//! The simulated world: who and what there is. Pure: no sockets, no clock, no randomness.

use std::collections::{BTreeMap, BTreeSet};

use greenroom_proto::mezon::api;

use super::messages::Messages;
use super::mmn::Ledger;

pub(super) use crate::simulator::SocketId;

/// Channel types of the platform.
pub(super) mod channel_type {
    pub(crate) const TEXT: i32 = 1;
    pub(crate) const GROUP: i32 = 2;
    pub(crate) const DM: i32 = 3;
    pub(crate) const THREAD: i32 = 7;
    pub(crate) const APP: i32 = 8;
    pub(crate) const VOICE: i32 = 10;
}

/// Everything that the server knows.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    /// The keys of the bots.
    pub(super) bots: BTreeMap<i64, String>,
    pub(super) users: BTreeMap<i64, api::User>,
    pub(super) clans: BTreeMap<i64, api::ClanDesc>,
    pub(super) channels: BTreeMap<i64, Channel>,
    pub(super) roles: BTreeMap<i64, api::Role>,
    pub(super) menus: BTreeMap<i64, api::QuickMenuAccess>,
    /// The state of a friendship, by bot and user.
    pub(super) friends: BTreeMap<(i64, i64), i32>,
    pub(super) voices: Vec<Voice>,
    pub(super) ledger: Ledger,
    pub(super) members: BTreeMap<SocketId, Member>,
    pub(super) next: Ids,
}

/// A channel with its messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Channel {
    pub(super) desc: api::ChannelDescription,
    /// The bot of a DM or group; none for channels of a clan.
    pub(super) owner: Option<i64>,
    pub(super) messages: Messages,
}

/// Somebody who sits in a voice channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Voice {
    pub(super) id: String,
    pub(super) channel: i64,
    pub(super) user: i64,
}

/// What an open socket has joined.
#[derive(Clone, Debug, Default)]
pub(super) struct Member {
    pub(super) user: i64,
    /// The small number that presences carry.
    pub(super) session: i32,
    pub(super) clans: BTreeSet<i64>,
    pub(super) channels: BTreeSet<i64>,
}

/// The next id of everything that is made.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    pub(super) message: i64,
    pub(super) dm: i64,
    pub(super) channel: i64,
    pub(super) other: i64,
}

impl Default for Ids {
    fn default() -> Self {
        Self {
            message: 7_000_000_000_000_000_001,
            dm: 5_000_000_000_000_000_002,
            channel: 3_000_000_000_000_000_004,
            other: 8_000_000_000_000_000_001,
        }
    }
}

impl World {
    /// The largest number of channels.
    pub(super) const CHANNELS: usize = 100_000;
    /// The largest number of clans, and of channels, that one socket can join.
    pub(super) const JOINS: usize = 100_000;

    /// A socket was opened.
    pub(super) fn enter(&mut self, socket: SocketId, user: i64) {
        let member = Member {
            user,
            session: i32::try_from(socket).unwrap_or(i32::MAX),
            ..Member::default()
        };
        self.members.insert(socket, member);
    }

    /// A socket was closed.
    pub(super) fn leave(&mut self, socket: SocketId) {
        self.members.remove(&socket);
    }

    /// Returns the sockets that get the messages of a channel.
    pub(super) fn audience(&self, channel: &Channel) -> Vec<SocketId> {
        let (clan, id) = (channel.desc.clan_id, channel.desc.channel_id);
        let hears = |member: &Member| {
            channel.visible_to(member.user)
                && (member.channels.contains(&id) || member.clans.contains(&clan))
        };
        let members = self.members.iter().filter(|(_, member)| hears(member));
        members.map(|(socket, _)| *socket).collect()
    }

    /// Returns the channels that a bot can see.
    pub(super) fn visible(&self, bot: i64) -> impl Iterator<Item = &Channel> {
        self.channels
            .values()
            .filter(move |channel| channel.visible_to(bot))
    }

    /// Returns a user, an empty one with that id if there is none.
    pub(super) fn user(&self, id: i64) -> api::User {
        self.users.get(&id).cloned().unwrap_or_else(|| api::User {
            id,
            ..Default::default()
        })
    }

    /// Finds a user by id or by name.
    pub(super) fn find_user(&self, text: &str) -> Option<&api::User> {
        let by_id = text.parse().ok().and_then(|id: i64| self.users.get(&id));
        by_id.or_else(|| self.users.values().find(|user| user.username == text))
    }

    /// Returns the id of the next message.
    pub(super) fn next_message(&mut self) -> i64 {
        take(&mut self.next.message)
    }

    /// Returns the id of the next thing that is neither message nor channel.
    pub(super) fn next_other(&mut self) -> i64 {
        take(&mut self.next.other)
    }

    /// Returns the DM of a bot with a user.
    pub(super) fn dm(&self, bot: i64, user: i64) -> Option<&Channel> {
        self.channels.values().find(|channel| {
            channel.owner == Some(bot)
                && channel.desc.r#type == channel_type::DM
                && channel.desc.user_ids == [user]
        })
    }

    /// Makes the DM of a bot with users, or a group.
    pub(super) fn add_direct(&mut self, bot: i64, id: i64, kind: i32, users: &[i64]) -> &Channel {
        let people: Vec<api::User> = users.iter().map(|id| self.user(*id)).collect();
        let desc = api::ChannelDescription {
            channel_id: id,
            r#type: kind,
            channel_private: 1,
            user_ids: users.to_vec(),
            usernames: people.iter().map(|user| user.username.clone()).collect(),
            display_names: people
                .iter()
                .map(|user| user.display_name.clone())
                .collect(),
            avatars: people.iter().map(|user| user.avatar_url.clone()).collect(),
            creator_id: bot,
            active: 1,
            ..Default::default()
        };
        let channel = Channel {
            desc,
            owner: Some(bot),
            ..Channel::default()
        };
        self.channels.entry(id).or_insert(channel)
    }
}

impl Channel {
    /// Says whether a bot may see the channel.
    pub(super) fn visible_to(&self, bot: i64) -> bool {
        self.owner.is_none_or(|owner| owner == bot)
    }

    /// Returns the stream mode that belongs to the type of the channel.
    pub(super) fn mode(&self) -> i32 {
        match self.desc.r#type {
            channel_type::TEXT | channel_type::APP | channel_type::VOICE => 2,
            channel_type::GROUP => 3,
            channel_type::DM => 4,
            channel_type::THREAD => 6,
            _ => 0,
        }
    }
}

fn take(next: &mut i64) -> i64 {
    let id = *next;
    *next = next.saturating_add(1);
    id
}
