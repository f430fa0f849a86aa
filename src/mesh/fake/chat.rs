//! What a model is asked, and the forms in which it answers.

use serde_json::{Map, Value, json};

use super::forms::{Anthropic, Completions, Forms, Reads};
use super::rest::Endpoint;

/// What a model is asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ask {
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) text: String,
    pub(super) thinks: bool,
    /// How many tokens it may think, if that was said.
    pub(super) budget: Option<u64>,
    pub(super) streams: bool,
}

impl Ask {
    /// Reads the body of a request.
    ///
    /// # Errors
    ///
    /// What is wrong, for a person.
    pub(super) fn read(body: &Map<String, Value>, reads: Reads) -> Result<Self, String> {
        let word = |name: &str, default: &str| match body.get(name) {
            None | Some(Value::Null) => Ok(default.to_owned()),
            Some(Value::String(word)) => Ok(word.clone()),
            Some(_) => Err(format!("{name} must be a string")),
        };
        let flag = |name: &str| match body.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(format!("{name} must be a boolean")),
        };
        let number = |name: &str| match body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(number) if number.is_u64() => Ok(number.as_u64()),
            Some(_) => Err(format!("{name} must be a whole number")),
        };
        number("max_tokens")?;
        if !matches!(
            body.get("temperature"),
            None | Some(Value::Null | Value::Number(_))
        ) {
            return Err("temperature must be a number".to_owned());
        }
        Ok(Self {
            text: text(body, reads).ok_or("message is required")?,
            provider: word("provider", "openai")?,
            model: word("model", "gpt-4")?,
            thinks: flag("thinking")?,
            budget: number("thinking_budget")?,
            streams: flag("stream")?,
        })
    }

    pub(super) fn is_anthropic(&self) -> bool {
        self.provider == "anthropic"
    }

    /// Says what the model says if nobody has told it what to say.
    pub(super) fn echo(&self) -> String {
        format!("[{}/{}] {}", self.provider, self.model, self.text)
    }

    /// Makes the answer in the form of the provider.
    pub(super) fn answer(&self, reply: &Reply<'_>, endpoint: Endpoint, forms: Forms) -> Value {
        let (asked, said) = (tokens(&self.text), tokens(reply.text));
        if self.is_anthropic() {
            let text = json!({"type": "text", "text": reply.text});
            let content = match (self.thinks, forms.anthropic) {
                (true, _) => json!([self.thought(), text]),
                (false, Anthropic::Blocks) => json!([text]),
                (false, Anthropic::Text) => reply.text.into(),
            };
            return json!({
                "id": format!("msg_{}", reply.id),
                "type": "message",
                "role": "assistant",
                "model": self.model,
                "content": content,
                "stop_reason": "end_turn",
                "stop_sequence": null,
                "usage": {"input_tokens": asked, "output_tokens": said},
            });
        }
        let mut choice = json!({"index": 0, "finish_reason": "stop"});
        match (endpoint, forms.completions) {
            (Endpoint::Completions, Completions::Text) => choice["text"] = reply.text.into(),
            _ => choice["message"] = json!({"role": "assistant", "content": reply.text}),
        }
        json!({
            "id": format!("chatcmpl-{}", reply.id),
            "object": "chat.completion",
            "created": reply.created,
            "model": self.model,
            "choices": [choice],
            "usage": {
                "prompt_tokens": asked,
                "completion_tokens": said,
                "total_tokens": asked + said,
            },
        })
    }

    /// Makes the answer as events, word by word.
    pub(super) fn events(&self, reply: &Reply<'_>) -> Vec<String> {
        let pieces = reply.text.split_inclusive(' ').map(|piece| {
            let delta = json!({
                "id": format!("chatcmpl-{}", reply.id),
                "object": "chat.completion.chunk",
                "created": reply.created,
                "model": self.model,
                "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": null}],
            });
            delta.to_string()
        });
        pieces.chain(["[DONE]".to_owned()]).collect()
    }

    fn thought(&self) -> Value {
        let budget = self
            .budget
            .map_or("none".to_owned(), |budget| budget.to_string());
        json!({
            "type": "thinking",
            "thinking": format!("budget={budget}"),
            "signature": "sim-signature",
        })
    }
}

/// What a model says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply<'a> {
    pub(super) id: &'a str,
    pub(super) created: u64,
    pub(super) text: &'a str,
}

/// Finds the message: the last of the list, else the prompt, else the plain one.
fn text(body: &Map<String, Value>, reads: Reads) -> Option<String> {
    let read = |member: Reads, found: Option<String>| {
        found.filter(|text| !text.is_empty() && (reads == Reads::Any || reads == member))
    };
    let plain = |name: &str| body.get(name)?.as_str().map(str::to_owned);
    read(Reads::Messages, last(body))
        .or_else(|| read(Reads::Prompt, plain("prompt")))
        .or_else(|| read(Reads::Message, plain("message")))
}

fn last(body: &Map<String, Value>) -> Option<String> {
    match body.get("messages")?.as_array()?.last()?.get("content")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(
            parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect(),
        ),
        _ => None,
    }
}

/// Counts words, which is about what a model counts.
fn tokens(text: &str) -> usize {
    text.split_whitespace().count()
}

/// The models that there are, by provider.
pub(super) fn models() -> Value {
    json!({
        "openai": [
            "gpt-4o", "gpt-4o-2024-11-20", "gpt-4o-mini", "gpt-4.5-preview", "gpt-4", "gpt-4-turbo",
            "gpt-3.5-turbo", "o1", "o1-mini", "o3-mini",
        ],
        "anthropic": [
            "claude-3-7-sonnet-20250219", "claude-3-5-sonnet-20241022", "claude-3-5-haiku-20241022",
            "claude-3-5-sonnet-20240620", "claude-3-opus-20240229", "claude-3-sonnet-20240229",
            "claude-3-haiku-20240307", "claude-2.1", "claude-2.0",
        ],
    })
}
