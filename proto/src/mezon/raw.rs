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

/// A field as it was found.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    pub(super) wire_type: WireType,
    /// Everything after the key, a length included.
    pub(super) raw: &'a [u8],
    /// The value: what a length announces, or all of `raw`.
    pub(super) value: Range<usize>,
}

/// Walks over the fields of a message without knowing it.
///
/// A part of a frame is read in place, so that every offset is one of the whole frame.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    frame: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(frame: &'a [u8]) -> Self {
        Self { frame, at: 0 }
    }

    /// Reads the value of a field as a message of its own.
    pub(super) fn inside(&self, value: Range<usize>) -> Self {
        Self {
            frame: self.frame.get(..value.end).unwrap_or(self.frame),
            at: value.start,
        }
    }

    pub(super) fn bytes(&self, value: Range<usize>) -> &'a [u8] {
        self.frame.get(value).unwrap_or_default()
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// Returns the next field, or `None` at the end of the message.
    pub(super) fn field(&mut self) -> Result<Option<Field<'a>>, FrameError> {
        if self.at >= self.frame.len() {
            return Ok(None);
        }
        let (number, kind) = self.key()?;
        self.value(number, kind, 0).map(Some)
    }

    /// Reads a number of up to 64 bits.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, FrameError> {
        let start = self.at;
        let mut number = 0;
        for shift in 0..10 {
            let Some(&byte) = self.frame.get(self.at) else {
                return Err(FrameError::at(Fault::EndsEarly, start));
            };
            self.at += 1;
            number |= u64::from(byte & 0x7f) << (7 * shift);
            if byte < 0x80 {
                // The tenth byte holds the last bit only.
                if shift == 9 && byte > 1 {
                    break;
                }
                return Ok(number);
            }
        }
        Err(FrameError::at(Fault::BadVarint, start))
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
    fn value(&mut self, number: u32, kind: u32, depth: u32) -> Result<Field<'a>, FrameError> {
        let start = self.at;
        let mut value = None;
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
                let from = self.at;
                self.skip(length)?;
                value = Some(from..self.at);
                WireType::Bytes
            }
            3 => {
                self.group(number, depth + 1)?;
                WireType::Group
            }
            5 => {
                self.skip(4)?;
                WireType::Fixed32
            }
            _ => return Err(FrameError::at(Fault::BadKey, start)),
        };
        Ok(Field {
            number,
            wire_type,
            raw: self.bytes(start..self.at),
            value: value.unwrap_or(start..self.at),
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
    fn group(&mut self, number: u32, depth: u32) -> Result<(), FrameError> {
        if depth > MAX_DEPTH {
            return Err(FrameError::at(Fault::TooDeep, self.at));
        }
        loop {
            let start = self.at;
            let (inner, kind) = self.key()?;
            match kind {
                4 if inner == number => return Ok(()),
                4 => return Err(FrameError::at(Fault::BadKey, start)),
                _ => self.value(inner, kind, depth)?,
            };
        }
    }
}

/// Appends a number.
#[inline]
pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a field key.
#[inline]
pub(super) fn put_key(out: &mut Vec<u8>, number: u32, wire_type: WireType) {
    put_varint(out, u64::from(number << 3 | wire_type as u32));
}

/// Appends a length and what it announces.
#[inline]
pub(super) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_key(out, number, WireType::Bytes);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends what `write` writes as one field, with its length in front.
///
/// The length is only known afterwards: space is kept for the length of `about` bytes, and the
/// value is moved if that was a wrong guess.
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
