//! Frames of the older wire, as the real clients and servers write them.

mod common;

use common::{hex, unhex};
use greenroom_proto::mezon::{
    self, Wire,
    api::{ChannelMessage, MessageAttachment, MessageMention, MessageRef},
    realtime::{
        ChannelJoin, ChannelMessageAck, ChannelMessageSend, ClanJoin, Envelope,
        EphemeralMessageSend, Error, envelope::Message,
    },
};

const CLAN: i64 = 2_000_000_000_000_000_001;
const CHANNEL: i64 = 3_000_000_000_000_000_001;
const ALICE: i64 = 4_000_000_000_000_000_001;
const DM: i64 = 5_000_000_000_000_000_001;

fn envelope(cid: i32, message: Message) -> Envelope {
    Envelope {
        cid,
        message: Some(message),
    }
}

fn reads(frame: &str, expected: &Envelope) {
    let read: Envelope = mezon::decode(Wire::V1, unhex(frame).into()).expect("a frame");
    assert_eq!(read, *expected);
}

fn reads_and_writes(frame: &str, expected: &Envelope) {
    reads(frame, expected);
    assert_eq!(hex(&mezon::encode(Wire::V1, expected)), frame);
}

#[test]
fn ping_and_pong() {
    reads_and_writes("0a0131b20100", &envelope(1, Message::Ping(Box::default())));
    reads_and_writes("0a0131ba0100", &envelope(1, Message::Pong(Box::default())));
}

#[test]
fn joins() {
    let clan = |clan_id| {
        Message::ClanJoin(Box::new(ClanJoin {
            clan_id,
            ..ClanJoin::default()
        }))
    };
    reads_and_writes(
        "0a01321a150a1332303030303030303030303030303030303031",
        &envelope(2, clan(CLAN)),
    );
    reads_and_writes("0a01331a030a0130", &envelope(3, clan(0)));

    let dm = ChannelJoin {
        channel_id: DM,
        channel_type: 3,
        ..ChannelJoin::default()
    };
    reads_and_writes(
        "0a0134221a0a01301213353030303030303030303030303030303030311803",
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
        "0a013542a0010a13323030303030303030303030303030303030311213333030303030303030303030303030\
         303030311a1b7b2274223a202248656c6c6f205c75643833645c7564633462227d221e121334303030303030\
         3030303030303030303030311a05616c69636540052a330a05612e706e6710031a1968747470733a2f2f6364\
         6e2e696e76616c69642f612e706e672209696d6167652f706e672801300238025801",
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
            message_ref_id: 7_000_000_000_000_000_002,
            content: r#"{"t": "!ping"}"#.into(),
            message_sender_id: ALICE,
            message_sender_username: "Alice".into(),
            ..MessageRef::default()
        }],
        mode: 2,
        is_public: true,
        ..ChannelMessageSend::default()
    };
    let frame = "0a01364283010a13323030303030303030303030303030303030311213333030303030303030303030\
                 303030303030311a0d7b2274223a2022706f6e67227d3241121337303030303030303030303030303030\
                 3030321a0e7b2274223a20222170696e67227d3213343030303030303030303030303030303030313a05\
                 416c69636538025801";
    let reply = envelope(6, Message::ChannelMessageSend(Box::new(send)));
    // The peers write topic "0", which is none and therefore left out here: three bytes less.
    reads(&format!("{frame}6a0130"), &reply);
    let shorter = frame.replacen("4283", "4280", 1);
    assert_eq!(hex(&mezon::encode(Wire::V1, &reply)), shorter);
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
        "0a0137fa04560a3f0a1332303030303030303030303030303030303031121333303030303030303030303030\
         3030303030311a0d7b2274223a202270737374227d38025801600c1213343030303030303030303030303030\
         30303031",
        &envelope(7, Message::EphemeralMessageSend(Box::new(send))),
    );
}

#[test]
fn an_acknowledgement() {
    let ack = ChannelMessageAck {
        channel_id: CHANNEL,
        message_id: 7_000_000_000_000_000_001,
        username: "greenroom".into(),
        persistent: Some(true),
        ..ChannelMessageAck::default()
    };
    let ack = envelope(5, Message::ChannelMessageAck(Box::new(ack)));
    let before = "0a13333030303030303030303030303030303030311213373030303030303030303030\
                  30303030303031";
    let after = "2209677265656e726f6f6d3a020801";
    // The peers write `code` even if it is 0: a wrapper without content.
    reads(&format!("0a01353a3b{before}1a00{after}"), &ack);
    let written = hex(&mezon::encode(Wire::V1, &ack));
    assert_eq!(written, format!("0a01353a39{before}{after}"));
}

#[test]
fn a_refusal() {
    let error = Error {
        code: 3,
        message: "Must join channel before sending messages".into(),
        ..Error::default()
    };
    reads_and_writes(
        "0a0139622d080312294d757374206a6f696e206368616e6e656c206265666f72652073656e64696e67206d65\
         737361676573",
        &envelope(9, Message::Error(Box::new(error))),
    );
}

#[test]
fn a_message_event() {
    let message = ChannelMessage {
        clan_id: CLAN,
        channel_id: CHANNEL,
        message_id: 7_000_000_000_000_000_002,
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
    let frame = "327e0a13323030303030303030303030303030303030311213333030303030303030303030303030303030\
                 311a133730303030303030303030303030303030303222002a13343030303030303030303030303030303030\
                 313205616c696365420d7b2274223a222170696e67227d9201025b5db00195c480d806c00102d00101";
    reads(frame, &event);
    // Written without the empty `code`: two bytes less.
    let shorter = frame
        .replacen("327e", "327c", 1)
        .replacen("322200", "32", 1);
    assert_eq!(hex(&mezon::encode(Wire::V1, &event)), shorter);
}
