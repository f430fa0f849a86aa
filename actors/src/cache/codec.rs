//! Bytes of keys and numbers: fixed width, big endian, so that the order of the bytes is the order of the values.

use crate::event::{ChannelKey, Id};

/// Appends `id` so that encoded ids compare as the ids do (numbers first, then texts) and none is a prefix of another.
pub(super) fn put_id(out: &mut Vec<u8>, id: &Id) {
    if let Some(number) = id.number() {
        out.push(NUMBER);
        out.extend_from_slice(&(number ^ i64::MIN).to_be_bytes());
        return;
    }
    out.push(TEXT);
    for byte in id.to_string().bytes() {
        out.push(byte);
        if byte == 0 {
            out.push(ESCAPED);
        }
    }
    out.extend_from_slice(&[0, END]);
}

/// Appends the key of a channel.
pub(super) fn put_channel(out: &mut Vec<u8>, channel: &ChannelKey) {
    put_id(out, &channel.space);
    put_id(out, &channel.channel);
}

/// The key of one value: its channel and the id of its first message.
pub(super) fn chunk_key(channel: &ChannelKey, first: &Id) -> Vec<u8> {
    let mut key = Vec::with_capacity(27);
    put_channel(&mut key, channel);
    put_id(&mut key, first);
    key
}

/// Reads [`chunk_key`] back.
pub(super) fn read_chunk_key(key: &[u8]) -> Option<(ChannelKey, Id)> {
    let mut reader = Reader(key);
    let parts = (reader.channel()?, reader.id()?);
    reader.0.is_empty().then_some(parts)
}

/// Takes values off the front of a slice; `None` where the slice ends too early or holds something else.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        let (head, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*head))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*head))
    }

    pub(super) fn id(&mut self) -> Option<Id> {
        match self.u8()? {
            NUMBER => {
                let (head, rest) = self.0.split_first_chunk()?;
                self.0 = rest;
                Some(Id::from(i64::from_be_bytes(*head) ^ i64::MIN))
            }
            TEXT => self.text(),
            _ => None,
        }
    }

    pub(super) fn channel(&mut self) -> Option<ChannelKey> {
        Some(ChannelKey {
            space: self.id()?,
            channel: self.id()?,
        })
    }

    fn text(&mut self) -> Option<Id> {
        let mut text = Vec::new();
        loop {
            let byte = self.u8()?;
            if byte == 0 {
                match self.u8()? {
                    END => break,
                    ESCAPED => {}
                    _ => return None,
                }
            }
            text.push(byte);
        }
        Some(Id::from(String::from_utf8(text).ok()?))
    }
}

const NUMBER: u8 = 1;
const TEXT: u8 = 2;
const END: u8 = 1;
const ESCAPED: u8 = 0xff;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id() -> impl Strategy<Value = Id> {
        prop_oneof![
            any::<i64>().prop_map(Id::from),
            (-3_i64..3).prop_map(Id::from),
            "[\\x00\\x01a-c\u{e9}]{0,4}".prop_map(Id::from),
        ]
    }

    proptest! {
        #[test]
        fn bytes_keep_the_order_of_keys(a in (id(), id(), id()), b in (id(), id(), id())) {
            let key = |parts: &(Id, Id, Id)| {
                chunk_key(&ChannelKey::new(&parts.0, &parts.1), &parts.2)
            };
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
        }

        #[test]
        fn keys_read_back(space in id(), channel in id(), first in id()) {
            let channel = ChannelKey::new(space, channel);
            prop_assert_eq!(
                read_chunk_key(&chunk_key(&channel, &first)),
                Some((channel, first))
            );
        }

        #[test]
        fn no_channel_is_a_prefix_of_another(a in (id(), id()), b in (id(), id())) {
            let (a, b) = (ChannelKey::new(a.0, a.1), ChannelKey::new(b.0, b.1));
            let (mut left, mut right) = (Vec::new(), Vec::new());
            put_channel(&mut left, &a);
            put_channel(&mut right, &b);
            prop_assert_eq!(left.starts_with(&right), a == b);
        }

        #[test]
        fn garbage_is_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = read_chunk_key(&bytes);
        }
    }
}
