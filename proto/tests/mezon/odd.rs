//! Writes messages in the odd ways that Protobuf allows.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};

use crate::fill::Random;

/// Encodes a message with unknown fields, lists packed or not, in either order of the fields, and
/// with longer numbers than needed.
pub(crate) fn encode(message: &DynamicMessage, choose: &mut Random<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut fields: Vec<_> = message.fields().collect();
    if choose.below(2) == 1 {
        fields.reverse();
    }
    for (field, value) in fields {
        unknown(&mut out, choose);
        match value {
            Value::List(items) if field.is_packed() && choose.below(2) == 1 => {
                let mut packed = Vec::new();
                items.iter().for_each(|item| number(&mut packed, item));
                bytes(&mut out, field.number(), &packed);
            }
            Value::List(items) => items
                .iter()
                .for_each(|item| one(&mut out, &field, item, choose)),
            Value::Map(_) => {
                let mut alone = DynamicMessage::new(field.parent_message().clone());
                alone.set_field(&field, value.clone());
                out.extend(prost::Message::encode_to_vec(&alone));
            }
            _ => one(&mut out, &field, value, choose),
        }
    }
    unknown(&mut out, choose);
    out
}

fn one(out: &mut Vec<u8>, field: &FieldDescriptor, value: &Value, choose: &mut Random<'_>) {
    match (value, field.kind()) {
        (Value::Message(inner), Kind::Message(_)) => {
            bytes(out, field.number(), &encode(inner, choose));
        }
        (Value::String(text), _) => bytes(out, field.number(), text.as_bytes()),
        (Value::Bytes(value), _) => bytes(out, field.number(), value),
        _ => {
            varint(out, u64::from(field.number() << 3));
            number(out, value);
            if choose.below(4) == 3 {
                long(out);
            }
        }
    }
}

/// Appends a field that nobody knows, sometimes.
fn unknown(out: &mut Vec<u8>, choose: &mut Random<'_>) {
    match choose.below(12) {
        1 => bytes(out, 1000, b"\x08\x01"),
        2 => out.extend(b"\xc0\x3e\x2a"),
        3 => out.extend(b"\xc1\x3e12345678"),
        4 => out.extend(b"\xc5\x3e1234"),
        5 => out.extend(b"\xc3\x3e\x08\x01\x0b\x0c\xc4\x3e"),
        _ => {}
    }
}

/// Makes the number at the end one byte longer, if it is a short one.
fn long(out: &mut Vec<u8>) {
    if let [.., before, last] = &mut **out
        && *before < 0x80
        && *last < 0x80
    {
        *last |= 0x80;
        out.push(0);
    }
}

fn bytes(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    varint(out, u64::from(number << 3 | 2));
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn number(out: &mut Vec<u8>, value: &Value) {
    varint(
        out,
        match value {
            Value::Bool(value) => u64::from(*value),
            Value::I32(value) => i64::from(*value) as u64,
            Value::I64(value) => *value as u64,
            Value::U32(value) => u64::from(*value),
            other => panic!("{other:?} is not a number"),
        },
    );
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
