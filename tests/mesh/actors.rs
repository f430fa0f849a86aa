//! MESH-39: the client as actors, and what a bot does with it.

use std::sync::{Arc, Mutex};

use futures::future::join_all;
use greenroom::mesh::{Assistant, Chat, Mesh, MeshEvents, OnMesh};
use greenroom::prelude::*;
use greenroom::simulator::{Fault, FaultKind};
use greenroom::testing::Stage;
use serde_json::{Value, json};

use super::script::{Plan, Script};
use super::{CHAT, on_stage, requests, settings, stored};

/// The session dies in the middle of a renewal, while calls wait for it: they all finish, with the token of its next life.
#[test]
fn a_crash_of_the_session_loses_no_call() {
    on_stage(async |_| {
        let script = Script::new(|seen, before| match (seen.path(), before) {
            ("/auth/refresh-token", 0) => Plan::Panic,
            ("/auth/refresh-token", _) => {
                Plan::json(200, json!({"access_token": "new", "expires_in": 86_400}))
            }
            _ => Plan::json(200, json!({"keys": ["k"]})),
        });
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("token.json");
        std::fs::write(
            &file,
            r#"{"access_token":"old","refresh_token":"r","expires_at":1}"#,
        )
        .unwrap();
        let client = script.client(stored(&file));
        for keys in join_all((0..8).map(|_| client.list_keys(Some("u")))).await {
            assert_eq!(keys.unwrap(), ["k"]);
        }
        let paths = script.paths();
        let refreshes = paths
            .iter()
            .filter(|path| *path == "/auth/refresh-token")
            .count();
        assert_eq!(
            refreshes, 2,
            "the one that died, and one for all: {paths:?}"
        );
        let mut calls = script
            .seen()
            .into_iter()
            .filter(|seen| seen.path() == "/api/v1/listKeys");
        assert!(calls.all(|seen| seen.bearer.as_deref() == Some("Bearer new")));
    });
}

/// A bot that is spoken to on Mezon, with Mesh beside.
fn bot(stage: &Stage) -> (greenroom::bot::BotBuilder, greenroom::mesh::MeshClient) {
    let mut mezon = greenroom::mezon::Settings::new("1000000000000000001", "sim-mezon-key");
    mezon.base_url = stage.mezon().url().parse().unwrap();
    let mesh = Mesh::new(settings());
    let client = mesh.client();
    (
        Bot::builder("asker")
            .platform(Mezon::new(mezon))
            .platform(mesh),
        client,
    )
}

fn chats(stage: &Stage) -> Vec<Value> {
    let all = requests(stage.mesh()).into_iter();
    all.filter(|entry| entry["path"] == CHAT)
        .map(|entry| entry["body"].clone())
        .collect()
}

#[test]
fn answers_are_events_of_the_channel_that_asked() {
    on_stage(async |stage| {
        let (bot, client) = bot(&stage);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&heard);
        let bot = bot
            .on("ask", async move |message: Event<ChatMessage>| {
                if !message.is_own {
                    let chat = Chat::new(&message.text).model("claude").for_event(&message);
                    let answer = client.chat(chat).await?;
                    message.reply(answer.text()).await?;
                }
                Ok(())
            })
            .on_chat_answered("answers", async move |answered| {
                assert!(answered.mesh().is_some());
                let channel = answered.envelope().channel.channel.to_string();
                keep.lock().unwrap().push((
                    answered.model.clone(),
                    answered.content.clone(),
                    channel,
                ));
                Ok(())
            });
        let bot = stage.start(bot).await;
        stage.say("alice", "general", "hi");
        let text = "[anthropic/claude-3-5-sonnet-20241022] hi";
        bot.expect_reply(text).await;
        stage
            .until("the event", 10 * super::SECOND, || {
                !heard.lock().unwrap().is_empty()
            })
            .await;
        let expected = (
            "claude-3-5-sonnet-20241022".to_owned(),
            text.to_owned(),
            "3000000000000000001".to_owned(),
        );
        assert_eq!(*heard.lock().unwrap(), [expected]);
    });
}

#[test]
fn the_assistant_remembers_each_conversation_for_a_while() {
    on_stage(async |stage| {
        let (bot, client) = bot(&stage);
        let assistant = Assistant::new(client)
            .model("gpt4o")
            .system("be brief")
            .history(2);
        let assistant =
            Registration::new("assistant", move || assistant.clone()).on::<ChatMessage>();
        let bot = stage.start(bot.handler(assistant)).await;
        stage.say("alice", "general", "nobody is asked");
        for text in ["one", "two", "three"] {
            stage.say("alice", "general", &format!("!ask {text}"));
            bot.expect_reply(&format!("[openai/gpt-4o] {text}")).await;
        }
        stage.say("bob", "backstage", "!ask elsewhere");
        bot.expect_reply("[openai/gpt-4o] elsewhere").await;
        let said: Vec<Vec<String>> = chats(&stage)
            .iter()
            .map(|body| {
                let turns = body["messages"].as_array().unwrap().iter();
                turns
                    .map(|turn| turn["content"].as_str().unwrap().to_owned())
                    .collect()
            })
            .collect();
        assert_eq!(said[0], ["be brief", "one"]);
        assert_eq!(said[1], ["be brief", "one", "[openai/gpt-4o] one", "two"]);
        assert_eq!(said[2], ["be brief", "two", "[openai/gpt-4o] two", "three"]);
        assert_eq!(said[3], ["be brief", "elsewhere"]);
        assert_eq!(said.len(), 4);
    });
}

/// A chat of unknown outcome may have been paid for: its event becomes a dead letter in place of another chat.
#[test]
fn an_event_whose_chat_may_have_been_paid_for_is_not_handled_again() {
    on_stage(async |stage| {
        let (bot, client) = bot(&stage);
        let assistant = Assistant::new(client);
        let delivery = greenroom::actors::router::Delivery {
            timeout: 300 * super::SECOND,
            ..Default::default()
        };
        let assistant =
            Registration::new("assistant", move || assistant.clone()).delivery(delivery);
        let bot = stage
            .start(bot.handler(assistant.on::<ChatMessage>()))
            .await;
        stage.mesh().fault(Fault::new(FaultKind::Stall).path(CHAT));
        stage.say("alice", "general", "!ask once");
        stage
            .until("a dead letter", 400 * super::SECOND, || {
                bot.running().report().dead_letters == 1
            })
            .await;
        assert_eq!(chats(&stage).len(), 1);
    });
}
