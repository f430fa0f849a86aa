//! The plain websocket: the handshake, every command with its answer, and bad input.

use awc::ws::{CloseCode, Frame, Message};
use serde_json::{Value, json};

use crate::client::{ADMIN, ALICE, BOB, BOT, Stage};

#[actix_rt::test]
async fn a_key_opens_it_in_the_query_or_a_header() {
    let stage = Stage::open().await;
    for (target, headers, expected) in [
        ("/ws?api_key=sim-bob-key", vec![], None),
        ("/ws?api_key=sim%2Dbob%2Dkey", vec![], None),
        ("/ws", vec![("x-api-key", BOB)], None),
        ("/ws?api_key=", vec![("x-api-key", BOB)], None),
        ("/ws?api_key=wrong", vec![("x-api-key", BOB)], Some(401)),
        ("/ws?api_key=wrong", vec![], Some(401)),
        ("/ws", vec![], Some(401)),
    ] {
        let opened = stage.try_connect(target, &headers).await;
        assert_eq!(opened.err(), expected, "{target}");
    }
    let journal = stage.journal().await;
    let first = &journal[0];
    assert_eq!(
        (&first["direction"], &first["kind"], &first["path"]),
        (
            &json!("in"),
            &json!("http"),
            &json!("/ws?api_key=sim-bob-key")
        )
    );
    let refused = journal.iter().find(|row| row["status"] == 401).unwrap();
    assert_eq!(
        refused["body"],
        json!({"detail": "Invalid or missing authentication credentials"})
    );
    let nowhere = stage.try_connect("/p/ws?api_key=sim-bob-key", &[]).await;
    assert_eq!(nowhere.err(), Some(404));
    let stage = Stage::of_world("[token_bowl]\nplain_line = false\n").await;
    let absent = stage.try_connect("/ws?api_key=sim-bob-key", &[]).await;
    assert_eq!(absent.err(), Some(404));
    let stage = Stage::of_world("[token_bowl]\nhandshake_status = 403\n").await;
    assert_eq!(
        stage.try_connect("/ws?api_key=wrong", &[]).await.err(),
        Some(403)
    );
}

#[actix_rt::test]
async fn the_conversation_of_the_specification() {
    let stage = Stage::open().await;
    let (mut a, mut b, mut g) = (
        stage.connect(ALICE).await,
        stage.connect(BOB).await,
        stage.connect(BOT).await,
    );
    let mut second = stage.connect(ALICE).await;
    let ack = a.ask(json!({"content": "hello room"})).await;
    assert_eq!(
        (&ack["type"], &ack["status"]),
        (&json!("message_sent"), &json!("sent"))
    );
    let message = b.receive().await;
    assert_eq!((&message, message.get("type")), (&ack["message"], None));
    assert_eq!(
        (&message["from_user_logo"], &message["message_type"]),
        (&json!("claude-color.png"), &json!("room"))
    );
    assert_eq!(g.receive().await, message);
    let answer = a
        .ask(json!({"content": "x", "to_username": "nobody"}))
        .await;
    assert_eq!(
        answer,
        json!({"type": "error", "error": "User nobody not found"})
    );
    second.nothing().await;
    g.ask(json!({"content": "bot says hi"})).await;
    let said = b.receive().await;
    assert_eq!(
        (&said["from_user_bot"], &said["from_user_emoji"]),
        (&json!(true), &json!("🤖"))
    );
    assert_eq!(
        (a.receive().await, second.receive().await),
        (said.clone(), said)
    );

    let id = message["id"].clone();
    let marked = b.ask(json!({"type": "mark_read", "message_id": id})).await;
    assert_eq!(
        marked,
        json!({"type": "marked_read", "message_id": id, "status": "success"})
    );
    let receipt = json!({"type": "read_receipt", "message_id": id, "read_by": "bob"});
    assert_eq!(
        (a.receive().await, second.receive().await),
        (receipt.clone(), receipt)
    );
    b.ask(json!({"type": "mark_read", "message_id": id})).await;
    a.ask(json!({"type": "mark_read", "message_id": id})).await;
    a.nothing().await;

    a.ask(json!({"content": "psst", "to_username": "bob"}))
        .await;
    assert_eq!(b.receive().await["message_type"], "direct");
    g.nothing().await;
    a.ask(json!({"content": "more"})).await;
    b.receive().await;
    let count = b.ask(json!({"type": "get_unread_count"})).await;
    assert_eq!(
        count,
        json!({"type": "unread_count", "unread_room_messages": 2, "unread_direct_messages": 1, "total_unread": 3})
    );
    assert_eq!(
        b.ask(json!({"type": "mark_room_read"})).await,
        json!({"status": "marked_read", "count": 2})
    );
    let marked = b
        .ask(json!({"type": "mark_direct_read", "from_username": "alice"}))
        .await;
    assert_eq!(
        marked,
        json!({"status": "marked_read", "from_username": "alice", "count": 1})
    );
    let marked = b.ask(json!({"type": "mark_all_read"})).await;
    assert_eq!(
        marked,
        json!({"type": "marked_all_read", "marked_as_read": 0, "status": "success"})
    );
    let profile = b
        .ask(json!({"type": "get_user_profile", "username": "bob"}))
        .await;
    assert_eq!(
        profile,
        json!({"type": "user_profile", "user": {"username": "bob", "role": "member", "logo": null, "emoji": "🦊", "bot": false, "viewer": false}})
    );
    // to oneself, and by REST
    let mut own = a
        .ask(json!({"content": "note", "to_username": "alice"}))
        .await;
    assert_eq!(own["content"], "note");
    own = a.receive().await;
    assert_eq!(own["type"], "message_sent");
    assert_eq!(second.receive().await["content"], "note");
}

#[actix_rt::test]
async fn bad_input_is_answered_and_the_connection_stays() {
    let stage = Stage::open().await;
    let mut socket = stage.connect(ALICE).await;
    let long = json!({"content": "x".repeat(10_001)}).to_string();
    for (text, error) in [
        ("nonsense", "Invalid JSON"),
        ("", "Invalid JSON"),
        ("[1]", "Message must be a JSON object"),
        ("5", "Message must be a JSON object"),
        ("{}", "Missing content field"),
        ("{\"content\":\"\"}", "Missing content field"),
        ("{\"content\":null}", "Missing content field"),
        ("{\"content\":5}", "Content must be 1-10000 characters"),
        (long.as_str(), "Content must be 1-10000 characters"),
        ("{\"action\":\"typing\"}", "Missing content field"),
        ("{\"type\":\"nonsense\"}", "Unknown message type: nonsense"),
        ("{\"type\":null}", "Unknown message type: None"),
        ("{\"type\":5}", "Unknown message type: 5"),
        ("{\"type\":\"mark_read\"}", "Missing message_id field"),
        (
            "{\"type\":\"mark_read\",\"message_id\":\"x\"}",
            "Message x not found",
        ),
        (
            "{\"type\":\"mark_direct_read\"}",
            "Missing from_username field",
        ),
        (
            "{\"type\":\"mark_direct_read\",\"from_username\":\"x\"}",
            "User x not found",
        ),
        ("{\"type\":\"get_user_profile\"}", "Missing username field"),
        (
            "{\"type\":\"get_conversation\"}",
            "Missing conversation_id field",
        ),
        (
            "{\"type\":\"delete_message\",\"message_id\":\"x\"}",
            "Only admins can delete messages",
        ),
        (
            "{\"type\":\"get_messages\",\"since\":\"x\"}",
            "Invalid timestamp format. Use ISO 8601 format.",
        ),
    ] {
        socket.send_text(text).await;
        assert_eq!(
            socket.receive().await,
            json!({"type": "error", "error": error}),
            "{text}"
        );
    }
    socket
        .send_message(Message::Binary(b"{\"content\":\"binary\"}"[..].into()))
        .await;
    assert_eq!(socket.receive().await["message"]["content"], "binary");
    socket
        .send_message(Message::Binary(b"\xff\xfe"[..].into()))
        .await;
    assert_eq!(socket.receive().await["error"], "Invalid JSON");
    let empty = socket
        .ask(json!({"content": "room", "to_username": "", "type": "message"}))
        .await;
    assert_eq!(empty["message"]["message_type"], "room");
}

#[actix_rt::test]
async fn the_escaped_form_of_a_long_content_and_large_messages_pass() {
    let stage = Stage::open().await;
    let (mut socket, mut other) = (stage.connect(ALICE).await, stage.connect(BOB).await);
    let escaped = format!("{{\"content\": \"{}\"}}", "\\ud83e\\udd8a".repeat(10_000));
    assert_eq!(escaped.len(), 120_015);
    socket.send_text(&escaped).await;
    assert_eq!(
        socket.receive().await["message"]["content"],
        "🦊".repeat(10_000)
    );
    assert_eq!(other.receive().await["content"], "🦊".repeat(10_000));
    socket
        .send(json!({"content": "x", "more": "x".repeat(1 << 20)}))
        .await;
    assert_eq!(socket.receive().await["type"], "message_sent");
    for _ in 0..60 {
        socket.send_text(&escaped).await;
        socket.receive().await;
    }
    let history = socket
        .ask(json!({"type": "get_messages", "limit": 100}))
        .await;
    assert_eq!(history["messages"].as_array().unwrap().len(), 62);
}

#[actix_rt::test]
async fn history_users_and_admin_commands() {
    let stage = Stage::open().await;
    let (mut a, mut b) = (stage.connect(ALICE).await, stage.connect(BOB).await);
    let first = a.ask(json!({"content": "1"})).await["message"].take();
    let second = a.ask(json!({"content": "2"})).await["message"].take();
    let direct = a.ask(json!({"content": "3", "to_username": "bob"})).await["message"].take();
    for _ in 0..3 {
        b.receive().await;
    }
    let page = b.ask(json!({"type": "get_messages", "limit": 1})).await;
    assert_eq!(
        (&page["type"], &page["messages"]),
        (&json!("messages"), &json!([second]))
    );
    assert_eq!(
        page["pagination"],
        json!({"total": 2, "offset": 0, "limit": 1, "has_more": true})
    );
    let page = b
        .ask(json!({"type": "get_messages", "since": first["timestamp"]}))
        .await;
    assert_eq!(page["messages"], json!([second]));
    let page = b.ask(json!({"type": "get_direct_messages"})).await;
    assert_eq!(
        (&page["type"], &page["messages"]),
        (&json!("direct_messages"), &json!([direct]))
    );
    let unread = b.ask(json!({"type": "get_unread_messages"})).await;
    assert_eq!(
        unread,
        json!({"type": "unread_messages", "messages": [first, second]})
    );
    let unread = b.ask(json!({"type": "get_unread_direct_messages"})).await;
    assert_eq!(
        unread,
        json!({"type": "unread_direct_messages", "messages": [direct]})
    );
    let users = b.ask(json!({"type": "get_users"})).await;
    assert_eq!(
        (&users["type"], users["users"].as_array().unwrap().len()),
        (&json!("users"), 4)
    );
    assert_eq!(users["users"][0].get("id"), None);
    let online = b.ask(json!({"type": "get_online_users"})).await;
    assert_eq!(
        (
            &online["users"][0]["username"],
            &online["users"][1]["username"]
        ),
        (&json!("alice"), &json!("bob"))
    );
    let mut admin = stage.connect(ADMIN).await;
    let id = first["id"].clone();
    let deleted = admin
        .ask(json!({"type": "delete_message", "message_id": id}))
        .await;
    assert_eq!(
        deleted,
        json!({"type": "message_deleted", "message_id": id})
    );
    let made = b
        .ask(json!({"type": "create_conversation", "title": "t"}))
        .await;
    assert_eq!(made["type"], "conversation_created");
    let conversation = made["conversation"]["id"].clone();
    let list = b.ask(json!({"type": "get_conversations"})).await;
    assert_eq!(
        (
            &list["conversations"][0]["title"],
            &list["pagination"]["total"]
        ),
        (&json!("t"), &json!(1))
    );
    let one = b
        .ask(json!({"type": "get_conversation", "conversation_id": conversation}))
        .await;
    assert_eq!(one["conversation"], made["conversation"]);
    let changed = b
        .ask(json!({"type": "update_conversation", "conversation_id": conversation, "title": "u"}))
        .await;
    assert_eq!(changed["conversation"]["title"], "u");
    let gone = b
        .ask(json!({"type": "delete_conversation", "conversation_id": conversation}))
        .await;
    assert_eq!(
        gone,
        json!({"type": "conversation_deleted", "conversation_id": conversation})
    );
}

#[actix_rt::test]
async fn typing_is_relayed_and_not_answered() {
    let stage = Stage::open().await;
    let (mut a, mut b, mut g) = (
        stage.connect(ALICE).await,
        stage.connect(BOB).await,
        stage.connect(BOT).await,
    );
    a.send(json!({"type": "typing"})).await;
    let room = json!({"type": "typing", "username": "alice", "to_username": null});
    assert_eq!((b.receive().await, g.receive().await), (room.clone(), room));
    a.send(json!({"type": "typing", "to_username": "bob"}))
        .await;
    assert_eq!(
        b.receive().await,
        json!({"type": "typing", "username": "alice", "to_username": "bob"})
    );
    let answer = stage
        .post("/typing?to_username=bob", ALICE, Value::Null)
        .await;
    assert_eq!(
        answer.ok(),
        json!({"status": "typing indicator sent", "to": "bob"})
    );
    assert_eq!(b.receive().await["to_username"], "bob");
    assert_eq!(
        stage.post("/typing", ALICE, Value::Null).await.ok()["to"],
        "room"
    );
    a.send(json!({"type": "pong"})).await;
    a.nothing().await;
    g.receive().await;
    g.nothing().await;
}

#[actix_rt::test]
async fn close_frames_are_answered_and_pings_too() {
    let stage = Stage::open().await;
    let mut socket = stage.connect(ALICE).await;
    socket.send_message(Message::Ping(b"x"[..].into())).await;
    assert_eq!(socket.next().await, Some(Frame::Pong(b"x"[..].into())));
    socket
        .send_message(Message::Close(Some(CloseCode::Normal.into())))
        .await;
    assert_eq!(
        socket.end().await.flatten().map(|reason| reason.code),
        Some(CloseCode::Normal)
    );
    let journal = stage.journal().await;
    let close = journal.iter().find(|row| row["kind"] == "close").unwrap();
    assert_eq!(
        (&close["direction"], &close["body"]["code"]),
        (&json!("in"), &json!(1_000))
    );
}
