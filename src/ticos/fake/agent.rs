//! What the agent says to a device.

use serde_json::{Value, json};

/// A user says something: it is heard, then it is understood.
pub(super) fn user_turn(item: &str, text: &str) -> Vec<Value> {
    vec![
        json!({
            "type": "conversation.item.created",
            "item": {
                "id": item,
                "type": "message",
                "role": "user",
                "content": [{"type": "input_audio", "transcript": null}],
            },
        }),
        json!({
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": item,
            "transcript": text,
        }),
    ]
}

/// The agent says something, in two parts at least.
pub(super) fn assistant_turn(item: &str, text: &str) -> Vec<Value> {
    let delta = |part: &str| json!({"type": "response.audio_transcript.delta", "item_id": item, "delta": part});
    let mut turn: Vec<Value> = parts(text).into_iter().map(delta).collect();
    turn.push(json!({"type": "response.done"}));
    turn
}

/// Cuts a text into about four parts; one that is too short has an empty part.
fn parts(text: &str) -> Vec<&str> {
    let length = text.len().div_ceil(4).max(1);
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = length.min(rest.len());
        while !rest.is_char_boundary(end) {
            end += 1;
        }
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after;
    }
    while parts.len() < 2 {
        parts.push("");
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_two_parts_at_least() {
        for text in ["", "a", "ab", "你好", "a longer text with words"] {
            let parts = parts(text);
            assert!(parts.len() >= 2, "{text}");
            assert_eq!(parts.concat(), text);
        }
    }
}
