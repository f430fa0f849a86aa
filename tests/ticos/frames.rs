//! Frames of every kind, right and wrong.

use serde_json::{Value, json};

use super::agent::{BINARY, CLOSE, PING, PONG, TEXT};
use super::{Device, settings, wait_for};

const LIMIT: usize = 16 << 20;

#[actix_rt::test]
async fn what_is_no_object_is_counted_and_the_connection_stays() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let mut agent = device.agent().await;
    let deep = format!(
        "{{\"a\":{}{}}}",
        "[".repeat(1_000_000),
        "]".repeat(1_000_000)
    );
    let bad = [
        "{nope",
        "[1,2]",
        "\"hello\"",
        "5",
        "null",
        "",
        "{\"x\":\"\\ud800\"}",
        &deep,
        "[[[[",
    ];
    for text in bad {
        agent.text(text).await;
    }
    agent.binary(&[0, 1, 2]).await;
    agent.binary(&[0xff; 1_000]).await;
    device.settled(&mut agent).await;
    let stats = device.client.stats().unwrap();
    assert_eq!(
        (stats.bad, stats.received),
        (bad.len() as u64 + 2, bad.len() as u64 + 3)
    );
    device.stop().await;
}

#[actix_rt::test]
async fn binary_frames_are_text_too() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let mut agent = device.agent().await;
    agent
        .binary(b"{\"type\":\"response.created\",\"x\":\"\xff\"}")
        .await;
    let expected = json!({"type": "response.created", "x": "\u{fffd}"});
    assert_eq!(device.call().await, ("message".to_owned(), expected));
    agent
        .binary(b"'{\"name\":\"motion\",\"arguments\":{}}'")
        .await;
    assert_eq!(device.names(2).await, ["message", "motion"]);
    device.stop().await;
}

#[actix_rt::test]
async fn levels_and_numbers_survive() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let mut agent = device.agent().await;
    let text = format!(
        "{{\"type\":\"x\",\"deep\":{}{},\"i\":{},\"d\":0.1234567890123456789,\"e\":5e-324,\"f\":1.7976931348623157e308}}",
        "[".repeat(128),
        "]".repeat(128),
        i64::MIN
    );
    agent.text(&text).await;
    let (_, message) = device.call().await;
    assert_eq!(message["i"], i64::MIN);
    assert_eq!(message["d"].as_f64(), Some(0.123_456_789_012_345_68));
    assert_eq!(message["e"].as_f64(), Some(5e-324));
    assert_eq!(message["f"].as_f64(), Some(f64::MAX));
    let mut levels = &message["deep"];
    for _ in 0..127 {
        levels = &levels[0];
    }
    assert_eq!(*levels, json!([]));
    agent
        .text(r#"{"type":"response.created","type":"response.done"}"#)
        .await;
    assert_eq!(device.call().await.1, json!({"type": "response.done"}));
    device.stop().await;
}

#[actix_rt::test]
async fn fragments_are_joined() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let mut agent = device.agent().await;
    let whole = json!({"type": "x", "text": "你好".repeat(50_000)}).to_string();
    for kind in [TEXT, BINARY] {
        // Cut anywhere, in the middle of a character too; with a ping in between.
        let parts: Vec<&[u8]> = whole.as_bytes().chunks(70_001).collect();
        for (number, part) in parts.iter().enumerate() {
            let opcode = if number == 0 { kind } else { 0 };
            agent
                .frame(opcode, number + 1 == parts.len(), part)
                .await
                .unwrap();
            agent.frame(PING, true, b"here?").await.unwrap();
            assert_eq!(agent.read().await.unwrap(), (PONG, b"here?".to_vec()));
        }
        let (_, message) = device.call().await;
        assert_eq!(message.to_string(), whole);
    }
    device.stop().await;
}

#[actix_rt::test]
async fn big_messages_pass_and_those_that_are_too_big_end_their_connection_only() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let mut bystander = device.agent().await;
    let sized = |size: usize| {
        let frame = json!({"type": "response.audio.delta", "delta": ""}).to_string();
        let filler = "x".repeat(size - frame.len());
        json!({"type": "response.audio.delta", "delta": filler}).to_string()
    };
    let mut agent = device.agent().await;
    for size in [6 << 20, LIMIT] {
        agent.text(&sized(size)).await;
        let (_, message) = device.call().await;
        assert_eq!(message.to_string().len(), size);
    }
    // One byte more, in one piece.
    let too_big = sized(LIMIT + 1);
    let _ = agent.frame(TEXT, true, too_big.as_bytes()).await;
    assert_eq!(agent.closed().await, Some(1_009));
    // 17 MiB in fragments.
    let mut agent = device.agent().await;
    for number in 0..17 {
        let opcode = if number == 0 { TEXT } else { 0 };
        if agent
            .frame(opcode, number == 16, &vec![b'x'; 1 << 20])
            .await
            .is_err()
        {
            break;
        }
    }
    assert_eq!(agent.closed().await, Some(1_009));
    device.settled(&mut bystander).await;
    wait_for(|| (device.client.agents() == 1).then_some(())).await;
    device.stop().await;
}

#[actix_rt::test]
async fn an_agent_that_breaks_the_protocol_is_told_so() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let mut agent = device.agent().await;
    agent.frame(TEXT, true, b"{\"x\":\"\xff\"}").await.unwrap();
    assert_eq!(agent.closed().await, Some(1_007), "text that is no UTF-8");
    let mut agent = device.agent().await;
    agent.frame(3, true, b"").await.unwrap();
    assert_eq!(
        agent.closed().await,
        Some(1_002),
        "a frame of no known kind"
    );
    device.stop().await;
}

#[actix_rt::test]
async fn a_goodbye_is_answered_with_its_code() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    assert_eq!(device.agent().await.close(1_000).await, Some(1_000));
    let mut agent = device.agent().await;
    agent.frame(CLOSE, true, b"").await.unwrap();
    agent.closed().await;
    // One that goes without a word is forgotten, too.
    drop(device.agent().await);
    wait_for(|| (device.client.agents() == 0).then_some(())).await;
    let left: Option<Value> = device
        .calls
        .lock()
        .unwrap()
        .try_recv()
        .ok()
        .map(|(_, call)| call);
    assert_eq!(left, None);
    device.stop().await;
}
