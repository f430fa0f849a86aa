//! What the bot knows of its clans, channels, users and messages. Plain data, bounded.

use std::sync::Arc;

use bytes::Bytes;
use greenroom_proto::mezon::{self, Wire, api, realtime};

use super::fifo::Fifo;
use super::limits::{DIRECT_CLAN, UPDATED};
use super::model::{Channel, Clan, User};

/// All of them. Lookups never wait.
#[derive(Clone, Debug)]
pub(super) struct Caches {
    pub(super) clans: Fifo<Clan>,
    /// The channels of all clans.
    channels: Fifo<Arc<Channel>>,
    /// What is known of each clan; of the one of direct conversations are all users.
    parts: Fifo<Part>,
    /// The direct conversation with a user, by user.
    pub(super) direct: Fifo<i64>,
    messages: Fifo<Fifo<Kept>>,
}

/// What is in a clan.
#[derive(Clone, Debug)]
struct Part {
    channels: Fifo<Arc<Channel>>,
    users: Fifo<User>,
}

/// A message as it came.
#[derive(Clone, Debug)]
struct Kept {
    wire: Wire,
    body: Bytes,
}

impl Default for Part {
    fn default() -> Self {
        Self {
            channels: Fifo::new(CHANNELS),
            users: Fifo::new(USERS),
        }
    }
}

impl Default for Caches {
    fn default() -> Self {
        Self {
            clans: Fifo::new(CLANS),
            channels: Fifo::new(CHANNELS),
            parts: Fifo::new(CLANS),
            direct: Fifo::new(USERS),
            messages: Fifo::new(CHANNELS),
        }
    }
}

impl Caches {
    pub(super) fn channel(&self, id: i64) -> Option<&Channel> {
        self.channels.get(id).map(Arc::as_ref)
    }

    pub(super) fn channel_of(&self, clan: i64, id: i64) -> Option<&Channel> {
        self.parts.get(clan)?.channels.get(id).map(Arc::as_ref)
    }

    pub(super) fn channels(&self) -> impl Iterator<Item = &Channel> {
        self.channels.values().map(Arc::as_ref)
    }

    pub(super) fn channels_of(&self, clan: i64) -> impl Iterator<Item = &Channel> {
        let part = self.parts.get(clan).into_iter();
        part.flat_map(|part| part.channels.values().map(Arc::as_ref))
    }

    /// Learns a channel: it is then found among all of them and in its clan.
    pub(super) fn set_channel(&mut self, channel: impl Into<Channel>) {
        let channel = Arc::new(channel.into());
        if channel.id == 0 {
            return;
        }
        let part = self.parts.get_or(channel.clan_id, Part::default);
        part.channels.set(channel.id, Arc::clone(&channel));
        self.channels.set(channel.id, channel);
    }

    pub(super) fn remove_channel(&mut self, clan: i64, id: i64) {
        let known = self.channels.remove(id);
        let clan = known.map_or(clan, |channel| channel.clan_id);
        if let Some(part) = self.parts.get_mut(clan) {
            part.channels.remove(id);
        }
        self.messages.remove(id);
    }

    /// Forgets a clan and all that is in it.
    pub(super) fn remove_clan(&mut self, id: i64) {
        self.clans.remove(id);
        for channel in self
            .parts
            .remove(id)
            .iter()
            .flat_map(|part| part.channels.values())
        {
            self.channels.remove(channel.id);
            self.messages.remove(channel.id);
        }
    }

    pub(super) fn user(&self, id: i64) -> Option<&User> {
        self.user_of(DIRECT_CLAN, id)
    }

    pub(super) fn user_of(&self, clan: i64, id: i64) -> Option<&User> {
        self.parts.get(clan)?.users.get(id)
    }

    pub(super) fn users_of(&self, clan: i64) -> impl Iterator<Item = &User> {
        let part = self.parts.get(clan).into_iter();
        part.flat_map(|part| part.users.values())
    }

    /// Learns a user, who is then found in the clan and among all users.
    pub(super) fn set_user(&mut self, clan: i64, user: &User) {
        if user.id == 0 {
            return;
        }
        for clan in [clan, DIRECT_CLAN] {
            let users = &mut self.parts.get_or(clan, Part::default).users;
            if users.get(user.id) != Some(user) {
                users.set(user.id, user.clone());
            }
            if clan == DIRECT_CLAN {
                break;
            }
        }
    }

    /// Forgets that a user is in a clan.
    pub(super) fn remove_user(&mut self, clan: i64, id: i64) {
        if let Some(part) = self.parts.get_mut(clan) {
            part.users.remove(id);
        }
        let is_elsewhere = self
            .parts
            .entries()
            .any(|(other, part)| other != DIRECT_CLAN && part.users.get(id).is_some());
        if !is_elsewhere
            && self.direct.get(id).is_none()
            && let Some(all) = self.parts.get_mut(DIRECT_CLAN)
        {
            all.users.remove(id);
        }
    }

    /// Learns the bot's direct conversations: each is with the first of its users.
    pub(super) fn learn_direct(&mut self, channels: &[api::ChannelDescription]) {
        for channel in channels {
            self.set_channel(channel);
            let Some(user) = User::of_direct(channel) else {
                continue;
            };
            self.direct.set(user.id, channel.channel_id);
            if self.user(user.id).is_none() {
                self.set_user(DIRECT_CLAN, &user);
            }
        }
    }

    /// Learns who sent a message.
    pub(super) fn learn_sender(&mut self, message: &api::ChannelMessage) {
        let is = |user: &User| user.is_sender(message);
        let is_known = |clan| self.user_of(clan, message.sender_id).is_some_and(is);
        if !(is_known(message.clan_id) && is_known(DIRECT_CLAN)) {
            self.set_user(message.clan_id, &message.into());
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

    /// Keeps a message in memory as it came; `body` must not keep more alive than itself.
    pub(super) fn set_message(&mut self, channel: i64, id: i64, wire: Wire, body: Bytes) {
        let messages = self.messages.get_or(channel, || Fifo::new(MESSAGES));
        messages.set(id, Kept { wire, body });
    }

    pub(super) fn remove_message(&mut self, channel: i64, id: i64) {
        if let Some(messages) = self.messages.get_mut(channel) {
            messages.remove(id);
        }
    }

    pub(super) fn message(&self, channel: i64, id: i64) -> Option<api::ChannelMessage> {
        let kept = self.messages.get(channel)?.get(id)?;
        let decoded = mezon::decode(kept.wire, kept.body.clone());
        let mut message: api::ChannelMessage = decoded.ok()?;
        // It is found as it is now; that it was changed is of no interest.
        if message.code == UPDATED {
            message.code = 0;
        }
        Some(message)
    }
}

const CLANS: usize = 1_000;
const CHANNELS: usize = 1_000;
/// Messages in memory, of each channel.
const MESSAGES: usize = 200;
const USERS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(id: i64, clan_id: i64) -> Channel {
        Channel {
            id,
            clan_id,
            ..Channel::default()
        }
    }

    #[test]
    fn a_direct_conversation_is_found_by_its_user() {
        let channel = api::ChannelDescription {
            channel_id: 5,
            clan_id: 9,
            r#type: 3,
            channel_private: 1,
            user_ids: vec![4, 8],
            usernames: vec!["alice".to_owned()],
            ..Default::default()
        };
        let mut caches = Caches::default();
        caches.learn_direct(&[channel, api::ChannelDescription::default()]);
        assert_eq!(caches.direct.get(4), Some(&5));
        assert_eq!(caches.direct.get(8), None);
        assert_eq!(caches.user(4).unwrap().username, "alice");
        let channel = caches.channel(5).unwrap();
        assert_eq!((channel.clan_id, channel.is_private), (0, true));
    }

    #[test]
    fn a_clan_that_is_left_takes_its_channels_along() {
        let mut caches = Caches::default();
        caches.set_channel(channel(3, 2));
        caches.set_channel(channel(4, 7));
        assert_eq!(caches.channel(3), caches.channel_of(2, 3));
        caches.remove_clan(2);
        assert_eq!((caches.channel(3), caches.channel_of(2, 3)), (None, None));
        assert!(caches.channel(4).is_some());
        caches.remove_channel(0, 4);
        assert_eq!(caches.channels_of(7).count(), 0);
    }

    #[test]
    fn a_user_is_kept_until_the_last_clan_is_left() {
        let alice = User {
            id: 4,
            username: "alice".to_owned(),
            ..User::default()
        };
        let mut caches = Caches::default();
        caches.set_user(2, &alice);
        caches.set_user(3, &alice);
        caches.remove_user(2, 4);
        assert_eq!((caches.user_of(2, 4), caches.user(4)), (None, Some(&alice)));
        caches.remove_user(3, 4);
        assert_eq!(caches.user(4), None);
    }

    #[test]
    fn messages_are_kept_as_they_are_now() {
        let mut caches = Caches::default();
        let message = |message_id, code, content: &str| api::ChannelMessage {
            channel_id: 3,
            message_id,
            code,
            content: content.to_owned(),
            ..Default::default()
        };
        for wire in [Wire::V1, Wire::V2] {
            let mut keep = |message: &api::ChannelMessage| {
                let body = mezon::encode(wire, message).into();
                caches.set_message(3, message.message_id, wire, body);
            };
            for id in 0..300 {
                keep(&message(id, 0, "a"));
            }
            keep(&message(299, UPDATED, "b"));
            assert_eq!(caches.message(3, 99), None);
            assert_eq!(caches.message(3, 100).unwrap().content, "a");
            let changed = caches.message(3, 299).unwrap();
            assert_eq!((changed.content.as_str(), changed.code), ("b", 0));
            caches.remove_message(3, 299);
            assert_eq!(caches.message(3, 299), None);
            caches.messages.remove(3);
        }
    }
}
