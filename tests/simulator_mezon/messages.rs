//! Messages that are said, and those that are listed.

use greenroom_proto::mezon::api;
use prost::Message;
use serde_json::json;

use crate::client::{ALICE, BOB, BOT, CLAN, DM, FIRST_MESSAGE, GENERAL, Stage};

#[actix_rt::test]
async fn what_is_said_reaches_those_who_joined() {
    let stage = Stage::open().await;
    let (mut old, mut new) = (stage.joined_v1().await, stage.joined_v2().await);
    let _idle = stage.connect(&stage.token_v2().await).await;
    let text = "hé \"q\"\n👋 \u{202b}";
    let body = json!({"from": "alice", "channel": "general", "text": text, "mentions": [{"user_id": BOB, "s": 0, "e": 2}], "topic_id": "9"});
    let (status, answer) = stage.control("/mezon/say", body).await;
    assert_eq!(
        (status, &answer),
        (200, &json!({"message_id": FIRST_MESSAGE, "delivered": 2}))
    );
    old.receive().await;
    new.receive().await;
    let out = stage.frames("out").await;
    let older = &out[2]["channel_message"];
    assert_eq!(older["content"], json!({"t": text}).to_string());
    assert_eq!(
        older["mentions"],
        format!("[{{\"e\":2,\"s\":0,\"user_id\":\"{BOB}\"}}]")
    );
    for (row, id) in [
        (older, json!(FIRST_MESSAGE)),
        (&out[3]["channel_message"], json!(FIRST_MESSAGE)),
    ] {
        assert_eq!(
            (&row["message_id"], &row["sender_id"]),
            (&id, &json!(ALICE))
        );
        assert_eq!(
            (&row["clan_id"], &row["channel_id"], &row["channel_label"]),
            (&json!(CLAN), &json!(GENERAL), &json!("general"))
        );
        assert_eq!(
            (&row["username"], &row["display_name"]),
            (&json!("alice"), &json!("Alice"))
        );
        assert_eq!(
            (&row["mode"], &row["is_public"], &row["topic_id"]),
            (&json!(2), &json!(true), &json!("9"))
        );
        assert!(row["create_time_seconds"].as_u64().unwrap() > 1_700_000_000);
    }
}

#[actix_rt::test]
async fn direct_messages_need_their_own_join() {
    let stage = Stage::open().await;
    let mut socket = stage.joined_v2().await;
    let say = async |channel: &str, from: &str| {
        stage
            .control(
                "/mezon/say",
                json!({"from": from, "channel": channel, "text": "x"}),
            )
            .await
    };
    assert_eq!(say("dm", ALICE).await.1["delivered"], 0);
    assert_eq!(socket.ask("08031a00").await, "08031a00");
    assert_eq!(say("dm", "alice").await.1["delivered"], 1);
    assert_eq!(say(DM, "alice").await.1["delivered"], 1);
    socket.receive().await;
    socket.receive().await;
    let event = stage.frames("out").await.pop().unwrap();
    assert_eq!(
        (
            &event["channel_message"]["mode"],
            event["channel_message"].get("is_public")
        ),
        (&json!(4), None)
    );
    for (channel, from, part) in [
        ("nowhere", "alice", "nowhere"),
        ("general", "nobody", "nobody"),
    ] {
        let (status, answer) = say(channel, from).await;
        assert_eq!(status, 400);
        assert!(answer["error"].as_str().unwrap().contains(part));
    }
    assert_eq!(
        stage
            .control("/mezon/say", json!({"from": "alice"}))
            .await
            .0,
        400
    );
}

#[actix_rt::test]
async fn stored_messages_fill_a_gap() {
    let stage = Stage::open().await;
    let token = stage.token_v2().await;
    for text in ["one", "two", "three"] {
        stage
            .control(
                "/mezon/say",
                json!({"from": "bob", "channel": "general", "text": text}),
            )
            .await;
    }
    let list = async |message_id: i64, direction: i32, limit: i32| {
        let request = api::ListChannelMessagesRequest {
            channel_id: 3_000_000_000_000_000_001,
            message_id,
            direction,
            limit,
            ..Default::default()
        };
        let answer = stage
            .v2("ListChannelMessages", &token, request.encode_to_vec())
            .await;
        let list = api::ChannelMessageList::decode(answer.body).unwrap();
        list.messages
            .into_iter()
            .map(|row| row.content)
            .collect::<Vec<_>>()
    };
    let first = 7_000_000_000_000_000_001;
    assert_eq!(
        list(first, 1, 0).await,
        [r#"{"t":"two"}"#, r#"{"t":"three"}"#]
    );
    assert_eq!(list(first + 2, 3, 1).await, [r#"{"t":"two"}"#]);
    assert_eq!(list(0, 0, 2).await, [r#"{"t":"three"}"#, r#"{"t":"two"}"#]);
    assert_eq!(
        stage
            .v2("ListChannelMessages", &token, Vec::new())
            .await
            .status,
        404
    );
}

#[actix_rt::test]
async fn tokens_are_transferred_once() {
    let stage = Stage::open().await;
    let mut socket = stage.joined_v2().await;
    let rpc = async |method: &str, params: serde_json::Value| {
        let body =
            json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        stage.v1("POST", "/mmn-api/", "", &body).await.json()["result"].clone()
    };
    let (sender, recipient) = (
        "9vwAKXMVAP7yFWEeDUSXVYyMmcjMxu2Z9yWky7gLzt73",
        "JCQrK24N9rjnzhH9v47vJwX5ENeokD2YysmeA4xm9ZMJ",
    );
    let nonce = rpc(
        "account.getcurrentnonce",
        json!({"address": sender, "tag": "pending"}),
    )
    .await;
    assert_eq!(
        nonce,
        json!({"address": sender, "nonce": 0, "tag": "pending", "error": ""})
    );
    // The signature of the specification's example.
    let signature = "3XSLEfi16UEKENYVvnuLSvHgxgwsxPWV2ujYzc2uvMZWHXzQsEEkL3wEVPGRWHpfxxGFgZ5FywKnNbraud3m7tuzZ4sp3yN22E36L8iniVgG1SjzwavMjGttr5iPYKAH2cG3T8CgR53mJX7hRE7RhKg2byDJUiFf6KT18R79NpPgggVpNPXwLwAWPXNdcYhTnFkHqfQL2iQxhDFkoLKSqXA";
    let tx = json!({"signature": signature, "tx_msg": {
        "type": 0, "sender": sender, "recipient": recipient, "amount": "10000000", "timestamp": 1, "text_data": "hi", "nonce": 1,
        "extra_info": format!("{{\"type\": \"transfer_token\", \"UserSenderId\": \"1000000000000000001\", \"UserSenderUsername\": \"\", \"UserReceiverId\": \"{ALICE}\"}}"),
        "zk_proof": "sim-proof", "zk_pub": "sim-public-input"}});
    let refused = rpc("tx.addtx", tx.clone()).await;
    assert_eq!(refused["error"], "the public key was not proved");
    let mut body = json!({"user_id": BOT, "ephemeral_pk": "FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF", "jwt": "j", "address": sender,
        "client_type": "mezon"});
    let unknown = stage
        .v1("POST", "/zk-api/prove", "", &body.to_string())
        .await;
    assert_eq!(unknown.status, 401);
    body["jwt"] = stage.token_v1().await.into();
    for path in ["/zk-api/prove", "/zk-api//prove"] {
        let answer = stage.v1("POST", path, "", &body.to_string()).await;
        assert_eq!(
            answer.json(),
            json!({"data": {"proof": "sim-proof", "public_input": "sim-public-input"}})
        );
        assert_eq!(stage.v1("POST", path, "", "{}").await.status, 400);
    }
    assert_eq!(rpc("tx.addtx", tx.clone()).await["ok"], true);
    assert_eq!(rpc("tx.addtx", tx).await["ok"], false);
    socket.receive().await;
    let event = stage.frames("out").await.pop().unwrap();
    assert_eq!(
        (
            &event["token_sent_event"]["amount"],
            &event["token_sent_event"]["receiver_id"]
        ),
        (&json!(10), &json!(ALICE))
    );
}
