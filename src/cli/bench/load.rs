//! What is sent in a benchmark: frames that are encoded beforehand, of which only the number and the time are written later.

use std::time::UNIX_EPOCH;

use greenroom_actors::clock;
use greenroom_proto::mezon::realtime::Envelope;
use greenroom_proto::mezon::realtime::envelope::Message;
use greenroom_proto::mezon::{self, api};
use serde_json::json;

use super::dialect::Dialect;
use super::scene::Scene;

/// The id of the first message: a multiple of both 10^8 and 2^28, so that only the low end of an id changes. Every id is as long as every
/// other on both wires.
const FIRST_MESSAGE: i64 = 26_843_545_600_000_000 * 70;
/// How many different frames there are, at least.
const DIFFERENT: usize = 4_000;
/// How the time is held in a content: nanoseconds since 1970.
const TIME_DIGITS: usize = 19;

/// All different frames, one after another, each with its websocket header.
#[derive(Debug)]
pub(super) struct Load {
    dialect: Dialect,
    bytes: Vec<u8>,
    frames: Vec<Slots>,
}

/// Where a frame is, and what is written into it later.
#[derive(Clone, Copy, Debug)]
struct Slots {
    start: usize,
    end: usize,
    id: usize,
    /// What people say may have no room for a time.
    time: Option<usize>,
}

impl Load {
    /// Encodes what is said in a scene: about 350 bytes a frame on the older wire of Mezon and in JSON.
    pub(super) fn new(dialect: Dialect, scene: &Scene) -> Self {
        let mut load = Self {
            dialect,
            bytes: Vec::new(),
            frames: Vec::new(),
        };
        // Whole rounds of the channels, so that each gets its share.
        let channels = scene.channels.len();
        for number in 0..DIFFERENT.div_ceil(channels) * channels {
            load.add(scene, number);
        }
        load
    }

    fn add(&mut self, scene: &Scene, number: usize) {
        let payload = match self.dialect {
            Dialect::Mezon(wire) => {
                let message = Message::ChannelMessage(Box::new(message(scene, number)));
                let message = Some(message);
                mezon::encode(wire, &Envelope { cid: 0, message })
            }
            Dialect::TokenBowl => text(scene, number).into_bytes(),
        };
        let start = self.bytes.len();
        self.bytes
            .extend_from_slice(&header(self.dialect, payload.len()));
        let body = self.bytes.len();
        self.bytes.extend_from_slice(&payload);
        let find = |needle: &[u8]| {
            let mut parts = payload.windows(needle.len());
            parts
                .position(|part| part == needle)
                .map(|found| body + found)
        };
        let id = match self.dialect {
            Dialect::V1 => find(FIRST_MESSAGE.to_string().as_bytes()),
            Dialect::V2 => find(&varint(FIRST_MESSAGE.unsigned_abs())),
            Dialect::TokenBowl => find(FIRST_UUID.as_bytes()),
        };
        self.frames.push(Slots {
            start,
            end: self.bytes.len(),
            id: id.unwrap_or(body),
            time: find(&[b'0'; TIME_DIGITS]),
        });
    }

    /// Returns the mean size of a frame in bytes, its header left out.
    pub(super) fn frame_size(&self) -> usize {
        self.bytes.len() / self.frames.len() - HEADER
    }

    /// Appends the frames number `from` to `to`, but no more than fit into `room` bytes; returns how many. Ids follow from the number:
    /// none comes twice. `time` says when each is sent, if that matters.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        from: u64,
        to: u64,
        room: usize,
        time: impl Fn(u64) -> Option<u64>,
    ) -> u64 {
        let mut number = from;
        while number < to {
            let place = usize::try_from(number).unwrap_or_default() % self.frames.len();
            let slots = self.frames[place];
            let start = out.len();
            if start > 0 && start + (slots.end - slots.start) > room {
                break;
            }
            out.extend_from_slice(&self.bytes[slots.start..slots.end]);
            let at = |place: usize| start + place - slots.start;
            match self.dialect {
                Dialect::V1 => digits(&mut out[at(slots.id) + 11..at(slots.id) + 19], number),
                Dialect::V2 => low_bits(&mut out[at(slots.id)..at(slots.id) + 4], number),
                // Decimal digits are hexadecimal ones as well.
                Dialect::TokenBowl => {
                    digits(&mut out[at(slots.id) + 24..at(slots.id) + 36], number);
                }
            }
            if let (Some(nanos), Some(time)) = (time(number), slots.time) {
                let time = at(time);
                digits(&mut out[time..time + TIME_DIGITS], nanos);
            }
            number += 1;
        }
        number - from
    }
}

/// Nanoseconds since 1970.
pub(super) fn nanos() -> u64 {
    let date = clock::date().duration_since(UNIX_EPOCH);
    u64::try_from(date.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

/// Reads the time out of a content that [`Load::write`] has put into it.
pub(super) fn sent_at(content: &str) -> Option<u64> {
    let start = content.find(|digit: char| digit.is_ascii_digit())?;
    content.get(start..start + TIME_DIGITS)?.parse().ok()
}

fn message(scene: &Scene, number: usize) -> api::ChannelMessage {
    let channel = &scene.channels[number % scene.channels.len()];
    let sender = &scene.senders[number * 7 % scene.senders.len()];
    api::ChannelMessage {
        clan_id: channel.clan_id,
        channel_id: channel.channel_id,
        message_id: FIRST_MESSAGE,
        sender_id: sender.id,
        username: sender.name.clone(),
        avatar: sender.avatar.clone(),
        content: scene.contents[number % scene.contents.len()].clone(),
        channel_label: channel.channel_label.clone(),
        display_name: sender.display.clone(),
        clan_nick: sender.name.clone(),
        mentions: b"[]"[..].into(),
        attachments: b"[]"[..].into(),
        create_time_seconds: 1_790_000_000,
        update_time_seconds: 1_790_000_000,
        mode: 2,
        is_public: true,
        ..Default::default()
    }
}

fn text(scene: &Scene, number: usize) -> String {
    let sender = &scene.senders[number * 7 % scene.senders.len()];
    // As servers write it, with the id first.
    let rest = json!({
        "from_user_id": format!("5f0c1d2e-3b4a-4c5d-8e6f-{:012}", sender.id % 1_000_000_000_000),
        "from_username": sender.name,
        "from_user_logo": null,
        "from_user_emoji": null,
        "from_user_bot": false,
        "to_user_id": null,
        "to_username": null,
        "content": SAID,
        "message_type": "room",
        "description": "",
        "timestamp": "2026-09-21T08:53:20.123456+00:00",
    });
    let rest = rest.to_string();
    format!("{{\"id\":\"{FIRST_UUID}\",{}", &rest[1..])
}

/// What everybody says in JSON, whose other fields are longer. The zeros make room for a time.
const SAID: &str = "0000000000000000000 all set";
const FIRST_UUID: &str = "0a1b2c3d-4e5f-4a6b-8c7d-000000000000";

/// The header of a frame from a server.
fn header(dialect: Dialect, length: usize) -> [u8; HEADER] {
    let length = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    let kind = match dialect {
        Dialect::Mezon(_) => 0x82,
        Dialect::TokenBowl => 0x81,
    };
    [kind, 126, length[0], length[1]]
}

/// How long a header is.
const HEADER: usize = 4;

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// Writes a number as decimal digits, with zeros in front.
fn digits(out: &mut [u8], mut number: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Writes a number into the beginning of a varint that goes on.
fn low_bits(out: &mut [u8], mut number: u64) {
    for byte in out {
        *byte = 0x80 | (number & 0x7f) as u8;
        number >>= 7;
    }
}
