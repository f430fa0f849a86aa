//! What changes between the wires, rule by rule.

use bytes::Bytes;
use greenroom_proto::mezon::{
    self, Fault, FrameError, Wire, Wired,
    api::{ChannelMessage, MessageAttachment, MessageReactionList, NotificationUserChannel},
    realtime::{
        ChannelJoin, ChannelLeave, ChannelMessageRemove, ChannelMessageSend, ChannelMessageUpdate,
        ClanJoin, CustomStatusEvent, Envelope, EphemeralMessageSend, LastPinMessageEvent,
        LastSeenMessageEvent, MessageTypingEvent, RoleAssignedEvent, UserPresence,
        UserProfileRedis, envelope::Message,
    },
};

fn read<M: Wired>(frame: &'static [u8]) -> Result<M, FrameError> {
    mezon::decode(Wire::V1, Bytes::from_static(frame))
}

fn written<M: Wired>(message: &M) -> Vec<u8> {
    mezon::encode(Wire::V1, message)
}

#[test]
fn ids_are_text() {
    let id = |frame| read::<ClanJoin>(frame).unwrap().clan_id;
    assert_eq!(id(b""), 0);
    assert_eq!(id(b"\x0a\x00"), 0);
    assert_eq!(id(b"\x0a\x010"), 0);
    assert_eq!(id(b"\x0a\x03007"), 7);
    assert_eq!(id(b"\x0a\x13\x39223372036854775807"), i64::MAX);
    assert_eq!(id(b"\x0a\x14-9223372036854775808"), i64::MIN);
    assert_eq!(id(b"\x0a\x011\x0a\x012"), 2);

    let smallest = UserPresence {
        user_id: i64::MIN,
        ..UserPresence::default()
    };
    assert_eq!(written(&smallest), b"\x0a\x14-9223372036854775808");
}

#[test]
fn lists_of_ids_keep_every_element() {
    let event = RoleAssignedEvent {
        user_ids_assigned: vec![1, 0, -2],
        ..Default::default()
    };
    let frame = b"\x1a\x011\x1a\x010\x1a\x02-2";
    assert_eq!(written(&event), frame);
    assert_eq!(read::<RoleAssignedEvent>(frame).unwrap(), event);
}

#[test]
fn a_bad_id_is_named() {
    let texts: [&'static [u8]; 5] = [
        b"\x1a\x03\x0a\x01a",
        b"\x1a\x03\x0a\x01-",
        b"\x1a\x04\x0a\x02+1",
        b"\x1a\x04\x0a\x021 ",
        b"\x1a\x15\x0a\x139223372036854775808",
    ];
    for text in texts {
        let error = read::<Envelope>(text).unwrap_err();
        assert_eq!(*error.fault(), Fault::NotAnId);
        assert_eq!(error.message(), Some("ClanJoin"));
        assert_eq!(error.field(), Some("clan_id"));
        assert_eq!(error.offset(), Some(4));
    }
}

#[test]
fn other_numbers_may_be_any_text() {
    assert_eq!(read::<Envelope>(b"\x0a\x03abc").unwrap().cid, 0);
    assert_eq!(read::<Envelope>(b"\x0a\x0212").unwrap().cid, 12);
    assert_eq!(read::<Envelope>(b"\x0a\x0a2147483648").unwrap().cid, 0);
    assert_eq!(mezon::route(Wire::V1, b"\x0a\x03abc").unwrap().cid, 0);
    assert_eq!(
        mezon::cid_text(b"\xb2\x01\x00\x0a\x03abc"),
        Some(&b"abc"[..])
    );
    assert_eq!(mezon::cid_text(b"\x0a\x00"), Some(&b""[..]));
    assert_eq!(mezon::cid_text(b"\xb2\x01\x00"), None);

    let presence = read::<UserPresence>(b"\x12\x049b1d").unwrap();
    assert_eq!(presence.session_id, 0);
}

#[test]
fn numbers_are_wrapped_unless_zero() {
    let code = |frame| read::<ChannelMessage>(frame).unwrap().code;
    assert_eq!(code(b"\x22\x02\x08\x03"), 3);
    assert_eq!(code(b"\x22\x00"), 0);
    assert_eq!(
        code(b"\x22\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        -1
    );
    // A wrapper in two parts, and one with something unknown in it.
    assert_eq!(code(b"\x22\x02\x08\x03\x22\x00"), 3);
    assert_eq!(code(b"\x22\x04\x10\x01\x08\x04"), 4);

    let message = |code| ChannelMessage {
        code,
        ..ChannelMessage::default()
    };
    assert_eq!(written(&message(3)), b"\x22\x02\x08\x03");
    assert_eq!(written(&message(0)), b"");
    let negative = b"\x22\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    assert_eq!(written(&message(-1)), negative);
}

#[test]
fn plain_seconds_win_over_a_timestamp() {
    let created = |frame| read::<ChannelMessage>(frame).unwrap().create_time_seconds;
    assert_eq!(created(b"\x4a\x02\x08\x05"), 5);
    assert_eq!(created(b"\x4a\x02\x08\x05\xb0\x01\x07"), 7);
    assert_eq!(created(b"\xb0\x01\x07\x4a\x02\x08\x05"), 7);

    let message = ChannelMessage {
        create_time_seconds: 7,
        ..ChannelMessage::default()
    };
    assert_eq!(written(&message), b"\xb0\x01\x07");
}

#[test]
fn a_timestamp_is_cut_to_what_fits() {
    let created = |frame| read::<ChannelMessage>(frame).unwrap().create_time_seconds;
    assert_eq!(created(b"\x4a\x04\x08\x05\x10\x63"), 5);
    assert_eq!(
        created(b"\x4a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        0
    );
    assert_eq!(created(b"\x4a\x07\x08\x80\x80\x80\x80\x80\x01"), u32::MAX);

    let muted = |frame| {
        read::<NotificationUserChannel>(frame)
            .unwrap()
            .time_mute_seconds
    };
    assert_eq!(
        muted(b"\x1a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        -1
    );
    assert_eq!(muted(b"\x1a\x07\x08\x80\x80\x80\x80\x80\x01"), i32::MAX);
}

#[test]
fn a_size_is_cut_to_what_fits() {
    let size = |frame| read::<MessageAttachment>(frame).unwrap().size;
    assert_eq!(size(b"\x10\x03"), 3);
    assert_eq!(size(b"\x10\x80\x80\x80\x80\x10"), i32::MAX);
    assert_eq!(
        written(&MessageAttachment {
            size: 3,
            ..Default::default()
        }),
        b"\x10\x03"
    );
}

#[test]
fn requests_write_the_clan_even_if_it_is_none() {
    fn writes<M: Wired>() {
        assert_eq!(written(&M::default()), b"\x0a\x010", "{}", M::NAME);
        assert_eq!(read::<M>(b"").unwrap().encode_to_vec(), b"");
    }
    writes::<ClanJoin>();
    writes::<ChannelJoin>();
    writes::<ChannelLeave>();
    writes::<ChannelMessageSend>();
    writes::<ChannelMessageUpdate>();
    writes::<ChannelMessageRemove>();
    writes::<MessageTypingEvent>();
    writes::<LastSeenMessageEvent>();
    writes::<LastPinMessageEvent>();
    assert_eq!(written(&CustomStatusEvent::default()), b"");

    let send = EphemeralMessageSend {
        message: Some(Default::default()),
        receiver_ids: vec![],
    };
    assert_eq!(written(&send), b"\x0a\x03\x0a\x010");
}

#[test]
fn the_older_wire_knows_one_receiver() {
    let send = EphemeralMessageSend {
        message: None,
        receiver_ids: vec![8, 9],
    };
    assert_eq!(written(&send), b"\x12\x018");
    assert_eq!(
        read::<EphemeralMessageSend>(b"\x12\x018")
            .unwrap()
            .receiver_ids,
        [8]
    );
    assert!(
        read::<EphemeralMessageSend>(b"\x12\x010")
            .unwrap()
            .receiver_ids
            .is_empty()
    );
}

#[test]
fn bytes_that_are_not_text_become_text() {
    let message = ChannelMessage {
        mentions: b"a\xff"[..].into(),
        ..Default::default()
    };
    assert_eq!(written(&message), b"\x92\x01\x04a\xef\xbf\xbd");
    let error = read::<ChannelMessage>(b"\x92\x01\x02a\xff").unwrap_err();
    assert_eq!(*error.fault(), Fault::NotText);
    assert_eq!(error.field(), Some("mentions"));
}

#[test]
fn unknown_and_dropped_fields_are_skipped() {
    let profile = UserProfileRedis {
        user_id: 5,
        ..UserProfileRedis::default()
    };
    // Number 7 is text or a bool, depending on the release.
    assert_eq!(
        read::<UserProfileRedis>(b"\x0a\x015\x38\x01").unwrap(),
        profile
    );
    assert_eq!(
        read::<UserProfileRedis>(b"\x3a\x01a\x0a\x015").unwrap(),
        profile
    );

    // Number 90 came with the newest wire.
    let frame = b"\x0a\x011\xd2\x05\x00";
    assert_eq!(
        read::<Envelope>(frame).unwrap(),
        Envelope {
            cid: 1,
            message: None
        }
    );
    assert_eq!(mezon::route(Wire::V1, frame).unwrap().tag, 0);
}

#[test]
fn the_last_content_counts_and_parts_of_one_are_merged() {
    let join = |channel_id, channel_type| {
        let join = ChannelJoin {
            channel_id,
            channel_type,
            ..ChannelJoin::default()
        };
        Some(Message::ChannelJoin(Box::new(join)))
    };
    let first = b"\x22\x03\x12\x015";
    let second = b"\x22\x02\x18\x03";
    let other = b"\x1a\x03\x0a\x019";
    let of = |parts: &[&[u8]]| {
        let frame = parts.concat();
        let route = mezon::route(Wire::V1, &frame).unwrap();
        let body = frame[route.body].to_vec();
        let envelope: Envelope = mezon::decode(Wire::V1, frame.into()).unwrap();
        (envelope.message, route.tag, route.split, body)
    };
    assert_eq!(
        of(&[first, second]),
        (join(5, 3), 4, true, second[2..].to_vec())
    );
    assert_eq!(
        of(&[other, second]),
        (join(0, 3), 4, false, second[2..].to_vec())
    );
    assert_eq!(
        of(&[first, other, second]),
        (join(0, 3), 4, false, second[2..].to_vec())
    );
}

#[test]
fn a_pooled_message_is_filled_again() {
    use prost::Message as _;

    let mut message = ChannelMessage::default();
    mezon::merge(Wire::V1, b"\x0a\x015\x42\x02hi"[..].into(), &mut message).unwrap();
    assert_eq!((message.clan_id, &*message.content), (5, "hi"));
    message.clear();
    mezon::merge(Wire::V2, b"\x42\x02ho"[..].into(), &mut message).unwrap();
    assert_eq!((message.clan_id, &*message.content), (0, "ho"));
}

#[test]
fn a_message_of_the_newest_wire_only_is_absent() {
    let error = read::<MessageReactionList>(b"").unwrap_err();
    assert_eq!(*error.fault(), Fault::Absent);
    assert_eq!(error.message(), Some("MessageReactionList"));
    let list = MessageReactionList {
        reactions: vec![Default::default()],
    };
    assert_eq!(written(&list), b"");
}

#[test]
fn malformed_frames_say_what_is_wrong() {
    let fault = |frame| {
        let error = read::<Envelope>(frame).unwrap_err();
        (
            error.fault().clone(),
            error.message(),
            error.field(),
            error.offset(),
        )
    };
    let join = Some("ClanJoin");
    assert_eq!(
        fault(b"\x1a\x02\x0a\x05"),
        (Fault::EndsEarly, join, None, Some(4))
    );
    assert_eq!(
        fault(b"\x1a\x02\x08\x05"),
        (Fault::WireType, join, Some("clan_id"), Some(3))
    );
    assert_eq!(
        fault(b"\x00\x00"),
        (Fault::BadKey, Some("Envelope"), None, Some(0))
    );
    assert_eq!(
        fault(b"\x0f"),
        (Fault::BadKey, Some("Envelope"), None, Some(1))
    );
    let huge = b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02";
    assert_eq!(
        fault(huge),
        (Fault::BadVarint, Some("Envelope"), None, Some(0))
    );
}

#[test]
fn groups_are_skipped_but_not_without_end() {
    for depth in [1, 99, 100, 101, 100_000] {
        let frame: Bytes = [[0xc3, 0x3e].repeat(depth), [0xc4, 0x3e].repeat(depth)]
            .concat()
            .into();
        for wire in [Wire::V1, Wire::V2] {
            let decoded = mezon::decode::<Envelope>(wire, frame.clone());
            assert_eq!(decoded.is_ok(), depth <= 100, "{wire} {depth}");
            assert_eq!(
                mezon::route(wire, &frame).is_ok(),
                depth <= 100,
                "{wire} {depth}"
            );
        }
    }
}
