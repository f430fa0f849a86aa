//! Reads the objects of a server that is not strict about its own types.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Reads an object field by field: what cannot be read is left out, and ends nothing.
///
/// Some servers send `null` for what is absent, a list where there is one text, or a number where there is a flag.
pub(crate) fn object<T: DeserializeOwned + Default>(value: Value) -> T {
    let Value::Object(fields) = value else {
        return T::default();
    };
    // `T` has a default for each field, so a single one can be tried.
    let readable = |name: &str, value: &Value| {
        let single = Map::from_iter([(name.to_owned(), value.clone())]);
        serde_json::from_value::<T>(Value::Object(single)).is_ok()
    };
    let fields = fields.into_iter().filter_map(|(name, value)| {
        let value = similar(value)
            .into_iter()
            .find(|value| readable(&name, value))?;
        Some((name, value))
    });
    serde_json::from_value(Value::Object(fields.collect())).unwrap_or_default()
}

/// Reads the list in field `name`; what is no list is an empty one.
pub(crate) fn list<T: DeserializeOwned + Default>(answer: &mut Value, name: &str) -> Vec<T> {
    match answer.get_mut(name).map(Value::take) {
        Some(Value::Array(items)) => items.into_iter().map(object).collect(),
        _ => Vec::new(),
    }
}

/// Reads a text; anything else is the empty one.
pub(crate) fn text(answer: &Value, name: &str) -> String {
    match answer.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// Reads a number, or the text of one.
pub(crate) fn number(answer: &Value, name: &str) -> i64 {
    match answer.get(name) {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(0),
        Some(Value::String(text)) => text.trim().parse().unwrap_or(0),
        _ => 0,
    }
}

/// Returns a value and what it may have been meant as.
fn similar(value: Value) -> Vec<Value> {
    let mut all = match &value {
        Value::Null => return Vec::new(),
        Value::Bool(flag) => vec![Value::from(u8::from(*flag))],
        Value::Number(number) => [
            Some(Value::from(number.to_string())),
            number.as_i64().and_then(at_the_limit),
            Some(Value::from(number.as_f64() != Some(0.0))),
        ]
        .into_iter()
        .flatten()
        .collect(),
        Value::String(text) => [
            text.parse::<i64>().map(Value::from).ok(),
            text.parse().ok().and_then(at_the_limit),
            text.parse::<bool>().map(Value::from).ok(),
        ]
        .into_iter()
        .flatten()
        .collect(),
        Value::Array(items) => {
            let whole = items
                .iter()
                .filter(|item| !item.is_null())
                .cloned()
                .collect();
            let mut all = vec![Value::Array(whole)];
            all.extend(items.first().cloned());
            all
        }
        Value::Object(_) => Vec::new(),
    };
    all.insert(0, value);
    all
}

/// A number that is too large for 32 bits is read at their limit, as protobuf's older wire is.
fn at_the_limit(number: i64) -> Option<Value> {
    let (least, most) = (i64::from(i32::MIN), i64::from(i32::MAX));
    let limited = number.clamp(least, most);
    (limited != number).then(|| Value::from(limited))
}

#[cfg(test)]
mod tests {
    use greenroom_proto::mezon::api::{ChannelDescription, MessageAttachment};
    use serde_json::json;

    use super::*;

    #[test]
    fn one_odd_field_costs_no_other() {
        let channel: ChannelDescription = object(json!({
            "channel_id": "3000000000000000001",
            "clan_id": 5,
            "channel_label": "general",
            "channel_avatar": ["a.png"],
            "channel_private": "1",
            "is_mute": 1,
            "active": true,
            "type": 3,
            "user_ids": ["1", null, 2],
            "usernames": null,
            "last_sent_message": "not an object",
            "parent_id": "not a number",
            "of a later version": {},
        }));
        assert_eq!(channel.channel_id, 3_000_000_000_000_000_001);
        assert_eq!((channel.clan_id, channel.r#type, channel.active), (5, 3, 1));
        assert_eq!(
            (
                channel.channel_label.as_str(),
                channel.channel_avatar.as_str()
            ),
            ("general", "a.png")
        );
        assert_eq!((channel.channel_private, channel.is_mute), (1, true));
        assert_eq!((channel.parent_id, channel.last_sent_message), (0, None));
        assert_eq!(channel.user_ids.len(), 3);
        for size in [json!("5000000000"), json!(5_000_000_000_i64)] {
            let file: MessageAttachment = object(json!({ "size": size, "url": "u" }));
            assert_eq!((file.size, file.url.as_str()), (i32::MAX, "u"));
        }
        for nothing in [json!(null), json!([]), json!("x")] {
            assert_eq!(
                object::<ChannelDescription>(nothing),
                ChannelDescription::default()
            );
        }
    }
}
