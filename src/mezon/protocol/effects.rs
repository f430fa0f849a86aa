//! What the bot itself does about events, before any handler sees them.

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use greenroom_actors::clock;
use greenroom_actors::event::{ChannelKey, Id};
use greenroom_actors::session::{Acquire, Adopt};
use greenroom_proto::mezon::{self, MessageView, Wire, api, realtime};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::{MezonProtocol, Receiving};
use crate::chat::Speaker;
use crate::mezon::client::MezonClient;
use crate::mezon::codec::Request;
use crate::mezon::error::ApiError;
use crate::mezon::http::Api;
use crate::mezon::lenient;
use crate::mezon::limits::{DIRECT_CLAN, FRIEND_REQUEST, REMOVED, SENT_TOKEN, THREAD, UPDATED};
use crate::mezon::model::{Channel, Clan, User};
use crate::mezon::outgoing::NewMessage;

/// Says whether the bot itself wants the events of this tag.
pub(super) fn matters(tag: u32) -> bool {
    // Messages, notifications, channels created, deleted and updated, users added to and removed from channels and clans, clans
    // updated and deleted, tokens sent, sessions.
    matches!(tag, 6 | 13 | 31..=33 | 36..=39 | 43 | 46 | 59 | 96)
}

impl MezonProtocol {
    /// Does what is to be done about an event other than a message.
    pub(super) fn apply(&self, event: &dyn Any, reception: &mut Receiving) {
        if let Some(created) = event.downcast_ref::<realtime::ChannelCreatedEvent>() {
            self.state.lock().caches.set_channel(created);
            reception.request(
                Request::from(realtime::ChannelJoin {
                    clan_id: created.clan_id,
                    channel_id: created.channel_id,
                    channel_type: created.channel_type,
                    is_public: created.channel_private == 0,
                })
                .for_this_link(),
            );
        } else if let Some(updated) = event.downcast_ref::<realtime::ChannelUpdatedEvent>() {
            self.channel_updated(updated, reception);
        } else if let Some(deleted) = event.downcast_ref::<realtime::ChannelDeletedEvent>() {
            let known = &mut *self.state.lock();
            known
                .caches
                .remove_channel(deleted.clan_id, deleted.channel_id);
            known.joined.remove(&deleted.channel_id);
        } else if let Some(added) = event.downcast_ref::<realtime::UserChannelAdded>() {
            self.added_to_channel(added, reception);
        } else if let Some(removed) = event.downcast_ref::<realtime::UserChannelRemoved>() {
            let known = &mut *self.state.lock();
            if removed.user_ids.iter().any(|user| known.me == *user) {
                known.joined.remove(&removed.channel_id);
            }
        } else if let Some(added) = event.downcast_ref::<realtime::AddClanUserEvent>() {
            self.added_to_clan(added, reception);
        } else if let Some(removed) = event.downcast_ref::<realtime::UserClanRemoved>() {
            let known = &mut *self.state.lock();
            for user in &removed.user_ids {
                known.caches.remove_user(removed.clan_id, *user);
                if known.me == *user {
                    known.left_clan(removed.clan_id);
                }
            }
        } else if let Some(updated) = event.downcast_ref::<realtime::ClanUpdatedEvent>() {
            self.state.lock().caches.update_clan(updated);
        } else if let Some(deleted) = event.downcast_ref::<realtime::ClanDeletedEvent>() {
            self.state.lock().left_clan(deleted.clan_id);
        } else if let Some(notifications) = event.downcast_ref::<realtime::Notifications>() {
            for notification in &notifications.notifications {
                if notification.code == FRIEND_REQUEST {
                    self.accept_friend(notification, reception);
                }
            }
        } else if let Some(sent) = event.downcast_ref::<api::TokenSentEvent>() {
            self.token_sent(sent, reception);
        } else if let Some(session) = event.downcast_ref::<api::Session>() {
            self.session_pushed(session, reception);
        }
    }

    /// Learns from a message and keeps it in memory, before anybody is told of it. Returns its conversation, or none if it was delivered
    /// before. If it came from a channel of which nothing is known, that is asked for, while the message goes on.
    pub(super) fn heard(
        &self,
        wire: Wire,
        body: &[u8],
        message: &MessageView<'_>,
        reception: &mut Receiving,
    ) -> Option<ChannelKey> {
        let known = &mut *self.state.lock();
        let (clan_id, channel_id) = (message.clan_id, message.channel_id);
        let learned = known.learn(message);
        let is_change = matches!(message.code, UPDATED | REMOVED);
        match message.code {
            REMOVED => known.caches.remove_message(channel_id, message.message_id),
            _ => {
                let place = (channel_id, message.message_id);
                let may_replace = is_change || learned.is_none() || message.message_id == 0;
                known.caches.set_message(place, wire, body, may_replace);
            }
        }
        let is_known = learned?;
        if !is_known && !is_change && known.wants(channel_id) {
            let (load, api) = (known.load_of(clan_id), self.api());
            self.ask_for_channel((clan_id, channel_id), load, api, reception);
        }
        Some(known.key(clan_id, channel_id))
    }

    fn ask_for_channel(
        &self,
        (clan_id, channel_id): (i64, i64),
        load: Arc<OnceCell<()>>,
        api: Option<Api>,
        reception: &mut Receiving,
    ) {
        let Some(api) = api else { return };
        let state = Arc::clone(&self.state);
        reception.background(async move {
            // One call tells of all channels of the clan; what is not among them, such as a thread, has a call of its own.
            if clan_id != DIRECT_CLAN {
                let list = || async {
                    for channel in &api.channels(clan_id).await? {
                        state.lock().caches.set_channel(channel);
                    }
                    Ok::<_, ApiError>(())
                };
                if let Err(error) = load.get_or_try_init(list).await {
                    tracing::debug!(%error, clan_id, "the channels of a clan are not known");
                }
            }
            if state.lock().caches.channel(channel_id).is_some() {
                return;
            }
            match api.channel(channel_id).await {
                Ok(channel) => state.lock().caches.set_channel(&channel),
                Err(error) => tracing::debug!(%error, channel_id, "a channel is not known"),
            }
        });
    }

    /// Tells the receiver of tokens that the bot has sent.
    fn token_sent(&self, sent: &api::TokenSentEvent, reception: &mut Receiving) {
        if self.state.lock().me != sent.sender_id || sent.receiver_id == 0 {
            return;
        }
        let door = self.origin.door::<Arc<dyn Speaker>>();
        let client = door.and_then(|door| door.as_any().downcast_ref::<MezonClient>());
        let Some(client) = client.cloned() else {
            return;
        };
        let note = match sent.note.as_str() {
            "" => "Transfer funds",
            note => note,
        };
        let text = format!(
            "Funds Transferred: {}\u{20ab} | {note}",
            grouped(sent.amount)
        );
        let message = NewMessage {
            code: SENT_TOKEN,
            ..NewMessage::from(text)
        };
        let receiver = Id::from(sent.receiver_id);
        reception.background(async move {
            if let Err(error) = client.send_direct(&receiver, message).await {
                tracing::warn!(%error, %receiver, "the receiver of tokens could not be told");
            }
        });
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
        if let Some(old) = known.caches.channel(updated.channel_id) {
            // The event does not have it.
            channel.category_name.clone_from(&old.category_name);
        }
        known.caches.set_channel(channel);
        if updated.channel_type == THREAD && updated.status == ACTIVE {
            reception.request(
                Request::from(realtime::ChannelJoin {
                    clan_id: updated.clan_id,
                    channel_id: updated.channel_id,
                    channel_type: updated.channel_type,
                    is_public: false,
                })
                .for_this_link(),
            );
        }
    }

    fn added_to_channel(&self, added: &realtime::UserChannelAdded, reception: &mut Receiving) {
        let known = &mut *self.state.lock();
        for user in &added.users {
            known.caches.set_user(added.clan_id, &user.into());
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
        reception.request(
            Request::from(realtime::ChannelJoin {
                clan_id: channel.clan_id,
                channel_id: channel.id,
                channel_type: channel.channel_type,
                is_public: !channel.is_private,
            })
            .for_this_link(),
        );
        known.caches.set_channel(channel);
    }

    fn added_to_clan(&self, added: &realtime::AddClanUserEvent, reception: &mut Receiving) {
        let Some(user) = &added.user else { return };
        let known = &mut *self.state.lock();
        if known.me != user.user_id {
            known.caches.set_user(added.clan_id, &User::from(user));
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
        let Some(api) = self.api() else { return };
        let (load, state) = (known.load_of(clan_id), Arc::clone(&self.state));
        reception.background(async move {
            let list = || async {
                for channel in &api.channels(clan_id).await? {
                    let known = &mut *state.lock();
                    known.baseline(clan_id, channel);
                    known.caches.set_channel(channel);
                }
                Ok::<_, ApiError>(())
            };
            if let Err(error) = load.get_or_try_init(list).await {
                tracing::warn!(%error, clan_id, "the channels of a new clan are not known");
            }
        });
    }

    /// Accepts an invitation to be somebody's friend. One that cannot be read is left alone.
    fn accept_friend(&self, notification: &api::Notification, reception: &mut Receiving) {
        let id = notification.sender_id;
        let Some(username) = username_in(&notification.content) else {
            tracing::warn!(id, "an invitation cannot be read, so it is not accepted");
            return;
        };
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

/// Finds the user name in the content of a notification, which is JSON or protobuf.
fn username_in(content: &Bytes) -> Option<String> {
    match content.first()? {
        b'{' | b'[' => {
            let content: Value = serde_json::from_slice(content).ok()?;
            Some(lenient::text(&content, "username"))
        }
        _ => {
            let content: api::DirectFcmProto = mezon::decode(Wire::V2, content.clone()).ok()?;
            Some(content.username)
        }
    }
}

/// Writes a number with a comma between thousands.
fn grouped(number: i32) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut grouped = String::from(if number < 0 { "-" } else { "" });
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
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
                "channel_message",
                "notifications",
                "channel_created_event",
                "channel_deleted_event",
                "channel_updated_event",
                "user_channel_added_event",
                "user_channel_removed_event",
                "user_clan_removed_event",
                "clan_updated_event",
                "add_clan_user_event",
                "clan_deleted_event",
                "token_sent_event",
                "refresh_session_event",
            ]
        );
    }

    #[test]
    fn d18_an_invitation_that_cannot_be_read_is_left_alone() {
        let name = |content: &'static str| username_in(&Bytes::from_static(content.as_bytes()));
        assert_eq!(name(r#"{"username":"bob"}"#).as_deref(), Some("bob"));
        assert_eq!(name("{}").as_deref(), Some(""));
        for bad in ["", "{not json", "[", "not json"] {
            assert_eq!(name(bad), None, "{bad}");
        }
        let packed = api::DirectFcmProto {
            username: "bob".to_owned(),
            ..Default::default()
        };
        let packed = mezon::encode(Wire::V2, &packed).into();
        assert_eq!(username_in(&packed).as_deref(), Some("bob"));
    }

    #[test]
    fn thousands_are_set_apart() {
        let all = [0, 7, 999, 1_000, 10_000, 1_234_567, -1_000].map(grouped);
        let expected = ["0", "7", "999", "1,000", "10,000", "1,234,567", "-1,000"];
        assert_eq!(all, expected);
    }
}
