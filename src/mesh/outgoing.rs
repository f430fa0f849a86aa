//! What is said to a model.

use greenroom_actors::event::{ChannelKey, Event, Payload};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::models::{anthropic, openai};

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who said it: `user`, `assistant` or `system`.
    pub role: String,
    /// The text.
    pub content: String,
}

impl Turn {
    /// Something that a person said.
    #[must_use]
    pub fn user(content: impl Into<String>) -> Self {
        Self::of("user", content)
    }

    /// Something that the model said.
    #[must_use]
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::of("assistant", content)
    }

    /// What the model shall keep to.
    #[must_use]
    pub fn system(content: impl Into<String>) -> Self {
        Self::of("system", content)
    }

    fn of(role: &str, content: impl Into<String>) -> Self {
        Self {
            role: role.to_owned(),
            content: content.into(),
        }
    }
}

/// A message to a model, and how it shall answer. A text is one.
///
/// # Examples
///
/// ```
/// use greenroom::mesh::Chat;
///
/// let chat = Chat::new("Why is the sky blue?").model("claude-37").thinking_budget(2_000).max_tokens(4_000);
/// # drop(chat);
/// ```
#[derive(Clone, Debug)]
#[must_use = "it is said only once a client is asked"]
pub struct Chat {
    pub(super) text: String,
    pub(super) before: Vec<Turn>,
    pub(super) provider: Option<String>,
    pub(super) model: Option<String>,
    /// One of these models in its place, by the provider.
    pub(super) one_of: Option<(&'static str, &'static str)>,
    pub(super) thinking: Option<bool>,
    pub(super) thinking_budget: Option<u64>,
    pub(super) max_tokens: Option<u64>,
    pub(super) temperature: Option<f64>,
    pub(super) extra: Map<String, Value>,
    pub(super) original_response: Option<bool>,
    pub(super) channel: Option<ChannelKey>,
}

impl<T: Into<String>> From<T> for Chat {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

impl Chat {
    /// Says `text` to the default model, with a temperature of 0.7.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            before: Vec::new(),
            provider: None,
            model: None,
            one_of: None,
            thinking: None,
            thinking_budget: None,
            max_tokens: None,
            temperature: Some(0.7),
            extra: Map::new(),
            original_response: None,
            channel: None,
        }
    }

    /// Adds what was said before, oldest first.
    pub fn after(mut self, turns: impl IntoIterator<Item = Turn>) -> Self {
        self.before.extend(turns);
        self
    }

    /// Asks this provider: `openai` or `anthropic`. A model of Claude is always asked of Anthropic.
    pub fn provider(mut self, provider: impl Into<String>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// Asks this model, by its name or one of its other names, such as `gpt4o`.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self.one_of = None;
        self
    }

    /// Says whether the model shall think first; Claude 3.7 Sonnet can.
    pub fn thinking(mut self, thinking: bool) -> Self {
        self.thinking = Some(thinking);
        self
    }

    /// Lets the model think for so many tokens: 1,024 or more, and fewer than [`max_tokens`](Self::max_tokens). 0 leaves it to the server.
    pub fn thinking_budget(mut self, tokens: u64) -> Self {
        self.thinking = Some(true);
        self.thinking_budget = Some(tokens).filter(|tokens| *tokens > 0);
        self
    }

    /// Limits the answer to so many tokens.
    pub fn max_tokens(mut self, tokens: u64) -> Self {
        self.max_tokens = Some(tokens);
        self
    }

    /// Sets how freely the model chooses its words, from 0.0 to 1.0; none leaves it to the server.
    pub fn temperature(mut self, temperature: impl Into<Option<f64>>) -> Self {
        self.temperature = temperature.into();
        self
    }

    /// Sends another member with the request; it never replaces one of ours.
    pub fn extra(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }

    /// Says whether the result shall be the server's JSON as it came.
    pub fn original_response(mut self, original: bool) -> Self {
        self.original_response = Some(original);
        self
    }

    /// Says that the answer belongs to the conversation of `event`: the event of the answer then has its channel.
    pub fn for_event<T: Payload>(mut self, event: &Event<T>) -> Self {
        self.channel = Some(event.envelope().channel.clone());
        self
    }

    /// Asks GPT-4o.
    pub fn with_gpt4o(self) -> Self {
        self.of("openai", openai::GPT_4O)
    }

    /// Asks GPT-4.
    pub fn with_gpt4(self) -> Self {
        self.of("openai", openai::GPT_4)
    }

    /// Asks Claude in version `3.7`, `3`, or else `3.5`.
    pub fn with_claude(self, version: &str) -> Self {
        let model = match version {
            "3.7" => anthropic::CLAUDE_3_7_SONNET,
            "3" => anthropic::CLAUDE_3_OPUS,
            _ => anthropic::CLAUDE_3_5_SONNET,
        };
        self.of("anthropic", model)
    }

    /// Asks the best model of a provider: of the default one if none is named, and of OpenAI for any other than Anthropic.
    pub fn with_best_model<'a>(self, provider: impl Into<Option<&'a str>>) -> Self {
        self.one_of(
            provider.into(),
            openai::GPT_4O,
            anthropic::CLAUDE_3_7_SONNET,
        )
    }

    /// Asks the quickest model of a provider, as [`with_best_model`](Self::with_best_model) the best.
    pub fn with_fastest_model<'a>(self, provider: impl Into<Option<&'a str>>) -> Self {
        self.one_of(
            provider.into(),
            openai::GPT_4O_MINI,
            anthropic::CLAUDE_3_5_HAIKU,
        )
    }

    /// Asks the cheapest model of a provider, as [`with_best_model`](Self::with_best_model) the best.
    pub fn with_cheapest_model<'a>(self, provider: impl Into<Option<&'a str>>) -> Self {
        self.one_of(
            provider.into(),
            openai::GPT_3_5_TURBO,
            anthropic::CLAUDE_3_5_HAIKU,
        )
    }

    /// Lets Claude 3.7 Sonnet think first.
    pub fn with_thinking(self) -> Self {
        self.of("anthropic", anthropic::CLAUDE_3_7_SONNET)
            .thinking(true)
    }

    /// As [`with_thinking`](Self::with_thinking), for 2,000 tokens.
    pub fn with_small_thinking(self) -> Self {
        self.with_thinking().thinking_budget(2_000)
    }

    /// As [`with_thinking`](Self::with_thinking), for 8,000 tokens.
    pub fn with_medium_thinking(self) -> Self {
        self.with_thinking().thinking_budget(8_000)
    }

    /// As [`with_thinking`](Self::with_thinking), for 16,000 tokens of 32,000 in all.
    pub fn with_large_thinking(self) -> Self {
        self.with_thinking()
            .thinking_budget(16_000)
            .max_tokens(32_000)
    }

    fn of(self, provider: &str, model: &str) -> Self {
        self.provider(provider).model(model)
    }

    fn one_of(
        mut self,
        provider: Option<&str>,
        of_openai: &'static str,
        of_anthropic: &'static str,
    ) -> Self {
        let provider = provider.map(|name| name.trim().to_lowercase());
        match provider.as_deref() {
            Some("anthropic") => self.of("anthropic", of_anthropic),
            Some(_) => self.of("openai", of_openai),
            None => {
                self.one_of = Some((of_openai, of_anthropic));
                self
            }
        }
    }
}
