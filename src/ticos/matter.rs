//! What a message of an agent is about. Pure: the object decides, nothing else.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::codec;

/// What a message is about, beside being a message.
#[derive(Debug, PartialEq)]
pub(super) enum Matter<'a> {
    /// A user begins to speak.
    UserItem { item: Option<&'a str> },
    /// What the user has said is known.
    UserText { item: &'a str, text: &'a str },
    /// The assistant says more.
    Delta { item: &'a str, text: &'a str },
    /// What the assistant has said, all of it.
    FinalText { item: &'a str, text: &'a str },
    /// The turn of the assistant ends.
    TurnEnds,
    /// A conversation begins on the agent's side.
    ConversationBegins,
    /// A flat message of a conversation.
    Said {
        item: &'a str,
        role: &'a str,
        text: &'a str,
    },
    /// A call of the device.
    Call {
        name: &'a str,
        arguments: Cow<'a, Value>,
    },
    /// Nothing that the device knows.
    Other,
}

/// Finds out what a message is about. A field that is missing, null or of the wrong type makes it [`Matter::Other`].
pub(super) fn matter_of(message: &Map<String, Value>) -> Matter<'_> {
    let found = match message.get("type") {
        None => flat(message),
        Some(Value::String(kind)) => typed(kind, message),
        Some(_) => None,
    };
    found.unwrap_or(Matter::Other)
}

fn typed<'a>(kind: &str, message: &'a Map<String, Value>) -> Option<Matter<'a>> {
    match kind {
        "response.output_item.done" => call(message.get("item")?.as_object()?),
        "response.audio_transcript.delta" => Some(Matter::Delta {
            item: filled(message, "item_id")?,
            text: filled(message, "delta")?,
        }),
        "response.audio_transcript.done" => Some(Matter::FinalText {
            item: filled(message, "item_id")?,
            text: filled(message, "transcript")?,
        }),
        "response.done" => Some(Matter::TurnEnds),
        "conversation.item.created" => user_item(message.get("item")?),
        "conversation.item.input_audio_transcription.completed" => Some(Matter::UserText {
            item: filled(message, "item_id")?,
            text: match message.get("transcript") {
                None => "",
                Some(text) => text.as_str()?,
            },
        }),
        "conversation.created" => Some(Matter::ConversationBegins),
        _ => None,
    }
}

fn flat(message: &Map<String, Value>) -> Option<Matter<'_>> {
    let text = |name: &str| message.get(name).and_then(Value::as_str);
    if let Some(name) = text("name") {
        let given = message.get("arguments").or(message.get("parameters"));
        // Those that every device knows may come without arguments; else a name alone is no call.
        if given.is_some() || matches!(name, "motion" | "emotion" | "motion_and_emotion") {
            return Some(Matter::Call {
                name,
                arguments: arguments(given),
            });
        }
    }
    Some(Matter::Said {
        item: text("message_id")?,
        role: text("role")?,
        text: text("content")?,
    })
}

fn call(item: &Map<String, Value>) -> Option<Matter<'_>> {
    if item.get("type")?.as_str()? != "function_call" {
        return None;
    }
    Some(Matter::Call {
        name: match item.get("name") {
            None | Some(Value::Null) => "",
            Some(name) => name.as_str()?,
        },
        arguments: arguments(item.get("arguments")),
    })
}

/// Text is parsed; what is missing or cannot be parsed is an empty object.
fn arguments(given: Option<&Value>) -> Cow<'_, Value> {
    let empty = || Cow::Owned(Value::Object(Map::new()));
    match given {
        None | Some(Value::Null) => empty(),
        Some(Value::String(text)) => codec::parse(text).map_or_else(|_| empty(), Cow::Owned),
        Some(value) => Cow::Borrowed(value),
    }
}

fn user_item(item: &Value) -> Option<Matter<'_>> {
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    if text("type")? != "message" || text("role")? != "user" {
        return None;
    }
    let parts = item.get("content")?.as_array()?;
    let is_audio = |part: &Value| part.get("type").and_then(Value::as_str) == Some("input_audio");
    parts
        .iter()
        .any(is_audio)
        .then(|| Matter::UserItem { item: text("id") })
}

fn filled<'a>(message: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let text = message.get(name)?.as_str()?;
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn called(message: &Value) -> Option<(String, Value)> {
        match matter_of(message.as_object()?) {
            Matter::Call { name, arguments } => Some((name.to_owned(), arguments.into_owned())),
            _ => None,
        }
    }

    #[test]
    fn arguments_are_read_in_every_form() {
        for (given, read) in [
            (
                json!("{\"motion_tag\":\"hug\",\"speed\":1.0}"),
                json!({"motion_tag": "hug", "speed": 1.0}),
            ),
            (json!(null), json!({})),
            (json!(""), json!({})),
            (json!("{bad"), json!({})),
            (json!("[1,2]"), json!([1, 2])),
            (json!({"a": 1}), json!({"a": 1})),
        ] {
            let item = json!({"type": "response.output_item.done", "item": {"type": "function_call", "name": "motion", "arguments": given}});
            assert_eq!(called(&item), Some(("motion".into(), read.clone())));
            let flat = json!({"name": "motion", "arguments": given});
            assert_eq!(called(&flat), Some(("motion".into(), read)));
        }
        let bare = json!({"type": "response.output_item.done", "item": {"type": "function_call"}});
        assert_eq!(called(&bare), Some((String::new(), json!({}))));
    }

    #[test]
    fn a_type_wins_over_the_flat_forms() {
        for message in [
            json!({"type": "response.created", "name": "motion", "arguments": {"q": 1}}),
            json!({"type": null, "name": "motion", "arguments": {}}),
            json!({"type": "", "name": "motion", "arguments": {}}),
            json!({"type": 5, "name": "motion", "arguments": {}}),
            json!({"type": "response.function_call_arguments.done", "name": "motion", "arguments": "{}"}),
            json!({"type": "response.output_item.added", "item": {"type": "function_call", "name": "motion"}}),
            json!({"type": "response.output_item.done", "item": null}),
            json!({"type": "response.output_item.done", "item": {"type": "message", "role": "assistant"}}),
            json!({"name": "motionless"}),
            json!({"name": 5, "arguments": {}}),
        ] {
            assert_eq!(
                matter_of(message.as_object().unwrap()),
                Matter::Other,
                "{message}"
            );
        }
    }

    #[test]
    fn arguments_win_over_parameters() {
        let both = json!({"name": "x", "arguments": {"a": 1}, "parameters": {"b": 1}});
        assert_eq!(called(&both), Some(("x".into(), json!({"a": 1}))));
        let one = json!({"name": "x", "parameters": {"b": 1}});
        assert_eq!(called(&one), Some(("x".into(), json!({"b": 1}))));
    }

    #[test]
    fn a_wrong_field_means_that_no_rule_applies() {
        let delta = "response.audio_transcript.delta";
        let done = "conversation.item.input_audio_transcription.completed";
        for message in [
            json!({"type": delta, "item_id": "a", "delta": ""}),
            json!({"type": delta, "item_id": "", "delta": "x"}),
            json!({"type": delta, "delta": "x"}),
            json!({"type": delta, "item_id": "a", "delta": 5}),
            json!({"type": done, "transcript": "x"}),
            json!({"type": done, "item_id": "a", "transcript": 5}),
            json!({"type": "conversation.item.created", "item": {"type": "message", "role": "user", "content": [{"type": "input_text"}]}}),
            json!({"type": "conversation.item.created", "item": {"type": "message", "role": "assistant", "content": [{"type": "input_audio"}]}}),
            json!({"type": "conversation.item.created", "item": {"type": "message", "role": "user", "content": "input_audio"}}),
            json!({"message_id": "a", "role": "user"}),
            json!({"message_id": 1, "role": "user", "content": "x"}),
        ] {
            assert_eq!(
                matter_of(message.as_object().unwrap()),
                Matter::Other,
                "{message}"
            );
        }
        let missing = json!({"type": done, "item_id": "a"});
        let matter = matter_of(missing.as_object().unwrap());
        assert_eq!(
            matter,
            Matter::UserText {
                item: "a",
                text: ""
            }
        );
    }
}
