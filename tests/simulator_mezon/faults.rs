//! Every fault that a test can ask for.

use std::time::Duration;

use awc::ws::Frame;
use greenroom::actors::clock;
use serde_json::json;

use crate::client::{Stage, bytes};

#[actix_rt::test]
async fn disconnect_cuts_without_a_close_frame() {
    let stage = Stage::open().await;
    let token = stage.token_v2().await;
    let (mut one, mut two) = (stage.joined_v1().await, stage.joined_v2().await);
    let (status, _) = stage
        .control("/mezon/fault", json!({"kind": "disconnect", "count": 3}))
        .await;
    assert_eq!(status, 200);
    assert!(one.next().await.is_none());
    assert!(two.next().await.is_none());
    // the next two upgrades are cut as well
    assert!(stage.try_connect(&token).await.is_err());
    assert!(stage.try_connect(&token).await.is_err());
    let mut three = stage.connect(&token).await;
    assert_eq!(three.ask("0801b20100").await, "0801ba0100");
    let say = json!({"from": "alice", "channel": "general", "text": "x"});
    assert_eq!(stage.control("/mezon/say", say).await.1["delivered"], 0);
}

#[actix_rt::test]
async fn close_says_goodbye_with_a_code() {
    let stage = Stage::open().await;
    let mut socket = stage.joined_v2().await;
    stage
        .control("/mezon/fault", json!({"kind": "close", "code": 4001}))
        .await;
    assert!(
        matches!(socket.next().await, Some(Frame::Close(Some(reason))) if u16::from(reason.code) == 4001)
    );
}

#[actix_rt::test]
async fn stall_ignores_the_sockets_that_are_open() {
    let stage = Stage::open().await;
    let mut stalled = stage.joined_v2().await;
    stage
        .control("/mezon/fault", json!({"kind": "stall"}))
        .await;
    stalled.send("0801b20100").await;
    let mut fresh = stage.joined_v2().await;
    let say = json!({"from": "alice", "channel": "general", "text": "x"});
    assert_eq!(
        stage.control("/mezon/say", say.clone()).await.1["delivered"],
        1
    );
    assert!(fresh.receive().await.starts_with("32"));
    assert_eq!(fresh.ask("0801b20100").await, "0801ba0100");
    // a stall of no length ends the first one
    stage
        .control("/mezon/fault", json!({"kind": "stall", "ms": 0}))
        .await;
    assert_eq!(stage.control("/mezon/say", say).await.1["delivered"], 2);
    assert!(stalled.receive().await.starts_with("32"));
    assert_eq!(stalled.ask("0801b20100").await, "0801ba0100");
}

#[actix_rt::test]
async fn garbage_cannot_be_decoded_and_the_socket_stays() {
    let stage = Stage::open().await;
    let (mut old, mut new) = (stage.joined_v1().await, stage.joined_v2().await);
    stage
        .control("/mezon/fault", json!({"kind": "garbage", "count": 2}))
        .await;
    for _ in 0..2 {
        use greenroom_proto::mezon::{Wire, decode, realtime::Envelope};
        assert!(decode::<Envelope>(Wire::V1, bytes(&old.receive().await)).is_err());
        assert!(decode::<Envelope>(Wire::V2, bytes(&new.receive().await)).is_err());
    }
    assert_eq!(old.ask("0a0131b20100").await, "0a0131ba0100");
    assert_eq!(new.ask("0801b20100").await, "0801ba0100");
}

#[actix_rt::test]
async fn http_answers_the_next_calls_with_an_error() {
    let stage = Stage::open().await;
    let token = stage.token_v1().await;
    stage
        .control(
            "/mezon/fault",
            json!({"kind": "http", "status": 429, "count": 2, "ms": 1500}),
        )
        .await;
    for _ in 0..2 {
        let answer = stage.v1("GET", "/v2/clandesc", &token, "").await;
        assert_eq!(
            (
                answer.status,
                answer.json()["code"].as_u64(),
                answer.retry_after.as_deref()
            ),
            (429, Some(8), Some("2"))
        );
    }
    assert_eq!(
        stage.v1("GET", "/v2/clandesc", &token, "").await.status,
        200
    );
    let fault = json!({"kind": "http", "path": "/v2/channeldesc", "body": {"own": 1}});
    stage.control("/mezon/fault", fault).await;
    assert_eq!(
        stage.v1("GET", "/v2/clandesc", &token, "").await.status,
        200
    );
    let answer = stage.v1("GET", "/v2/channeldesc?type=3", &token, "").await;
    assert_eq!(
        (answer.status, answer.json(), answer.retry_after),
        (503, json!({"own": 1}), None)
    );
}

#[actix_rt::test]
async fn delay_holds_calls_and_answers() {
    let stage = Stage::open().await;
    let token = stage.token_v2().await;
    let mut socket = stage.joined_v2().await;
    stage
        .control(
            "/mezon/fault",
            json!({"kind": "delay", "ms": 150, "count": 2}),
        )
        .await;
    let start = clock::now();
    assert_eq!(
        stage.v2("ListClanDescs", &token, Vec::new()).await.status,
        200
    );
    assert!(start.elapsed() >= Duration::from_millis(150));
    // the answer of the second request overtakes that of the first
    socket.send("0801b20100").await;
    assert_eq!(socket.ask("0802b20100").await, "0802ba0100");
    assert_eq!(socket.receive().await, "0801ba0100");
    stage
        .control(
            "/mezon/fault",
            json!({"kind": "delay", "ms": 60_000, "count": 9}),
        )
        .await;
    stage
        .control("/mezon/fault", json!({"kind": "delay", "count": 0}))
        .await;
    assert_eq!(socket.ask("0803b20100").await, "0803ba0100");
}

#[actix_rt::test]
async fn events_are_lost_or_come_twice() {
    let stage = Stage::open().await;
    let mut socket = stage.joined_v2().await;
    let say = async |text: &str| {
        let body = json!({"from": "alice", "channel": "general", "text": text});
        stage.control("/mezon/say", body).await.1["delivered"].clone()
    };
    stage.control("/mezon/fault", json!({"kind": "lose"})).await;
    assert_eq!(say("lost").await, 0);
    stage
        .control("/mezon/fault", json!({"kind": "duplicate"}))
        .await;
    assert_eq!(say("twice").await, 1);
    let first = socket.receive().await;
    assert_eq!(socket.receive().await, first);
    assert_eq!(socket.ask("0801b20100").await, "0801ba0100");
}

#[actix_rt::test]
async fn expire_makes_tokens_unknown() {
    let stage = Stage::open().await;
    let token = stage.token_v1().await;
    stage
        .control("/mezon/fault", json!({"kind": "expire"}))
        .await;
    assert_eq!(
        stage.v1("GET", "/v2/clandesc", &token, "").await.status,
        401
    );
    assert!(stage.try_connect(&token).await.is_err());
    let token = stage.token_v1().await;
    assert_eq!(
        stage.v1("GET", "/v2/clandesc", &token, "").await.status,
        200
    );
}

#[actix_rt::test]
async fn an_unknown_fault_is_answered_with_the_list() {
    let stage = Stage::open().await;
    let (status, answer) = stage
        .control("/mezon/fault", json!({"kind": "flood"}))
        .await;
    assert_eq!(status, 400);
    for kind in greenroom::simulator::FaultKind::ALL {
        let kind = kind.name();
        assert!(answer["error"].as_str().unwrap().contains(kind), "{answer}");
    }
}

#[actix_rt::test]
async fn stopping_says_goodbye_and_is_quick() {
    let stage = Stage::open().await;
    let mut socket = stage.joined_v2().await;
    let start = clock::now();
    stage.simulator.stop().await;
    assert!(start.elapsed() < Duration::from_secs(2));
    assert!(
        matches!(socket.next().await, Some(Frame::Close(Some(reason))) if u16::from(reason.code) == 1001)
    );
}

#[actix_rt::test]
async fn a_client_that_does_not_read_is_cut() {
    let stage = Stage::open().await;
    let _deaf = stage.joined_v2().await;
    let platform = stage.simulator.platform("mezon").unwrap();
    let body = json!({"from": "alice", "channel": "general", "text": "x".repeat(8 << 20)});
    let body = body.as_object().unwrap();
    let mut delivered = 0;
    for _ in 0..16 {
        delivered += platform.say(body.clone()).unwrap()["delivered"]
            .as_u64()
            .unwrap();
    }
    assert!((8..12).contains(&delivered), "{delivered}");
    assert_eq!(platform.health()["overflows"], 1);
    assert_eq!(platform.health()["sockets"], 0);
}

#[actix_rt::test]
async fn a_cut_may_have_a_close_frame_with_or_without_a_code() {
    for (fault, code) in [
        (json!({"kind": "disconnect", "code": 4000}), Some(4000)),
        (json!({"kind": "close", "code": 1005}), None),
    ] {
        let stage = Stage::open().await;
        let mut socket = stage.joined_v2().await;
        assert_eq!(stage.control("/mezon/fault", fault).await.0, 200);
        let Some(Frame::Close(reason)) = socket.next().await else {
            panic!("no close frame")
        };
        assert_eq!(reason.map(|reason| u16::from(reason.code)), code);
    }
}

#[actix_rt::test]
async fn messages_come_late_in_order_mixed_up_or_in_part() {
    let stage = Stage::open().await;
    let mut socket = stage.joined_v2().await;
    let say = async |text: &str| {
        let body = json!({"from": "alice", "channel": "general", "text": text});
        stage.control("/mezon/say", body).await;
    };
    let fault = async |fault| assert_eq!(stage.control("/mezon/fault", fault).await.0, 200);
    let has = |frame: &str, text: &str| frame.contains(&crate::client::hex(text.as_bytes()));

    fault(json!({"kind": "jitter", "ms": 100, "count": 3})).await;
    for text in ["one", "two", "three"] {
        say(text).await;
    }
    for text in ["one", "two", "three"] {
        assert!(has(&socket.receive().await, text), "{text}");
    }
    fault(json!({"kind": "reorder", "ms": 150})).await;
    say("held").await;
    say("first").await;
    assert!(has(&socket.receive().await, "first"));
    assert!(has(&socket.receive().await, "held"));
    fault(json!({"kind": "truncate"})).await;
    say("half of a long text").await;
    let half = socket.receive().await;
    say("half of a long text").await;
    let whole = socket.receive().await;
    assert_eq!(half.len() / 2, whole.len() / 4, "{half} {whole}");
}

#[actix_rt::test]
async fn a_clogged_direction_holds_back_and_then_lets_go() {
    for direction in ["in", "out"] {
        let stage = Stage::open().await;
        let mut socket = stage.joined_v2().await;
        let clog = json!({"kind": "clog", "direction": direction, "ms": 200});
        stage.control("/mezon/fault", clog).await;
        let start = clock::now();
        assert_eq!(socket.ask("0801b20100").await, "0801ba0100");
        assert!(start.elapsed() >= Duration::from_millis(150), "{direction}");
        assert_eq!(socket.ask("0802b20100").await, "0802ba0100");
    }
}

#[actix_rt::test]
async fn a_slow_reader_takes_its_time() {
    let stage = Stage::open().await;
    let mut socket = stage.joined_v2().await;
    let slow = json!({"kind": "slow", "bytes": 100, "ms": 60_000});
    stage.control("/mezon/fault", slow).await;
    let start = clock::now();
    // about twelve bytes each on the wire
    for _ in 0..3 {
        assert_eq!(socket.ask("0801b20100").await, "0801ba0100");
    }
    assert!(start.elapsed() >= Duration::from_millis(150));
}

#[actix_rt::test]
async fn a_message_can_be_too_large() {
    let stage = Stage::open().await;
    let mut socket = stage.joined_v2().await;
    let oversize = json!({"kind": "oversize", "bytes": 100_000});
    stage.control("/mezon/fault", oversize).await;
    assert_eq!(socket.receive().await.len(), 200_000);
}

#[actix_rt::test]
async fn logins_are_refused_and_tokens_revoked() {
    let stage = Stage::open().await;
    let token = stage.token_v2().await;
    let mut socket = stage.joined_v2().await;
    stage
        .control("/mezon/fault", json!({"kind": "refuse"}))
        .await;
    assert_eq!(
        stage
            .log_in("sim-mezon-key", "application/json")
            .await
            .status,
        401
    );
    assert_eq!(
        stage
            .log_in("sim-mezon-key", "application/json")
            .await
            .status,
        200
    );
    stage
        .control("/mezon/fault", json!({"kind": "revoke"}))
        .await;
    assert!(
        matches!(socket.next().await, Some(Frame::Close(Some(reason))) if u16::from(reason.code) == 1008)
    );
    assert_eq!(
        stage.v2("ListClanDescs", &token, Vec::new()).await.status,
        401
    );
}

#[actix_rt::test]
async fn maintenance_refuses_all_and_ends() {
    let stage = Stage::open().await;
    let token = stage.token_v1().await;
    let mut socket = stage.joined_v1().await;
    let maintenance = json!({"kind": "maintenance", "ms": 60_000});
    stage.control("/mezon/fault", maintenance).await;
    assert!(
        matches!(socket.next().await, Some(Frame::Close(Some(reason))) if u16::from(reason.code) == 1012)
    );
    assert_eq!(
        stage.v1("GET", "/v2/clandesc", &token, "").await.status,
        503
    );
    assert_eq!(
        stage
            .log_in("sim-mezon-key", "application/json")
            .await
            .status,
        503
    );
    assert!(stage.try_connect(&token).await.is_err());
    stage
        .control("/mezon/fault", json!({"kind": "maintenance", "ms": 0}))
        .await;
    assert_eq!(
        stage.v1("GET", "/v2/clandesc", &token, "").await.status,
        200
    );
}

#[actix_rt::test]
async fn the_clock_of_tokens_can_be_wrong() {
    let stage = Stage::open().await;
    let skew = json!({"kind": "skew", "ms": -7_200_000});
    stage.control("/mezon/fault", skew).await;
    let token = stage.token_v1().await;
    // It has ended by our clock, and not by the server's.
    assert_eq!(
        stage.v1("GET", "/v2/clandesc", &token, "").await.status,
        200
    );
    stage
        .control("/mezon/fault", json!({"kind": "skew", "ms": 0}))
        .await;
    assert_eq!(
        stage.v1("GET", "/v2/clandesc", &token, "").await.status,
        401
    );
}

#[actix_rt::test]
async fn requests_are_cut_or_answered_in_part() {
    let stage = Stage::open().await;
    let token = stage.token_v1().await;
    for kind in ["disconnect", "truncate"] {
        let fault = json!({"kind": kind, "path": "/v2/clandesc"});
        stage.control("/mezon/fault", fault).await;
        let url = format!("{}/v2/clandesc", stage.url());
        let request = awc::Client::new().get(url).bearer_auth(&token);
        let whole = match request.send().await {
            Ok(mut answer) => {
                let length = answer.headers().get("content-length").cloned();
                let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
                answer
                    .body()
                    .await
                    .is_ok_and(|body| Some(body.len()) == length)
            }
            Err(_) => false,
        };
        assert!(!whole, "{kind}");
        assert_eq!(
            stage.v1("GET", "/v2/clandesc", &token, "").await.status,
            200
        );
    }
}

#[actix_rt::test]
async fn the_journal_tells_what_met_whom() {
    let stage = Stage::open().await;
    let token = stage.token_v1().await;
    let http = json!({"kind": "http", "status": 500, "count": 2});
    stage.control("/mezon/fault", http).await;
    for _ in 0..2 {
        stage.v1("GET", "/v2/clandesc", &token, "").await;
    }
    stage
        .control("/mezon/fault", json!({"kind": "disconnect"}))
        .await;
    let journal = stage.journal(0).await;
    let faults: Vec<_> = journal
        .iter()
        .filter(|row| row["kind"] == "fault")
        .collect();
    let told: Vec<_> = faults
        .iter()
        .map(|row| row["body"]["kind"].clone())
        .collect();
    assert_eq!(told, ["http", "http", "disconnect"]);
    assert_eq!(faults[0]["body"]["status"], 500);
    assert!(faults[0]["seq"].is_u64());
}

#[actix_rt::test]
async fn chaos_comes_from_the_seed_and_can_be_ended() {
    let stage = Stage::open().await;
    let token = stage.token_v1().await;
    let (status, answer) = stage.control("/mezon/chaos", json!({"rate": 1.5})).await;
    assert_eq!(status, 400);
    assert!(
        answer["error"].as_str().unwrap().contains("from 0 to 1"),
        "{answer}"
    );
    stage.control("/mezon/chaos", json!({"rate": 1})).await;
    // Whatever it is that happens to it, it is noted.
    let call = stage.try_call("GET", "/v2/clandesc", "", "application/json", Vec::new());
    let _ = tokio::time::timeout(Duration::from_millis(500), call).await;
    stage.control("/mezon/chaos", json!({"rate": 0})).await;
    let platform = stage.simulator.platform("mezon").unwrap();
    assert!(platform.health()["faults"].as_u64().unwrap() > 0);
    stage
        .control("/mezon/fault", json!({"kind": "maintenance", "ms": 0}))
        .await;
    let fresh = stage.token_v1().await;
    assert_eq!(
        stage.v1("GET", "/v2/clandesc", &fresh, "").await.status,
        200
    );
    drop(token);
}
