//! What happens with the messages of an agent: they are stored, handed to the handlers, and published as events.

use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::event::{ChannelKey, Event, Id, Origin, Payload};
use greenroom_actors::mailbox::Ref;
use greenroom_actors::router::Topic;
use greenroom_actors::telemetry::Counters;
use serde_json::Value;

use super::event::{
    AgentConnected, AgentDisconnected, AgentMessage, Conversation, Emotion, FunctionCall, Motion,
};
use super::figures::Figures;
use super::handlers::Handlers;
use super::lane::Frame;
use super::matter::{Matter, matter_of};
use super::memory::{Begun, Turn};
use super::store::Keeper;
use super::transcript::{Seen, Shelf, Transcripts};
use crate::chat::{Author, ChatMessage};

/// What the actors of all agents share.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) handlers: Handlers,
    pub(super) keeper: Option<Arc<Keeper>>,
    pub(super) figures: Arc<Figures>,
    pub(super) counters: Arc<Counters>,
    pub(super) memory: Option<Ref<Turn>>,
    pub(super) begun: Option<Ref<Begun>>,
    pub(super) seen: Seen,
    pub(super) events: Events,
    /// How often agents are pinged.
    pub(super) ping: Duration,
}

/// The topics of the router, and where their events come from.
#[derive(Debug)]
pub(super) struct Events {
    pub(super) origin: Arc<Origin>,
    message: Topic<AgentMessage>,
    motion: Topic<Motion>,
    emotion: Topic<Emotion>,
    function_call: Topic<FunctionCall>,
    conversation: Topic<Conversation>,
    connected: Topic<AgentConnected>,
    disconnected: Topic<AgentDisconnected>,
    chat: Topic<ChatMessage>,
}

/// An event that is to be published.
#[derive(Debug)]
pub(super) enum Emission {
    Chat(ChatMessage),
    Connected(AgentConnected),
    Conversation(Conversation),
    Disconnected(AgentDisconnected),
    Emotion(Emotion),
    FunctionCall(FunctionCall),
    Message(AgentMessage),
    Motion(Motion),
}

impl Events {
    pub(super) fn new(origin: Arc<Origin>) -> Self {
        let router = origin.router();
        Self {
            message: router.topic(),
            motion: router.topic(),
            emotion: router.topic(),
            function_call: router.topic(),
            conversation: router.topic(),
            connected: router.topic(),
            disconnected: router.topic(),
            chat: router.topic(),
            origin,
        }
    }

    /// Hands an event to its handlers; waits while their queues are full.
    pub(super) async fn publish(&self, agent: u64, emission: Emission) {
        match emission {
            Emission::Chat(event) => self.tell(&self.chat, agent, event).await,
            Emission::Connected(event) => self.tell(&self.connected, agent, event).await,
            Emission::Conversation(event) => self.tell(&self.conversation, agent, event).await,
            Emission::Disconnected(event) => self.tell(&self.disconnected, agent, event).await,
            Emission::Emotion(event) => self.tell(&self.emotion, agent, event).await,
            Emission::FunctionCall(event) => self.tell(&self.function_call, agent, event).await,
            Emission::Message(event) => self.tell(&self.message, agent, event).await,
            Emission::Motion(event) => self.tell(&self.motion, agent, event).await,
        }
    }

    async fn tell<T: Payload>(&self, topic: &Topic<T>, agent: u64, payload: T) {
        if !topic.is_wanted() {
            return;
        }
        let event = Event::new(&self.origin, Id::NONE, channel_of(agent), payload);
        topic.publish(event).await;
    }

    /// Adds what anybody wants to know of a message.
    fn collect(
        &self,
        agent: u64,
        message: &Value,
        matter: &Matter<'_>,
        said: Option<&Conversation>,
        emissions: &mut Vec<Emission>,
    ) {
        if let Some(said) = said {
            if self.conversation.is_wanted() {
                emissions.push(Emission::Conversation(said.clone()));
            }
            if self.chat.is_wanted()
                && let Some(chat) = chat_of(said)
            {
                emissions.push(Emission::Chat(chat));
            }
        }
        if self.message.is_wanted() {
            let body = message.clone();
            emissions.push(Emission::Message(AgentMessage { agent, body }));
        }
        let Matter::Call { name, arguments } = matter else {
            return;
        };
        let arguments = || Value::clone(arguments);
        let moves = matches!(*name, "motion" | "motion_and_emotion") && self.motion.is_wanted();
        let feels = matches!(*name, "emotion" | "motion_and_emotion") && self.emotion.is_wanted();
        if moves {
            let arguments = arguments();
            emissions.push(Emission::Motion(Motion { arguments }));
        }
        if feels {
            let arguments = arguments();
            emissions.push(Emission::Emotion(Emotion { arguments }));
        }
        if !moves && !feels && self.function_call.is_wanted() {
            emissions.push(Emission::FunctionCall(FunctionCall {
                name: (*name).to_owned(),
                parameters: arguments(),
            }));
        }
    }
}

/// The conversation with one agent.
pub(super) fn channel_of(agent: u64) -> ChannelKey {
    ChannelKey::new(Id::NONE, i64::try_from(agent).unwrap_or(i64::MAX))
}

/// What a user has said is a message as on every platform; what an assistant says comes in pieces, and is none.
fn chat_of(said: &Conversation) -> Option<ChatMessage> {
    if said.role != "user" || said.content.is_empty() {
        return None;
    }
    Some(ChatMessage {
        id: said.message_id.as_deref().unwrap_or_default().into(),
        author: Author {
            id: "user".into(),
            name: "user".to_owned(),
            display: "user".to_owned(),
        },
        text: said.content.clone(),
        at: greenroom_actors::clock::unix_seconds(),
        is_direct: true,
        ..ChatMessage::default()
    })
}

impl Desk {
    fn shelf(&self) -> Shelf<'_> {
        Shelf {
            keeper: self.keeper.as_deref(),
            seen: &self.seen,
        }
    }

    /// Says whether handling may block, so that it needs a thread of its own.
    pub(super) fn may_block(&self) -> bool {
        self.keeper.is_some() || !self.handlers.set().is_empty()
    }

    /// Handles messages of one agent in order; returns what is to be published. It may block.
    pub(super) fn handle(
        &self,
        agent: u64,
        messages: Vec<Frame>,
        transcripts: &mut Transcripts,
    ) -> Vec<Emission> {
        let set = self.handlers.set();
        let (mut emissions, mut handled) = (Vec::new(), 0);
        for message in messages {
            match message.parse() {
                Ok(message) => {
                    self.handle_one(agent, &message, &set, transcripts, &mut emissions);
                    handled += 1;
                }
                Err(bad) => self.figures.bad_frame(bad, agent),
            }
        }
        set.after();
        self.counters.events.add(handled);
        emissions
    }

    fn handle_one(
        &self,
        agent: u64,
        message: &Value,
        set: &super::handlers::Set,
        transcripts: &mut Transcripts,
        emissions: &mut Vec<Emission>,
    ) -> bool {
        let Value::Object(object) = message else {
            return false;
        };
        let (matter, shelf) = (matter_of(object), self.shelf());
        let said = match &matter {
            Matter::UserItem { item } => Some(transcripts.user_item(*item, shelf)),
            Matter::UserText { item, text } => transcripts.user_text(item, text, shelf),
            Matter::Delta { item, text } => Some(transcripts.delta(item, text, shelf)),
            Matter::FinalText { item, text } => transcripts.final_text(item, text, shelf),
            Matter::Said { item, role, text } => Some(transcripts.said(item, role, text, shelf)),
            Matter::TurnEnds => {
                transcripts.end(shelf);
                None
            }
            Matter::ConversationBegins => {
                if let Some(begun) = &self.begun
                    && begun.tell(Begun).is_err()
                {
                    tracing::warn!("the memory was not pushed: it has too much to do");
                }
                None
            }
            Matter::Call { .. } | Matter::Other => None,
        };
        self.count(transcripts);
        self.events
            .collect(agent, message, &matter, said.as_ref(), emissions);
        set.handle(message, &matter, said.as_ref(), &self.figures)
    }

    /// Handles one message of no agent; says whether a handler was called.
    pub(super) fn handle_message(&self, message: &Value) -> bool {
        let (set, mut transcripts) = (self.handlers.set(), Transcripts::default());
        let called = self.handle_one(0, message, &set, &mut transcripts, &mut Vec::new());
        self.finish(&mut transcripts);
        set.after();
        called
    }

    /// The agent has gone: what it had begun to say is saved.
    pub(super) fn finish(&self, transcripts: &mut Transcripts) {
        transcripts.end(self.shelf());
        self.count(transcripts);
    }

    fn count(&self, transcripts: &mut Transcripts) {
        let stored = std::mem::take(&mut transcripts.stored);
        if stored.rows > 0 {
            self.figures.stored.add(stored.rows);
        }
        if let Some(memory) = self.memory.as_ref().filter(|_| stored.turns > 0)
            && memory.tell(Turn(stored.turns)).is_err()
        {
            tracing::warn!("a turn was not counted for the memory: it has too much to do");
        }
    }
}
