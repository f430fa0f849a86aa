//! Events that a test writes down as JSON, made into frames of either wire.
//!
//! Data is read generously: ids as text or numbers, wrappers and times from plain numbers, `bytes` as text, and what a
//! wire does not have is passed over.

use bytes::Bytes;
use greenroom_proto::mezon::Wire;
use prost_reflect::prost::Message;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value as Proto,
};
use serde::de::DeserializeSeed;
use serde_json::{Map, Value, json};

use super::json::{envelope, message};

/// Makes the frame of an event; none if the wire does not have it.
pub(super) fn frame(
    wire: Wire,
    event: &str,
    data: &Map<String, Value>,
) -> Result<Option<Bytes>, String> {
    let Some(envelope) = envelope(wire) else {
        return Err("the schema cannot be read".into());
    };
    let field = envelope.get_field_by_name(event);
    let Some(field) = field.filter(|field| field.containing_oneof().is_some()) else {
        return Ok(None);
    };
    let Kind::Message(content) = field.kind() else {
        return Ok(None);
    };
    let content = Reader { wire }.object(&content, data, event)?;
    let mut frame = DynamicMessage::new(envelope);
    frame.set_field(&field, Proto::Message(content));
    Ok(Some(frame.encode_to_vec().into()))
}

/// Reads JSON by the schema of a wire; paths are for texts of faults.
struct Reader {
    wire: Wire,
}

impl Reader {
    fn object(
        &self,
        descriptor: &MessageDescriptor,
        data: &Map<String, Value>,
        path: &str,
    ) -> Result<DynamicMessage, String> {
        let mut found = DynamicMessage::new(descriptor.clone());
        for field in descriptor.fields() {
            let Some(value) = lookup(data, &field).filter(|value| !value.is_null()) else {
                continue;
            };
            let path = format!("{path}.{}", field.name());
            let value = self.field(&field, value, &path)?;
            found
                .try_set_field(&field, value)
                .map_err(|fault| format!("{path}: {fault}"))?;
        }
        Ok(found)
    }

    fn field(&self, field: &FieldDescriptor, value: &Value, path: &str) -> Result<Proto, String> {
        if field.is_map() {
            let pairs = value
                .as_object()
                .ok_or_else(|| wrong(path, "an object", value))?;
            let pairs = pairs
                .iter()
                .map(|(key, value)| (MapKey::String(key.clone()), Proto::String(text(value))));
            return Ok(Proto::Map(pairs.collect()));
        }
        if field.is_list() {
            let rows = match value {
                Value::Array(rows) => rows.as_slice(),
                Value::Object(_) => return Err(wrong(path, "a list", value)),
                one => std::slice::from_ref(one),
            };
            let row = |(place, row): (usize, &Value)| {
                self.single(field, row, &format!("{path}[{place}]"))
            };
            let rows: Result<Vec<Proto>, String> = rows.iter().enumerate().map(row).collect();
            return rows.map(Proto::List);
        }
        self.single(field, value, path)
    }

    fn single(&self, field: &FieldDescriptor, value: &Value, path: &str) -> Result<Proto, String> {
        if value.is_object() && list_of(field).is_some() {
            return Err(wrong(path, "a list", value));
        }
        if value.is_boolean() && is_id(field.name()) {
            return Err(wrong(path, "an id", value));
        }
        match field.kind() {
            Kind::String if value.is_array() => Ok(Proto::String(self.list_text(field, value))),
            Kind::String => Ok(Proto::String(text(value))),
            Kind::Bytes => self.bytes(field, value, path).map(Proto::Bytes),
            Kind::Bool => flag(value, path).map(Proto::Bool),
            Kind::Double => real(value, path).map(Proto::F64),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "that is what the wire holds"
            )]
            Kind::Float => real(value, path).map(|number| Proto::F32(number as f32)),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => integer(value, path).map(Proto::I32),
            Kind::Uint32 | Kind::Fixed32 => integer(value, path).map(Proto::U32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => integer(value, path).map(Proto::I64),
            Kind::Uint64 | Kind::Fixed64 => integer(value, path).map(Proto::U64),
            Kind::Enum(names) => match value
                .as_str()
                .and_then(|name| names.get_value_by_name(name))
            {
                Some(found) => Ok(Proto::EnumNumber(found.number())),
                None => integer(value, path).map(Proto::EnumNumber),
            },
            Kind::Message(descriptor) => self.message(&descriptor, value, path).map(Proto::Message),
        }
    }

    fn message(
        &self,
        descriptor: &MessageDescriptor,
        value: &Value,
        path: &str,
    ) -> Result<DynamicMessage, String> {
        match (descriptor.full_name(), value) {
            (_, Value::Object(data)) => self.object(descriptor, data, path),
            ("google.protobuf.Timestamp", Value::String(date)) if date.parse::<i64>().is_err() => {
                descriptor
                    .clone()
                    .deserialize(value)
                    .map_err(|fault| format!("{path}: {fault}"))
            }
            ("google.protobuf.Timestamp", _) => {
                let seconds = match value.as_f64() {
                    Some(number) if value.is_f64() => json!(number.floor()),
                    _ => value.clone(),
                };
                self.object(
                    descriptor,
                    &Map::from_iter([("seconds".into(), seconds)]),
                    path,
                )
            }
            (name, _) if name.starts_with("google.protobuf.") => self.object(
                descriptor,
                &Map::from_iter([("value".into(), value.clone())]),
                path,
            ),
            _ => Err(wrong(path, "an object", value)),
        }
    }

    fn bytes(&self, field: &FieldDescriptor, value: &Value, path: &str) -> Result<Bytes, String> {
        match (value, list_of(field)) {
            (Value::Array(_), Some((list, rows))) => {
                let list = message(self.wire, &format!("api.{list}"));
                let list = list.ok_or_else(|| format!("{path}: the schema has no such list"))?;
                let data = Map::from_iter([(rows.to_owned(), value.clone())]);
                Ok(self.object(&list, &data, path)?.encode_to_vec().into())
            }
            _ => Ok(text(value).into()),
        }
    }

    /// Writes a list as text of the older wire, ids as text.
    fn list_text(&self, field: &FieldDescriptor, value: &Value) -> String {
        let mut value = value.clone();
        let row = row_of(field).and_then(|name| message(self.wire, &format!("api.{name}")));
        if let (Some(row), Value::Array(rows)) = (row, &mut value) {
            for data in rows.iter_mut().filter_map(Value::as_object_mut) {
                if let Some(avatar) = data.remove("message_sender_avatar") {
                    data.insert("mesages_sender_avatar".into(), avatar);
                }
                for (name, value) in data.iter_mut().filter(|(_, value)| value.is_number()) {
                    let kind = row.get_field_by_name(name).map(|field| field.kind());
                    if kind == Some(Kind::String) {
                        *value = value.to_string().into();
                    }
                }
            }
        }
        value.to_string()
    }
}

/// Names the list message that a field of a channel message holds on the newer wire, and its field.
fn list_of(field: &FieldDescriptor) -> Option<(&'static str, &'static str)> {
    match (field.parent_message().name(), field.name()) {
        ("ChannelMessage", "mentions") => Some(("MessageMentionList", "mentions")),
        ("ChannelMessage", "attachments") => Some(("MessageAttachmentList", "attachments")),
        ("ChannelMessage", "reactions") => Some(("MessageReactionList", "reactions")),
        ("ChannelMessage", "references") => Some(("MessageRefList", "refs")),
        _ => None,
    }
}

fn is_id(name: &str) -> bool {
    name == "id" || name.ends_with("_id") || name.ends_with("_ids")
}

fn row_of(field: &FieldDescriptor) -> Option<&'static str> {
    match list_of(field)?.0 {
        "MessageMentionList" => Some("MessageMention"),
        "MessageAttachmentList" => Some("MessageAttachment"),
        "MessageReactionList" => Some("MessageReaction"),
        _ => Some("MessageRef"),
    }
}

/// Finds the value of a field by its name, its JSON name, or its name on the other wire.
fn lookup<'a>(data: &'a Map<String, Value>, field: &FieldDescriptor) -> Option<&'a Value> {
    let other = match field.name() {
        "mesages_sender_avatar" => "message_sender_avatar",
        "message_sender_avatar" => "mesages_sender_avatar",
        same => same,
    };
    data.get(field.name())
        .or_else(|| data.get(field.json_name()))
        .or_else(|| data.get(other))
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // an id that went through a language whose numbers are floats
        Value::Number(number) if number.is_f64() => {
            number.to_string().trim_end_matches(".0").to_owned()
        }
        other => other.to_string(),
    }
}

fn integer<T: TryFrom<i128>>(value: &Value, path: &str) -> Result<T, String> {
    let number = match value {
        Value::Bool(flag) => Some(i128::from(*flag)),
        Value::String(text) if text.is_empty() => Some(0),
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => {
            let whole = number
                .as_i64()
                .map(i128::from)
                .or_else(|| number.as_u64().map(i128::from));
            #[expect(
                clippy::cast_possible_truncation,
                reason = "floats of JSON that hold whole numbers"
            )]
            whole.or_else(|| {
                number
                    .as_f64()
                    .filter(|real| real.fract() == 0.0)
                    .map(|real| real as i128)
            })
        }
        _ => None,
    };
    let number = number.ok_or_else(|| wrong(path, "a whole number", value))?;
    T::try_from(number).map_err(|_| format!("{path}: {number} is out of range"))
}

fn real(value: &Value, path: &str) -> Result<f64, String> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    };
    number.ok_or_else(|| wrong(path, "a number", value))
}

fn flag(value: &Value, path: &str) -> Result<bool, String> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        Value::Number(number) => Ok(number.as_f64() != Some(0.0)),
        Value::String(text) if ["true", "1"].contains(&text.as_str()) => Ok(true),
        Value::String(text) if ["false", "0", ""].contains(&text.as_str()) => Ok(false),
        _ => Err(wrong(path, "true or false", value)),
    }
}

fn wrong(path: &str, expected: &str, value: &Value) -> String {
    let mut shown = value.to_string();
    if shown.len() > 60 {
        shown = shown.chars().take(57).chain("...".chars()).collect();
    }
    format!("{path}: expected {expected}, got {shown}")
}

#[cfg(test)]
mod tests {
    use greenroom_proto::mezon::events;

    use super::*;

    fn shown(wire: Wire, event: &str, data: Value) -> Value {
        let Value::Object(data) = data else {
            unreachable!()
        };
        let bytes = frame(wire, event, &data).unwrap().unwrap();
        super::super::json::frame(wire, bytes).to_json()[event].clone()
    }

    #[test]
    fn every_event_can_be_made_on_every_wire_that_has_it() {
        for (tag, event) in events() {
            for wire in [Wire::V1, Wire::V2] {
                let found = frame(wire, event, &Map::new()).unwrap();
                assert_eq!(found.is_some(), wire == Wire::V2 || tag < 90, "{event}");
            }
        }
        assert_eq!(frame(Wire::V2, "cid", &Map::new()), Ok(None));
        assert_eq!(frame(Wire::V2, "nothing", &Map::new()), Ok(None));
    }

    #[test]
    fn data_is_read_generously() {
        let data = json!({
            "clan_id": 2_000_000_000_000_000_001_i64, "channel_id": "3", "message_id": 7.0, "code": 0, "create_time": 5,
            "content": {"t": "hi"}, "mentions": [{"user_id": 4, "s": 0, "e": 1}], "is_public": 1,
            "references": [{"message_ref_id": 9, "message_sender_avatar": "a"}], "topic_id": null, "colour": "green",
        });
        assert_eq!(
            shown(Wire::V1, "channel_message", data.clone()),
            json!({
                "clan_id": "2000000000000000001", "channel_id": "3", "message_id": "7", "code": 0,
                "create_time": "1970-01-01T00:00:05Z", "content": "{\"t\":\"hi\"}", "is_public": true,
                "mentions": "[{\"e\":1,\"s\":0,\"user_id\":\"4\"}]",
                "references": "[{\"mesages_sender_avatar\":\"a\",\"message_ref_id\":\"9\"}]",
            })
        );
        assert_eq!(
            shown(Wire::V2, "channel_message", data),
            json!({
                "clan_id": "2000000000000000001", "channel_id": "3", "message_id": "7", "content": "{\"t\":\"hi\"}",
                "is_public": true, "mentions": "CgQQBEAB", "references": "CgUQCUIBYQ==",
            })
        );
        assert_eq!(
            shown(
                Wire::V2,
                "notifications",
                json!({"notifications": [{"content": "{}", "code": -2}]})
            ),
            json!({"notifications": [{"content": "e30=", "code": -2}]})
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (event, data, part) in [
            (
                "channel_message",
                json!({"message_id": "x"}),
                "channel_message.message_id",
            ),
            (
                "channel_message",
                json!({"mode": 3_000_000_000_u32}),
                "out of range",
            ),
            (
                "notifications",
                json!({"notifications": [7]}),
                "notifications.notifications[0]",
            ),
        ] {
            let fault = frame(Wire::V2, event, data.as_object().unwrap()).unwrap_err();
            assert!(fault.contains(part), "{fault}");
        }
        for (event, data, part) in [
            (
                "channel_message",
                json!({"message_id": true}),
                "message_id: expected an id",
            ),
            (
                "channel_message",
                json!({"mentions": {"user_id": 1}}),
                "mentions: expected a list",
            ),
            (
                "notifications",
                json!({"notifications": {}}),
                "notifications: expected a list",
            ),
        ] {
            for wire in [Wire::V1, Wire::V2] {
                let fault = frame(wire, event, data.as_object().unwrap()).unwrap_err();
                assert!(fault.contains(part), "{fault}");
            }
        }
    }
}
