//! Messages with something in every field, or in some fields.

use std::collections::HashMap;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

/// Decides what goes into a field.
pub(crate) trait Choose {
    /// Whether a field is filled, and for a list how many times.
    fn times(&mut self) -> usize;

    /// A value of a kind that is not a message.
    fn scalar(&mut self, field: &FieldDescriptor) -> Value;
}

/// Every field at one of its limits; ids of the older wire too.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extreme {
    Largest,
    Smallest,
}

impl Choose for Extreme {
    fn times(&mut self) -> usize {
        2
    }

    fn scalar(&mut self, field: &FieldDescriptor) -> Value {
        let largest = matches!(self, Self::Largest);
        match field.kind() {
            Kind::Int64 if largest => Value::I64(i64::MAX),
            Kind::Int64 => Value::I64(i64::MIN),
            Kind::Int32 if largest => Value::I32(i32::MAX),
            Kind::Int32 => Value::I32(i32::MIN),
            Kind::Uint32 if largest => Value::U32(u32::MAX),
            Kind::Uint32 => Value::U32(1),
            Kind::Bool => Value::Bool(true),
            Kind::String if largest => Value::String("Grüße, 世界 👋\u{0}".repeat(20)),
            Kind::String => Value::String("é".into()),
            Kind::Bytes if largest => Value::Bytes("[\"👋\"]".repeat(50).into()),
            Kind::Bytes => Value::Bytes("{".into()),
            other => panic!("the platform does not use {other:?}"),
        }
    }
}

/// Whatever some random bytes say; when they are used up, nothing.
#[derive(Debug)]
pub(crate) struct Random<'a>(pub(crate) &'a [u8]);

impl Random<'_> {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first) % limit
    }
}

const TEXTS: [&str; 10] = [
    "",
    "0",
    "-1",
    "007",
    "9223372036854775807",
    "-9223372036854775808",
    "2147483648",
    "👋",
    "5",
    "12345678901",
];
const RARE_TEXTS: [&str; 5] = ["abc", "+5", "9223372036854775808", "-", "1 "];
const NUMBERS: [i64; 10] = [
    0,
    1,
    -1,
    127,
    128,
    300,
    i32::MIN as i64,
    i32::MAX as i64,
    i64::MIN,
    i64::MAX,
];

impl Choose for Random<'_> {
    fn times(&mut self) -> usize {
        self.below(5).saturating_sub(1)
    }

    fn scalar(&mut self, field: &FieldDescriptor) -> Value {
        let at = self.below(NUMBERS.len());
        match field.kind() {
            Kind::Int64 => Value::I64(NUMBERS[at]),
            Kind::Int32 => Value::I32(NUMBERS[at] as i32),
            Kind::Uint32 => Value::U32(NUMBERS[at] as u32),
            Kind::Bool => Value::Bool(at % 2 == 1),
            Kind::String if self.below(100) == 99 => {
                Value::String(RARE_TEXTS[at % RARE_TEXTS.len()].into())
            }
            Kind::String => match field.name() {
                "content" => Value::String("{\"t\":\"👋\"}".repeat(at * 5)),
                _ => Value::String(TEXTS[at].into()),
            },
            Kind::Bytes => Value::Bytes(TEXTS[at].into()),
            other => panic!("the platform does not use {other:?}"),
        }
    }
}

/// Fills the fields of a message; of a oneof none, see [`event`].
pub(crate) fn fill(message: &MessageDescriptor, choose: &mut impl Choose) -> DynamicMessage {
    let mut filled = DynamicMessage::new(message.clone());
    for field in message
        .fields()
        .filter(|field| field.containing_oneof().is_none())
    {
        let times = choose.times();
        if times == 0 {
            continue;
        }
        let value = if field.is_map() {
            let Kind::Message(entry) = field.kind() else {
                continue;
            };
            let key = "clé".to_owned();
            let value = one(&entry.map_entry_value_field(), choose);
            Value::Map(HashMap::from([(MapKey::String(key), value)]))
        } else if field.is_list() {
            Value::List((0..times).map(|_| one(&field, choose)).collect())
        } else {
            one(&field, choose)
        };
        filled.set_field(&field, value);
    }
    filled
}

fn one(field: &FieldDescriptor, choose: &mut impl Choose) -> Value {
    match field.kind() {
        Kind::Message(inner) => Value::Message(fill(&inner, choose)),
        _ => choose.scalar(field),
    }
}

/// An envelope with a filled event.
pub(crate) fn event(
    envelope: &MessageDescriptor,
    event: &FieldDescriptor,
    choose: &mut impl Choose,
) -> DynamicMessage {
    let mut filled = DynamicMessage::new(envelope.clone());
    filled.set_field(event, one(event, choose));
    filled
}
