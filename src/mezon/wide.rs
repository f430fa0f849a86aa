//! Sizes of attachments above 2 GiB: the older wire has 64 bits for them, the newest one, whose types are used, has 32.

use greenroom_proto::mezon::realtime::envelope::Message;

/// Puts a mark into the place of each size that does not fit, and returns what stands for what.
pub(super) fn mark(mut message: Message, wide: &[(usize, i64)]) -> (Message, Vec<(i32, i64)>) {
    let attachments = match &mut message {
        Message::ChannelMessageSend(sent) => &mut sent.attachments,
        Message::ChannelMessageUpdate(sent) => &mut sent.attachments,
        Message::EphemeralMessageSend(sent) => match &mut sent.message {
            Some(sent) => &mut sent.attachments,
            None => return (message, Vec::new()),
        },
        _ => return (message, Vec::new()),
    };
    let mut marks = Vec::new();
    for (mark, (at, size)) in (i32::MIN..).zip(wide) {
        if let Some(attachment) = attachments.get_mut(*at) {
            attachment.size = mark;
            marks.push((mark, *size));
        }
    }
    (message, marks)
}

/// Writes the sizes over their marks.
///
/// A negative number takes ten bytes, none of which can be in a text, and a size can be written in as many.
pub(super) fn write(mut frame: Vec<u8>, marks: &[(i32, i64)]) -> Vec<u8> {
    for (mark, size) in marks {
        let mark = ten_bytes(i64::from(*mark));
        if let Some(at) = frame.windows(10).position(|window| window == mark) {
            frame[at..at + 10].copy_from_slice(&ten_bytes(*size));
        }
    }
    frame
}

#[expect(
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "as protobuf has it"
)]
fn ten_bytes(number: i64) -> [u8; 10] {
    let mut rest = number as u64;
    let mut bytes = [0; 10];
    for byte in &mut bytes {
        *byte = rest as u8 | 0x80;
        rest >>= 7;
    }
    bytes[9] &= 0x7f;
    bytes
}

#[cfg(test)]
mod tests {
    use greenroom_proto::mezon::{self, Wire, api, realtime};

    use super::*;
    use crate::mezon::codec::Request;

    #[test]
    fn the_older_wire_carries_sizes_of_any_length() {
        let file = |size| api::MessageAttachment {
            filename: "a".to_owned(),
            size,
            ..Default::default()
        };
        let send = realtime::ChannelMessageSend {
            content: "x".repeat(200),
            attachments: vec![file(1), file(0), file(0)],
            ..Default::default()
        };
        let sizes = vec![(1, 3_000_000_000), (2, i64::MAX)];
        let request = Request::from(send.clone()).with_sizes(sizes);
        let frame = request.encode(Wire::V1, 5).unwrap();
        // What is larger than the newest wire can say is read at its limit.
        let read: realtime::Envelope = mezon::decode(Wire::V1, frame.clone()).unwrap();
        let Some(Message::ChannelMessageSend(read)) = read.message else {
            panic!("{frame:x?}");
        };
        let sizes: Vec<_> = read.attachments.iter().map(|file| file.size).collect();
        assert_eq!(
            (sizes, &read.content),
            (vec![1, i32::MAX, i32::MAX], &send.content)
        );
        let plain = ten_bytes(3_000_000_000);
        assert!(frame.windows(10).any(|window| window == plain));
        let error = request.encode(Wire::V2, 5).unwrap_err();
        assert!(error.to_string().contains("3000000000"), "{error}");
    }
}
