//! The server answers everything that it is asked, in the platform's own words, and never with silence.

use awc::ws::Message;
use greenroom_proto::mezon::realtime::envelope::Message as Content;
use greenroom_proto::mezon::{Wire, api, decode, encode, realtime};
use prost::Message as _;
use serde_json::{Value, json};

use crate::client::{ALICE, BOB, BOT, CLAN, DM, GENERAL, Socket, Stage, hex};

const ROLE: &str = "6000000000000000001";
const STAGE: &str = "3000000000000000003";

/// Every call of the older wire: method, path, body, and the status that a right one gets.
fn calls_of_v1() -> Vec<(&'static str, String, String, u16)> {
    let dm = json!({"category_id": "0", "channel_id": "0", "channel_private": 1, "clan_id": "", "type": 3, "user_ids": [BOB]});
    let menu = json!({"id": "9", "bot_id": BOT, "clan_id": CLAN, "channel_id": GENERAL, "menu_name": "m", "background": "", "action_msg": "!a", "menu_type": 1});
    let pay = json!({"receiver_id": ALICE, "amount": 5, "note": "for tea", "sender_id": BOT, "sender_name": "greenroom", "extra_attribute": ""});
    let none = String::new;
    vec![
        ("GET", "/v2/clandesc?lang=en&limit=10".into(), none(), 200),
        (
            "GET",
            format!("/v2/channeldesc?clan_id={CLAN}&type=1"),
            none(),
            200,
        ),
        ("GET", "/v2/channeldesc?type=3".into(), none(), 200),
        ("GET", format!("/v2/channeldesc/{GENERAL}"), none(), 200),
        ("POST", "/v2/channeldesc".into(), dm.to_string(), 200),
        (
            "GET",
            format!("/v2/channelvoice?clan_id={CLAN}&channel_id=&channel_type=4&limit=500"),
            none(),
            200,
        ),
        ("GET", format!("/v2/roles?clan_id={CLAN}"), none(), 200),
        (
            "PUT",
            format!("/v2/roles/{ROLE}"),
            r#"{"title":"New"}"#.into(),
            200,
        ),
        ("GET", "/v2/friend?limit=1000".into(), none(), 200),
        (
            "POST",
            format!("/v2/friend?usernames=bob&ids={BOB}"),
            none(),
            200,
        ),
        ("DELETE", format!("/v2/friend?ids={BOB}"), none(), 200),
        ("POST", "/v2/quickmenuaccess".into(), menu.to_string(), 200),
        (
            "DELETE",
            format!("/v2/quickmenuaccess?bot_id={BOT}"),
            none(),
            200,
        ),
        (
            "POST",
            "/v2/streaming-channels".into(),
            json!({"clan_id": CLAN, "channel_id": STAGE}).to_string(),
            200,
        ),
        ("POST", "/v2/sendtoken".into(), pay.to_string(), 200),
        ("GET", "/v2/transaction/sim-tx-1".into(), none(), 200),
        (
            "PUT",
            "/v2/apps/message/1".into(),
            r#"{"id":"1"}"#.into(),
            404,
        ),
        ("DELETE", "/v2/apps/message/1".into(), none(), 404),
        (
            "POST",
            "/api/playmedia".into(),
            r#"{"room_name":"sim-meeting-stage"}"#.into(),
            200,
        ),
        (
            "POST",
            "/v2/apps/authenticate/logout".into(),
            "{}".into(),
            200,
        ),
    ]
}

fn number(text: &str) -> i64 {
    text.parse().unwrap()
}

/// Every call of the newer wire with a right request, in an order that makes all of them possible.
fn calls_of_v2() -> Vec<(&'static str, Vec<u8>)> {
    let (clan_id, channel_id, bot_id) = (number(CLAN), number(GENERAL), number(BOT));
    let send = realtime::ChannelMessageSend {
        clan_id,
        channel_id,
        content: r#"{"t":"hi"}"#.into(),
        mode: 2,
        is_public: true,
        ..Default::default()
    };
    let message_id = 7_000_000_000_000_000_001;
    let update = realtime::ChannelMessageUpdate {
        clan_id,
        channel_id,
        message_id,
        content: r#"{"t":"ho"}"#.into(),
        ..Default::default()
    };
    let react = api::MessageReaction {
        clan_id,
        channel_id,
        message_id,
        emoji: ":ok:".into(),
        count: 1,
        ..Default::default()
    };
    let remove = realtime::ChannelMessageRemove {
        clan_id,
        channel_id,
        message_id,
        ..Default::default()
    };
    let menu = api::QuickMenuAccess {
        id: 9,
        bot_id,
        clan_id,
        menu_name: "m".into(),
        ..Default::default()
    };
    let voices = api::ListChannelUsersRequest {
        clan_id,
        channel_type: 4,
        limit: 500,
        ..Default::default()
    };
    let in_channel = api::ListChannelMessagesRequest {
        clan_id,
        channel_id,
        ..Default::default()
    };
    let dm = api::CreateChannelDescRequest {
        r#type: 3,
        channel_private: 1,
        user_ids: vec![number(BOB)],
        ..Default::default()
    };
    let role = api::UpdateRoleRequest {
        role_id: number(ROLE),
        clan_id,
        title: Some("New".into()),
        ..Default::default()
    };
    let ids = vec![number(BOB)];
    let friends = api::AddFriendsRequest {
        ids: ids.clone(),
        ..Default::default()
    };
    let unfriend = api::DeleteFriendsRequest {
        ids,
        ..Default::default()
    };
    let detail = api::ListChannelDetailRequest { channel_id };
    vec![
        ("ListClanDescs", Vec::new()),
        ("ListChannelDescs", vec![0x28, 3]),
        ("ListChannelDetail", detail.encode_to_vec()),
        ("CreateChannelDesc", dm.encode_to_vec()),
        ("ListChannelVoiceUsers", voices.encode_to_vec()),
        ("ListRoles", Vec::new()),
        ("UpdateRole", role.encode_to_vec()),
        ("ListFriends", Vec::new()),
        ("AddFriends", friends.encode_to_vec()),
        ("DeleteFriends", unfriend.encode_to_vec()),
        ("AddQuickMenuAccess", menu.encode_to_vec()),
        ("UpdateQuickMenuAccess", menu.encode_to_vec()),
        ("ListQuickMenuAccess", Vec::new()),
        ("DeleteQuickMenuAccess", menu.encode_to_vec()),
        ("SendChannelMessage", send.encode_to_vec()),
        ("UpdateChannelMessage", update.encode_to_vec()),
        ("ReactChannelMessage", react.encode_to_vec()),
        ("ListChannelMessages", in_channel.encode_to_vec()),
        ("MarkAsRead", Vec::new()),
        ("DeleteChannelMessage", remove.encode_to_vec()),
    ]
}

/// Checks the shape of an error: the code of gRPC, and the text under both names.
fn check_error(body: &Value, code: u64, what: &str) {
    assert_eq!(body["code"], code, "{what}: {body}");
    assert!(
        body["error"].as_str().is_some_and(|text| !text.is_empty()),
        "{what}: {body}"
    );
    assert_eq!(body["error"], body["message"], "{what}");
}

#[actix_rt::test]
async fn every_call_of_the_older_wire_is_there_and_wants_a_token() {
    let stage = Stage::open().await;
    let token = stage.token_v1().await;
    for (method, path, body, status) in calls_of_v1() {
        let what = format!("{method} {path}");
        for wrong in ["", "a.b.c"] {
            let refused = stage.v1(method, &path, wrong, &body).await;
            assert_eq!(refused.status, 401, "{what}");
            check_error(&refused.json(), 16, &what);
        }
        let answer = stage.v1(method, &path, &token, &body).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.json());
        assert!(
            answer.content_type.starts_with("application/json"),
            "{what}"
        );
        if status == 404 {
            check_error(&answer.json(), 5, &what);
        }
    }
    for path in ["/healthcheck", "/readycheck"] {
        assert_eq!(stage.v1("GET", path, "", "").await.status, 200);
    }
}

#[actix_rt::test]
async fn bodies_of_the_older_wire_are_checked() {
    let stage = Stage::open().await;
    let token = stage.token_v1().await;
    for (method, path, _, _) in calls_of_v1() {
        if method == "POST" && !path.contains("friend") && !path.contains("logout")
            || method == "PUT"
        {
            for body in ["", "{", "[]", "7"] {
                let answer = stage.v1(method, &path, &token, body).await;
                assert_eq!(answer.status, 400, "{method} {path} {body}");
                check_error(&answer.json(), 3, &path);
            }
        }
    }
    let wrong = [
        ("POST", "/v2/channeldesc".to_owned(), r#"{"type":"x"}"#, 400),
        (
            "POST",
            "/v2/channeldesc".to_owned(),
            r#"{"type":3,"user_ids":["9"]}"#,
            404,
        ),
        (
            "POST",
            "/v2/channeldesc".to_owned(),
            r#"{"type":1,"clan_id":"9","channel_label":"x"}"#,
            404,
        ),
        (
            "POST",
            "/v2/sendtoken".to_owned(),
            r#"{"receiver_id":"9","amount":1}"#,
            404,
        ),
        (
            "POST",
            "/v2/sendtoken".to_owned(),
            r#"{"receiver_id":"4000000000000000001","amount":0}"#,
            400,
        ),
        (
            "POST",
            "/v2/sendtoken".to_owned(),
            r#"{"receiver_id":"4000000000000000001","amount":-4}"#,
            400,
        ),
        (
            "POST",
            "/v2/sendtoken".to_owned(),
            r#"{"receiver_id":"4000000000000000001","amount":2000000}"#,
            400,
        ),
        (
            "POST",
            "/v2/streaming-channels".to_owned(),
            r#"{"clan_id":"2","channel_id":"9"}"#,
            404,
        ),
        ("GET", "/v2/transaction/none".to_owned(), "", 404),
        ("GET", "/v2/clandesc?limit=x".to_owned(), "", 400),
        ("GET", "/v2/clandesc?limit=-1".to_owned(), "", 400),
        ("GET", "/v2/clandesc?cursor=x".to_owned(), "", 400),
        (
            "GET",
            format!("/v2/channelvoice?clan_id={CLAN}&limit=0"),
            "",
            400,
        ),
        ("POST", "/v2/friend".to_owned(), "", 400),
        ("PUT", "/v2/roles/x".to_owned(), "{}", 400),
    ];
    for (method, path, body, status) in wrong {
        let answer = stage.v1(method, &path, &token, body).await;
        assert_eq!(
            answer.status,
            status,
            "{method} {path} {body} {}",
            answer.json()
        );
    }
}

#[actix_rt::test]
async fn every_call_of_the_newer_wire_is_there_over_http_and_over_the_socket() {
    let stage = Stage::open().await;
    let token = stage.token_v2().await;
    for (name, body) in calls_of_v2() {
        for wrong in ["", "a.b.c"] {
            let refused = stage.v2(name, wrong, body.clone()).await;
            assert_eq!(refused.status, 401, "{name}");
            check_error(&refused.json(), 16, name);
        }
        let broken = stage.v2(name, &token, vec![0xff]).await;
        assert_eq!(broken.status, 400, "{name}");
        check_error(&broken.json(), 3, name);
        let answer = stage.v2(name, &token, body).await;
        let expected = if answer.body.is_empty() { 204 } else { 200 };
        assert_eq!(answer.status, expected, "{name} {}", answer.json());
    }
    drop(stage);

    let stage = Stage::open().await;
    let mut socket = stage.joined_v2().await;
    for (place, (name, body)) in calls_of_v2().into_iter().enumerate() {
        let cid = i32::try_from(place).unwrap() + 300;
        let head = format!("ff{cid:04x}");
        assert!(
            call(&mut socket, cid, name, body)
                .await
                .starts_with(&format!("{head}000000ff")),
            "{name}"
        );
        assert!(
            call(&mut socket, cid, name, vec![0xff])
                .await
                .starts_with(&format!("{head}000300ff")),
            "{name}"
        );
    }
    assert!(
        call(&mut socket, 9, "NoSuchCall", Vec::new())
            .await
            .starts_with("ff0009000c00ff")
    );
    let session = api::SessionRefreshRequest::default().encode_to_vec();
    assert!(
        call(&mut socket, 9, "SessionRefresh", session)
            .await
            .starts_with("ff0009001000ff")
    );
}

/// Makes a call over the socket; returns the raw answer without the events that come with it.
async fn call(socket: &mut Socket, cid: i32, name: &str, body: Vec<u8>) -> String {
    let request = realtime::ApiRequestEvent {
        api_name: name.into(),
        body: body.into(),
        ..Default::default()
    };
    let frame = frame(Wire::V2, cid, Content::ApiRequestEvent(Box::new(request)));
    socket.send(&frame).await;
    loop {
        let answer = socket.receive().await;
        if answer.starts_with("ff") {
            return answer;
        }
    }
}

fn frame(wire: Wire, cid: i32, message: Content) -> String {
    let envelope = realtime::Envelope {
        cid,
        message: Some(message),
    };
    hex(&encode(wire, &envelope))
}

/// Every request of a websocket, with the field of its answer.
fn requests() -> Vec<(Content, &'static str)> {
    let (clan_id, channel_id, message_id) =
        (number(CLAN), number(GENERAL), 7_000_000_000_000_000_001);
    let send = realtime::ChannelMessageSend {
        clan_id,
        channel_id,
        content: r#"{"t":"hi"}"#.into(),
        mode: 2,
        is_public: true,
        ..Default::default()
    };
    let whisper = realtime::EphemeralMessageSend {
        message: Some(send.clone()),
        receiver_ids: vec![number(ALICE)],
    };
    let join = realtime::ChannelJoin {
        clan_id: 0,
        channel_id: number(DM),
        channel_type: 3,
        ..Default::default()
    };
    let leave = realtime::ChannelLeave {
        channel_id: number(DM),
        channel_type: 3,
        ..Default::default()
    };
    let update = realtime::ChannelMessageUpdate {
        clan_id,
        channel_id,
        message_id,
        content: r#"{"t":"ho"}"#.into(),
        ..Default::default()
    };
    let react = api::MessageReaction {
        clan_id,
        channel_id,
        message_id,
        emoji: ":ok:".into(),
        count: 1,
        ..Default::default()
    };
    let remove = realtime::ChannelMessageRemove {
        clan_id,
        channel_id,
        message_id,
        ..Default::default()
    };
    let pin = realtime::LastPinMessageEvent {
        clan_id,
        channel_id,
        message_id,
        operation: 1,
        ..Default::default()
    };
    let check = realtime::CheckNameExistedEvent {
        name: "Green Room".into(),
        ..Default::default()
    };
    vec![
        (Content::Ping(Box::default()), "pong"),
        (
            Content::ClanJoin(Box::new(realtime::ClanJoin {
                clan_id,
                ..Default::default()
            })),
            "clan_join",
        ),
        (Content::ChannelJoin(Box::new(join)), "channel"),
        (Content::ChannelLeave(Box::new(leave)), ""),
        (
            Content::ChannelMessageSend(Box::new(send)),
            "channel_message_ack",
        ),
        (
            Content::MessageReactionEvent(Box::new(react)),
            "message_reaction_event",
        ),
        (
            Content::ChannelMessageUpdate(Box::new(update)),
            "channel_message_ack",
        ),
        (
            Content::EphemeralMessageSend(Box::new(whisper)),
            "channel_message",
        ),
        (
            Content::ChannelMessageRemove(Box::new(remove)),
            "channel_message_ack",
        ),
        (
            Content::MessageTypingEvent(Box::default()),
            "message_typing_event",
        ),
        (
            Content::LastSeenMessageEvent(Box::default()),
            "last_seen_message_event",
        ),
        (
            Content::LastPinMessageEvent(Box::new(pin)),
            "last_pin_message_event",
        ),
        (
            Content::CustomStatusEvent(Box::default()),
            "custom_status_event",
        ),
        (
            Content::VoiceJoinedEvent(Box::default()),
            "voice_joined_event",
        ),
        (
            Content::VoiceLeavedEvent(Box::default()),
            "voice_leaved_event",
        ),
        (
            Content::CheckNameExistedEvent(Box::new(check)),
            "check_name_existed_event",
        ),
    ]
}

#[actix_rt::test]
async fn every_request_is_answered_under_its_id_on_both_wires() {
    for wire in [Wire::V1, Wire::V2] {
        let stage = Stage::open().await;
        let mut socket = match wire {
            Wire::V1 => stage.joined_v1().await,
            Wire::V2 => stage.joined_v2().await,
        };
        for (place, (request, field)) in requests().into_iter().enumerate() {
            let cid = i32::try_from(place).unwrap() + 100;
            socket.send(&frame(wire, cid, request)).await;
            let answer = answer_of(&mut socket, wire, cid).await;
            let shown = stage.frames("out").await.pop().unwrap();
            assert!(
                !matches!(answer, Some(Content::Error(_))),
                "{wire} {field} {shown}"
            );
            assert_eq!(answer.is_none(), field.is_empty(), "{wire} {shown}");
            if !field.is_empty() {
                assert!(shown[field].is_object(), "{wire} {field} {shown}");
            }
        }
    }
}

async fn answer_of(socket: &mut Socket, wire: Wire, cid: i32) -> Option<Content> {
    loop {
        let bytes = crate::client::bytes(&socket.receive().await);
        let envelope: realtime::Envelope = decode(wire, bytes).unwrap();
        if envelope.cid == cid {
            return envelope.message;
        }
        assert_eq!(envelope.cid, 0, "an answer to something else");
    }
}

#[actix_rt::test]
async fn odd_envelopes_get_an_answer_each() {
    let stage = Stage::open().await;
    let mut old = stage.joined_v1().await;
    let mut new = stage.joined_v2().await;
    // A ping with fields that nobody knows is a ping.
    assert_eq!(new.ask("0801b20100ca3e026869f03e07").await, "0801ba0100");
    assert_eq!(
        old.ask("0a0131b20100ca3e026869f03e07").await,
        "0a0131ba0100"
    );
    // Ids as clients may write them come back as they were.
    assert_eq!(new.ask("08ffffffff07b20100").await, "08ffffffff07ba0100");
    assert_eq!(
        new.ask("08ffffffffffffffffff01b20100").await,
        "08ffffffffffffffffff01ba0100"
    );
    let long = "61".repeat(100);
    assert_eq!(
        old.ask(&format!("0a64{long}b20100")).await,
        format!("0a64{long}ba0100")
    );
    // Without an id the answer has none.
    assert_eq!(new.ask("b20100").await, "ba0100");
    assert_eq!(old.ask("b20100").await, "ba0100");
    // The last of several requests in one envelope counts.
    assert_eq!(new.ask("08021a00b20100").await, "0802ba0100");
    // A text where a number is due, a field of the other wire, a length beyond the end, an empty frame.
    for frame in ["08021a030a0130", "0a0131b20100", "0802b201ff01", "08"] {
        let answer = new.ask(frame).await;
        assert!(answer.starts_with("62"), "{frame}: {answer}");
    }
    for frame in ["0802b20100", "0a0131b201ff01", "0a"] {
        let answer = old.ask(frame).await;
        assert!(answer.starts_with("62"), "{frame}: {answer}");
    }
    assert!(new.ask("").await.starts_with("62"));
    // What is not there.
    let missing = [
        Content::ChannelMessageSend(Box::new(realtime::ChannelMessageSend {
            channel_id: 9,
            ..Default::default()
        })),
        Content::ChannelMessageSend(Box::default()),
        Content::ChannelMessageUpdate(Box::new(realtime::ChannelMessageUpdate {
            channel_id: number(GENERAL),
            message_id: 9,
            ..Default::default()
        })),
        Content::ChannelMessageRemove(Box::new(realtime::ChannelMessageRemove {
            channel_id: number(GENERAL),
            message_id: 9,
            ..Default::default()
        })),
        Content::EphemeralMessageSend(Box::default()),
    ];
    for (wire, socket) in [(Wire::V1, &mut old), (Wire::V2, &mut new)] {
        for request in &missing {
            socket.send(&frame(wire, 77, request.clone())).await;
            match answer_of(socket, wire, 77).await {
                Some(Content::Error(error)) => assert_eq!(error.code, 3, "{wire} {request:?}"),
                other => panic!("{wire} {request:?}: {other:?}"),
            }
        }
    }
    new.send_message(Message::Ping("x".into())).await;
    assert!(matches!(new.next().await, Some(awc::ws::Frame::Pong(_))));
}

#[actix_rt::test]
async fn tokens_are_spent_and_can_be_looked_up() {
    let stage = Stage::open().await;
    let token = stage.token_v1().await;
    let mut socket = stage.joined_v2().await;
    let pay = json!({"receiver_id": ALICE, "amount": 5, "note": "for tea"}).to_string();
    let paid = stage.v1("POST", "/v2/sendtoken", &token, &pay).await.json();
    socket.receive().await;
    let event = stage.frames("out").await.pop().unwrap()["token_sent_event"].take();
    assert_eq!(
        (&event["amount"], &event["note"], &event["sender_name"]),
        (&json!(5), &json!("for tea"), &json!("greenroom"))
    );
    let path = format!(
        "/v2/transaction/{}",
        paid["transaction_id"].as_str().unwrap()
    );
    let found = stage.v1("GET", &path, &token, "").await.json();
    assert_eq!(
        (&found["amount"], &found["receiver_id"]),
        (&json!(5), &json!(ALICE))
    );
    let address = "9vwAKXMVAP7yFWEeDUSXVYyMmcjMxu2Z9yWky7gLzt73";
    let rpc = json!({"jsonrpc": "2.0", "id": 1, "method": "account.getaccount", "params": {"address": address}});
    let account = stage
        .v1("POST", "/mmn-api", "", &rpc.to_string())
        .await
        .json();
    assert_eq!(account["result"]["balance"], "999995000000");
}

#[actix_rt::test]
async fn a_message_goes_away_by_its_id_alone() {
    let stage = Stage::open().await;
    let token = stage.token_v1().await;
    let mut socket = stage.joined_v2().await;
    let said = json!({"from": "alice", "channel": "general", "text": "hi"});
    let (_, said) = stage.control("/mezon/say", said).await;
    socket.receive().await;
    let path = format!("/v2/apps/message/{}", said["message_id"].as_str().unwrap());
    assert_eq!(stage.v1("PUT", &path, &token, "{}").await.status, 200);
    assert_eq!(stage.v1("DELETE", &path, &token, "").await.status, 200);
    socket.receive().await;
    let event = stage.frames("out").await.pop().unwrap();
    assert_eq!(event["channel_message"]["code"], 2);
    assert_eq!(stage.v1("DELETE", &path, &token, "").await.status, 404);
}

#[actix_rt::test]
async fn calls_and_requests_beyond_the_limit_are_told_when_to_come_again() {
    let world = "[mezon]\nrest_per_second = 3\nsocket_per_second = 2\n";
    let stage = Stage::of_world(world).await;
    let (token, other) = (stage.token_v1().await, stage.token_v2().await);
    let mut socket = stage.connect(&other).await;
    assert_eq!(
        stage.v1("GET", "/v2/clandesc", &token, "").await.status,
        200
    );
    let refused = stage.v1("GET", "/v2/clandesc", &token, "").await;
    assert_eq!(
        (refused.status, refused.retry_after.as_deref()),
        (429, Some("1"))
    );
    check_error(&refused.json(), 8, "limit");
    let join = || frame(Wire::V2, 5, Content::ClanJoin(Box::default()));
    for _ in 0..2 {
        socket.send(&join()).await;
        assert!(matches!(
            answer_of(&mut socket, Wire::V2, 5).await,
            Some(Content::ClanJoin(_))
        ));
    }
    socket.send(&join()).await;
    let Some(Content::Error(error)) = answer_of(&mut socket, Wire::V2, 5).await else {
        panic!("no error");
    };
    let wait: u64 = error.context["retry_after_ms"].parse().unwrap();
    assert!((1..=1_000).contains(&wait), "{wait}");
    // Heartbeats are free.
    assert_eq!(socket.ask("0801b20100").await, "0801ba0100");
}

#[actix_rt::test]
async fn an_agent_is_listened_to_as_a_stream_of_events() {
    let stage = Stage::open().await;
    for query in [
        "",
        "?appid=1000000000000000001&token=wrong",
        "?appid=x&token=sim-mezon-key",
    ] {
        let refused = stage
            .v1("GET", &format!("/api/sse/metadata{query}"), "", "")
            .await;
        assert_eq!(refused.status, 401, "{query}");
    }
    let mut stream = stage
        .listen(&format!(
            "/api/sse/metadata?appid={BOT}&token=sim-mezon-key"
        ))
        .await;
    assert_eq!(stream.next_part().await.as_deref(), Some(": connected\n\n"));
    let (status, answer) = stage
        .control("/mezon/agent", json!({"event_type": "room_started"}))
        .await;
    assert_eq!((status, answer), (200, json!({"delivered": 1})));
    let text = stream.next_part().await.unwrap();
    let data = text.trim_end().split_once("data: ").unwrap().1;
    let event: Value = serde_json::from_str(data).unwrap();
    assert_eq!(
        (&event["event_type"], &event["room"]["room_name"]),
        (&json!("room_started"), &json!("sim-meeting-stage"))
    );
    assert!(
        event["event_id"].is_string()
            && event["timestamp"].is_u64()
            && event["metadata"].is_object()
    );
    for wrong in [json!({}), json!({"event_type": "x", "room": 7})] {
        assert_eq!(stage.control("/mezon/agent", wrong).await.0, 400);
    }
    stage.control("/mezon/agent", json!({"close": true})).await;
    assert_eq!(stream.next_part().await, None);
}

#[actix_rt::test]
async fn noise_is_answered_frame_by_frame_and_the_socket_stays() {
    let seed = 9;
    println!("seed {seed}");
    let entropy = greenroom::actors::entropy::Entropy::seeded(seed);
    let stage = Stage::open().await;
    for mut socket in [stage.joined_v1().await, stage.joined_v2().await] {
        for _ in 0..2_000 {
            let length = entropy.next_u64() % 40;
            let noise: Vec<u8> = (0..length)
                .map(|_| (entropy.next_u64() >> 56) as u8)
                .collect();
            assert!(!socket.ask(&hex(&noise)).await.is_empty());
        }
    }
    let mut socket = stage.joined_v2().await;
    assert_eq!(socket.ask("0801b20100").await, "0801ba0100");
}
