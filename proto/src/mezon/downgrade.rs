//! Rewrites a message of the newest wire as one of the older.

use std::convert::Infallible;

use super::{
    raw::{Field, Reader, WireType, put_bytes, put_key, put_nested, put_varint},
    table::{How, MESSAGES, Message},
};

/// Returns the same message on the older wire.
///
/// `frame` was encoded a moment ago, so its fields are in order, its lists are packed and nothing
/// in it can be malformed; reading would just stop there.
pub(super) fn downgrade(frame: &[u8], message: &'static Message) -> Vec<u8> {
    let mut out = Vec::with_capacity(frame.len() * 3 / 2 + 16);
    all(&mut out, Reader::new(frame), message);
    out
}

fn all(out: &mut Vec<u8>, mut from: Reader<'_>, message: &'static Message) {
    let mut last = 0;
    while let Ok(Some(field)) = from.field() {
        if message.clan_always && last == 0 && field.number != 1 {
            put_bytes(out, 1, b"0");
        }
        one(out, &from, &field, message, last);
        last = field.number;
    }
    if message.clan_always && last == 0 {
        put_bytes(out, 1, b"0");
    }
}

/// Rewrites one field; `last` is the number of the field before.
fn one(
    out: &mut Vec<u8>,
    from: &Reader<'_>,
    field: &Field<'_>,
    message: &'static Message,
    last: u32,
) {
    let step = message.down(field.number);
    let to = u32::from(step.to);
    let value = || from.bytes(field.value.clone());
    let mut part = from.inside(field.value.clone());
    match step.how {
        How::Drop => {}
        How::Copy | How::Narrow => {
            put_key(out, to, field.wire_type);
            out.extend_from_slice(field.raw);
        }
        How::FirstId => match part.varint() {
            Ok(0) | Err(_) => {}
            Ok(id) => put_decimal(out, to, id as i64),
        },
        How::FirstText if last == field.number => {}
        How::FirstText => put_bytes(out, to, value()),
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
                let Ok(()) = put_nested(out, to, field.value.len(), |out| {
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
        How::Text => put_bytes(out, to, String::from_utf8_lossy(value()).as_bytes()),
        How::Time { .. } | How::Unwrap => {
            put_key(out, to, WireType::Bytes);
            put_varint(out, 1 + field.raw.len() as u64);
            put_key(out, 1, WireType::Varint);
            out.extend_from_slice(field.raw);
        }
    }
}

/// Appends a number as text.
fn put_decimal(out: &mut Vec<u8>, to: u32, number: i64) {
    let mut text = [b'-'; 20];
    let mut at = text.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        text[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    at -= usize::from(number < 0);
    put_bytes(out, to, &text[at..]);
}
