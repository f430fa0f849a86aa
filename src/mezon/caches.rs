//! What the bot knows of its clans, channels, users and messages. Plain data, bounded.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use greenroom_proto::mezon::{MessageView, Wire, api, realtime};

use super::fifo::Fifo;
use super::limits::{DIRECT_CLAN, UPDATED};
use super::model::{Channel, Clan, User};
use super::recent::Recent;

/// All of them. Lookups never wait.
#[derive(Clone, Debug)]
pub(super) struct Caches {
    pub(super) clans: Fifo<Clan>,
    /// The channels of all clans.
    channels: Fifo<Arc<Channel>>,
    /// What is known of each clan; of the one of direct conversations are all users.
    parts: Fifo<Part>,
    /// Whose last message in a clan told nothing new of them, and the [print](names_print) of the names in it.
    senders: Fifo<u64, (i64, i64)>,
    /// The direct conversation with a user, by user.
    pub(super) direct: Fifo<i64>,
    messages: Recent,
}

/// What is in a clan.
#[derive(Clone, Debug)]
struct Part {
    channels: Fifo<Arc<Channel>>,
    users: Fifo<User>,
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
            senders: Fifo::new(SENDERS),
            direct: Fifo::new(USERS),
            messages: Recent::default(),
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
        self.messages.forget(id);
    }

    /// Forgets a clan and all that is in it.
    pub(super) fn remove_clan(&mut self, id: i64) {
        self.senders.clear();
        self.clans.remove(id);
        for channel in self
            .parts
            .remove(id)
            .iter()
            .flat_map(|part| part.channels.values())
        {
            self.channels.remove(channel.id);
            self.messages.forget(channel.id);
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
        self.senders.clear();
        self.put_user(clan, user);
    }

    fn put_user(&mut self, clan: i64, user: &User) {
        if user.id == 0 {
            return;
        }
        for clan in [clan, DIRECT_CLAN] {
            let users = &mut self.parts.get_or(clan, Part::default).users;
            if users.get(user.id) != Some(user) {
                if users.is_full() {
                    // Somebody is forgotten, and has to be learned anew.
                    self.senders.clear();
                }
                users.set(user.id, user.clone());
            }
            if clan == DIRECT_CLAN {
                break;
            }
        }
    }

    /// Forgets that a user is in a clan.
    pub(super) fn remove_user(&mut self, clan: i64, id: i64) {
        self.senders.clear();
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
    pub(super) fn learn_sender(&mut self, message: &MessageView<'_>) {
        let (sender, print) = ((message.clan_id, message.sender_id), names_print(message));
        if self.senders.get(sender) == Some(&print) {
            return;
        }
        self.put_user(message.clan_id, &message.into());
        self.senders.set(sender, print);
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

    /// Keeps a copy of a message as it came; see [`Recent::set`].
    pub(super) fn set_message(
        &mut self,
        place: (i64, i64),
        wire: Wire,
        body: &[u8],
        may_replace: bool,
    ) {
        self.messages.set(place, wire, body, may_replace);
    }

    pub(super) fn remove_message(&mut self, channel: i64, id: i64) {
        self.messages.remove(channel, id);
    }

    pub(super) fn message(&self, channel: i64, id: i64) -> Option<api::ChannelMessage> {
        let mut message = self.messages.get(channel, id)?;
        // It is found as it is now; that it was changed is of no interest.
        if message.code == UPDATED {
            message.code = 0;
        }
        Some(message)
    }
}

/// Returns a number that is another one if the names or pictures of the sender are others.
fn names_print(message: &MessageView<'_>) -> u64 {
    FixedState::default().hash_one([
        message.username,
        message.display_name,
        message.clan_nick,
        message.clan_avatar,
        message.avatar,
    ])
}

const CLANS: usize = 1_000;
const CHANNELS: usize = 1_000;
const USERS: usize = 10_000;
const SENDERS: usize = 10_000;

#[cfg(test)]
mod tests {
    use greenroom_proto::mezon;

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
    fn whoever_takes_another_name_is_learned_anew() {
        let mut caches = Caches::default();
        let message = |username: &str, nick: &str| api::ChannelMessage {
            clan_id: 2,
            sender_id: 4,
            username: username.to_owned(),
            clan_nick: nick.to_owned(),
            ..Default::default()
        };
        for (username, nick) in [
            ("alice", "x"),
            ("alice", "x"),
            ("alicex", ""),
            ("alice", ""),
        ] {
            caches.learn_sender(&MessageView::of(&message(username, nick)));
            let learned = caches.user_of(2, 4).unwrap();
            assert_eq!(
                (learned.username.as_str(), learned.clan_nick.as_str()),
                (username, nick)
            );
            assert_eq!(caches.user(4), Some(learned).cloned().as_ref());
        }
        caches.remove_user(2, 4);
        caches.learn_sender(&MessageView::of(&message("alice", "")));
        assert!(
            caches.user_of(2, 4).is_some(),
            "also after it was forgotten"
        );
        caches.set_user(
            2,
            &User {
                id: 4,
                ..User::default()
            },
        );
        caches.learn_sender(&MessageView::of(&message("alice", "")));
        assert_eq!(
            caches.user_of(2, 4).unwrap().username,
            "alice",
            "also after another source said otherwise"
        );
        for id in 5..5 + USERS as i64 {
            let other = api::ChannelMessage {
                sender_id: id,
                ..message("another", "")
            };
            caches.learn_sender(&MessageView::of(&other));
        }
        assert_eq!(caches.user_of(2, 4), None);
        caches.learn_sender(&MessageView::of(&message("alice", "")));
        assert!(
            caches.user_of(2, 4).is_some(),
            "also after there was no more room"
        );
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
                let body = mezon::encode(wire, message);
                let may_replace = message.code == UPDATED;
                caches.set_message((3, message.message_id), wire, &body, may_replace);
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
            caches.remove_channel(2, 3);
            assert_eq!(caches.message(3, 298), None);
        }
    }
}
