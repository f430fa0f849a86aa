//! A quick walk over a message that is as it nearly always is.

/// Goes over the fields of a message and gives up at whatever is broken or unusual.
///
/// [`Reader`](super::raw::Reader) says where and what is wrong; this says only that the way round is needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk<'a> {
    rest: &'a [u8],
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Walk<'a> {
    #[inline]
    pub(super) const fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    #[inline]
    pub(super) const fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns the number of the next field, and its value.
    #[inline(always)]
    pub(super) fn field(&mut self) -> Option<(u32, Value<'a>)> {
        let key = self.key()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            2 => Value::Bytes(self.bytes()?),
            _ => return None,
        };
        Some((key >> 3, value))
    }

    /// Returns the number and the type of the next field; no field has number 0.
    #[inline(always)]
    fn key(&mut self) -> Option<u32> {
        let (key, rest) = match *self.rest {
            [low, ref rest @ ..] if low < 0x80 => (u32::from(low), rest),
            [low, high, ref rest @ ..] if high < 0x80 => {
                (u32::from(low & 0x7f) | u32::from(high) << 7, rest)
            }
            _ => {
                let key = self.long_varint()?;
                return u32::try_from(key).ok().filter(|key| *key >= 8);
            }
        };
        self.rest = rest;
        (key >= 8).then_some(key)
    }

    #[inline(always)]
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    #[inline(always)]
    fn varint(&mut self) -> Option<u64> {
        match *self.rest {
            [byte, ref rest @ ..] if byte < 0x80 => {
                self.rest = rest;
                Some(byte.into())
            }
            _ => self.long_varint(),
        }
    }

    /// Reads eight bytes of a number at once, and what is left of it one by one.
    #[inline(never)]
    fn long_varint(&mut self) -> Option<u64> {
        let Some(first) = self.rest.first_chunk::<8>() else {
            return self.slow_varint();
        };
        let word = u64::from_le_bytes(*first);
        let ends = !word & ENDS;
        if ends == 0 {
            return self.longest_varint(join(word));
        }
        // All bits up to and with the one that marks the end.
        let length = ends.trailing_zeros() / 8 + 1;
        let number = join(word & (ends ^ (ends - 1)));
        self.rest = self.rest.get(length as usize..)?;
        Some(number)
    }

    /// Reads the last one or two bytes of a number that is as long as ids are.
    #[inline]
    fn longest_varint(&mut self, number: u64) -> Option<u64> {
        let (top, rest) = match *self.rest.get(8..)? {
            [top, ref rest @ ..] if top < 0x80 => (u64::from(top), rest),
            // The tenth byte holds the last bit only.
            [top, last, ref rest @ ..] if last < 2 => {
                (u64::from(top & 0x7f) | u64::from(last) << 7, rest)
            }
            _ => return None,
        };
        self.rest = rest;
        Some(number | top << 56)
    }

    #[cold]
    fn slow_varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for (place, &byte) in self.rest.iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                self.rest = &self.rest[place + 1..];
                // The tenth byte holds the last bit only.
                return (place < 9 || byte < 2).then_some(number);
            }
        }
        None
    }
}

/// Joins eight groups of seven bits, the lowest first: neighbours to pairs, pairs to fours, fours to the number.
const fn join(word: u64) -> u64 {
    let word = word & !ENDS;
    let pairs = word & 0x007f_007f_007f_007f | (word & 0x7f00_7f00_7f00_7f00) >> 1;
    let fours = pairs & 0x0000_3fff_0000_3fff | (pairs & 0x3fff_0000_3fff_0000) >> 2;
    fours & 0x0fff_ffff | (fours & 0x0fff_ffff_0000_0000) >> 4
}

/// The bit of each byte that says whether the number goes on.
const ENDS: u64 = 0x8080_8080_8080_8080;
