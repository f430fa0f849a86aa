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
    frames::frame,
    ids::{ALICE, BOB, BOT, CHANNEL, CLAN, DM, MESSAGE},
};

fn reads_and_writes<M: Wired + PartialEq + Debug>(name: &str, expected: &M) {
    let frame = frame(Wire::V2, name);
    let read: M = mezon::decode(Wire::V2, frame.clone()).expect("a frame");
    assert_eq!(read, *expected);
    assert_eq!(mezon::encode(Wire::V2, expected), frame);
}

fn envelope(name: &str, cid: i32, message: Message) {
    let message = Some(message);
    reads_and_writes(name, &Envelope { cid, message });
}

#[test]
fn ping_and_pong() {
    envelope("ping", 1, Message::Ping(Box::default()));
    envelope("pong", 1, Message::Pong(Box::default()));
}

#[test]
fn joins() {
    let clan = |clan_id| {
        Message::ClanJoin(Box::new(ClanJoin {
            clan_id,
            ..ClanJoin::default()
        }))
    };
    envelope("clan_join", 2, clan(CLAN));
    envelope("clan_join_none", 3, clan(0));

    let dm = ChannelJoin {
        channel_id: DM,
        channel_type: 3,
        ..ChannelJoin::default()
    };
    envelope("channel_join", 4, Message::ChannelJoin(Box::new(dm)));
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
    envelope("send", 5, Message::ChannelMessageSend(Box::new(send)));
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
    envelope("update", 6, Message::ChannelMessageUpdate(Box::new(update)));
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
    envelope(
        "reaction",
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
    envelope("remove", 8, Message::ChannelMessageRemove(Box::new(remove)));
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
    envelope(
        "ephemeral",
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
    envelope("api_request", 513, Message::ApiRequestEvent(Box::new(call)));
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
    reads_and_writes("session", &session);
}

#[test]
fn requests_of_the_api() {
    let direct = ListChannelDescsRequest {
        channel_type: 3,
        ..Default::default()
    };
    reads_and_writes("list_channels_direct", &direct);
    let clan = ListChannelDescsRequest {
        clan_id: CLAN,
        channel_type: 1,
        ..Default::default()
    };
    reads_and_writes("list_channels_clan", &clan);
    let detail = ListChannelDetailRequest {
        channel_id: CHANNEL,
    };
    reads_and_writes("channel_detail", &detail);
    let create = CreateChannelDescRequest {
        r#type: 3,
        channel_private: 1,
        user_ids: vec![BOB],
        ..Default::default()
    };
    reads_and_writes("create_direct", &create);
    let voice = ListChannelUsersRequest {
        clan_id: CLAN,
        channel_type: 4,
        limit: 500,
        ..Default::default()
    };
    reads_and_writes("voice_users", &voice);
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
    reads_and_writes("mentions", &mentions);
}
