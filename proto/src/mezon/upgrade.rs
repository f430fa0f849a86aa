//! Rewrites a frame of the older wire as one of the newest.

use std::ops::RangeInclusive;

use super::{
    decimal::parse,
    error::{Fault, FrameError},
    raw::{Field, MAX_DEPTH, Reader, WireType, put_bytes, put_key, put_nested, put_number},
    table::{How, MESSAGES, Message, Step},
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
    // A bit for every number below 64 that came before. (In this part: if a message comes in
    // several parts, a timestamp in a later one counts even if there were plain seconds before.)
    let mut seen: u64 = 0;
    loop {
        let field = match from.field() {
            Ok(Some(field)) => field,
            Ok(None) => return Ok(()),
            Err(error) => return Err(error.within(message.name, None)),
        };
        seen |= 1_u64.checked_shl(field.number).unwrap_or(0);
        let step = message.up(field.number);
        if let How::Time { unless, .. } = step.how
            && unless != 0
            && seen & 1 << unless != 0
        {
            continue;
        }
        one(out, from, field, step, depth)
            .map_err(|error| error.within(message.name, message.older_name(field.number)))?;
    }
}

/// Rewrites one field.
#[inline]
fn one(out: &mut Vec<u8>, from: Reader<'_>, field: Field, step: Step, depth: u32) -> Outcome {
    let to = u32::from(step.to);
    let expected = match step.how {
        How::Drop => return Ok(()),
        How::Copy => field.wire_type,
        How::Narrow => WireType::Varint,
        _ => WireType::Bytes,
    };
    if field.wire_type != expected || expected == WireType::Group {
        return Err(FrameError::at(Fault::WireType, field.start));
    }
    match step.how {
        How::Drop => {}
        How::Copy => {
            put_key(out, to, field.wire_type);
            out.extend_from_slice(from.raw(field));
        }
        How::Id | How::Ids => put_number(out, to, id(from, field)?),
        How::FirstId => match id(from, field)? {
            0 => {}
            id => put_number(out, to, id),
        },
        How::FirstText => {
            if field.len() > 0 {
                put_bytes(out, to, from.value(field));
            }
        }
        How::Narrow => {
            let number = from.inside(field).varint()? as i64;
            put_number(out, to, clamp(number, &INT32));
        }
        How::Nest(index) => {
            if let Some(inner) = MESSAGES.get(usize::from(index)) {
                let part = from.inside(field);
                put_nested(out, to, field.len(), |out| all(out, part, inner, depth - 1))?;
            }
        }
        How::Number => put_number(out, to, small(from.value(field)).into()),
        How::Text => match std::str::from_utf8(from.value(field)) {
            Ok(text) => put_bytes(out, to, text.as_bytes()),
            Err(_) => return Err(FrameError::at(Fault::NotText, field.start)),
        },
        How::Time { signed, .. } => {
            if let Some(seconds) = wrapped(from, field)? {
                let limits = if signed { INT32 } else { UINT32 };
                put_number(out, to, clamp(seconds, &limits));
            }
        }
        How::Unwrap => {
            if let Some(number) = wrapped(from, field)? {
                put_number(out, to, number);
            }
        }
    }
    Ok(())
}

fn id(from: Reader<'_>, field: Field) -> Result<i64, FrameError> {
    parse(from.value(field)).ok_or_else(|| FrameError::at(Fault::NotAnId, field.start))
}

/// Reads the number in field 1: the value of a wrapper, the seconds of a timestamp.
fn wrapped(from: Reader<'_>, field: Field) -> Result<Option<i64>, FrameError> {
    let mut part = from.inside(field);
    let mut number = None;
    while let Some(inner) = part.field()? {
        if inner.number == 1 {
            if inner.wire_type != WireType::Varint {
                return Err(FrameError::at(Fault::WireType, inner.start));
            }
            number = Some(part.inside(inner).varint()? as i64);
        }
    }
    Ok(number)
}

/// Reads one of those `int32` that the older wire has as any text; another text is 0.
pub(super) fn small(text: &[u8]) -> i32 {
    let number = parse(text).and_then(|number| i32::try_from(number).ok());
    number.unwrap_or(0)
}

const INT32: RangeInclusive<i64> = i32::MIN as i64..=i32::MAX as i64;
const UINT32: RangeInclusive<i64> = 0..=u32::MAX as i64;

fn clamp(number: i64, limits: &RangeInclusive<i64>) -> i64 {
    number.clamp(*limits.start(), *limits.end())
}
