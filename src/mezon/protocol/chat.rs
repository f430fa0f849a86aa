//! Tells events in the vocabulary of all platforms.

use std::any::Any;

use greenroom_actors::event::{ChannelKey, Id};
use greenroom_proto::mezon::{api, realtime};

use super::topics::publish;
use super::{MezonProtocol, Receiving};
use crate::chat::{
    Author, ButtonPressed, MemberJoined, MemberLeft, MessageDeleted, MessageEdited, Reaction,
};
use crate::mezon::limits::{REMOVED, UPDATED};
use crate::mezon::message::MezonMessage;
use crate::mezon::model::User;

impl MezonProtocol {
    /// Tells an event other than a message to those who listen in the vocabulary of all platforms.
    pub(super) fn tell_chat(&self, event: &dyn Any, key: &ChannelKey, reception: &mut Receiving) {
        if let Some(reaction) = event.downcast_ref::<api::MessageReaction>() {
            let told = || Reaction {
                message: reaction.message_id.into(),
                user: Author {
                    id: reaction.sender_id.into(),
                    name: reaction.sender_name.clone(),
                    display: reaction.sender_name.clone(),
                },
                emoji: reaction.emoji.clone(),
                emoji_id: reaction.emoji_id.into(),
                removed: reaction.action,
            };
            publish(
                &self.topics.chat.reaction,
                &self.origin,
                key,
                0,
                told,
                reception,
            );
        } else if let Some(added) = event.downcast_ref::<realtime::UserChannelAdded>() {
            let key = self.added_key(added);
            for user in &added.users {
                self.tell_joined(user, &key, reception);
            }
        } else if let Some(added) = event.downcast_ref::<realtime::AddClanUserEvent>() {
            if let Some(user) = &added.user {
                self.tell_joined(user, key, reception);
            }
        } else if let Some(removed) = event.downcast_ref::<realtime::UserChannelRemoved>() {
            self.tell_left(&removed.user_ids, key, reception);
        } else if let Some(removed) = event.downcast_ref::<realtime::UserClanRemoved>() {
            self.tell_left(&removed.user_ids, key, reception);
        } else if let Some(clicked) = event.downcast_ref::<realtime::MessageButtonClicked>() {
            let told = || ButtonPressed {
                message: clicked.message_id.into(),
                user: self.author(clicked.user_id),
                button: clicked.button_id.clone(),
                data: clicked.extra_data.clone(),
            };
            publish(
                &self.topics.chat.button,
                &self.origin,
                key,
                0,
                told,
                reception,
            );
        }
    }

    /// As [`tell_chat`](Self::tell_chat), for a message.
    pub(super) fn tell_message(
        &self,
        message: &api::ChannelMessage,
        key: &ChannelKey,
        reception: &mut Receiving,
    ) {
        let (chat, origin, id) = (&self.topics.chat, &self.origin, message.message_id);
        let told = || MezonMessage::new(message).chat(&self.me);
        match message.code {
            UPDATED => {
                let edited = || MessageEdited { message: told() };
                publish(&chat.edited, origin, key, id, edited, reception);
            }
            REMOVED => {
                let message = Id::from(id);
                publish(
                    &chat.deleted,
                    origin,
                    key,
                    id,
                    || MessageDeleted { message },
                    reception,
                );
            }
            code if is_said(code) => publish(&chat.message, origin, key, id, told, reception),
            _ => {}
        }
    }

    fn tell_joined(
        &self,
        user: &realtime::UserProfileRedis,
        key: &ChannelKey,
        reception: &mut Receiving,
    ) {
        let told = || MemberJoined {
            user: author(&User::from(user)),
        };
        publish(
            &self.topics.chat.joined,
            &self.origin,
            key,
            0,
            told,
            reception,
        );
    }

    fn tell_left(&self, users: &[i64], key: &ChannelKey, reception: &mut Receiving) {
        for user in users {
            let told = || MemberLeft {
                user: self.author(*user),
            };
            publish(
                &self.topics.chat.left,
                &self.origin,
                key,
                0,
                told,
                reception,
            );
        }
    }

    fn added_key(&self, added: &realtime::UserChannelAdded) -> ChannelKey {
        let channel = added
            .channel_desc
            .as_ref()
            .map_or(0, |channel| channel.channel_id);
        self.state.lock().key(added.clan_id, channel)
    }

    /// Returns a user, with names if the bot has heard of them.
    fn author(&self, user_id: i64) -> Author {
        match self.state.lock().caches.user(user_id) {
            Some(user) => author(user),
            None => Author {
                id: user_id.into(),
                ..Author::default()
            },
        }
    }
}

fn author(user: &User) -> Author {
    Author {
        id: user.id.into(),
        name: user.username.clone(),
        display: user.shown_name().to_owned(),
    }
}

/// Says whether messages of this code are something that somebody says, not something that the platform notes in a channel.
fn is_said(code: i32) -> bool {
    // 3 typing, 4 indicator, 5 welcome, 6 thread, 7 pin, 10 audit log, 13 coming event, 14 and 15 changes of ephemeral messages.
    !matches!(code, 3..=7 | 10 | 13..=15)
}
