//! Rewrites a frame of the older wire as one of the newest.

use super::{
    error::{Fault, FrameError},
    raw::{Field, MAX_DEPTH, Reader, WireType, put_bytes, put_key, put_nested, put_varint},
    table::{How, MESSAGES, Message},
};

type Outcome = Result<(), FrameError>;

/// Returns the same message on the newest wire.
///
/// The result is decoded next, so what decoding checks (texts that stay texts, numbers that stay
/// numbers) is not checked here.
pub(super) fn upgrade(frame: &[u8], message: &'static Message) -> Result<Vec<u8>, FrameError> {
    let mut out = Vec::with_capacity(frame.len() + 16);
    all(&mut out, Reader::new(frame), message, MAX_DEPTH)?;
    Ok(out)
}

fn all(out: &mut Vec<u8>, mut from: Reader<'_>, message: &'static Message, depth: u32) -> Outcome {
    if depth == 0 {
        return Err(FrameError::at(Fault::TooDeep, from.at()).within(message.name, None));
    }
    let mut seen = 0;
    loop {
        match from.field() {
            Ok(Some(field)) => one(out, &from, &field, message, &mut seen, depth)
                .map_err(|error| error.within(message.name, message.older_name(field.number)))?,
            Ok(None) => return Ok(()),
            Err(error) => return Err(error.within(message.name, None)),
        }
    }
}

/// Rewrites one field. `seen` has a bit for every field number below 64 that came before.
fn one(
    out: &mut Vec<u8>,
    from: &Reader<'_>,
    field: &Field<'_>,
    message: &'static Message,
    seen: &mut u64,
    depth: u32,
) -> Outcome {
    let step = message.up(field.number);
    let to = u32::from(step.to);
    *seen |= 1_u64.checked_shl(field.number).unwrap_or(0);
    let expected = match step.how {
        How::Drop => return Ok(()),
        How::Copy => field.wire_type,
        How::Narrow => WireType::Varint,
        _ => WireType::Bytes,
    };
    if field.wire_type != expected || expected == WireType::Group {
        return Err(FrameError::at(Fault::WireType, field.value.start));
    }
    let value = || from.bytes(field.value.clone());
    let invalid = |fault| FrameError::at(fault, field.value.start);
    match step.how {
        How::Drop => {}
        How::Copy => {
            put_key(out, to, field.wire_type);
            out.extend_from_slice(field.raw);
        }
        How::Id | How::Ids => {
            let id = parse(value()).ok_or_else(|| invalid(Fault::NotAnId))?;
            put_number(out, to, id);
        }
        How::FirstId => match parse(value()) {
            Some(0) => {}
            Some(id) => put_number(out, to, id),
            None => return Err(invalid(Fault::NotAnId)),
        },
        How::FirstText if field.value.is_empty() => {}
        How::FirstText => put_bytes(out, to, value()),
        How::Narrow => {
            let number = from.inside(field.value.clone()).varint()? as i64;
            let limits = (i64::from(i32::MIN), i64::from(i32::MAX));
            put_number(out, to, number.clamp(limits.0, limits.1));
        }
        How::Nest(index) => {
            let Some(inner) = MESSAGES.get(usize::from(index)) else {
                return Ok(());
            };
            let part = from.inside(field.value.clone());
            put_nested(out, to, field.value.len(), |out| {
                all(out, part, inner, depth - 1)
            })?;
        }
        How::Number => put_number(out, to, small(value()).into()),
        How::Text => match std::str::from_utf8(value()) {
            Ok(text) => put_bytes(out, to, text.as_bytes()),
            Err(_) => return Err(invalid(Fault::NotText)),
        },
        How::Time { signed, unless } => {
            let hidden = *seen & 1 << unless & !1 != 0;
            if let (Some(seconds), false) = (wrapped(from, field)?, hidden) {
                let limits = match signed {
                    true => (i64::from(i32::MIN), i64::from(i32::MAX)),
                    false => (0, i64::from(u32::MAX)),
                };
                put_number(out, to, (seconds as i64).clamp(limits.0, limits.1));
            }
        }
        How::Unwrap => {
            if let Some(number) = wrapped(from, field)? {
                put_number(out, to, number as i64);
            }
        }
    }
    Ok(())
}

fn put_number(out: &mut Vec<u8>, to: u32, number: i64) {
    put_key(out, to, WireType::Varint);
    put_varint(out, number as u64);
}

/// Reads the number in field 1: the value of a wrapper, the seconds of a timestamp.
fn wrapped(from: &Reader<'_>, field: &Field<'_>) -> Result<Option<u64>, FrameError> {
    let mut part = from.inside(field.value.clone());
    let mut number = None;
    while let Some(inner) = part.field()? {
        if inner.number == 1 {
            if inner.wire_type != WireType::Varint {
                return Err(FrameError::at(Fault::WireType, inner.value.start));
            }
            number = Some(from.inside(inner.value).varint()?);
        }
    }
    Ok(number)
}

/// Reads an id: a decimal number, or nothing for none.
fn parse(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.is_empty() {
        return text.is_empty().then_some(0);
    }
    digits
        .iter()
        .try_fold(0_i64, |number, digit| {
            let digit = i64::from(digit.wrapping_sub(b'0'));
            if digit > 9 {
                return None;
            }
            // Counted downwards: there is one more negative number than positive ones.
            number.checked_mul(10)?.checked_sub(digit)
        })
        .and_then(|number| match digits.len() == text.len() {
            true => number.checked_neg(),
            false => Some(number),
        })
}

/// Reads a number of those fields that hold any text on the older wire; another text is 0.
pub(super) fn small(text: &[u8]) -> i32 {
    parse(text)
        .and_then(|number| i32::try_from(number).ok())
        .unwrap_or(0)
}
