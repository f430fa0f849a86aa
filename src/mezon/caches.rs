//! What the bot knows of its clans, channels and users. Plain data, bounded.

use std::collections::{BTreeMap, VecDeque};

use greenroom_proto::mezon::{api, realtime};

use super::limits::DIRECT;

/// A map that forgets what it got first once it is full. Replacing a value forgets nothing.
#[derive(Clone, Debug)]
pub(super) struct Fifo<V> {
    values: BTreeMap<i64, V>,
    order: VecDeque<i64>,
    limit: usize,
}

impl<V> Fifo<V> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            values: BTreeMap::new(),
            order: VecDeque::new(),
            limit: limit.max(1),
        }
    }

    pub(super) fn get(&self, id: i64) -> Option<&V> {
        self.values.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: i64) -> Option<&mut V> {
        self.values.get_mut(&id)
    }

    pub(super) fn set(&mut self, id: i64, value: V) {
        if self.values.insert(id, value).is_some() {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
    }

    pub(super) fn remove(&mut self, id: i64) -> Option<V> {
        let removed = self.values.remove(&id)?;
        self.order.retain(|kept| *kept != id);
        Some(removed)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.order.iter().filter_map(|id| self.values.get(id))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (i64, &V)> {
        self.order
            .iter()
            .filter_map(|id| Some((*id, self.values.get(id)?)))
    }
}

/// A clan that the bot is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clan {
    /// Its id; 0 is the one of all direct conversations.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Where newcomers are welcomed.
    pub welcome_channel_id: i64,
}

/// A channel that the bot has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// Its id.
    pub id: i64,
    /// The clan that it is in, 0 for direct conversations.
    pub clan_id: i64,
    /// Its name.
    pub name: String,
    /// Its type: 1 channel, 2 group, 3 direct, 7 thread, 10 voice and others.
    pub channel_type: i32,
    /// Whether only some may see it.
    pub is_private: bool,
    /// The category that it is in.
    pub category_id: i64,
    /// The name of the category.
    pub category_name: String,
    /// The channel that a thread belongs to.
    pub parent_id: i64,
    /// The code of its voice room.
    pub meeting_code: String,
}

/// A user whom the bot has heard of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub id: i64,
    /// The user name.
    pub username: String,
    /// The nickname in the clan where the user was heard of last.
    pub clan_nick: String,
    /// The picture in that clan.
    pub clan_avatar: String,
    /// The usual picture.
    pub avatar: String,
    /// The name to show.
    pub display_name: String,
}

/// All of them. Lookups never wait.
#[derive(Clone, Debug)]
pub(super) struct Caches {
    pub(super) clans: Fifo<Clan>,
    pub(super) channels: Fifo<Channel>,
    pub(super) users: Fifo<User>,
    /// The direct conversation with a user, by user.
    pub(super) direct: Fifo<i64>,
}

impl Default for Caches {
    fn default() -> Self {
        Self {
            clans: Fifo::new(CLANS),
            channels: Fifo::new(CHANNELS),
            users: Fifo::new(USERS),
            direct: Fifo::new(USERS),
        }
    }
}

impl Caches {
    /// Learns the bot's direct conversations: each is with the first of its users.
    pub(super) fn learn_direct(&mut self, channels: &[api::ChannelDescription]) {
        for channel in channels {
            self.channels.set(channel.channel_id, channel.into());
            if let Some(user) = channel.user_ids.first() {
                self.direct.set(*user, channel.channel_id);
            }
        }
    }

    /// Learns who sent a message.
    pub(super) fn learn_sender(&mut self, message: &api::ChannelMessage) {
        let id = message.sender_id;
        if id == 0 {
            return;
        }
        let is_known = self.users.get(id).is_some_and(|user| {
            user.username == message.username
                && user.display_name == message.display_name
                && user.clan_nick == message.clan_nick
                && user.clan_avatar == message.clan_avatar
                && user.avatar == message.avatar
        });
        if !is_known {
            self.users.set(id, message.into());
        }
    }

    /// Learns that a clan has changed.
    pub(super) fn update_clan(&mut self, event: &realtime::ClanUpdatedEvent) {
        if let Some(clan) = self.clans.get_mut(event.clan_id) {
            clan.name.clone_from(&event.clan_name);
            if event.welcome_channel_id != 0 {
                clan.welcome_channel_id = event.welcome_channel_id;
            }
        }
    }
}

impl From<&api::ClanDesc> for Clan {
    fn from(clan: &api::ClanDesc) -> Self {
        Self {
            id: clan.clan_id,
            name: clan.clan_name.clone(),
            welcome_channel_id: clan.welcome_channel_id,
        }
    }
}

impl From<&api::ChannelDescription> for Channel {
    fn from(channel: &api::ChannelDescription) -> Self {
        Self {
            id: channel.channel_id,
            clan_id: match channel.r#type {
                DIRECT => 0,
                _ => channel.clan_id,
            },
            name: channel.channel_label.clone(),
            channel_type: channel.r#type,
            is_private: channel.channel_private != 0,
            category_id: channel.category_id,
            category_name: channel.category_name.clone(),
            parent_id: channel.parent_id,
            meeting_code: channel.meeting_code.clone(),
        }
    }
}

impl From<&realtime::ChannelCreatedEvent> for Channel {
    fn from(event: &realtime::ChannelCreatedEvent) -> Self {
        Self {
            id: event.channel_id,
            clan_id: event.clan_id,
            name: event.channel_label.clone(),
            channel_type: event.channel_type,
            is_private: event.channel_private != 0,
            category_id: event.category_id,
            parent_id: event.parent_id,
            ..Self::default()
        }
    }
}

impl From<&realtime::ChannelUpdatedEvent> for Channel {
    fn from(event: &realtime::ChannelUpdatedEvent) -> Self {
        Self {
            id: event.channel_id,
            clan_id: event.clan_id,
            name: event.channel_label.clone(),
            channel_type: event.channel_type,
            is_private: event.channel_private,
            category_id: event.category_id,
            category_name: String::new(),
            parent_id: event.parent_id,
            meeting_code: event.meeting_code.clone(),
        }
    }
}

impl From<&api::ChannelMessage> for User {
    fn from(message: &api::ChannelMessage) -> Self {
        Self {
            id: message.sender_id,
            username: message.username.clone(),
            clan_nick: message.clan_nick.clone(),
            clan_avatar: message.clan_avatar.clone(),
            avatar: message.avatar.clone(),
            display_name: message.display_name.clone(),
        }
    }
}

impl From<&realtime::UserProfileRedis> for User {
    fn from(profile: &realtime::UserProfileRedis) -> Self {
        Self {
            id: profile.user_id,
            username: profile.username.clone(),
            avatar: profile.avatar.clone(),
            display_name: profile.display_name.clone(),
            ..Self::default()
        }
    }
}

const CLANS: usize = 1_000;
const CHANNELS: usize = 1_000;
const USERS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first_and_a_replacement_costs_nobody_the_place() {
        let mut cache = Fifo::new(2);
        cache.set(1, "a");
        cache.set(2, "b");
        cache.set(1, "c");
        assert_eq!(
            (cache.get(1), cache.get(2), cache.values().count()),
            (Some(&"c"), Some(&"b"), 2)
        );
        cache.set(3, "d");
        assert_eq!(
            (cache.get(1), cache.get(2), cache.get(3)),
            (None, Some(&"b"), Some(&"d"))
        );
        assert_eq!(cache.remove(2), Some("b"));
        cache.set(4, "e");
        assert_eq!(cache.values().collect::<Vec<_>>(), [&"d", &"e"]);
    }

    #[test]
    fn a_direct_conversation_is_found_by_its_user() {
        let channel = api::ChannelDescription {
            channel_id: 5,
            clan_id: 9,
            r#type: 3,
            channel_private: 1,
            user_ids: vec![4, 8],
            ..Default::default()
        };
        let mut caches = Caches::default();
        caches.learn_direct(&[channel, api::ChannelDescription::default()]);
        assert_eq!(caches.direct.get(4), Some(&5));
        assert_eq!(caches.direct.get(8), None);
        let channel = caches.channels.get(5).unwrap();
        assert_eq!((channel.clan_id, channel.is_private), (0, true));
    }
}
