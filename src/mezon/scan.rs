//! The few fields of a message by which it is kept.

use greenroom_proto::mezon::MessageView;
#[cfg(test)]
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

impl From<&MessageView<'_>> for Heading {
    fn from(message: &MessageView<'_>) -> Self {
        Self {
            clan_id: message.clan_id,
            channel_id: message.channel_id,
            message_id: message.message_id,
            code: message.code,
            at: message.create_time_seconds.into(),
        }
    }
}

#[cfg(test)]
impl Heading {
    /// Reads the heading of an encoded message; `None` if it is broken.
    pub(super) fn read(wire: Wire, body: &[u8]) -> Option<Self> {
        MessageView::read(wire, body).map(|message| Self::from(&message))
    }
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
