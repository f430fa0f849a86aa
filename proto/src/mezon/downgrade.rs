//! Rewrites a message of the newest wire as one of the older.

use std::convert::Infallible;

use super::{
    decimal::Decimal,
    raw::{Field, Reader, WireType, put_bytes, put_key, put_nested, put_varint},
    table::{How, MESSAGES, Message, Step},
};

/// Returns the same message on the older wire.
///
/// `frame` was encoded a moment ago, so its fields are in order, its lists are packed and nothing
/// in it can be malformed; reading would just stop there.
pub(super) fn downgrade(frame: &[u8], message: &'static Message) -> Vec<u8> {
    // Ids become twice as long, everything else stays about the same.
    let mut out = Vec::with_capacity(frame.len() * 3 / 2 + 16);
    all(&mut out, Reader::new(frame), message);
    out
}

fn all(out: &mut Vec<u8>, mut from: Reader<'_>, message: &'static Message) {
    let mut last = 0;
    let mut clan_missing = message.clan_always;
    while let Ok(Some(field)) = from.field() {
        if clan_missing {
            if field.number != 1 {
                put_bytes(out, 1, b"0");
            }
            clan_missing = false;
        }
        let step = message.down(field.number);
        if step.how != How::FirstText || last != field.number {
            one(out, from, field, step);
        }
        last = field.number;
    }
    if clan_missing {
        put_bytes(out, 1, b"0");
    }
}

/// Rewrites one field.
#[inline]
fn one(out: &mut Vec<u8>, from: Reader<'_>, field: Field, step: Step) {
    let to = u32::from(step.to);
    let mut part = from.inside(field);
    match step.how {
        How::Drop => {}
        How::Copy | How::Narrow => {
            put_key(out, to, field.wire_type);
            out.extend_from_slice(from.raw(field));
        }
        How::FirstId => match part.varint() {
            Ok(0) | Err(_) => {}
            Ok(id) => put_decimal(out, to, id as i64),
        },
        How::FirstText => put_bytes(out, to, from.value(field)),
        How::Id => {
            if let Ok(id) = part.varint() {
                put_decimal(out, to, id as i64);
            }
        }
        How::Ids => {
            while let Ok(id) = part.varint() {
                put_decimal(out, to, id as i64);
            }
        }
        How::Nest(index) => {
            if let Some(inner) = MESSAGES.get(usize::from(index)) {
                let Ok(()) = put_nested(out, to, field.len(), |out| {
                    all(out, part, inner);
                    Ok::<(), Infallible>(())
                });
            }
        }
        How::Number => {
            if let Ok(number) = part.varint() {
                put_decimal(out, to, i64::from(number as i32));
            }
        }
        How::Text => {
            let text = String::from_utf8_lossy(from.value(field));
            put_bytes(out, to, text.as_bytes());
        }
        How::Time { .. } | How::Unwrap => {
            let number = from.value(field);
            put_key(out, to, WireType::Bytes);
            put_varint(out, 1 + number.len() as u64);
            put_key(out, 1, WireType::Varint);
            out.extend_from_slice(number);
        }
    }
}

fn put_decimal(out: &mut Vec<u8>, to: u32, number: i64) {
    put_bytes(out, to, Decimal::new(number).as_bytes());
}
