//! The frames of a websocket: bytes to requests, and answers and events to bytes.

use bytes::Bytes;
use greenroom_proto::mezon::realtime::Envelope;
use greenroom_proto::mezon::realtime::envelope::Message;
use greenroom_proto::mezon::{Fault, FrameError, Wire, api, cid_text, decode, encode, realtime};

use super::failure::Failure;
use super::lists;

/// The id of a request, as its client wrote it; the answer gives back the same bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cid(Vec<u8>);

/// A frame that a client sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Incoming {
    pub(super) cid: Cid,
    /// The id as a number, 0 if it is not one.
    pub(super) number: i32,
    pub(super) request: Option<Message>,
    /// There is something in the frame that the server does not know.
    pub(super) unknown: bool,
}

/// A frame that the server cannot use.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Unreadable {
    /// It is not an envelope, or its id is not text.
    Frame(String),
    /// An id in it is not a number, as those of this server are.
    Id(Cid, FrameError),
}

/// Reads a frame.
pub(super) fn read(wire: Wire, frame: &Bytes) -> Result<Incoming, Unreadable> {
    let envelope: Envelope = decode(wire, frame.clone()).map_err(|error| {
        if matches!(error.fault(), Fault::NotAnId) {
            Unreadable::Id(Cid::of(wire, frame, 0), error)
        } else {
            Unreadable::Frame(error.to_string())
        }
    })?;
    let text = cid_text(frame).unwrap_or_default();
    if wire == Wire::V1 && std::str::from_utf8(text).is_err() {
        return Err(Unreadable::Frame("the cid is not UTF-8".to_owned()));
    }
    let cid = Cid::of(wire, frame, envelope.cid);
    Ok(Incoming {
        unknown: envelope.message.is_none() && frame.len() > cid.0.len(),
        number: envelope.cid,
        request: envelope.message,
        cid,
    })
}

impl Cid {
    fn of(wire: Wire, frame: &[u8], number: i32) -> Self {
        let mut cid = Vec::new();
        match (wire, cid_text(frame)) {
            (Wire::V1, Some(text)) if !text.is_empty() => put(&mut cid, 0x0a, text),
            (Wire::V2, _) if number != 0 => {
                cid.push(0x08);
                varint(&mut cid, i64::from(number) as u64);
            }
            _ => {}
        }
        Self(cid)
    }
}

/// Writes an answer, or an event if there is no id.
pub(super) fn write(wire: Wire, cid: &Cid, message: Option<&Message>) -> Bytes {
    let mut frame = cid.0.clone();
    match (wire, message) {
        (_, None) => {}
        (Wire::V1, Some(Message::ChannelMessage(message))) => {
            put(&mut frame, 0x32, &older_message(message));
        }
        (Wire::V1, Some(Message::ChannelMessageAck(ack))) => {
            put(&mut frame, 0x3a, &older_ack(ack));
        }
        (wire, Some(message)) => {
            let envelope = Envelope {
                cid: 0,
                message: Some(message.clone()),
            };
            frame.extend(encode(wire, &envelope));
        }
    }
    frame.into()
}

/// Writes the answer of a call that came over the socket: raw frames, of which the last one says so.
pub(super) fn write_raw(cid: i32, outcome: &Result<Vec<u8>, Failure>) -> Vec<Bytes> {
    let (code, payload) = match outcome {
        Ok(body) => (0, body.as_slice()),
        Err(failure) => (failure.code, failure.text.as_bytes()),
    };
    // the frame has room for 16 bits only
    let cid = cid as u16;
    let mut parts: Vec<&[u8]> = payload.chunks(RAW_PART).collect();
    if parts.is_empty() {
        parts.push(&[]);
    }
    let last = parts.len() - 1;
    let frame = |(place, part): (usize, &&[u8])| {
        let flag: u16 = if place == last { 0x00ff } else { 0 };
        let mut frame = vec![0xff];
        frame.extend(cid.to_be_bytes());
        frame.extend(code.to_be_bytes());
        frame.extend(flag.to_be_bytes());
        frame.extend(*part);
        Bytes::from(frame)
    };
    parts.iter().enumerate().map(frame).collect()
}

/// How many bytes of an answer one raw frame carries.
const RAW_PART: usize = 16 << 10;

/// Encodes a message as a server of the older wire does: lists as text, wrappers and both forms of times always there,
/// `"0"` for the clan of direct messages.
fn older_message(message: &api::ChannelMessage) -> Vec<u8> {
    let mut body = encode(Wire::V1, &lists::as_text(message));
    if message.clan_id == 0 {
        put(&mut body, 0x0a, b"0");
    }
    if message.code == 0 {
        put(&mut body, 0x22, &[]);
    }
    for (key, seconds) in [
        (0x4a, message.create_time_seconds),
        (0x52, message.update_time_seconds),
    ] {
        if seconds != 0 {
            let mut time = vec![0x08];
            varint(&mut time, u64::from(seconds));
            put(&mut body, key, &time);
        }
    }
    body
}

fn older_ack(ack: &realtime::ChannelMessageAck) -> Vec<u8> {
    let mut body = encode(Wire::V1, ack);
    if ack.code == 0 {
        put(&mut body, 0x1a, &[]);
    }
    body
}

/// Appends a field of bytes; `key` is the field number times 8, plus 2.
fn put(out: &mut Vec<u8>, key: u8, value: &[u8]) {
    out.push(key);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Bytes {
        let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len())
            .step_by(2)
            .map(digit)
            .collect::<Vec<u8>>()
            .into()
    }

    #[test]
    fn the_id_of_a_request_comes_back_as_it_was() {
        for (wire, frame) in [
            (Wire::V1, "0a0131b20100"),
            (Wire::V1, "0a05612d62f09fb20100"),
            (Wire::V2, "0801b20100"),
            (Wire::V2, "08ffffffffffffffffff01b20100"),
            (Wire::V1, "b20100"),
            (Wire::V2, "b20100"),
        ] {
            let frame = bytes(frame);
            let Ok(incoming) = read(wire, &frame) else {
                continue;
            };
            assert_eq!(write(wire, &incoming.cid, incoming.request.as_ref()), frame);
        }
    }

    #[test]
    fn an_empty_frame_differs_from_an_unknown_one() {
        assert!(!read(Wire::V2, &bytes("0801")).unwrap().unknown);
        assert!(!read(Wire::V1, &bytes("")).unwrap().unknown);
        assert!(read(Wire::V2, &bytes("0801c23e00")).unwrap().unknown);
        assert!(read(Wire::V1, &bytes("3206")).is_err());
    }

    #[test]
    fn an_id_that_is_not_text_is_not_given_back() {
        let fault = read(Wire::V1, &bytes("0a02fffeb20100")).unwrap_err();
        assert_eq!(fault, Unreadable::Frame("the cid is not UTF-8".to_owned()));
    }

    #[test]
    fn answers_of_calls_are_split() {
        let answer = write_raw(513, &Ok(vec![8, 1]));
        assert_eq!(answer, [bytes("ff0201000000ff0801")]);
        let answer = write_raw(513, &Err(Failure::missing("no")));
        assert_eq!(answer, [bytes("ff0201000500ff6e6f")]);
        let answer = write_raw(0x1_0001, &Ok(vec![7; RAW_PART + 1]));
        assert_eq!(answer.len(), 2);
        assert_eq!(answer[0][..7], bytes("ff000100000000")[..]);
        assert_eq!(answer[1], bytes("ff0001000000ff07"));
        assert_eq!(write_raw(1, &Ok(Vec::new())), [bytes("ff0001000000ff")]);
    }

    #[test]
    fn the_older_wire_gets_lists_as_text_and_wrappers() {
        let message = api::ChannelMessage {
            message_id: 7,
            create_time_seconds: 5,
            ..Default::default()
        };
        let frame = write(
            Wire::V1,
            &Cid::default(),
            Some(&Message::ChannelMessage(Box::new(message))),
        );
        let shown = super::super::json::frame(Wire::V1, frame).to_json();
        assert_eq!(
            shown["channel_message"],
            serde_json::json!({
                "clan_id": "0", "message_id": "7", "code": 0, "create_time": "1970-01-01T00:00:05Z", "create_time_seconds": 5,
                "mentions": "[]", "attachments": "[]", "reactions": "[]", "references": "[]",
            })
        );
    }
}
