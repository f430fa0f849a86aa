//! What is said, and what is stored of it.

use serde_json::{Value, json};

use super::{Device, row, rows, settings, stored, wait_for};

fn created(item: Value) -> Value {
    json!({"type": "conversation.item.created", "item": {"id": item, "type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": null}, {"type": "input_audio"}]}})
}

fn understood(item: &str, text: &str) -> Value {
    json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": item, "transcript": text})
}

fn delta(item: &str, text: &str) -> Value {
    json!({"type": "response.audio_transcript.delta", "item_id": item, "delta": text})
}

fn done() -> Value {
    json!({"type": "response.done"})
}

fn said(item: Value, role: &str, text: &str) -> (String, Value) {
    ("conversation".to_owned(), json!([item, role, text]))
}

#[actix_rt::test]
async fn a_conversation_is_told_and_stored() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(stored(home.path())).await;
    let mut agent = device.agent().await;
    let steps = [
        (
            created("item_u1".into()),
            Some(said("item_u1".into(), "user", "")),
        ),
        (
            understood("item_u1", "你好"),
            Some(said("item_u1".into(), "user", "你好")),
        ),
        (
            delta("item_a1", "Hel"),
            Some(said("item_a1".into(), "assistant", "Hel")),
        ),
        (
            delta("item_a1", "lo"),
            Some(said("item_a1".into(), "assistant", "lo")),
        ),
        (delta("item_a1", ""), None),
        (
            json!({"type": "response.audio_transcript.delta", "delta": "zz"}),
            None,
        ),
        (done(), None),
        (created(Value::Null), Some(said(Value::Null, "user", ""))),
        (understood("nope", "zz"), None),
    ];
    for (message, told) in steps {
        agent.send(&message).await;
        if let Some(told) = told {
            assert_eq!(device.call().await, told);
        }
        assert_eq!(device.call().await, ("message".to_owned(), message));
    }
    let expected = [
        row("user", "item_u1", "你好"),
        row("assistant", "item_a1", "Hello"),
        ("user".to_owned(), None, String::new()),
    ];
    assert_eq!(rows(&device.client), expected);
    device.stop().await;
}

#[actix_rt::test]
async fn conversations_are_told_without_a_store_too() {
    // Defect 15.
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let (mut agent, mut other) = (device.agent().await, device.agent().await);
    agent.send(&created("u".into())).await;
    assert_eq!(device.call().await, said("u".into(), "user", ""));
    device.call().await;
    // The item was seen on another connection.
    other.send(&understood("u", "hello")).await;
    assert_eq!(device.call().await, said("u".into(), "user", "hello"));
    device.call().await;
    agent.send(&understood("unknown", "hello")).await;
    assert_eq!(device.names(1).await, ["message"]);
    agent.send(&delta("a", "x")).await;
    assert_eq!(device.call().await, said("a".into(), "assistant", "x"));
    let nothing = home.path().join(".config/ticos/ticos.db.sled");
    assert!(!nothing.exists());
    device.stop().await;
}

#[actix_rt::test]
async fn items_in_alternation_are_one_row_each() {
    // Defect 9: of one agent, and of two.
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(stored(home.path())).await;
    let (mut agent, mut other) = (device.agent().await, device.agent().await);
    for message in [
        delta("a", "1"),
        delta("b", "2"),
        delta("a", "3"),
        delta("b", "4"),
    ] {
        agent.send(&message).await;
        assert_eq!(device.names(2).await, ["conversation", "message"]);
    }
    other.send(&delta("c", "5")).await;
    device.names(2).await;
    // The end of another agent's turn is not the end of this one's.
    other.send(&done()).await;
    device.names(1).await;
    agent.send(&delta("b", "6")).await;
    agent.send(&done()).await;
    device.names(3).await;
    let expected = [
        row("assistant", "a", "13"),
        row("assistant", "b", "246"),
        row("assistant", "c", "5"),
    ];
    let mut found = rows(&device.client);
    found.sort();
    assert_eq!(found, expected);
    assert_eq!(device.client.stats().unwrap().stored, 3);
    device.stop().await;
}

#[actix_rt::test]
async fn what_was_being_said_is_saved_when_the_agent_leaves_and_when_the_device_stops() {
    // Defect 10.
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(stored(home.path())).await;
    let mut agent = device.agent().await;
    agent.send(&delta("half", "I was about to")).await;
    device.names(2).await;
    agent.close(1_000).await;
    wait_for(|| {
        (rows(&device.client) == [row("assistant", "half", "I was about to")]).then_some(())
    })
    .await;
    let mut agent = device.agent().await;
    agent.send(&delta("late", "still")).await;
    device.names(2).await;
    let stopping = device.stop();
    let (code, ()) = futures::join!(agent.closed(), stopping);
    assert_eq!(code, Some(1_012));
    let device = Device::start(stored(home.path())).await;
    let expected = [
        row("assistant", "half", "I was about to"),
        row("assistant", "late", "still"),
    ];
    assert_eq!(rows(&device.client), expected);
    device.stop().await;
}

#[actix_rt::test]
async fn final_texts_replace_what_came_in_parts() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(stored(home.path())).await;
    let mut agent = device.agent().await;
    let final_text = |item: &str, text: &str| json!({"type": "response.audio_transcript.done", "item_id": item, "transcript": text});
    agent.send(&delta("a", "Hello wrld")).await;
    device.names(2).await;
    agent.send(&final_text("a", "Hello world")).await;
    assert_eq!(device.names(1).await, ["message"], "it was told already");
    agent.send(&final_text("b", "whole")).await;
    assert_eq!(device.call().await, said("b".into(), "assistant", "whole"));
    device.names(1).await;
    agent.send(&done()).await;
    device.names(1).await;
    // One that comes late changes its row, and is not told again.
    agent.send(&final_text("b", "whole.")).await;
    assert_eq!(device.names(1).await, ["message"]);
    device.settled(&mut agent).await;
    let expected = [
        row("assistant", "a", "Hello world"),
        row("assistant", "b", "whole."),
    ];
    assert_eq!(rows(&device.client), expected);
    device.stop().await;
}

#[actix_rt::test]
async fn an_item_that_comes_again_is_no_second_row() {
    // Defect 14.
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(stored(home.path())).await;
    let mut agent = device.agent().await;
    for message in [
        created("u".into()),
        understood("u", "hello"),
        created("u".into()),
    ] {
        agent.send(&message).await;
        assert_eq!(device.names(2).await, ["conversation", "message"]);
    }
    assert_eq!(rows(&device.client), [row("user", "u", "hello")]);
    device.stop().await;
}

#[actix_rt::test]
async fn a_late_transcript_finds_its_row() {
    // Defect 12: the empty row of an item that waits for its text is no duplicate.
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(stored(home.path())).await;
    let mut agent = device.agent().await;
    for message in [
        created("u4".into()),
        created("u5".into()),
        understood("u5", "second"),
        understood("u4", "first"),
    ] {
        agent.send(&message).await;
        device.names(2).await;
    }
    assert_eq!(
        rows(&device.client),
        [row("user", "u4", "first"), row("user", "u5", "second")]
    );
    device.stop().await;
}

#[actix_rt::test]
async fn a_text_that_grows_replaces_the_one_before() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(stored(home.path())).await;
    let mut agent = device.agent().await;
    for message in [
        created("u2".into()),
        understood("u2", "你好。"),
        created("u3".into()),
        understood("u3", "你好吗"),
    ] {
        agent.send(&message).await;
        device.names(2).await;
    }
    assert_eq!(rows(&device.client), [row("user", "u3", "你好吗")]);
    device.stop().await;
}

#[actix_rt::test]
async fn flat_messages_are_told_and_stored_by_their_role() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(stored(home.path())).await;
    let mut agent = device.agent().await;
    for role in ["user", "assistant", "system", "stranger"] {
        let message = json!({"message_id": role, "role": role, "content": "hi"});
        agent.send(&message).await;
        assert_eq!(device.call().await, said(role.into(), role, "hi"));
        assert_eq!(device.call().await, ("message".to_owned(), message));
    }
    let expected = ["user", "assistant", "system"].map(|role| row(role, role, "hi"));
    assert_eq!(rows(&device.client), expected);
    device.stop().await;
}

#[actix_rt::test]
async fn handlers_are_called_though_nothing_can_be_stored() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(stored(home.path())).await;
    let mut agent = device.agent().await;
    device.client.storage().unwrap().close();
    agent.send(&created("u".into())).await;
    assert_eq!(device.call().await, said("u".into(), "user", ""));
    device.names(1).await;
    agent.send(&understood("u", "hello")).await;
    assert_eq!(device.call().await, said("u".into(), "user", "hello"));
    device.stop().await;
}
