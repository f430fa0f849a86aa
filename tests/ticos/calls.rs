//! Calls of the device, in both forms.

use serde_json::{Value, json};

use super::{Device, settings, shared, wait_for};

fn item(name: &str, arguments: Value) -> Value {
    json!({"type": "response.output_item.done", "item": {"id": "i", "type": "function_call", "name": name, "call_id": "c", "arguments": arguments}})
}

#[actix_rt::test]
async fn every_call_reaches_its_handlers_in_their_order() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let mut agent = device.agent().await;
    let hug = json!({"motion_tag": "hug", "speed": 1.0});
    let both = json!({"motion_tag": "hug", "emotion_tag": "2"});
    let called = |name: &str, parameters: Value| {
        (
            "function_call",
            json!({"name": name, "parameters": parameters}),
        )
    };
    let cases: Vec<(Value, Vec<(&str, Value)>)> = vec![
        (
            item("motion", hug.to_string().into()),
            vec![("motion", hug.clone())],
        ),
        (
            item("motion_and_emotion", both.to_string().into()),
            vec![("motion", both.clone()), ("emotion", both.clone())],
        ),
        (
            item("get_weather", json!("{\"city\":\"Beijing\"}")),
            vec![called("get_weather", json!({"city": "Beijing"}))],
        ),
        (
            json!({"type": "response.output_item.done", "item": {"type": "function_call", "arguments": "{}"}}),
            vec![called("", json!({}))],
        ),
        (
            json!({"type": "response.output_item.done", "item": {"type": "function_call", "name": "motion"}}),
            vec![("motion", json!({}))],
        ),
        (item("motion", json!("{bad")), vec![("motion", json!({}))]),
        (item("motion", json!("")), vec![("motion", json!({}))]),
        (
            item("motion", json!("[1,2]")),
            vec![("motion", json!([1, 2]))],
        ),
        // Defect 22: an object and null are no reason to forget the call.
        (item("motion", hug.clone()), vec![("motion", hug.clone())]),
        (item("motion", Value::Null), vec![("motion", json!({}))]),
        (
            item("Motion", json!("{}")),
            vec![called("Motion", json!({}))],
        ),
        (
            json!({"type": "response.output_item.done", "item": {"type": "message", "role": "assistant"}}),
            vec![],
        ),
        (
            json!({"type": "response.output_item.done", "item": null}),
            vec![],
        ),
        (
            json!({"type": "response.created", "name": "motion", "arguments": {"q": 1}}),
            vec![],
        ),
        // Two events of the same call that must not run it a second time.
        (
            json!({"type": "response.function_call_arguments.done", "name": "motion", "arguments": "{}"}),
            vec![],
        ),
        (
            json!({"type": "response.output_item.added", "item": {"type": "function_call", "name": "motion", "arguments": "{}"}}),
            vec![],
        ),
        // Defect 1: the flat forms of the older clients.
        (
            json!({"name": "motion", "arguments": {"motion_tag": "hug", "speed": 1.0, "repeat": 1, "wait": true}}),
            vec![(
                "motion",
                json!({"motion_tag": "hug", "speed": 1.0, "repeat": 1, "wait": true}),
            )],
        ),
        (
            json!({"name": "emotion", "arguments": {"emotion_tag": "happy", "intensity": 0.8}}),
            vec![("emotion", json!({"emotion_tag": "happy", "intensity": 0.8}))],
        ),
        (
            json!({"name": "motion_and_emotion", "arguments": both}),
            vec![("motion", both.clone()), ("emotion", both)],
        ),
        (
            json!({"name": "weather", "parameters": {"city": "x"}}),
            vec![called("weather", json!({"city": "x"}))],
        ),
        (
            json!({"name": "weather", "arguments": {"a": 1}, "parameters": {"b": 1}}),
            vec![called("weather", json!({"a": 1}))],
        ),
        (json!({"anything": "else"}), vec![]),
    ];
    for (message, expected) in cases {
        agent.send(&message).await;
        assert_eq!(device.call().await, ("message".to_owned(), message.clone()));
        for (handler, args) in expected {
            assert_eq!(device.call().await, (handler.to_owned(), args), "{message}");
        }
    }
    device.settled(&mut agent).await;
    device.stop().await;
}

#[actix_rt::test]
async fn every_object_reaches_the_message_handler_unchanged() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let mut agent = device.agent().await;
    for kind in [
        "response.content_part.done",
        "health.status",
        "session.updated",
        "session.created",
        "response.video.done",
        "response.audio.delta",
        "response.audio.delta",
        "input_audio_buffer.speech_started",
        "error",
    ] {
        let message = json!({"type": kind, "item_id": "same", "big": i64::MAX, "most": u64::MAX, "text": "你好 👋", "deep": [[{"x": 0.1}]]});
        agent.send(&message).await;
        assert_eq!(device.call().await, ("message".to_owned(), message));
    }
    for message in [
        json!({"type": null}),
        json!({"type": 5}),
        json!({"type": ""}),
        json!({}),
    ] {
        agent.send(&message).await;
        assert_eq!(device.call().await, ("message".to_owned(), message));
    }
    device.stop().await;
}

#[actix_rt::test]
async fn a_handler_that_fails_or_panics_stops_no_other() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    device
        .handlers
        .set_message_handler(|message: &Value| match message["how"].as_str() {
            Some("panic") => panic!("on purpose"),
            Some(other) => Err(format!("{other} on purpose")),
            None => Ok(()),
        });
    let mut agent = device.agent().await;
    for how in ["panic", "fails"] {
        agent
            .send(&json!({"name": "motion", "how": how, "arguments": {"how": how}}))
            .await;
        assert_eq!(
            device.call().await,
            ("motion".to_owned(), json!({"how": how}))
        );
    }
    wait_for(|| (device.client.stats().unwrap().handler_errors == 2).then_some(())).await;
    let restarts = device.bot.tree().total_restarts();
    assert_eq!(restarts, 0, "a panic of a handler is no crash of an actor");
    device.stop().await;
}

#[actix_rt::test]
async fn calls_without_a_handler_of_their_own_are_functions() {
    use greenroom::bot::Bot;
    use greenroom::ticos::{Handlers, Ticos};

    let home = tempfile::tempdir().unwrap();
    let (handlers, calls) = (Handlers::default(), shared::<Vec<String>>());
    let functions = calls.clone();
    handlers.set_function_call_handler(move |name: &str, _: &Value| {
        functions.lock().unwrap().push(format!("function {name}"));
    });
    let ticos = Ticos::new(settings(home.path())).handlers(&handlers);
    let client = ticos.client();
    let bot = Bot::builder("device")
        .platform(ticos)
        .build()
        .unwrap()
        .start();
    bot.connected().await.unwrap();
    let mut agent = super::Agent::dial(client.address().unwrap(), "/realtime")
        .await
        .unwrap();
    let send = ["motion", "motion_and_emotion"].map(|name| json!({"name": name, "arguments": {}}));
    for message in &send {
        agent.send(message).await;
    }
    let seen = |count: usize| {
        let calls = calls.clone();
        move || (calls.lock().unwrap().len() == count).then_some(())
    };
    wait_for(seen(2)).await;
    // One that is set later is called from then on, and takes the calls of both.
    let motions = calls.clone();
    handlers.set_motion_handler(move |_: &Value| motions.lock().unwrap().push("motion".into()));
    agent.send(&send[1]).await;
    wait_for(seen(3)).await;
    assert_eq!(
        *calls.lock().unwrap(),
        ["function motion", "function motion_and_emotion", "motion"]
    );
    bot.shutdown().await;
}

#[actix_rt::test]
async fn eight_agents_at_once_keep_their_order() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let mut agents = Vec::new();
    for _ in 0..8 {
        agents.push(device.agent().await);
    }
    let sending = agents
        .iter_mut()
        .enumerate()
        .map(|(who, agent)| async move {
            for number in 0..50 {
                agent
                    .send(&json!({"name": "motion", "arguments": {"who": who, "number": number}}))
                    .await;
            }
        });
    futures::future::join_all(sending).await;
    let (mut next, mut seen) = ([0_u64; 8], 0);
    while seen < 400 {
        let (handler, args) = device.call().await;
        if handler == "motion" {
            let who = args["who"].as_u64().unwrap() as usize;
            assert_eq!(args["number"], next[who]);
            next[who] += 1;
            seen += 1;
        }
    }
    assert_eq!(next, [50; 8]);
    device.stop().await;
}
