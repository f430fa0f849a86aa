//! Events that a test pushes, and the world file.

use greenroom::simulator::{Simulator, World};
use greenroom_proto::mezon::events;
use serde_json::{Value, json};

use crate::client::{ALICE, Stage};

#[actix_rt::test]
async fn every_event_reaches_both_wires() {
    let stage = Stage::open().await;
    let mut old = stage.connect(&stage.token_v1().await).await;
    let mut new = stage.connect(&stage.token_v2().await).await;
    for (tag, event) in events() {
        let (status, answer) = stage
            .control(
                "/mezon/emit",
                json!({"event": event, "data": {"clan_id": 1, "nonsense": []}}),
            )
            .await;
        let expected = if tag < 90 { 2 } else { 1 };
        assert_eq!(
            (status, &answer),
            (200, &json!({"delivered": expected})),
            "{event}"
        );
        new.receive().await;
        if tag < 90 {
            old.receive().await;
        }
        let seen = stage.frames("out").await;
        for row in &seen[seen.len() - expected..] {
            assert!(row[event].is_object(), "{event} {row}");
        }
    }
}

#[actix_rt::test]
async fn what_cannot_be_emitted_is_refused() {
    let stage = Stage::open().await;
    let _socket = stage.connect(&stage.token_v2().await).await;
    for (body, part) in [
        (
            json!({"event": "no_such_event", "data": {}}),
            "no_such_event",
        ),
        (json!({"event": "cid"}), "cid"),
        (json!({"data": {}}), "event is required"),
        (json!({"event": "channel_message", "data": []}), "data"),
        (
            json!({"event": "channel_message", "data": {"message_id": "x"}}),
            "channel_message.message_id",
        ),
    ] {
        let (status, answer) = stage.control("/mezon/emit", body).await;
        assert_eq!(status, 400, "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(part), "{answer}");
    }
    let (status, answer) = stage.control("/nowhere/emit", json!({})).await;
    assert_eq!(status, 404);
    assert!(answer["error"].as_str().unwrap().contains("mezon"));
}

#[actix_rt::test]
async fn the_ready_line_says_where_everything_is() {
    let stage = Stage::open().await;
    let ready: Value = serde_json::from_str(&stage.simulator.ready()).unwrap();
    assert_eq!(ready["mezon"], stage.url());
    assert_eq!(ready["control"], stage.simulator.control_url());
    let names: Vec<&str> = stage.simulator.names().collect();
    assert_eq!(ready.as_object().unwrap().len(), names.len() + 1);
    stage.simulator.stop().await;
}

#[actix_rt::test]
async fn wrong_settings_are_named() {
    let world = World::parse("[mezzo]\n").unwrap();
    let fault = Simulator::builder().world(world).start().await.unwrap_err();
    let expected = "world file: line 1: unknown platform \"mezzo\", known are mezon";
    assert!(fault.to_string().starts_with(expected), "{fault}");
    let fault = Simulator::builder()
        .port("mezzo", 0)
        .start()
        .await
        .unwrap_err();
    let fault = fault.to_string();
    let expected = "ports: unknown server \"mezzo\", known are mezon, ";
    assert!(
        fault.starts_with(expected) && fault.ends_with(", control"),
        "{fault}"
    );
    let world = World::parse(
        "[[mezon.user]]\nid = 0\nname = \"x\"\n[[mezon.role]]\nid = 1\nclan = 9\ntitle = \"x\"\n",
    )
    .unwrap();
    let fault = Simulator::builder()
        .world(world)
        .start()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        fault.contains("line 2: an id must be")
            && fault.contains("line 4: role: there is no clan 9"),
        "{fault}"
    );
}

#[actix_rt::test]
async fn ids_may_be_numbers_and_lists_arrays() {
    let stage = Stage::open().await;
    let mut new = stage.connect(&stage.token_v2().await).await;
    let mut old = stage.connect(&stage.token_v1().await).await;
    let data = json!({"sender_id": ALICE.parse::<i64>().unwrap(), "content": {"t": "x"}, "mentions": [{"user_id": 4}], "code": 8});
    stage
        .control(
            "/mezon/emit",
            json!({"event": "channel_message", "data": data}),
        )
        .await;
    new.receive().await;
    old.receive().await;
    let out = stage.frames("out").await;
    for row in &out {
        assert_eq!(
            (
                &row["channel_message"]["sender_id"],
                &row["channel_message"]["code"]
            ),
            (&json!(ALICE), &json!(8))
        );
        assert_eq!(row["channel_message"]["content"], "{\"t\":\"x\"}");
    }
    assert_eq!(out[0]["channel_message"]["mentions"], "CgIQBA==");
    assert_eq!(
        out[1]["channel_message"]["mentions"],
        "[{\"user_id\":\"4\"}]"
    );
}
