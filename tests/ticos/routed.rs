//! The device as a platform of a bot: events, handler actors, the tree.

use greenroom::chat::ChatMessage;
use greenroom::prelude::*;
use greenroom::ticos::{
    AgentConnected, AgentDisconnected, AgentMessage, Conversation, Emotion, FunctionCall, Motion,
    Ticos,
};
use serde_json::json;

use super::{Agent, settings, shared, wait_for};

#[actix_rt::test]
async fn what_agents_send_are_typed_events() {
    let home = tempfile::tempdir().unwrap();
    let ticos = Ticos::new(settings(home.path()));
    let client = ticos.client();
    let seen = shared::<Vec<String>>();
    let notes = seen.clone();
    let note = move |what: String| {
        let notes = notes.clone();
        async move {
            notes.lock().unwrap().push(what);
            Ok(())
        }
    };
    let (a, b, c, d, e, f, g) = (
        note.clone(),
        note.clone(),
        note.clone(),
        note.clone(),
        note.clone(),
        note.clone(),
        note.clone(),
    );
    let bot = Bot::builder("robot")
        .platform(ticos)
        .on("motion", async move |event: Event<Motion>| {
            a(format!("motion {:?} {:?}", event.tag(), event.speed())).await
        })
        .on("emotion", async move |event: Event<Emotion>| {
            b(format!("emotion {:?}", event.tag())).await
        })
        .on("function", async move |event: Event<FunctionCall>| {
            c(format!("function {}", event.name)).await
        })
        .on("conversation", async move |event: Event<Conversation>| {
            d(format!("{} {}", event.role, event.content)).await
        })
        .on("message", async move |event: Event<AgentMessage>| {
            e(format!("message {:?}", event.kind())).await
        })
        .on("here", async move |event: Event<AgentConnected>| {
            f(format!("agent {}", event.agent)).await
        })
        .on("gone", async move |event: Event<AgentDisconnected>| {
            g(format!("gone {}", event.agent)).await
        })
        .on("echo", async |message: Event<ChatMessage>| {
            message.reply(format!("you said {}", message.text)).await?;
            Ok(())
        })
        .build()
        .unwrap()
        .start();
    bot.connected().await.unwrap();
    assert!(bot.health().ready, "{:?}", bot.health());
    let mut agent = Agent::dial(client.address().unwrap(), "/realtime")
        .await
        .unwrap();
    agent
        .send(&json!({"name": "motion", "arguments": {"motion_tag": "hug", "speed": 1.5}}))
        .await;
    agent
        .send(&json!({"name": "emotion", "arguments": {"emotion_tag": "happy"}}))
        .await;
    agent
        .send(&json!({"name": "weather", "parameters": {}}))
        .await;
    agent.send(&json!({"type": "response.created"})).await;
    agent
        .send(&json!({"message_id": "m", "role": "user", "content": "hello"}))
        .await;
    // What a handler answers goes to the agent that it came from.
    let reply = agent.receive().await;
    assert_eq!(
        (&reply["role"], &reply["content"]),
        (&json!("assistant"), &json!("you said hello"))
    );
    let tree = bot.tree();
    let mut names = Vec::new();
    tree.walk(&mut |node| names.push(node.name.clone()));
    for name in ["ticos", "cloud", "server", "agents", "agent 1"] {
        assert!(
            names.iter().any(|known| known == name),
            "{name} of {names:?}"
        );
    }
    agent.close(1_000).await;
    let mut expected = vec![
        "agent 1",
        "emotion Some(\"happy\")",
        "function weather",
        "gone 1",
        "message None",
        "message None",
        "message None",
        "message None",
        "message Some(\"response.created\")",
        "motion Some(\"hug\") Some(1.5)",
        "user hello",
    ];
    expected.sort_unstable();
    wait_for(|| (seen.lock().unwrap().len() == expected.len()).then_some(())).await;
    let mut found = seen.lock().unwrap().clone();
    found.sort_unstable();
    assert_eq!(found, expected);
    let report = bot.shutdown().await;
    assert_eq!(report.dead_letters, 0);
    assert!(report.shutdown.unwrap().left.is_nothing());
}

#[actix_rt::test]
async fn what_came_before_the_end_is_handled() {
    let home = tempfile::tempdir().unwrap();
    let ticos = Ticos::new(settings(home.path()));
    let client = ticos.client();
    let seen = shared::<u32>();
    let count = seen.clone();
    let bot = Bot::builder("robot")
        .platform(ticos)
        .on("motion", async move |_: Event<Motion>| {
            *count.lock().unwrap() += 1;
            Ok(())
        })
        .build()
        .unwrap()
        .start();
    bot.connected().await.unwrap();
    let mut agent = Agent::dial(client.address().unwrap(), "/realtime")
        .await
        .unwrap();
    for _ in 0..2_000 {
        agent
            .send(&json!({"name": "motion", "arguments": {}}))
            .await;
    }
    wait_for(|| (client.stats().unwrap().received == 2_000).then_some(())).await;
    let report = bot.shutdown().await;
    assert!(report.shutdown.unwrap().left.is_nothing());
    assert_eq!(*seen.lock().unwrap(), 2_000);
}
