//! A second opinion: the same rules on the level of values, by reflection and without the table.

use std::sync::LazyLock;

use greenroom_proto::mezon::{Wire, descriptors};
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage,
    SerializeOptions, Value,
};

static OLDER: LazyLock<DescriptorPool> = LazyLock::new(|| pool(Wire::V1));
static NEWEST: LazyLock<DescriptorPool> = LazyLock::new(|| pool(Wire::V2));

fn pool(wire: Wire) -> DescriptorPool {
    DescriptorPool::decode(descriptors(wire)).expect("the descriptors are complete")
}

/// The descriptor of a message by its name below `mezon.`.
pub(crate) fn message(wire: Wire, name: &str) -> MessageDescriptor {
    let (pool, package) = match wire {
        Wire::V1 => (&OLDER, "mezon_v1"),
        Wire::V2 => (&NEWEST, "mezon"),
    };
    (pool.get_message_by_name(&format!("{package}.{name}"))).expect("a message of this wire")
}

pub(crate) fn envelope(wire: Wire) -> MessageDescriptor {
    message(wire, "realtime.Envelope")
}

/// The names of all fields of the older wire, nested types included, that have no partner.
pub(crate) fn dropped() -> Vec<String> {
    let newest = |older: &MessageDescriptor| {
        let name = older.full_name().replacen("mezon_v1", "mezon", 1);
        NEWEST.get_message_by_name(&name)
    };
    let messages = OLDER.all_messages().filter(|message| !is_google(message));
    let fields = messages.flat_map(|older| {
        let newest = newest(&older);
        let known = move |older: &FieldDescriptor| {
            newest
                .as_ref()
                .is_some_and(|newest| partner(older, newest).is_some())
        };
        older
            .fields()
            .filter(move |field| !known(field))
            .collect::<Vec<_>>()
    });
    fields
        .map(|field| field.full_name().replacen("mezon_v1.", "", 1))
        .collect()
}

/// Reads canonical or odd bytes by reflection.
pub(crate) fn read(wire: Wire, frame: &[u8]) -> Result<DynamicMessage, prost::DecodeError> {
    DynamicMessage::decode(envelope(wire), frame)
}

/// The content of a message, to be compared and shown.
pub(crate) fn json(message: &DynamicMessage) -> String {
    let options = SerializeOptions::new().use_proto_field_name(true);
    let value = message.serialize_with_options(serde_json::value::Serializer, &options);
    value.expect("messages are JSON").to_string()
}

/// Rewrites a message of the newest wire for the older one.
pub(crate) fn down(from: &DynamicMessage, to: &MessageDescriptor) -> DynamicMessage {
    let mut message = DynamicMessage::new(to.clone());
    for older in to.fields() {
        let Some(newest) = partner(&older, &from.descriptor()) else {
            continue;
        };
        if from.has_field(&newest) && !stands_in(&older, &newest) {
            let value = from.get_field(&newest);
            let value = match (value.as_list(), older.is_list()) {
                (Some(list), true) => Some(Value::List(
                    list.iter().map(|v| down_one(v, &older)).collect(),
                )),
                (Some(list), false) => list
                    .first()
                    .map(|v| down_one(v, &older))
                    .filter(|v| *v != text("0")),
                (None, _) if older.is_map() => Some(value.into_owned()),
                (None, _) => Some(down_one(&value, &older)),
            };
            if let Some(value) = value {
                message.set_field(&older, value);
            }
        } else if older.name() == "clan_id" && has_clan_always(to) {
            message.set_field(&older, text("0"));
        }
    }
    message
}

fn down_one(value: &Value, older: &FieldDescriptor) -> Value {
    match (value, older.kind()) {
        (Value::Message(inner), Kind::Message(to)) if !is_google(&to) => {
            Value::Message(down(inner, &to))
        }
        (Value::Message(_), _) => value.clone(),
        (_, Kind::Message(to)) => {
            let mut inner = DynamicMessage::new(to.clone());
            match to.name() {
                "Timestamp" => inner.set_field_by_name("seconds", Value::I64(number(value))),
                _ => inner.set_field_by_name("value", value.clone()),
            }
            Value::Message(inner)
        }
        (Value::I64(_) | Value::I32(_), Kind::String) => text(&number(value).to_string()),
        (Value::Bytes(bytes), Kind::String) => text(&String::from_utf8_lossy(bytes)),
        (Value::I32(number), Kind::Int64) => Value::I64((*number).into()),
        _ => value.clone(),
    }
}

/// Rewrites a message of the older wire for the newest one; an error is the field of a bad id.
pub(crate) fn up(
    from: &DynamicMessage,
    to: &MessageDescriptor,
) -> Result<DynamicMessage, &'static str> {
    let mut message = DynamicMessage::new(to.clone());
    for older in from.descriptor().fields() {
        let Some(newest) = partner(&older, to) else {
            continue;
        };
        let exact = older.parent_message().get_field_by_name(newest.name());
        let hidden =
            stands_in(&older, &newest) && exact.is_some_and(|exact| from.has_field(&exact));
        if !from.has_field(&older) || hidden {
            continue;
        }
        let value = from.get_field(&older);
        let value = match (value.as_list(), newest.is_list()) {
            (Some(list), _) => Value::List(
                (list.iter().map(|value| up_one(value, &newest))).collect::<Result<_, _>>()?,
            ),
            (None, true) => match up_one(&value, &newest)? {
                Value::I64(0) => Value::List(Vec::new()),
                value => Value::List(vec![value]),
            },
            (None, false) if older.is_map() => value.into_owned(),
            (None, false) => up_one(&value, &newest)?,
        };
        message.set_field(&newest, value);
    }
    Ok(message)
}

fn up_one(value: &Value, newest: &FieldDescriptor) -> Result<Value, &'static str> {
    Ok(match (value, newest.kind()) {
        (Value::Message(inner), Kind::Message(to)) if !is_google(&to) => {
            Value::Message(up(inner, &to)?)
        }
        (Value::Message(_), Kind::Message(_)) => value.clone(),
        (Value::Message(inner), kind) => match inner.get_field_by_name("seconds") {
            Some(seconds) if kind == Kind::Uint32 => {
                Value::U32(number(&seconds).clamp(0, u32::MAX.into()) as u32)
            }
            Some(seconds) => Value::I32(clamped(number(&seconds))),
            None => inner
                .get_field_by_name("value")
                .expect("a wrapper")
                .into_owned(),
        },
        (Value::String(text), Kind::Int64) if text.is_empty() => Value::I64(0),
        (Value::String(text), Kind::Int64) if text.starts_with('+') => return Err("a sign"),
        (Value::String(text), Kind::Int64) => {
            Value::I64(text.parse().map_err(|_| "not a decimal number")?)
        }
        (Value::String(text), Kind::Int32) => match text.starts_with('+') {
            true => Value::I32(0),
            false => Value::I32(text.parse().unwrap_or(0)),
        },
        (Value::String(text), Kind::Bytes) => Value::Bytes(text.clone().into()),
        (Value::I64(number), Kind::Int32) => Value::I32(clamped(*number)),
        _ => value.clone(),
    })
}

/// The field of the newest wire that an older one means.
fn partner(older: &FieldDescriptor, newest: &MessageDescriptor) -> Option<FieldDescriptor> {
    let name = older.name();
    let other = match name {
        "privateChannel" => "private_channel".to_owned(),
        "mesages_sender_avatar" => "message_sender_avatar".to_owned(),
        "receiver_id" | "user_id" => format!("{name}s"),
        _ => format!("{name}_seconds").replace("second_seconds", "seconds"),
    };
    let same_kind = |newest: &FieldDescriptor| {
        // A time only becomes a time, and users of another kind of list are other users.
        let time = other.ends_with("_seconds") && !name.ends_with("_second");
        !time || matches!(older.kind(), Kind::Message(_)) && newest.kind() != Kind::String
    };
    (newest.get_field_by_name(name)).or_else(|| newest.get_field_by_name(&other).filter(same_kind))
}

fn stands_in(older: &FieldDescriptor, newest: &FieldDescriptor) -> bool {
    let exact = older.parent_message().get_field_by_name(newest.name());
    exact.is_some_and(|exact| exact != *older)
}

fn has_clan_always(message: &MessageDescriptor) -> bool {
    matches!(
        message.name(),
        "ClanJoin"
            | "ChannelJoin"
            | "ChannelLeave"
            | "ChannelMessageSend"
            | "ChannelMessageUpdate"
            | "ChannelMessageRemove"
            | "MessageTypingEvent"
            | "LastSeenMessageEvent"
            | "LastPinMessageEvent"
    )
}

fn is_google(message: &MessageDescriptor) -> bool {
    message.package_name() == "google.protobuf"
}

fn number(value: &Value) -> i64 {
    match value {
        Value::I64(number) => *number,
        Value::I32(number) => (*number).into(),
        Value::U32(number) => (*number).into(),
        other => panic!("{other:?} is not a number"),
    }
}

fn clamped(number: i64) -> i32 {
    number.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}
