//! Which events somebody wants, by the tag of the envelope.

use std::any::Any;

use actix::{Actor, Context};
use bytes::Bytes;
use greenroom_actors::event::{ChannelKey, Event, Origin, Payload};
use greenroom_actors::router::{Router, Topic};
use greenroom_actors::supervisor::ChildSpec;
use greenroom_proto::mezon::{self, FrameError, Located, Wire, Wired};
use serde::Serialize;

use super::{MezonProtocol, Receiving};
use crate::chat::{
    ButtonPressed, ChatMessage, MemberJoined, MemberLeft, MessageDeleted, MessageEdited, Reaction,
};
use crate::mezon::event::AnyEvent;

macro_rules! topics {
    ($(($tag:literal, $name:ident, $Variant:ident, $Type:ty),)*) => {
        /// The topics of all realtime events.
        #[derive(Clone, Debug)]
        pub(super) struct Topics {
            $(pub(super) $name: Topic<$Type>,)*
            pub(super) any: Topic<AnyEvent>,
            pub(super) chat: Chat,
        }

        impl Topics {
            pub(super) fn new(router: &Router) -> Self {
                Self {
                    $($name: router.topic(),)*
                    any: router.topic(),
                    chat: Chat::new(router),
                }
            }

            /// Says whether somebody wants the events of this tag as the platform has them.
            pub(super) fn is_wanted(&self, tag: u32) -> bool {
                match tag {
                    $($tag => self.$name.is_wanted(),)*
                    _ => false,
                }
            }
        }

        /// Declares for pictures which events a connection publishes.
        pub(in crate::mezon) fn publishes<A>(spec: ChildSpec<A>, router: &Router) -> ChildSpec<A>
        where
            A: Actor<Context = Context<A>>,
        {
            let spec = Chat::published(spec.publishes::<AnyEvent>(router), router);
            $(let spec = spec.publishes::<$Type>(router);)*
            spec
        }

        impl MezonProtocol {
            /// Decodes the body of an event other than a message, tells it to the bot and then to all who want it.
            pub(super) fn deliver(
                &self,
                wire: Wire,
                tag: u32,
                body: Bytes,
                reception: &mut Receiving,
            ) -> Result<(), FrameError> {
                match tag {
                    $($tag => {
                        self.hand_out::<$Type>(&self.topics.$name, stringify!($name), mezon::decode(wire, body)?, reception);
                    })*
                    _ => {}
                }
                Ok(())
            }
        }
    };
}

greenroom_proto::for_each_mezon_event!(topics);

impl MezonProtocol {
    /// Tells an event other than a message to the bot itself, and then to all who want it.
    pub(super) fn hand_out<T>(
        &self,
        topic: &Topic<T>,
        name: &str,
        event: T,
        reception: &mut Receiving,
    ) where
        T: Payload + Wired + Located,
    {
        self.apply(&event as &dyn Any, reception);
        let location = event.location();
        let key = self.state.lock().key(location.clan_id, location.channel_id);
        self.tell_chat(&event as &dyn Any, &key, reception);
        self.tell_any(name, &event, 0, &key, reception);
        if topic.is_wanted() {
            reception.publish(topic, Event::new(&self.origin, 0, key, event));
        }
    }

    /// Tells an event to those who listen to all of them.
    pub(super) fn tell_any(
        &self,
        name: &str,
        event: &impl Serialize,
        id: i64,
        key: &ChannelKey,
        reception: &mut Receiving,
    ) {
        let told = || AnyEvent {
            name: name.to_owned(),
            body: serde_json::to_value(event).unwrap_or_default(),
        };
        publish(&self.topics.any, &self.origin, key, id, told, reception);
    }
}

/// The topics that all platforms have.
#[derive(Clone, Debug)]
pub(super) struct Chat {
    pub(super) message: Topic<ChatMessage>,
    pub(super) edited: Topic<MessageEdited>,
    pub(super) deleted: Topic<MessageDeleted>,
    pub(super) joined: Topic<MemberJoined>,
    pub(super) left: Topic<MemberLeft>,
    pub(super) reaction: Topic<Reaction>,
    pub(super) button: Topic<ButtonPressed>,
}

impl Chat {
    fn new(router: &Router) -> Self {
        Self {
            message: router.topic(),
            edited: router.topic(),
            deleted: router.topic(),
            joined: router.topic(),
            left: router.topic(),
            reaction: router.topic(),
            button: router.topic(),
        }
    }

    fn published<A: Actor<Context = Context<A>>>(
        spec: ChildSpec<A>,
        router: &Router,
    ) -> ChildSpec<A> {
        spec.publishes::<ChatMessage>(router)
            .publishes::<MessageEdited>(router)
            .publishes::<MessageDeleted>(router)
            .publishes::<MemberJoined>(router)
            .publishes::<MemberLeft>(router)
            .publishes::<Reaction>(router)
            .publishes::<ButtonPressed>(router)
    }

    /// Says whether an event of this tag is told in the vocabulary of all platforms, and somebody listens.
    pub(super) fn is_wanted(&self, tag: u32) -> bool {
        match tag {
            MESSAGE => {
                self.message.is_wanted() || self.edited.is_wanted() || self.deleted.is_wanted()
            }
            REACTION => self.reaction.is_wanted(),
            CHANNEL_ADDED | CLAN_ADDED => self.joined.is_wanted(),
            CHANNEL_REMOVED | CLAN_REMOVED => self.left.is_wanted(),
            BUTTON => self.button.is_wanted(),
            _ => false,
        }
    }
}

/// Publishes an event of the origin if somebody wants it.
pub(super) fn publish<T: Payload>(
    topic: &Topic<T>,
    origin: &std::sync::Arc<Origin>,
    key: &ChannelKey,
    id: i64,
    event: impl FnOnce() -> T,
    reception: &mut Receiving,
) {
    if topic.is_wanted() {
        reception.publish(topic, Event::new(origin, id, key.clone(), event()));
    }
}

/// The tag of a message.
pub(super) const MESSAGE: u32 = 6;
const REACTION: u32 = 26;
const CHANNEL_ADDED: u32 = 36;
const CHANNEL_REMOVED: u32 = 37;
const CLAN_REMOVED: u32 = 38;
const CLAN_ADDED: u32 = 43;
const BUTTON: u32 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tags_are_those_of_the_platform() {
        let names = [
            (MESSAGE, "channel_message"),
            (REACTION, "message_reaction_event"),
            (CHANNEL_ADDED, "user_channel_added_event"),
            (CHANNEL_REMOVED, "user_channel_removed_event"),
            (CLAN_REMOVED, "user_clan_removed_event"),
            (CLAN_ADDED, "add_clan_user_event"),
            (BUTTON, "message_button_clicked"),
        ];
        for (tag, name) in names {
            assert_eq!(mezon::event_name(tag), Some(name));
        }
    }
}
