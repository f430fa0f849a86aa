//! Protobuf on the level of the wire: keys, lengths, numbers.

use std::ops::Range;

use super::error::{Fault, FrameError};

/// Messages and groups may be nested this deeply, as in prost.
pub(super) const MAX_DEPTH: u32 = 100;

/// How a value is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Group = 3,
    Fixed32 = 5,
}

/// Where in a frame a field is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) wire_type: WireType,
    /// The first byte after the key.
    raw: usize,
    /// The first byte of the value: behind the length if it has one.
    pub(super) start: usize,
    /// The first byte behind the value.
    end: usize,
}

impl Field {
    /// Where the value is.
    pub(super) const fn value(self) -> Range<usize> {
        self.start..self.end
    }

    /// The length of the value.
    pub(super) const fn len(self) -> usize {
        self.end - self.start
    }
}

/// Walks over the fields of a message without knowing it.
///
/// A part of a frame is read in place, so that every offset is one of the whole frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    frame: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(frame: &'a [u8]) -> Self {
        Self { frame, at: 0 }
    }

    /// Reads the value of a field as something of its own.
    pub(super) fn inside(&self, field: Field) -> Self {
        Self {
            frame: self.frame.get(..field.end).unwrap_or_default(),
            at: field.start,
        }
    }

    /// The value of a field.
    pub(super) fn value(&self, field: Field) -> &'a [u8] {
        self.frame.get(field.start..field.end).unwrap_or_default()
    }

    /// The value of a field, with its length if it has one.
    pub(super) fn raw(&self, field: Field) -> &'a [u8] {
        self.frame.get(field.raw..field.end).unwrap_or_default()
    }

    /// How far it has come in the frame.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// Returns the next field, or `None` at the end of the message.
    #[inline]
    pub(super) fn field(&mut self) -> Result<Option<Field>, FrameError> {
        if self.at >= self.frame.len() {
            return Ok(None);
        }
        let (number, kind) = self.key()?;
        self.skip_value(number, kind, 0).map(Some)
    }

    /// Reads a number of up to 64 bits.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, FrameError> {
        match self.frame.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(byte.into())
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, FrameError> {
        let mut number = 0;
        for (place, &byte) in self.frame.iter().skip(self.at).take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                // The tenth byte holds the last bit only.
                if place == 9 && byte > 1 {
                    break;
                }
                self.at += place + 1;
                return Ok(number);
            }
        }
        let ends = self.frame.len() - self.at < 10;
        let fault = if ends {
            Fault::EndsEarly
        } else {
            Fault::BadVarint
        };
        Err(FrameError::at(fault, self.at))
    }

    #[inline]
    fn key(&mut self) -> Result<(u32, u32), FrameError> {
        let start = self.at;
        let key = self.varint()?;
        match u32::try_from(key) {
            Ok(key) if key >= 8 => Ok((key >> 3, key & 7)),
            _ => Err(FrameError::at(Fault::BadKey, start)),
        }
    }

    #[inline]
    fn skip_value(&mut self, number: u32, kind: u32, depth: u32) -> Result<Field, FrameError> {
        let raw = self.at;
        let mut start = raw;
        let wire_type = match kind {
            0 => {
                self.varint()?;
                WireType::Varint
            }
            1 => {
                self.skip(8)?;
                WireType::Fixed64
            }
            2 => {
                let length = self.varint()?;
                start = self.at;
                self.skip(length)?;
                WireType::Bytes
            }
            3 => {
                self.skip_group(number, depth + 1)?;
                WireType::Group
            }
            5 => {
                self.skip(4)?;
                WireType::Fixed32
            }
            _ => return Err(FrameError::at(Fault::BadKey, raw)),
        };
        Ok(Field {
            number,
            wire_type,
            raw,
            start,
            end: self.at,
        })
    }

    #[inline]
    fn skip(&mut self, length: u64) -> Result<(), FrameError> {
        let left = self.frame.len() - self.at;
        match usize::try_from(length) {
            Ok(length) if length <= left => {
                self.at += length;
                Ok(())
            }
            _ => Err(FrameError::at(Fault::EndsEarly, self.at)),
        }
    }

    /// Skips the rest of a group. No message of the platform has one, but a stranger may.
    #[cold]
    fn skip_group(&mut self, number: u32, depth: u32) -> Result<(), FrameError> {
        if depth > MAX_DEPTH {
            return Err(FrameError::at(Fault::TooDeep, self.at));
        }
        loop {
            let start = self.at;
            let (inner, kind) = self.key()?;
            match kind {
                4 if inner == number => return Ok(()),
                4 => return Err(FrameError::at(Fault::BadKey, start)),
                _ => self.skip_value(inner, kind, depth)?,
            };
        }
    }
}

/// Appends a number.
#[inline]
pub(super) fn put_varint(out: &mut Vec<u8>, number: u64) {
    if number < 0x80 {
        out.push(number as u8);
    } else {
        put_long_varint(out, number);
    }
}

fn put_long_varint(out: &mut Vec<u8>, mut number: u64) {
    let mut bytes = [0; 10];
    let mut length = 1;
    for slot in &mut bytes {
        *slot = number as u8 | 0x80;
        number >>= 7;
        if number == 0 {
            *slot &= 0x7f;
            break;
        }
        length += 1;
    }
    out.extend_from_slice(&bytes[..length]);
}

/// Appends a field key.
#[inline]
pub(super) fn put_key(out: &mut Vec<u8>, number: u32, wire_type: WireType) {
    put_varint(out, u64::from(number << 3 | wire_type as u32));
}

/// Appends a field that is a number.
#[inline]
pub(super) fn put_number(out: &mut Vec<u8>, number: u32, value: i64) {
    put_key(out, number, WireType::Varint);
    put_varint(out, value as u64);
}

/// Appends a field that is bytes or text.
#[inline]
pub(super) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_key(out, number, WireType::Bytes);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a field that is a message, which `write` writes.
///
/// The length is only known afterwards: space is kept for the length of `about` bytes, and the
/// message is moved if that was a wrong guess.
pub(super) fn put_nested<E>(
    out: &mut Vec<u8>,
    number: u32,
    about: usize,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    put_key(out, number, WireType::Bytes);
    let from = out.len();
    let kept = varint_len(about);
    out.resize(from + kept, 0);
    write(out)?;

    let length = out.len() - from - kept;
    let needed = varint_len(length);
    if needed != kept {
        let end = out.len();
        out.resize(end.max(end + needed - kept), 0);
        out.copy_within(from + kept..end, from + needed);
        out.truncate(from + needed + length);
    }
    let mut rest = length;
    for slot in &mut out[from..from + needed] {
        *slot = rest as u8 | 0x80;
        rest >>= 7;
    }
    out[from + needed - 1] &= 0x7f;
    Ok(())
}

const fn varint_len(number: usize) -> usize {
    (usize::BITS - (number | 1).leading_zeros()).div_ceil(7) as usize
}
