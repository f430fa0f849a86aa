//! Frames of the older wire, as the real clients and servers write them.

use greenroom_proto::mezon::{
    self, Wire,
    api::{ChannelMessage, MessageAttachment, MessageMention, MessageRef},
    realtime::{
        ChannelJoin, ChannelMessageAck, ChannelMessageSend, ClanJoin, Envelope,
        EphemeralMessageSend, Error, envelope::Message,
    },
};

use crate::{
    frames::{frame, hex},
    ids::{ALICE, CHANNEL, CLAN, DM, MESSAGE},
};

fn envelope(cid: i32, message: Message) -> Envelope {
    Envelope {
        cid,
        message: Some(message),
    }
}

fn reads(name: &str, expected: &Envelope) {
    let read: Envelope = mezon::decode(Wire::V1, frame(Wire::V1, name)).expect("a frame");
    assert_eq!(read, *expected);
}

fn reads_and_writes(name: &str, expected: &Envelope) {
    writes_without(name, expected, &[]);
}

/// Reads a frame, and writes it without those parts of it that say nothing.
fn writes_without(name: &str, expected: &Envelope, parts: &[(&str, &str)]) {
    reads(name, expected);
    let mut frame = hex(&frame(Wire::V1, name));
    for (from, to) in parts {
        assert!(frame.contains(from));
        frame = frame.replacen(from, to, 1);
    }
    assert_eq!(hex(&mezon::encode(Wire::V1, expected)), frame);
}

#[test]
fn ping_and_pong() {
    reads_and_writes("ping", &envelope(1, Message::Ping(Box::default())));
    reads_and_writes("pong", &envelope(1, Message::Pong(Box::default())));
}

#[test]
fn joins() {
    let clan = |clan_id| {
        Message::ClanJoin(Box::new(ClanJoin {
            clan_id,
            ..ClanJoin::default()
        }))
    };
    reads_and_writes("clan_join", &envelope(2, clan(CLAN)));
    reads_and_writes("clan_join_none", &envelope(3, clan(0)));

    let dm = ChannelJoin {
        channel_id: DM,
        channel_type: 3,
        ..ChannelJoin::default()
    };
    reads_and_writes(
        "channel_join",
        &envelope(4, Message::ChannelJoin(Box::new(dm))),
    );
}

#[test]
fn a_message_with_a_mention_and_an_attachment() {
    let send = ChannelMessageSend {
        clan_id: CLAN,
        channel_id: CHANNEL,
        content: r#"{"t": "Hello \ud83d\udc4b"}"#.into(),
        mentions: vec![MessageMention {
            user_id: ALICE,
            username: "alice".into(),
            e: 5,
            ..MessageMention::default()
        }],
        attachments: vec![MessageAttachment {
            filename: "a.png".into(),
            size: 3,
            url: "https://cdn.invalid/a.png".into(),
            filetype: "image/png".into(),
            width: 1,
            height: 2,
            ..MessageAttachment::default()
        }],
        mode: 2,
        is_public: true,
        ..ChannelMessageSend::default()
    };
    reads_and_writes(
        "send",
        &envelope(5, Message::ChannelMessageSend(Box::new(send))),
    );
}

#[test]
fn a_reply_with_topic_none() {
    let send = ChannelMessageSend {
        clan_id: CLAN,
        channel_id: CHANNEL,
        content: r#"{"t": "pong"}"#.into(),
        references: vec![MessageRef {
            message_ref_id: MESSAGE + 1,
            content: r#"{"t": "!ping"}"#.into(),
            message_sender_id: ALICE,
            message_sender_username: "Alice".into(),
            ..MessageRef::default()
        }],
        mode: 2,
        is_public: true,
        ..ChannelMessageSend::default()
    };
    let reply = envelope(6, Message::ChannelMessageSend(Box::new(send)));
    // The peers write topic "0", which is none.
    writes_without("reply", &reply, &[("428301", "428001"), ("6a0130", "")]);
}

#[test]
fn an_ephemeral_message() {
    let message = ChannelMessageSend {
        clan_id: CLAN,
        channel_id: CHANNEL,
        content: r#"{"t": "psst"}"#.into(),
        mode: 2,
        is_public: true,
        code: 12,
        ..ChannelMessageSend::default()
    };
    let send = EphemeralMessageSend {
        message: Some(message),
        receiver_ids: vec![ALICE],
    };
    reads_and_writes(
        "ephemeral",
        &envelope(7, Message::EphemeralMessageSend(Box::new(send))),
    );
}

#[test]
fn an_acknowledgement() {
    let ack = ChannelMessageAck {
        channel_id: CHANNEL,
        message_id: MESSAGE,
        username: "greenroom".into(),
        persistent: Some(true),
        ..ChannelMessageAck::default()
    };
    let ack = envelope(5, Message::ChannelMessageAck(Box::new(ack)));
    // The peers write `code` even if it is 0: a wrapper without content.
    let parts = [("3a3b", "3a39"), ("1a002209", "2209")];
    writes_without("acknowledgement", &ack, &parts);
}

#[test]
fn a_refusal() {
    let error = Error {
        code: 3,
        message: "Must join channel before sending messages".into(),
        ..Error::default()
    };
    reads_and_writes("error", &envelope(9, Message::Error(Box::new(error))));
}

#[test]
fn a_message_event() {
    let message = ChannelMessage {
        clan_id: CLAN,
        channel_id: CHANNEL,
        message_id: MESSAGE + 1,
        sender_id: ALICE,
        username: "alice".into(),
        content: r#"{"t":"!ping"}"#.into(),
        mentions: b"[]"[..].into(),
        create_time_seconds: 1_795_170_837,
        mode: 2,
        is_public: true,
        ..ChannelMessage::default()
    };
    let event = envelope(0, Message::ChannelMessage(Box::new(message)));
    writes_without("event", &event, &[("327e", "327c"), ("22002a13", "2a13")]);
}
