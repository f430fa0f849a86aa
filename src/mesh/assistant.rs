//! A model that takes part in conversations, on whatever platform they are.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;

use actix::prelude::*;
use futures::FutureExt;
use greenroom_actors::event::{ChannelKey, Event, Id};
use greenroom_actors::router::Outcome;

use super::client::MeshClient;
use super::outgoing::{Chat, Turn};
use crate::chat::{Answered, ChatMessage, Reply};

/// Answers messages with what a model says, and remembers each conversation for a while.
///
/// It answers what begins with its prefix; and, unless told otherwise, what mentions the bot or is said to it directly. It never answers
/// the bot itself. What it has said is also an event, [`Answered`]. Register it with the order per channel, which is the default: then
/// conversations do not wait for one another.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: what it remembers of conversations, which is in memory only. An answer that could not be said is kept and
///   said at the next attempt, without asking the model again.
///
/// # Examples
///
/// ```
/// use greenroom::mesh::{Assistant, Mesh, Settings};
/// use greenroom::prelude::*;
///
/// let mesh = Mesh::new(Settings::new("http://127.0.0.1:4000"));
/// let assistant = Assistant::new(mesh.client()).model("gpt4o").system("Be brief.").history(10);
/// let assistant = Registration::new("assistant", move || assistant.clone()).on::<ChatMessage>();
/// let bot = Bot::builder("example").platform(mesh).handler(assistant);
/// # drop(bot);
/// ```
#[derive(Clone)]
#[must_use = "it does nothing until it is registered"]
pub struct Assistant {
    client: MeshClient,
    prefix: String,
    mention: bool,
    except: Vec<String>,
    provider: String,
    model: String,
    system: String,
    memory: Memory,
}

impl fmt::Debug for Assistant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assistant")
            .field("prefix", &self.prefix)
            .field("provider", &self.provider)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

impl Assistant {
    /// Makes one that asks by this client: the default model, with the last 20 messages of each of 1,000 conversations.
    pub fn new(client: MeshClient) -> Self {
        Self {
            client,
            prefix: "!ask".to_owned(),
            mention: true,
            except: Vec::new(),
            provider: String::new(),
            model: String::new(),
            system: String::new(),
            memory: Memory::new(20, 1_000),
        }
    }

    /// Sets what a message must begin with to be answered, without it; `!ask` by default, empty for none.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Says whether messages that mention the bot, and direct ones, are answered, too; true by default.
    pub fn mention(mut self, mention: bool) -> Self {
        self.mention = mention;
        self
    }

    /// Leaves to other handlers what begins with one of these words, in whatever case, such as `pay`; by default nothing.
    pub fn except<T: Into<String>>(mut self, words: impl IntoIterator<Item = T>) -> Self {
        let words = words.into_iter().map(Into::into);
        self.except = words.map(|word| word.to_lowercase()).collect();
        self
    }

    /// Asks this provider; empty, which is the default, for that of the client.
    pub fn provider(mut self, provider: impl Into<String>) -> Self {
        self.provider = provider.into();
        self
    }

    /// Asks this model; empty, which is the default, for that of the client.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        self
    }

    /// Sets what the model shall keep to; nothing by default.
    pub fn system(mut self, system: impl Into<String>) -> Self {
        self.system = system.into();
        self
    }

    /// Sets how many messages of a conversation the model is told again, answers included.
    pub fn history(mut self, messages: usize) -> Self {
        self.memory.turns = messages;
        self
    }

    /// Sets how many conversations are remembered: at least one. That which was silent longest is forgotten first.
    pub fn channels(mut self, channels: usize) -> Self {
        self.memory.channels = channels.max(1);
        self
    }

    /// Returns what the model shall answer, if it shall.
    fn question<'a>(&self, message: &'a ChatMessage) -> Option<&'a str> {
        if message.is_own {
            return None;
        }
        let command = Some(self.prefix.as_str()).filter(|prefix| !prefix.is_empty());
        let asked = command.and_then(|prefix| message.command(prefix));
        let is_for_another = || {
            let first = message.text.split_whitespace().next().unwrap_or_default();
            let first = first.trim_end_matches(['.', ',', '!']).to_lowercase();
            self.except.contains(&first)
        };
        let is_meant = || {
            self.mention
                && (message.is_direct || message.mentions.iter().any(|mention| mention.is_me))
                && !is_for_another()
        };
        let text = asked.or_else(|| is_meant().then_some(message.text.trim()));
        text.filter(|text| !text.is_empty())
    }

    fn chat(&self, message: &Event<ChatMessage>, question: &str) -> Chat {
        let system = Some(self.system.as_str())
            .filter(|text| !text.is_empty())
            .map(Turn::system);
        let before = self.memory.turns(&message.envelope().channel);
        let mut chat = Chat::new(question)
            .after(system)
            .after(before)
            .for_event(message);
        if !self.provider.is_empty() {
            chat = chat.provider(&self.provider);
        }
        if !self.model.is_empty() {
            chat = chat.model(&self.model);
        }
        chat
    }
}

impl Actor for Assistant {
    type Context = Context<Self>;
}

impl Handler<Event<ChatMessage>> for Assistant {
    type Result = ResponseActFuture<Self, Outcome>;

    fn handle(&mut self, message: Event<ChatMessage>, _: &mut Context<Self>) -> Self::Result {
        let Some(question) = self.question(&message).map(str::to_owned) else {
            return Box::pin(fut::ready(Ok(())));
        };
        let channel = message.envelope().channel.clone();
        let id = message.id.clone();
        let chat = match self.memory.unsaid(&channel, &id) {
            Some(answer) => Err(answer),
            None => Ok(self.chat(&message, &question)),
        };
        let client = self.client.clone();
        let answer = async move {
            match chat {
                Ok(chat) => client.chat(chat).await.map(|answer| answer.content),
                Err(known) => Ok(known),
            }
        };
        let answer = answer.boxed_local().into_actor(self);
        Box::pin(answer.then(
            move |answer, assistant, _| -> ResponseActFuture<Self, Outcome> {
                let answer = match answer {
                    Ok(answer) => answer,
                    Err(error) => return Box::pin(fut::ready(Err(error.into()))),
                };
                assistant.memory.keep_unsaid(&channel, id, &answer);
                if answer.is_empty() {
                    assistant.memory.said(&channel, question, answer);
                    return Box::pin(fut::ready(Ok(())));
                }
                let reply = {
                    let text = answer.clone();
                    let told = Answered {
                        message: message.id.clone(),
                        text: answer.clone(),
                    };
                    async move {
                        let said = message.reply(text).await;
                        if said.is_ok() {
                            message.emit(told).await;
                        }
                        said
                    }
                    .boxed_local()
                    .into_actor(assistant)
                };
                Box::pin(reply.map(move |said, assistant, _| {
                    said?;
                    assistant.memory.said(&channel, question, answer);
                    Ok(())
                }))
            },
        ))
    }
}

/// What is remembered of conversations: bounded in both directions.
#[derive(Clone, Debug)]
struct Memory {
    turns: usize,
    channels: usize,
    conversations: HashMap<ChannelKey, Conversation>,
    /// The channels by when they were used last.
    order: BTreeMap<u64, ChannelKey>,
    clock: u64,
}

#[derive(Clone, Debug, Default)]
struct Conversation {
    turns: VecDeque<Turn>,
    /// An answer that could not be said yet, and to which message.
    unsaid: Option<(Id, String)>,
    used: u64,
}

impl Memory {
    fn new(turns: usize, channels: usize) -> Self {
        Self {
            turns,
            channels,
            conversations: HashMap::new(),
            order: BTreeMap::new(),
            clock: 0,
        }
    }

    fn turns(&self, channel: &ChannelKey) -> Vec<Turn> {
        let conversation = self.conversations.get(channel);
        conversation
            .map(|conversation| conversation.turns.iter().cloned().collect())
            .unwrap_or_default()
    }

    fn unsaid(&self, channel: &ChannelKey, id: &Id) -> Option<String> {
        let (known, answer) = self.conversations.get(channel)?.unsaid.as_ref()?;
        (known == id).then(|| answer.clone())
    }

    fn keep_unsaid(&mut self, channel: &ChannelKey, id: Id, answer: &str) {
        self.conversation(channel).unsaid = Some((id, answer.to_owned()));
    }

    fn said(&mut self, channel: &ChannelKey, question: String, answer: String) {
        let most = self.turns;
        let conversation = self.conversation(channel);
        conversation.unsaid = None;
        conversation
            .turns
            .extend([Turn::user(question), Turn::assistant(answer)]);
        // In pairs: a conversation begins with a question.
        while conversation.turns.len() > most {
            conversation.turns.drain(..2);
        }
    }

    /// Returns the conversation of a channel, which is now the one used last.
    fn conversation(&mut self, channel: &ChannelKey) -> &mut Conversation {
        self.clock += 1;
        if let Some(known) = self.conversations.get(channel) {
            self.order.remove(&known.used);
        } else if self.conversations.len() >= self.channels
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.conversations.remove(&oldest);
        }
        self.order.insert(self.clock, channel.clone());
        let conversation = self.conversations.entry(channel.clone()).or_default();
        conversation.used = self.clock;
        conversation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(number: i64) -> ChannelKey {
        ChannelKey::new(1, number)
    }

    #[test]
    fn a_conversation_is_remembered_in_pairs_up_to_a_bound() {
        let mut memory = Memory::new(5, 10);
        for number in 0..4 {
            memory.said(&channel(1), format!("q{number}"), format!("a{number}"));
        }
        let texts: Vec<_> = memory
            .turns(&channel(1))
            .into_iter()
            .map(|turn| turn.content)
            .collect();
        assert_eq!(texts, ["q2", "a2", "q3", "a3"]);
        assert!(memory.turns(&channel(2)).is_empty());
        let mut none = Memory::new(0, 1);
        none.said(&channel(1), "q".to_owned(), "a".to_owned());
        assert!(none.turns(&channel(1)).is_empty());
    }

    #[test]
    fn the_channel_that_was_silent_longest_is_forgotten() {
        let mut memory = Memory::new(4, 2);
        for number in [1, 2, 1, 3] {
            memory.said(&channel(number), "q".to_owned(), "a".to_owned());
        }
        assert_eq!(memory.conversations.len(), 2);
        assert_eq!(memory.order.len(), 2);
        assert!(memory.turns(&channel(2)).is_empty());
        assert_eq!(memory.turns(&channel(1)).len(), 4);
    }

    #[test]
    fn an_answer_that_was_not_said_is_kept_for_its_message() {
        let mut memory = Memory::new(4, 2);
        memory.keep_unsaid(&channel(1), Id::from(7), "a");
        assert_eq!(
            memory.unsaid(&channel(1), &Id::from(7)).as_deref(),
            Some("a")
        );
        assert_eq!(memory.unsaid(&channel(1), &Id::from(8)), None);
        memory.said(&channel(1), "q".to_owned(), "a".to_owned());
        assert_eq!(memory.unsaid(&channel(1), &Id::from(7)), None);
    }
}
