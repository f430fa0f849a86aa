//! Clans, channels and users as the bot knows them.

use greenroom_proto::mezon::{MessageView, api, realtime};

use super::limits::DIRECT;

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

impl User {
    /// Returns the user with whom a direct conversation is.
    pub(super) fn of_direct(channel: &api::ChannelDescription) -> Option<Self> {
        let first = |names: &[String]| names.first().cloned().unwrap_or_default();
        Some(Self {
            id: *channel.user_ids.first()?,
            username: first(&channel.usernames),
            display_name: first(&channel.display_names),
            ..Self::default()
        })
    }

    /// Returns the name to show: the nickname in the clan, the display name, or else the user name.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        let names = [&self.clan_nick, &self.display_name, &self.username];
        let mut names = names.into_iter().filter(|name| !name.is_empty());
        names.next().map_or("", String::as_str)
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

impl From<&MessageView<'_>> for User {
    fn from(message: &MessageView<'_>) -> Self {
        let text = |text| String::from_utf8_lossy(text).into_owned();
        Self {
            id: message.sender_id,
            username: text(message.username),
            clan_nick: text(message.clan_nick),
            clan_avatar: text(message.clan_avatar),
            avatar: text(message.avatar),
            display_name: text(message.display_name),
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
