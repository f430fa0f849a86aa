use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use greenroom_actors::connection::{
    Class, Confirmation, Frame, Protocol, RequestError, TroubleKind,
};
use greenroom_actors::event::Origin;
use greenroom_actors::router::Router;
use greenroom_actors::session::{Session, SessionSettings};
use greenroom_actors::supervisor::ChildSpec;
use proptest::prelude::*;

use super::*;
use crate::mezon::limits::MAX_BODY;
use crate::platform::websocket::Websocket;

fn protocol(wire: Wire) -> MezonProtocol {
    let settings = Arc::new(Settings::new(42, "key"));
    let http = HttpClient::new(settings.timeout, MAX_BODY);
    let session: ChildSpec<Session<MezonAuthenticator>> = ChildSpec::new("session", || {
        let settings = Arc::new(Settings::new(42, "key"));
        let http = HttpClient::new(settings.timeout, MAX_BODY);
        Session::new(
            MezonAuthenticator::new(http, settings),
            SessionSettings::default(),
        )
    });
    let router = Router::default();
    let protocol = MezonProtocol::new(Parts {
        settings,
        transport: Rc::new(Websocket::new()),
        http,
        session: session.address(),
        state: Arc::default(),
        origin: Origin::new("mezon", "test", &router),
        log: None,
    });
    protocol.wire.set(wire);
    protocol
}

fn frame(wire: Wire, cid: i32, message: Option<Message>) -> Frame {
    Frame::Binary(mezon::encode(wire, &realtime::Envelope { cid, message }).into())
}

#[actix_rt::test]
async fn frames_are_classified_without_decoding_them() {
    for wire in [Wire::V1, Wire::V2] {
        let protocol = protocol(wire);
        let event = || Some(Message::ChannelMessage(Box::default()));
        let classes = [
            (
                frame(wire, 7, Some(Message::Pong(Box::default()))),
                Class::Answer,
            ),
            (frame(wire, 7, event()), Class::Answer),
            (frame(wire, 7, None), Class::Answer),
            (frame(wire, 0, event()), Class::Event),
            (frame(wire, 0, None), Class::Ignored),
            (Frame::Binary(Bytes::new()), Class::Ignored),
            (
                Frame::Binary(Bytes::from_static(b"\xff\0\x01\0\0\0\xff")),
                Class::Answer,
            ),
            (
                Frame::Binary(Bytes::from_static(b"\x32\xff\xff\xff\x7f")),
                Class::Event,
            ),
            (Frame::Text(Bytes::from_static(b"hello")), Class::Ignored),
        ];
        for (frame, class) in classes {
            assert_eq!(protocol.class(&frame), class, "{wire} {frame:?}");
        }
    }
}

#[actix_rt::test]
async fn a_call_over_the_socket_has_a_number_of_sixteen_bits() {
    let mut protocol = protocol(Wire::V2);
    let request = Request::api(
        "ListChannelDetail",
        &api::ListChannelDetailRequest { channel_id: 3 },
    );
    let Ok(Frame::Binary(bytes)) = protocol.encode(70_000, &request) else {
        panic!("it can be written");
    };
    assert_eq!(mezon::route(Wire::V2, &bytes).unwrap().cid, 1);
    let mut reception = Receiving::default();
    protocol.receive(
        Frame::Binary(Bytes::from_static(b"\xff\0\x01\0\0\0\0\x18")),
        &mut reception,
    );
    protocol.receive(
        Frame::Binary(Bytes::from_static(b"\xff\0\x01\0\0\0\xff\x03")),
        &mut reception,
    );
    assert!(!protocol.calls.is_pending(1));
    let plain = Request::ping();
    let Ok(Frame::Binary(bytes)) = protocol.encode(70_001, &plain) else {
        panic!("it can be written");
    };
    assert_eq!(mezon::route(Wire::V2, &bytes).unwrap().cid, 70_001);
    assert!(matches!(
        self::protocol(Wire::V1).encode(1, &request),
        Err(RequestError::Invalid(_))
    ));
}

#[actix_rt::test]
async fn troubles_are_judged_by_what_helps() {
    let protocol = protocol(Wire::V2);
    let refused = |status| DialError::Refused {
        status,
        retry_after: Some(Duration::from_secs(7)),
    };
    let kinds = [
        (refused(401), TroubleKind::Relogin),
        (
            refused(503),
            TroubleKind::Retry(Some(Duration::from_secs(7))),
        ),
        (
            DialError::Unreachable("x".to_owned()),
            TroubleKind::Retry(None),
        ),
        (DialError::Invalid("x".to_owned()), TroubleKind::Fatal),
    ];
    for (error, kind) in kinds {
        assert_eq!(protocol.dial_trouble(error).kind, kind);
    }
    let closed = |code| Lost::Closed {
        code: Some((code, String::new())),
    };
    assert_eq!(protocol.lost(closed(4401)).kind, TroubleKind::Relogin);
    assert_eq!(protocol.lost(closed(1001)).kind, TroubleKind::Retry(None));
}

#[actix_rt::test]
async fn a_lost_answer_is_found_in_what_came_back_but_only_once() {
    let protocol = protocol(Wire::V2);
    protocol.state.lock().me = Id::from(42);
    let sent = realtime::ChannelMessageSend {
        channel_id: 3,
        content: r#"{"t":"Pong!"}"#.to_owned(),
        ..Default::default()
    };
    let said = |message_id| api::ChannelMessage {
        channel_id: 3,
        message_id,
        sender_id: 42,
        content: sent.content.clone(),
        ..Default::default()
    };
    let request = Request::from(sent.clone());
    let became = |missed: &[api::ChannelMessage]| match protocol.confirm(&request, missed) {
        Confirmation::Done(answer) => answer.message_id(),
        Confirmation::Absent | Confirmation::Repeatable => Some(0),
        Confirmation::Unknown => None,
    };
    assert_eq!(became(&[]), None, "nothing is known of the channel");
    protocol
        .state
        .lock()
        .learn(&mezon::MessageView::of(&said(7)));
    protocol.state.lock().acknowledge(7);
    assert_eq!(
        became(&[]),
        Some(0),
        "the one that is there was acknowledged"
    );
    protocol
        .state
        .lock()
        .learn(&mezon::MessageView::of(&said(8)));
    assert_eq!(became(&[]), Some(8));
    assert_eq!(became(&[said(9)]), Some(9));
    assert_eq!(became(&[said(9)]), Some(0), "it was for the one before");
    let join = Request::from(realtime::ChannelJoin::default());
    assert!(matches!(
        protocol.confirm(&join, &[]),
        Confirmation::Repeatable
    ));
    let remove = Request::from(realtime::ChannelMessageRemove::default());
    assert!(matches!(
        protocol.confirm(&remove, &[]),
        Confirmation::Unknown
    ));
}

#[actix_rt::test]
async fn no_frame_makes_it_panic() {
    let mut runner = proptest::test_runner::TestRunner::default();
    let bodies = prop::collection::vec(any::<u8>(), 0..64);
    let tags = 0_u32..110;
    runner
        .run(&(bodies, tags, any::<bool>()), |(body, tag, is_older)| {
            let wire = if is_older { Wire::V1 } else { Wire::V2 };
            let mut protocol = protocol(wire);
            let mut reception = Receiving::default();
            let raw = Frame::Binary(Bytes::from(body.clone()));
            protocol.class(&raw);
            protocol.receive(raw, &mut reception);
            let mut framed = Vec::new();
            prost::encoding::encode_key(
                tag.max(1),
                prost::encoding::WireType::LengthDelimited,
                &mut framed,
            );
            prost::encoding::encode_varint(body.len() as u64, &mut framed);
            framed.extend(body);
            protocol.receive(Frame::Binary(framed.into()), &mut reception);
            Ok(())
        })
        .unwrap();
}
