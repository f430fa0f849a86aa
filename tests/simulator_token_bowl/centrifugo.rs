//! The Centrifugo line: login by token, channels, pushes, recovery, errors and close codes; one world with the plain line.

use serde_json::{Value, json};

use crate::client::{ADMIN, ALICE, BOB, Socket, Stage};

const PATH: &str = "/connection/websocket";

async fn token(stage: &Stage, key: &str) -> String {
    let answer = stage.get("/centrifugo/connection-token", key).await.ok();
    answer["token"].as_str().unwrap().to_owned()
}

async fn dial(stage: &Stage) -> Socket {
    stage.try_connect(PATH, &[]).await.unwrap()
}

async fn connect(stage: &Stage, key: &str) -> Socket {
    let mut socket = dial(stage).await;
    let token = token(stage, key).await;
    let reply = socket
        .ask(json!({"id": 1, "connect": {"token": token}}))
        .await;
    assert!(reply["connect"]["client"].is_string(), "{reply}");
    socket
}

/// Waits for the next push; returns its channel, data and number.
async fn push(socket: &mut Socket) -> (String, Value, Option<u64>) {
    let mut push = socket.receive().await["push"].take();
    let offset = push["pub"]["offset"].as_u64();
    let channel = push["channel"].as_str().unwrap().to_owned();
    (channel, push["pub"]["data"].take(), offset)
}

async fn ending(socket: &mut Socket) -> (u16, String) {
    let reason = socket.end().await.flatten().unwrap();
    (reason.code.into(), reason.description.unwrap_or_default())
}

#[actix_rt::test]
async fn a_token_tells_who_where_and_what() {
    let stage = Stage::open().await;
    assert_eq!(
        stage.get("/centrifugo/connection-token", "x").await.status,
        401
    );
    let answer = stage.get("/centrifugo/connection-token", ALICE).await.ok();
    let url = format!("{}{PATH}", stage.url().replace("http://", "ws://"));
    assert_eq!(
        (&answer["url"], &answer["user"]),
        (&json!(url), &json!("alice"))
    );
    assert_eq!(answer["channels"], json!(["user:alice", "room:main"]));
    assert_eq!(answer["token"].as_str().unwrap().split('.').count(), 3);

    let mut socket = dial(&stage).await;
    let reply = socket
        .ask(json!({"id": 1, "connect": {"token": answer["token"]}}))
        .await;
    let connected = &reply["connect"];
    assert_eq!(
        (&reply["id"], &connected["version"]),
        (&json!(1), &json!("0.0.0 OSS"))
    );
    assert_eq!(
        (&connected["ping"], &connected["pong"]),
        (&json!(25), &json!(true))
    );
    for channel in ["room:main", "user:alice"] {
        let subscription = &connected["subs"][channel];
        assert_eq!(
            (
                &subscription["offset"],
                &subscription["recoverable"],
                &subscription["positioned"]
            ),
            (&json!(0), &json!(true), &json!(true))
        );
        assert!(subscription["epoch"].is_string(), "{subscription}");
    }
    let online = stage.get("/users/online", BOB).await.ok();
    assert_eq!(online[0]["username"], "alice");
}

#[actix_rt::test]
async fn both_lines_see_the_same_world() {
    let stage = Stage::open().await;
    let (mut alice, mut bob) = (connect(&stage, ALICE).await, connect(&stage, BOB).await);
    let mut plain = stage.connect(BOB).await;
    let sent = stage
        .post("/messages", ALICE, json!({"content": "1"}))
        .await
        .json();
    for socket in [&mut alice, &mut bob] {
        assert_eq!(
            push(socket).await,
            ("room:main".to_owned(), sent.clone(), Some(1))
        );
    }
    assert_eq!(plain.receive().await, sent);
    let ack = plain
        .ask(json!({"content": "2", "to_username": "alice"}))
        .await;
    assert_eq!(
        push(&mut alice).await,
        ("user:alice".to_owned(), ack["message"].clone(), Some(1))
    );

    stage.post("/typing", BOB, Value::Null).await.ok();
    let (channel, typing, offset) = push(&mut alice).await;
    assert_eq!((channel.as_str(), offset), ("room:main", Some(2)));
    assert_eq!(
        (&typing["type"], &typing["username"], &typing["to_username"]),
        (&json!("typing"), &json!("bob"), &Value::Null)
    );
    assert!(typing["timestamp"].is_string());
    push(&mut bob).await;
    let id = sent["id"].as_str().unwrap();
    stage
        .post(&format!("/messages/{id}/read"), BOB, Value::Null)
        .await;
    let (channel, receipt, _) = push(&mut alice).await;
    assert_eq!(
        (
            channel.as_str(),
            &receipt["message_id"],
            &receipt["read_by"]
        ),
        ("room:main", &json!(id), &json!("bob"))
    );
    assert!(receipt["read_at"].is_string());
    push(&mut bob).await;
    let direct = ack["message"]["id"].as_str().unwrap();
    stage
        .post(&format!("/messages/{direct}/read"), ALICE, Value::Null)
        .await;
    assert_eq!(
        plain.receive().await,
        json!({"type": "read_receipt", "message_id": direct, "read_by": "alice"})
    );
    let (channel, receipt, offset) = push(&mut bob).await;
    assert_eq!(
        (channel.as_str(), &receipt["read_by"], offset),
        ("user:bob", &json!("alice"), Some(1))
    );
    stage
        .post("/messages/mark-all-read", BOB, Value::Null)
        .await
        .ok();
    let (channel, count, _) = push(&mut bob).await;
    assert_eq!(
        (channel.as_str(), &count["type"], &count["total_unread"]),
        ("user:bob", &json!("unread_count"), &json!(0))
    );
    assert!(count["timestamp"].is_string());
}

#[actix_rt::test]
async fn commands_have_their_replies_and_errors() {
    let stage = Stage::open().await;
    let mut socket = connect(&stage, ALICE).await;
    for (command, code, message) in [
        (
            json!({"subscribe": {"channel": "user:alice", "recover": true}}),
            105,
            "already subscribed",
        ),
        (
            json!({"subscribe": {"channel": "user:bob"}}),
            103,
            "permission denied",
        ),
        (
            json!({"subscribe": {"channel": "nonsense"}}),
            102,
            "unknown channel",
        ),
        (
            json!({"publish": {"channel": "room:main", "data": {}}}),
            103,
            "permission denied",
        ),
        (json!({"rpc": {"method": "x"}}), 104, "method not found"),
    ] {
        let mut command = command;
        command["id"] = json!(7);
        let reply = socket.ask(command).await;
        assert_eq!(
            reply,
            json!({"id": 7, "error": {"code": code, "message": message}})
        );
    }
    let left = socket
        .ask(json!({"id": 8, "unsubscribe": {"channel": "room:main"}}))
        .await;
    assert_eq!(left, json!({"id": 8, "unsubscribe": {}}));
    stage
        .post("/messages", BOB, json!({"content": "unheard"}))
        .await;
    let back = socket
        .ask(json!({"id": 9, "subscribe": {"channel": "room:main"}}))
        .await;
    assert_eq!(
        (&back["id"], &back["subscribe"]["offset"]),
        (&json!(9), &json!(1))
    );
    // several commands in one message, blank lines between
    socket.send_text("{\"id\":10,\"rpc\":{}}\n\n{}\n{\"id\":11,\"subscribe\":{\"channel\":\"user:alice\"}}\n").await;
    let both = socket.text().await;
    let ids: Vec<Value> = both
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].take())
        .collect();
    assert_eq!(ids, [10, 11]);
    let fresh = token(&stage, ALICE).await;
    let refreshed = socket
        .ask(json!({"id": 12, "refresh": {"token": fresh}}))
        .await;
    assert_eq!(
        (
            &refreshed["refresh"]["expires"],
            refreshed["refresh"]["ttl"].as_u64().unwrap() > 86_000
        ),
        (&json!(true), true)
    );
}

#[actix_rt::test]
async fn wrong_logins_and_commands_end_the_connection() {
    let stage = Stage::open().await;
    let good = token(&stage, ALICE).await;
    for (text, code, reason) in [
        (
            "{\"id\":1,\"connect\":{\"token\":\"a.b.c\"}}".to_owned(),
            3_500,
            "invalid token",
        ),
        (
            "{\"id\":1,\"connect\":{}}".to_owned(),
            3_500,
            "invalid token",
        ),
        (
            "{\"id\":1,\"subscribe\":{\"channel\":\"room:main\"}}".to_owned(),
            3_501,
            "bad request",
        ),
        ("{}".to_owned(), 3_501, "bad request"),
        ("nonsense".to_owned(), 3_501, "bad request"),
        (
            format!("{{\"connect\":{{\"token\":\"{good}\"}}}}"),
            3_501,
            "bad request",
        ),
        (
            format!(
                "{{\"id\":1,\"connect\":{{\"token\":\"{good}\"}}}}\n{{\"id\":2,\"connect\":{{}}}}"
            ),
            3_501,
            "bad request",
        ),
    ] {
        let mut socket = dial(&stage).await;
        socket.send_text(&text).await;
        assert_eq!(
            ending(&mut socket).await,
            (code, reason.to_owned()),
            "{text}"
        );
    }
    let fault = |kind: &'static str| stage.control("/token_bowl/fault", json!({"kind": kind}));
    fault("expire").await;
    let mut socket = dial(&stage).await;
    let reply = socket
        .ask(json!({"id": 1, "connect": {"token": good}}))
        .await;
    assert_eq!(
        reply,
        json!({"id": 1, "error": {"code": 109, "message": "token expired"}})
    );
    let fresh = token(&stage, ALICE).await;
    let reply = socket
        .ask(json!({"id": 2, "connect": {"token": fresh}}))
        .await;
    assert!(reply["connect"].is_object(), "{reply}");
    let bob = stage.id_of("bob").await;
    let mut other = connect(&stage, BOB).await;
    stage.delete(&format!("/admin/users/{bob}"), ADMIN).await;
    assert_eq!(
        ending(&mut other).await,
        (3_503, "force disconnect".to_owned())
    );
}

#[actix_rt::test]
async fn who_comes_back_gets_what_was_missed() {
    let stage = Stage::open().await;
    let mut socket = dial(&stage).await;
    let token = token(&stage, BOB).await;
    let reply = socket
        .ask(json!({"id": 1, "connect": {"token": token}}))
        .await;
    let epoch = |channel: &str| reply["connect"]["subs"][channel]["epoch"].clone();
    let epochs = [epoch("room:main"), epoch("user:bob")];
    stage
        .control(
            "/token_bowl/fault",
            json!({"kind": "disconnect", "user": "bob"}),
        )
        .await;
    assert_eq!(socket.end().await, None);
    for number in 0..3 {
        stage
            .post("/messages", ALICE, json!({"content": number.to_string()}))
            .await;
    }
    stage
        .post(
            "/messages",
            ALICE,
            json!({"content": "psst", "to_username": "bob"}),
        )
        .await;
    let subs = json!({
        "room:main": {"recover": true, "epoch": epochs[0], "offset": 1},
        "user:bob": {"recover": true, "epoch": "other", "offset": 0},
    });
    let mut socket = dial(&stage).await;
    let reply = socket
        .ask(json!({"id": 1, "connect": {"token": token, "subs": subs}}))
        .await;
    let room = &reply["connect"]["subs"]["room:main"];
    let missed = room["publications"].as_array().unwrap();
    let shown: Vec<_> = missed
        .iter()
        .map(|row| {
            (
                row["offset"].as_u64().unwrap(),
                row["data"]["content"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        (&room["recovered"], shown),
        (&json!(true), vec![(2, "1"), (3, "2")])
    );
    let own = &reply["connect"]["subs"]["user:bob"];
    assert_eq!(
        (&own["recovered"], &own["offset"], &own["epoch"]),
        (&json!(false), &json!(1), &epochs[1])
    );
}

#[actix_rt::test]
async fn emitted_events_are_wrapped_and_not_numbered() {
    let stage = Stage::open().await;
    let (mut socket, mut other) = (connect(&stage, ALICE).await, connect(&stage, BOB).await);
    let emit = |body: Value| stage.control("/token_bowl/emit", body);
    emit(json!({"event": "typing", "data": {"username": "x"}})).await;
    assert_eq!(
        push(&mut socket).await,
        (
            "room:main".to_owned(),
            json!({"type": "typing", "username": "x"}),
            None
        )
    );
    push(&mut other).await;
    emit(json!({"event": "unread_count", "data": {"total_unread": 4}, "to": "alice"})).await;
    assert_eq!(push(&mut socket).await.0, "user:alice");
    emit(json!({"event": "error", "data": {"error": "trouble"}, "to": "alice"})).await;
    assert_eq!(
        socket.receive().await,
        json!({"id": 0, "error": {"code": 100, "message": "trouble"}})
    );
    emit(json!({"event": "ping", "to": "alice"})).await;
    assert_eq!(socket.receive().await, json!({}));
    emit(json!({"event": "raw", "data": {"text": "{}\n{}"}, "to": "alice"})).await;
    assert_eq!(socket.text().await, "{}\n{}");
    emit(json!({"event": "message", "data": {"content": "x"}})).await;
    assert_eq!(push(&mut other).await.1["content"], "x");
    let sent = stage
        .post("/messages", BOB, json!({"content": "1"}))
        .await
        .json();
    assert_eq!(
        push(&mut other).await,
        ("room:main".to_owned(), sent, Some(1))
    );
}
