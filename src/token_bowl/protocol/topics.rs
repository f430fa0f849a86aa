//! Telling events: as the platform has them, and in the vocabulary of all platforms.

use actix::{Actor, Context};
use greenroom_actors::event::{ChannelKey, Event, Id, Payload};
use greenroom_actors::router::{Router, Topic};
use greenroom_actors::supervisor::ChildSpec;

use super::{Receiving, TokenBowlProtocol};
use crate::chat::ChatMessage;
use crate::token_bowl::event::{Gap, Problem, ProblemKind, ReadReceipt, Typing};
use crate::token_bowl::message::{chat, direct, key, room};
use crate::token_bowl::model::{Message, MessageType, Unread};

/// The topics of all events.
#[derive(Clone, Debug)]
pub(super) struct Topics {
    chat: Topic<ChatMessage>,
    message: Topic<Message>,
    receipt: Topic<ReadReceipt>,
    typing: Topic<Typing>,
    unread: Topic<Unread>,
    problem: Topic<Problem>,
    gap: Topic<Gap>,
}

impl Topics {
    pub(super) fn new(router: &Router) -> Self {
        Self {
            chat: router.topic(),
            message: router.topic(),
            receipt: router.topic(),
            typing: router.topic(),
            unread: router.topic(),
            problem: router.topic(),
            gap: router.topic(),
        }
    }
}

/// Declares for pictures which events a connection publishes.
pub(in crate::token_bowl) fn publishes<A>(spec: ChildSpec<A>, router: &Router) -> ChildSpec<A>
where
    A: Actor<Context = Context<A>>,
{
    spec.publishes::<ChatMessage>(router)
        .publishes::<Message>(router)
        .publishes::<ReadReceipt>(router)
        .publishes::<Typing>(router)
        .publishes::<Unread>(router)
        .publishes::<Problem>(router)
        .publishes::<Gap>(router)
}

impl TokenBowlProtocol {
    /// Tells a message, unless it was told before or is the user's own.
    pub(super) fn hear(&mut self, message: Message, reception: &mut Receiving) {
        reception.count_event();
        let (is_new, is_mine, me) = {
            let known = &mut *self.state.lock();
            let is_new = known.see(&message);
            (is_new, known.is_mine(&message), known.me.clone())
        };
        if !is_new {
            tracing::debug!(id = message.id, "a message came twice");
            return;
        }
        let channel = key(&message, is_mine);
        self.keep(&channel, &message, reception);
        let is_direct = message.message_type == MessageType::Direct;
        if is_mine && !is_direct && !self.settings.deliver_own {
            return;
        }
        if self.topics.chat.is_wanted() {
            let told = chat(&message, me.as_ref(), is_mine);
            self.tell(
                &self.topics.chat,
                &message.id,
                channel.clone(),
                told,
                reception,
            );
        }
        if self.topics.message.is_wanted() {
            let id = message.id.clone();
            self.tell(&self.topics.message, &id, channel, message, reception);
        }
    }

    pub(super) fn tell_receipt(&self, receipt: ReadReceipt, reception: &mut Receiving) {
        reception.count_event();
        self.tell(
            &self.topics.receipt,
            "",
            ChannelKey::default(),
            receipt,
            reception,
        );
    }

    pub(super) fn tell_typing(&self, typing: Typing, reception: &mut Receiving) {
        reception.count_event();
        let channel = match &typing.to_username {
            Some(_) => direct(&typing.username),
            None => room(),
        };
        self.tell(&self.topics.typing, "", channel, typing, reception);
    }

    pub(super) fn tell_unread(&self, unread: Unread, reception: &mut Receiving) {
        reception.count_event();
        self.tell(
            &self.topics.unread,
            "",
            ChannelKey::default(),
            unread,
            reception,
        );
    }

    pub(super) fn tell_gap(&self, gap: Gap, reception: &mut Receiving) {
        tracing::warn!(since = %gap.since, kept = gap.kept, "messages may have been lost");
        self.tell(&self.topics.gap, "", ChannelKey::default(), gap, reception);
    }

    /// Tells that something went wrong.
    pub(super) fn report(&self, kind: ProblemKind, text: String, reception: &mut Receiving) {
        if kind == ProblemKind::Server {
            tracing::debug!("the server reports an error");
        }
        let problem = Problem { kind, text };
        self.tell(
            &self.topics.problem,
            "",
            ChannelKey::default(),
            problem,
            reception,
        );
    }

    fn tell<T: Payload>(
        &self,
        topic: &Topic<T>,
        id: &str,
        channel: ChannelKey,
        payload: T,
        reception: &mut Receiving,
    ) {
        if topic.is_wanted() {
            let event = Event::new(&self.origin, Id::from(id), channel, payload);
            reception.publish(topic, event);
        }
    }
}
