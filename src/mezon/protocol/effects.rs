//! What the bot itself does about events, before any handler sees them.

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use greenroom_actors::clock;
use greenroom_actors::session::{Acquire, Adopt};
use greenroom_proto::mezon::{api, realtime};
use serde_json::Value;

use super::{MezonProtocol, Receiving};
use crate::mezon::caches::{Channel, Clan, User};
use crate::mezon::codec::Request;
use crate::mezon::lenient;
use crate::mezon::limits::{FRIEND_REQUEST, THREAD};

/// Says whether the bot itself wants the events of this tag.
pub(super) fn matters(tag: u32) -> bool {
    // notifications, channels created, deleted and updated, users added to and removed from channels and clans, clans updated, sessions.
    matches!(tag, 13 | 31..=33 | 36 | 38 | 39 | 43 | 96)
}

impl MezonProtocol {
    /// Does what is to be done about an event. Returns false if it was delivered before.
    pub(super) fn apply(&self, event: &dyn Any, reception: &mut Receiving) -> bool {
        if let Some(message) = event.downcast_ref::<api::ChannelMessage>() {
            return self.state.lock().learn(message);
        }
        if let Some(created) = event.downcast_ref::<realtime::ChannelCreatedEvent>() {
            self.state
                .lock()
                .caches
                .channels
                .set(created.channel_id, created.into());
            reception.request(Request::from(realtime::ChannelJoin {
                clan_id: created.clan_id,
                channel_id: created.channel_id,
                channel_type: created.channel_type,
                is_public: created.channel_private == 0,
            }));
        } else if let Some(updated) = event.downcast_ref::<realtime::ChannelUpdatedEvent>() {
            self.channel_updated(updated, reception);
        } else if let Some(deleted) = event.downcast_ref::<realtime::ChannelDeletedEvent>() {
            let known = &mut *self.state.lock();
            known.caches.channels.remove(deleted.channel_id);
            known.joined.remove(&deleted.channel_id);
        } else if let Some(added) = event.downcast_ref::<realtime::UserChannelAdded>() {
            self.added_to_channel(added, reception);
        } else if let Some(added) = event.downcast_ref::<realtime::AddClanUserEvent>() {
            self.added_to_clan(added, reception);
        } else if let Some(removed) = event.downcast_ref::<realtime::UserClanRemoved>() {
            let known = &mut *self.state.lock();
            for user in &removed.user_ids {
                known.caches.users.remove(*user);
                if known.me == *user {
                    known.caches.clans.remove(removed.clan_id);
                }
            }
        } else if let Some(updated) = event.downcast_ref::<realtime::ClanUpdatedEvent>() {
            self.state.lock().caches.update_clan(updated);
        } else if let Some(notifications) = event.downcast_ref::<realtime::Notifications>() {
            for notification in &notifications.notifications {
                if notification.code == FRIEND_REQUEST {
                    self.accept_friend(notification, reception);
                }
            }
        } else if let Some(session) = event.downcast_ref::<api::Session>() {
            self.session_pushed(session, reception);
        }
        true
    }

    /// Uses new tokens from now on.
    fn session_pushed(&self, pushed: &api::Session, reception: &mut Receiving) {
        let old = self.lease.borrow().clone();
        let Some(old) = old.filter(|_| !pushed.token.is_empty()) else {
            return;
        };
        let new = old.pushed(pushed.clone(), &self.settings, clock::unix_seconds());
        let (session, lease) = (self.session.clone(), Rc::clone(&self.lease));
        reception.background(async move {
            // A session actor that has gone has no use for tokens.
            let _ = session.ask(Adopt(new)).await;
            if let Ok(Ok(current)) = session.ask(Acquire::any()).await {
                lease.borrow_mut().replace(current);
            }
        });
    }

    fn channel_updated(&self, updated: &realtime::ChannelUpdatedEvent, reception: &mut Receiving) {
        let known = &mut *self.state.lock();
        let mut channel = Channel::from(updated);
        if let Some(old) = known.caches.channels.get(updated.channel_id) {
            // The event does not have it.
            channel.category_name.clone_from(&old.category_name);
        }
        known.caches.channels.set(updated.channel_id, channel);
        if updated.channel_type == THREAD && updated.status == ACTIVE {
            reception.request(Request::from(realtime::ChannelJoin {
                clan_id: updated.clan_id,
                channel_id: updated.channel_id,
                channel_type: updated.channel_type,
                is_public: false,
            }));
        }
    }

    fn added_to_channel(&self, added: &realtime::UserChannelAdded, reception: &mut Receiving) {
        let known = &mut *self.state.lock();
        for user in &added.users {
            known.caches.users.set(user.user_id, user.into());
        }
        let Some(description) = &added.channel_desc else {
            return;
        };
        if !added.users.iter().any(|user| known.me == user.user_id) {
            return;
        }
        let mut channel = Channel::from(description);
        if channel.clan_id == 0 {
            channel.clan_id = added.clan_id;
        }
        reception.request(Request::from(realtime::ChannelJoin {
            clan_id: channel.clan_id,
            channel_id: channel.id,
            channel_type: channel.channel_type,
            is_public: !channel.is_private,
        }));
        known.caches.channels.set(channel.id, channel);
    }

    fn added_to_clan(&self, added: &realtime::AddClanUserEvent, reception: &mut Receiving) {
        let Some(user) = &added.user else { return };
        let known = &mut *self.state.lock();
        if known.me != user.user_id {
            known.caches.users.set(user.user_id, User::from(user));
            return;
        }
        let clan_id = added.clan_id;
        if known.caches.clans.get(clan_id).is_none() {
            let clan = Clan {
                id: clan_id,
                name: "unknown".to_owned(),
                welcome_channel_id: 0,
            };
            known.caches.clans.set(clan_id, clan);
        }
        reception.request(Request::from(realtime::ClanJoin {
            clan_id,
            ..Default::default()
        }));
        let (Some(api), state) = (self.api(), Arc::clone(&self.state)) else {
            return;
        };
        reception.background(async move {
            match api.channels(clan_id).await {
                Ok(channels) => {
                    let known = &mut *state.lock();
                    for channel in &channels {
                        known.baseline(clan_id, channel);
                        known
                            .caches
                            .channels
                            .set(channel.channel_id, channel.into());
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, clan_id, "the channels of a new clan are not known");
                }
            }
        });
    }

    /// Accepts an invitation to be somebody's friend.
    fn accept_friend(&self, notification: &api::Notification, reception: &mut Receiving) {
        let content: Value = serde_json::from_slice(&notification.content).unwrap_or_default();
        let username = lenient::text(&content, "username");
        let id = notification.sender_id;
        let Some(api) = self.api().filter(|_| id != 0 || !username.is_empty()) else {
            return;
        };
        reception.background(async move {
            let ids: &[i64] = if id == 0 { &[] } else { &[id] };
            let usernames: &[&str] = if username.is_empty() {
                &[]
            } else {
                &[&username]
            };
            if let Err(error) = api.add_friends(ids, usernames).await {
                tracing::warn!(%error, id, "an invitation could not be accepted");
            }
        });
    }
}

const ACTIVE: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tags_that_matter_are_those_of_the_platform() {
        let names: Vec<_> = (1..=100)
            .filter(|tag| matters(*tag))
            .filter_map(greenroom_proto::mezon::event_name)
            .collect();
        assert_eq!(
            names,
            [
                "notifications",
                "channel_created_event",
                "channel_deleted_event",
                "channel_updated_event",
                "user_channel_added_event",
                "user_clan_removed_event",
                "clan_updated_event",
                "add_clan_user_event",
                "refresh_session_event",
            ]
        );
    }
}
