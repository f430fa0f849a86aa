//! What a test does through the control API: words, events, and what goes wrong.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{ADMIN, ALICE, BOB, BOT, Stage};

#[actix_rt::test]
async fn users_speak_in_the_room_and_to_each_other() {
    let stage = Stage::open().await;
    let (mut bot, mut bob) = (stage.connect(BOT).await, stage.connect(BOB).await);
    for (body, kind) in [
        (json!({"from": "alice", "text": "1"}), "room"),
        (
            json!({"from": "alice", "text": "2", "channel": "general"}),
            "room",
        ),
        (
            json!({"from": "alice", "text": "3", "channel": "@greenroom"}),
            "direct",
        ),
        (
            json!({"from": "alice", "text": "4", "to": "greenroom"}),
            "direct",
        ),
    ] {
        let (status, answer) = stage.control("/token_bowl/say", body.clone()).await;
        assert_eq!(status, 200, "{answer}");
        let message = bot.receive().await;
        assert_eq!(
            (&message["content"], &message["message_type"]),
            (&body["text"], &json!(kind))
        );
        assert_eq!(message["id"], answer["message_id"]);
        let delivered = if kind == "room" { 2 } else { 1 };
        assert_eq!(answer["delivered"], delivered);
    }
    assert_eq!(
        (
            bob.receive().await["content"].clone(),
            bob.receive().await["content"].clone()
        ),
        (json!("1"), json!("2"))
    );
    bob.nothing().await;
    let page = stage.get("/messages/direct", BOT).await.ok();
    assert_eq!(page["pagination"]["total"], 2);
    for (body, part) in [
        (
            json!({"from": "nobody", "text": "x"}),
            "unknown user \"nobody\"; known are greenroom",
        ),
        (
            json!({"from": "alice", "text": "x", "to": "nobody"}),
            "unknown user",
        ),
        (json!({"from": "alice"}), "text is required"),
        (json!({"from": "alice", "text": ""}), "1 to 10000"),
        (json!({"from": 5, "text": "x"}), "from must be a text"),
    ] {
        let (status, answer) = stage.control("/token_bowl/say", body).await;
        assert_eq!(status, 400);
        assert!(answer["error"].as_str().unwrap().contains(part), "{answer}");
    }
}

#[actix_rt::test]
async fn every_event_can_be_pushed() {
    let stage = Stage::open().await;
    let (mut alice, mut bob) = (stage.connect(ALICE).await, stage.connect(BOB).await);
    let emit = |body: Value| stage.control("/token_bowl/emit", body);
    let system =
        json!({"event": "message", "data": {"content": "hello", "message_type": "system"}});
    let (status, answer) = emit(system).await;
    assert_eq!((status, answer), (200, json!({"delivered": 2})));
    let message = alice.receive().await;
    assert_eq!(
        (
            &message["from_username"],
            &message["message_type"],
            &message["to_username"]
        ),
        (&json!("system"), &json!("system"), &Value::Null)
    );
    assert_eq!(message["id"].as_str().unwrap().len(), 36);
    assert_eq!(bob.receive().await, message);
    assert_eq!(
        stage.get("/messages", BOB).await.ok()["messages"],
        json!([])
    );
    for (event, data) in [
        ("read_receipt", json!({"message_id": "x", "read_by": "bob"})),
        ("unread_count", json!({"unread_room_messages": 1})),
        ("typing", json!({"username": "x", "to_username": null})),
        ("error", json!({"error": "trouble"})),
        (
            "ping",
            json!({"timestamp": "2026-01-02T03:04:05.678901+00:00"}),
        ),
    ] {
        let (_, answer) = emit(json!({"event": event, "data": data, "to": "bob"})).await;
        assert_eq!(answer, json!({"delivered": 1}), "{event}");
        let mut expected = data.clone();
        expected["type"] = event.into();
        assert_eq!(bob.receive().await, expected);
    }
    emit(json!({"event": "raw", "data": {"text": "no { JSON"}})).await;
    assert_eq!(
        (alice.text().await, bob.text().await),
        ("no { JSON".to_owned(), "no { JSON".to_owned())
    );
    for (body, part) in [
        (
            json!({"event": "x"}),
            "known are error, message, ping, raw, read_receipt, typing, unread_count",
        ),
        (json!({}), "event is required"),
        (
            json!({"event": "message", "data": 5}),
            "data must be an object",
        ),
        (json!({"event": "raw", "data": {}}), "data.text is required"),
        (json!({"event": "ping", "to": "nobody"}), "unknown user"),
    ] {
        let (status, answer) = emit(body).await;
        assert_eq!(status, 400);
        assert!(answer["error"].as_str().unwrap().contains(part), "{answer}");
    }
    let journal = stage.journal().await;
    let last = journal.last().unwrap();
    assert_eq!(
        (&last["kind"], &last["body"]),
        (&json!("ws"), &json!("no { JSON"))
    );
}

#[actix_rt::test]
async fn connections_are_lost_as_asked() {
    let stage = Stage::open().await;
    let fault = |body: Value| stage.control("/token_bowl/fault", body);
    let (mut alice, mut bob) = (stage.connect(ALICE).await, stage.connect(BOB).await);
    let (status, answer) = fault(json!({"kind": "disconnect", "user": "bob"})).await;
    assert_eq!((status, answer), (200, json!({"ok": true, "sockets": 1})));
    assert_eq!(bob.end().await, None);
    alice.nothing().await;
    fault(json!({"kind": "disconnect", "code": 1012})).await;
    assert_eq!(
        alice
            .end()
            .await
            .flatten()
            .map(|reason| u16::from(reason.code)),
        Some(1_012)
    );
    let (status, answer) = fault(json!({"kind": "disconnect", "user": "nobody"})).await;
    assert_eq!(
        (status, answer["error"].as_str().unwrap()),
        (400, "fault: user: there is no \"nobody\"")
    );
    fault(json!({"kind": "refuse", "status": 403})).await;
    assert_eq!(
        stage
            .try_connect("/ws?api_key=sim-bob-key", &[])
            .await
            .err(),
        Some(403)
    );
    fault(json!({"kind": "http", "status": 500, "path": "/ws"})).await;
    assert_eq!(
        stage
            .try_connect("/ws?api_key=sim-bob-key", &[])
            .await
            .err(),
        Some(500)
    );
    stage.connect(BOB).await;
}

#[actix_rt::test]
async fn a_stall_loses_nothing() {
    let stage = Stage::open().await;
    let (mut alice, mut bob) = (stage.connect(ALICE).await, stage.connect(BOB).await);
    let begin = Instant::now();
    stage
        .control("/token_bowl/fault", json!({"kind": "stall", "ms": 300}))
        .await;
    alice.send(json!({"content": "1"})).await;
    alice.send(json!({"content": "2"})).await;
    stage
        .post("/messages", ADMIN, json!({"content": "0"}))
        .await;
    let contents = [
        bob.receive().await,
        bob.receive().await,
        bob.receive().await,
    ]
    .map(|row| row["content"].clone());
    assert_eq!(contents, ["0", "1", "2"]);
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert_eq!(alice.receive().await["content"], "0");
    assert_eq!(alice.receive().await["type"], "message_sent");
}

#[actix_rt::test]
async fn requests_are_refused_and_held_back() {
    let stage = Stage::open().await;
    let fault = |body: Value| stage.control("/token_bowl/fault", body);
    let mut socket = stage.connect(ALICE).await;
    fault(json!({"kind": "http", "status": 500, "count": 2})).await;
    let _second = stage.connect(BOB).await;
    for _ in 0..2 {
        assert_eq!(
            stage.get("/health", "").await.refused(500),
            "Injected fault"
        );
    }
    stage.get("/health", "").await.ok();
    fault(json!({"kind": "delay", "ms": 200})).await;
    socket.nothing().await;
    let begin = Instant::now();
    stage.get("/health", "").await.ok();
    assert!(begin.elapsed() >= Duration::from_millis(200));
    fault(json!({"kind": "garbage", "count": 2})).await;
    for _ in 0..2 {
        let text = socket.text().await;
        assert!(serde_json::from_str::<Value>(&text).is_err(), "{text}");
    }
    socket.nothing().await;
}

#[actix_rt::test]
async fn the_journal_has_every_request_and_every_text() {
    let stage = Stage::open().await;
    let mut socket = stage.connect(ALICE).await;
    socket.ask(json!({"content": "x"})).await;
    stage.get("/messages?limit=1", BOB).await.ok();
    let rows = stage.journal().await;
    let shape: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["direction"].as_str().unwrap(),
                row["kind"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        shape,
        [
            ("in", "http"),
            ("out", "http"),
            ("in", "ws"),
            ("out", "ws"),
            ("in", "http"),
            ("out", "http")
        ]
    );
    assert_eq!(rows[2]["body"], json!({"content": "x"}));
    assert_eq!(rows[3]["body"]["type"], "message_sent");
    assert_eq!(
        (&rows[4]["path"], &rows[4]["headers"]["x-api-key"]),
        (&json!("/messages?limit=1"), &json!(BOB))
    );
    assert_eq!(
        (&rows[5]["status"], &rows[5]["body"]["pagination"]["total"]),
        (&json!(200), &json!(1))
    );
}

#[actix_rt::test]
async fn web_hooks_hear_what_concerns_them_and_delay_nobody() {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let received = std::thread::spawn(move || {
        let mut bodies = Vec::new();
        for status in ["500 No", "200 OK", "204 No Content"] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut text = String::new();
            let mut bytes = [0; 4_096];
            while !text.contains("timestamp") {
                let read = stream.read(&mut bytes).unwrap();
                text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
            }
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
            bodies.push(text);
        }
        bodies
    });
    let stage = Stage::open().await;
    let hook = format!("http://{address}/hook");
    stage
        .patch("/users/me/webhook", BOB, json!({"webhook_url": hook}))
        .await
        .ok();
    stage
        .patch(
            "/users/me/webhook",
            ADMIN,
            json!({"webhook_url": "http://127.0.0.1:9/dead"}),
        )
        .await
        .ok();
    let begin = Instant::now();
    stage
        .post("/messages", ALICE, json!({"content": "one"}))
        .await;
    stage
        .post("/messages", BOB, json!({"content": "own"}))
        .await;
    stage
        .post(
            "/messages",
            ALICE,
            json!({"content": "two", "to_username": "bob"}),
        )
        .await;
    assert!(begin.elapsed() < Duration::from_secs(1));
    while stage.health().await["hooks_delivered"] != 2 {
        assert!(begin.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let bodies = received.join().unwrap();
    for (body, content) in bodies.iter().zip(["one", "one", "two"]) {
        assert!(body.starts_with("POST /hook HTTP/1.1"), "{body}");
        assert!(body.contains("content-type: application/json"), "{body}");
        let json: Value = serde_json::from_str(body.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(json["content"], content);
    }
}
