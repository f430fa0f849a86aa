//! Bodies of chats, and what their answers say. Pure.

use serde_json::{Map, Value, json};

use super::config::Settings;
use super::error::MeshError;
use super::limits::MIN_THINKING;
use super::model::{ChatAnswer, Profile, Thought};
use super::models::{Defaults, anthropic, choose, one_of};
use super::outgoing::{Chat, Turn};

/// A chat as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) body: Map<String, Value>,
}

/// Makes the body of a chat.
pub(super) fn said(
    chat: &Chat,
    settings: &Settings,
    defaults: &Defaults,
) -> Result<Said, MeshError> {
    let (provider, model) = match chat.one_of {
        Some(pair) => one_of(pair, chat.provider.as_deref(), settings),
        None => choose(
            chat.provider.as_deref(),
            chat.model.as_deref(),
            settings,
            defaults,
        ),
    };
    let by_default = chat.thinking.is_none()
        && settings.thinking_enabled
        && model == anthropic::CLAUDE_3_7_SONNET;
    let (budget, most) = match by_default {
        true => {
            let most = chat.max_tokens.unwrap_or(settings.thinking_max_tokens);
            (
                Some(settings.thinking_budget).filter(|budget| *budget > 0),
                Some(most),
            )
        }
        false => (chat.thinking_budget, chat.max_tokens),
    };
    if let Some(budget) = budget {
        if budget < MIN_THINKING {
            let message = format!("thinking_budget must be {MIN_THINKING} or more, not {budget}");
            return Err(MeshError::validation(message));
        }
        if let Some(most) = most.filter(|most| budget >= *most) {
            let message = format!(
                "thinking_budget must be less than max_tokens, which is {most}, not {budget}"
            );
            return Err(MeshError::validation(message));
        }
    }
    let mut body = chat.extra.clone();
    let turns: Vec<_> = chat
        .before
        .iter()
        .cloned()
        .chain([Turn::user(&chat.text)])
        .collect();
    body.insert("prompt".to_owned(), json!(chat.text));
    body.insert("provider".to_owned(), json!(provider));
    body.insert("model".to_owned(), json!(model));
    body.insert("messages".to_owned(), json!(turns));
    if by_default || chat.thinking == Some(true) {
        body.insert("thinking".to_owned(), json!(true));
    }
    let numbers = [
        ("thinking_budget", budget.map(Value::from)),
        ("max_tokens", most.map(Value::from)),
    ];
    let temperature = chat.temperature.map(Value::from);
    for (name, value) in numbers.into_iter().chain([("temperature", temperature)]) {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    }
    Ok(Said {
        provider,
        model,
        body,
    })
}

/// Reads the answer to a chat.
pub(super) fn answer(raw: Value, is_original: bool) -> ChatAnswer {
    let (content, thinking) = read(&raw);
    let content = content.unwrap_or_else(|| {
        tracing::warn!("an answer has no text that can be found");
        String::new()
    });
    ChatAnswer {
        content,
        thinking,
        raw,
        is_original,
    }
}

fn read(raw: &Value) -> (Option<String>, Vec<Thought>) {
    if let Some(choice) = raw.get("choices") {
        let choice = choice.get(0);
        let content = choice.and_then(|choice| choice.get("message")?.get("content"));
        let text = match content {
            Some(Value::Null) => Some(String::new()),
            Some(Value::String(text)) => Some(text.clone()),
            _ => choice.and_then(|choice| choice.get("text")?.as_str().map(str::to_owned)),
        };
        return (text, Vec::new());
    }
    match raw.get("content") {
        Some(Value::String(text)) => (Some(text.clone()), Vec::new()),
        Some(Value::Array(blocks)) => blocks_of(blocks),
        _ => (None, Vec::new()),
    }
}

/// Reads blocks: thoughts come before the text, and there may be several of each.
fn blocks_of(blocks: &[Value]) -> (Option<String>, Vec<Thought>) {
    let (mut text, mut thinking) = (None::<String>, Vec::new());
    for block in blocks {
        let member = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
        match member("type") {
            "text" => text.get_or_insert_default().push_str(member("text")),
            "thinking" => thinking.push(Thought::Thinking {
                content: member("thinking").to_owned(),
                signature: member("signature").to_owned(),
            }),
            "redacted_thinking" => thinking.push(Thought::RedactedThinking {
                data: member("data").to_owned(),
            }),
            _ => {}
        }
    }
    (text, thinking)
}

/// Reads a profile, wherever the answer has it.
pub(super) fn profile(answer: &Value) -> Option<Profile> {
    let profile = answer
        .get("profile")
        .or_else(|| answer.get("user"))
        .unwrap_or(answer);
    let profile: Profile = serde_json::from_value(profile.clone()).ok()?;
    (!profile.id.is_empty()).then_some(profile)
}

/// Returns what an answer gives as its error.
pub(super) fn error_of(answer: &Value) -> Option<&str> {
    let error = answer.get("error")?;
    error.as_str().or_else(|| error.get("message")?.as_str())
}

/// Says whether an answer with status 400 asks for the other form of a message.
pub(super) fn wants_message(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("message")
        && ["required", "missing", "invalid", "format"]
            .iter()
            .any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::config::Compat;

    fn body(chat: &Chat) -> Value {
        body_of(chat, &Settings::default()).unwrap()
    }

    fn body_of(chat: &Chat, settings: &Settings) -> Result<Value, MeshError> {
        said(chat, settings, &Defaults::default()).map(|said| Value::Object(said.body))
    }

    /// MESH-20: the bodies of the vectors.
    #[test]
    fn bodies_are_those_of_the_vectors() {
        let hello = json!({"prompt": "Hello", "provider": "openai", "model": "gpt-4",
            "messages": [{"role": "user", "content": "Hello"}], "temperature": 0.7});
        assert_eq!(body(&Chat::new("Hello")), hello);
        let package = Settings {
            compat: Compat::Package,
            ..Settings::default()
        };
        assert_eq!(
            body_of(&"Hello".into(), &package).unwrap()["model"],
            "gpt-4o"
        );
        let claude = body(&Chat::new("Hi").model("claude-37"));
        assert_eq!(
            (&claude["provider"], &claude["model"]),
            (&json!("anthropic"), &json!("claude-3-7-sonnet-20250219"))
        );
        let thinking = Chat::new("Hi")
            .model("claude-3-7-sonnet-20250219")
            .thinking_budget(2_000)
            .max_tokens(4_000);
        assert_eq!(
            body(&thinking),
            json!({"prompt": "Hi", "provider": "anthropic", "model": "claude-3-7-sonnet-20250219",
                "messages": [{"role": "user", "content": "Hi"}], "thinking": true, "thinking_budget": 2_000,
                "max_tokens": 4_000, "temperature": 0.7})
        );
        let extra = Chat::new("Hi")
            .model("gpt4o")
            .temperature(None)
            .extra("top_p", 0.5)
            .extra("prompt", "ignored");
        assert_eq!(
            body(&extra),
            json!({"prompt": "Hi", "provider": "openai", "model": "gpt-4o",
                "messages": [{"role": "user", "content": "Hi"}], "top_p": 0.5})
        );
    }

    /// MESH-24: the table of the helpers.
    #[test]
    fn helpers_choose_the_models_of_the_table() {
        let hi = || Chat::new("Hi");
        for (chat, model, provider) in [
            (hi().with_gpt4o(), "gpt-4o", "openai"),
            (hi().with_gpt4(), "gpt-4", "openai"),
            (
                hi().with_claude("3.7"),
                "claude-3-7-sonnet-20250219",
                "anthropic",
            ),
            (hi().with_claude("3"), "claude-3-opus-20240229", "anthropic"),
            (
                hi().with_claude("3.5"),
                "claude-3-5-sonnet-20241022",
                "anthropic",
            ),
            (
                hi().with_claude("9"),
                "claude-3-5-sonnet-20241022",
                "anthropic",
            ),
            (hi().with_best_model("openai"), "gpt-4o", "openai"),
            (
                hi().with_best_model("Anthropic"),
                "claude-3-7-sonnet-20250219",
                "anthropic",
            ),
            (hi().with_best_model("other"), "gpt-4o", "openai"),
            (hi().with_fastest_model("openai"), "gpt-4o-mini", "openai"),
            (
                hi().with_fastest_model("anthropic"),
                "claude-3-5-haiku-20241022",
                "anthropic",
            ),
            (
                hi().with_cheapest_model("openai"),
                "gpt-3.5-turbo",
                "openai",
            ),
            (
                hi().with_cheapest_model("anthropic"),
                "claude-3-5-haiku-20241022",
                "anthropic",
            ),
            (hi().with_cheapest_model("other"), "gpt-3.5-turbo", "openai"),
        ] {
            let body = body(&chat);
            assert_eq!(
                (&body["model"], &body["provider"]),
                (&json!(model), &json!(provider))
            );
        }
        for (usual, best, fast, cheap) in [
            ("openai", "gpt-4o", "gpt-4o-mini", "gpt-3.5-turbo"),
            (
                " Anthropic",
                "claude-3-7-sonnet-20250219",
                "claude-3-5-haiku-20241022",
                "claude-3-5-haiku-20241022",
            ),
            ("other", "gpt-4o", "gpt-4o-mini", "gpt-3.5-turbo"),
        ] {
            let settings = Settings {
                default_provider: usual.to_owned(),
                ..Settings::default()
            };
            for (chat, model) in [
                (hi().with_best_model(None), best),
                (hi().with_fastest_model(None), fast),
                (hi().with_cheapest_model(None), cheap),
                (hi().with_best_model(None).model("o1"), "o1"),
                (hi().with_best_model(None).provider("openai"), "gpt-4o"),
            ] {
                assert_eq!(body_of(&chat, &settings).unwrap()["model"], model);
            }
        }
        for (chat, budget, most) in [
            (hi().with_thinking(), Value::Null, Value::Null),
            (hi().with_small_thinking(), json!(2_000), Value::Null),
            (hi().with_medium_thinking(), json!(8_000), Value::Null),
            (hi().with_large_thinking(), json!(16_000), json!(32_000)),
        ] {
            let body = body(&chat);
            assert_eq!(body["model"], "claude-3-7-sonnet-20250219");
            assert_eq!(body["thinking"], true);
            assert_eq!(body.get("thinking_budget").unwrap_or(&Value::Null), &budget);
            assert_eq!(body.get("max_tokens").unwrap_or(&Value::Null), &most);
        }
    }

    /// MESH-25.
    #[test]
    fn a_budget_that_cannot_be_is_refused_before_anything_is_sent() {
        let wrong = |chat: Chat| {
            body_of(&chat, &Settings::default())
                .unwrap_err()
                .to_string()
        };
        assert!(wrong(Chat::new("x").thinking_budget(1_000)).contains("1024"));
        assert!(
            wrong(Chat::new("x").thinking_budget(2_000).max_tokens(2_000)).contains("max_tokens")
        );
        let left_out = body(&Chat::new("x").thinking_budget(0));
        assert!(left_out.get("thinking_budget").is_none() && left_out["thinking"] == true);
        assert!(
            body(&Chat::new("x").thinking(false))
                .get("thinking")
                .is_none()
        );
    }

    #[test]
    fn thinking_by_default_is_for_the_model_that_can() {
        let settings = Settings {
            thinking_enabled: true,
            ..Settings::default()
        };
        let on = body_of(&Chat::new("x").model("claude-37"), &settings).unwrap();
        assert_eq!(
            (&on["thinking_budget"], &on["max_tokens"]),
            (&json!(4_000), &json!(16_000))
        );
        assert_eq!(on["thinking"], true);
        let off = body_of(
            &Chat::new("x").model("claude-37").thinking(false),
            &settings,
        )
        .unwrap();
        assert!(off.get("thinking").is_none() && off.get("max_tokens").is_none());
        assert!(
            body_of(&Chat::new("x"), &settings)
                .unwrap()
                .get("thinking")
                .is_none()
        );
    }

    /// D-09: of a thinking answer the peer reads the first block only, which has no text.
    #[test]
    fn text_and_thoughts_are_found_in_every_form() {
        let thought = json!({"type": "thinking", "thinking": "x", "signature": "s"});
        for (raw, text, thoughts) in [
            (json!({"choices": [{"message": {"content": "a"}}]}), "a", ""),
            (json!({"choices": [{"text": "a"}]}), "a", ""),
            (json!({"choices": []}), "", ""),
            (json!({"choices": [{"message": {"content": null}}]}), "", ""),
            (json!({"content": "s"}), "s", ""),
            (json!({"content": []}), "", ""),
            (
                json!({"content": [thought, {"type": "text", "text": "y"}]}),
                "y",
                "x",
            ),
            (
                json!({"content": [{"type": "text", "text": "y"}, {"type": "text", "text": "z"}]}),
                "yz",
                "",
            ),
            (json!({}), "", ""),
            (json!("odd"), "", ""),
        ] {
            let answer = answer(raw.clone(), false);
            assert_eq!(
                (answer.text(), answer.thoughts().as_str()),
                (text, thoughts),
                "{raw}"
            );
            assert_eq!(answer.raw, raw);
            assert_eq!(answer.result(), json!(text));
        }
        let hidden = answer(
            json!({"content": [{"type": "redacted_thinking", "data": "d"}]}),
            true,
        );
        assert_eq!(
            hidden.thinking,
            [Thought::RedactedThinking {
                data: "d".to_owned()
            }]
        );
        assert_eq!(hidden.result(), hidden.raw, "MESH-26");
    }

    #[test]
    fn a_profile_is_found_inside_or_at_the_root() {
        let inside =
            profile(&json!({"success": true, "profile": {"id": "u", "email": "e", "credits": 5}}))
                .unwrap();
        assert_eq!((inside.id.as_str(), inside.credits), ("u", Some(5.0)));
        assert_eq!(profile(&json!({"id": "u"})).unwrap().id, "u");
        assert!(
            profile(&json!({"success": true})).is_none() && profile(&json!({"id": ""})).is_none()
        );
    }

    #[test]
    fn an_answer_that_asks_for_the_other_form_is_known() {
        assert!(wants_message("message is required") && wants_message("Invalid Message format"));
        assert!(!wants_message("prompt is required") && !wants_message("a message"));
    }
}
