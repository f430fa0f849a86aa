//! Reads the few fields of a message by which it is kept, without decoding it.

use greenroom_proto::mezon::Wire;

/// What a message is kept by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heading {
    pub(super) clan_id: i64,
    pub(super) channel_id: i64,
    pub(super) message_id: i64,
    pub(super) code: i32,
    pub(super) at: u64,
}

impl Heading {
    /// Reads the heading of an encoded `ChannelMessage`; `None` if it is broken.
    pub(super) fn read(wire: Wire, body: &[u8]) -> Option<Self> {
        let mut heading = Self::default();
        let mut rest = body;
        while !rest.is_empty() {
            let key = varint(&mut rest)?;
            let value = match key & 7 {
                0 => Value::Number(varint(&mut rest)?),
                1 => skip(&mut rest, 8)?,
                2 => {
                    let length = usize::try_from(varint(&mut rest)?).ok()?;
                    skip(&mut rest, length)?
                }
                5 => skip(&mut rest, 4)?,
                _ => return None,
            };
            match (key >> 3, wire) {
                (1, _) => heading.clan_id = value.id()?,
                (2, _) => heading.channel_id = value.id()?,
                (3, _) => heading.message_id = value.id()?,
                (4, Wire::V1) => heading.code = value.wrapped()?,
                (4, Wire::V2) => heading.code = value.small(),
                (22, Wire::V1) | (20, Wire::V2) => heading.at = value.number(),
                _ => {}
            }
        }
        Some(heading)
    }
}

enum Value<'a> {
    Bytes(&'a [u8]),
    Number(u64),
}

impl Value<'_> {
    fn number(&self) -> u64 {
        match self {
            Self::Number(number) => *number,
            Self::Bytes(_) => 0,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "as protobuf has it")]
    fn small(&self) -> i32 {
        self.number() as i32
    }

    #[expect(clippy::cast_possible_wrap, reason = "as protobuf has it")]
    fn id(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number as i64),
            Self::Bytes(b"") => Some(0),
            Self::Bytes(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        }
    }

    /// Reads an `Int32Value`.
    fn wrapped(&self) -> Option<i32> {
        match self {
            Self::Number(_) | Self::Bytes(b"") => Some(0),
            Self::Bytes(inner) => {
                let mut inner = *inner;
                let key = varint(&mut inner)?;
                let number = varint(&mut inner)?;
                Some(if key == 8 {
                    Value::Number(number).small()
                } else {
                    0
                })
            }
        }
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * shift);
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn skip<'a>(bytes: &mut &'a [u8], length: usize) -> Option<Value<'a>> {
    let (value, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(Value::Bytes(value))
}

#[cfg(test)]
mod tests {
    use greenroom_proto::mezon::{self, api};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_reads_what_a_decoder_reads(ids in any::<(i64, i64, i64)>(), code in any::<i32>(), at in any::<u32>(), content in ".*") {
            let message = api::ChannelMessage {
                clan_id: ids.0,
                channel_id: ids.1,
                message_id: ids.2,
                code,
                content,
                create_time_seconds: at,
                ..Default::default()
            };
            let expected = Heading { clan_id: ids.0, channel_id: ids.1, message_id: ids.2, code, at: at.into() };
            for wire in [Wire::V1, Wire::V2] {
                let heading = Heading::read(wire, &mezon::encode(wire, &message));
                prop_assert_eq!(heading, Some(expected), "{}", wire);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            Heading::read(Wire::V1, &bytes);
            Heading::read(Wire::V2, &bytes);
        }
    }
}
