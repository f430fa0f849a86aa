//! Frames of the newest wire, as the real clients and servers write them.

use std::fmt::Debug;

use greenroom_proto::mezon::{
    self, Wire, Wired,
    api::{
        CreateChannelDescRequest, ListChannelDescsRequest, ListChannelDetailRequest,
        ListChannelUsersRequest, MessageAttachment, MessageMention, MessageMentionList,
        MessageReaction, Session,
    },
    realtime::{
        ApiRequestEvent, ChannelJoin, ChannelMessageRemove, ChannelMessageSend,
        ChannelMessageUpdate, ClanJoin, Envelope, EphemeralMessageSend, envelope::Message,
    },
};

use crate::{
    hex::{hex, unhex},
    ids::{ALICE, BOB, BOT, CHANNEL, CLAN, DM, MESSAGE},
};

fn reads_and_writes<M: Wired + PartialEq + Debug>(frame: &str, expected: &M) {
    let read: M = mezon::decode(Wire::V2, unhex(frame).into()).expect("a frame");
    assert_eq!(read, *expected);
    assert_eq!(hex(&mezon::encode(Wire::V2, expected)), frame);
}

fn frame(frame: &str, cid: i32, message: Message) {
    reads_and_writes(
        frame,
        &Envelope {
            cid,
            message: Some(message),
        },
    );
}

#[test]
fn ping_and_pong() {
    frame("0801b20100", 1, Message::Ping(Box::default()));
    frame("0801ba0100", 1, Message::Pong(Box::default()));
}

#[test]
fn joins() {
    let clan = |clan_id| {
        Message::ClanJoin(Box::new(ClanJoin {
            clan_id,
            ..ClanJoin::default()
        }))
    };
    frame("08021a0a088180a0f6f4acdbe01b", 2, clan(CLAN));
    frame("08031a00", 3, clan(0));

    let dm = ChannelJoin {
        channel_id: DM,
        channel_type: 3,
        ..ChannelJoin::default()
    };
    frame(
        "0804220c108180d0a7a4b0e4b1451803",
        4,
        Message::ChannelJoin(Box::new(dm)),
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
    frame(
        "0805427f088180a0f6f4acdbe01b108180b0b1af8389d1291a1b7b2274223a202248656c6c6f205c75643833\
         645c7564633462227d2213108180c0ece9d9b6c1371a05616c69636540052a330a05612e706e6710031a1968\
         747470733a2f2f63646e2e696e76616c69642f612e706e672209696d6167652f706e672801300238025801",
        5,
        Message::ChannelMessageSend(Box::new(send)),
    );
}

#[test]
fn an_update() {
    let update = ChannelMessageUpdate {
        clan_id: CLAN,
        channel_id: CHANNEL,
        message_id: MESSAGE,
        content: r#"{"t": "x"}"#.into(),
        mode: 2,
        is_public: true,
        ..ChannelMessageUpdate::default()
    };
    frame(
        "08064a2e088180a0f6f4acdbe01b108180b0b1af8389d129188180f09d99ddbf9261220a7b2274223a202278\
         227d38024001",
        6,
        Message::ChannelMessageUpdate(Box::new(update)),
    );
}

#[test]
fn a_reaction() {
    let reaction = MessageReaction {
        emoji_id: 4,
        emoji: ":ok:".into(),
        count: 1,
        channel_id: CHANNEL,
        message_id: MESSAGE,
        clan_id: CLAN,
        mode: 2,
        message_sender_id: ALICE,
        is_public: true,
        ..MessageReaction::default()
    };
    frame(
        "0807d2013610041a043a6f6b3a4001488180b0b1af8389d129508180f09d99ddbf9261588180a0f6f4acdbe0\
         1b6002688180c0ece9d9b6c1377001",
        7,
        Message::MessageReactionEvent(Box::new(reaction)),
    );
}

#[test]
fn a_removal() {
    let remove = ChannelMessageRemove {
        clan_id: CLAN,
        channel_id: CHANNEL,
        message_id: MESSAGE,
        mode: 2,
        is_public: true,
        ..ChannelMessageRemove::default()
    };
    frame(
        "08085222088180a0f6f4acdbe01b108180b0b1af8389d129188180f09d99ddbf926120022801",
        8,
        Message::ChannelMessageRemove(Box::new(remove)),
    );
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
    frame(
        "0809fa04360a29088180a0f6f4acdbe01b108180b0b1af8389d1291a0d7b2274223a202270737374227d3802\
         5801600c12098180c0ece9d9b6c137",
        9,
        Message::EphemeralMessageSend(Box::new(send)),
    );
}

#[test]
fn a_call_over_the_socket() {
    let call = ApiRequestEvent {
        api_index: 181,
        api_name: "UpdateChannelMessage".into(),
        body: b"\x08\x01"[..].into(),
    };
    frame(
        "088104e2051d08b50112145570646174654368616e6e656c4d6573736167651a020801",
        513,
        Message::ApiRequestEvent(Box::new(call)),
    );
}

#[test]
fn a_session() {
    let session = Session {
        token: "a.b.c".into(),
        refresh_token: "d.e.f".into(),
        user_id: BOT,
        api_url: "http://127.0.0.1:7350".into(),
        id_token: "g.h.i".into(),
        ws_url: "127.0.0.1:7350".into(),
        ..Session::default()
    };
    reads_and_writes(
        "1205612e622e631a05642e652e6620818090bbbad6adf00d3215687474703a2f2f3132372e302e302e313a37\
         3335303a05672e682e69420e3132372e302e302e313a37333530",
        &session,
    );
}

#[test]
fn requests_of_the_api() {
    let direct = ListChannelDescsRequest {
        channel_type: 3,
        ..Default::default()
    };
    reads_and_writes("2803", &direct);
    let clan = ListChannelDescsRequest {
        clan_id: CLAN,
        channel_type: 1,
        ..Default::default()
    };
    reads_and_writes("208180a0f6f4acdbe01b2801", &clan);
    let detail = ListChannelDetailRequest {
        channel_id: CHANNEL,
    };
    reads_and_writes("088180b0b1af8389d129", &detail);
    let create = CreateChannelDescRequest {
        r#type: 3,
        channel_private: 1,
        user_ids: vec![BOB],
        ..Default::default()
    };
    reads_and_writes("2803380142098280c0ece9d9b6c137", &create);
    let voice = ListChannelUsersRequest {
        clan_id: CLAN,
        channel_type: 4,
        limit: 500,
        ..Default::default()
    };
    reads_and_writes("088180a0f6f4acdbe01b180420f403", &voice);
}

#[test]
fn the_mentions_of_a_message() {
    let mentions = MessageMentionList {
        mentions: vec![MessageMention {
            user_id: BOT,
            e: 4,
            ..MessageMention::default()
        }],
    };
    reads_and_writes("0a0c10818090bbbad6adf00d4004", &mentions);
}
