//! Asks inside a bot: they survive their handlers, and hold up nobody.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use greenroom::mezon::Mezon;
use greenroom::payman::{Ask, AskEvent, OnPayman, Payman, PaymanClient, PaymanEvents};
use greenroom::prelude::*;
use greenroom::simulator::{Fault, FaultKind};
use greenroom::testing::Stage;
use serde_json::json;

use super::{SECOND, TASKS, on_stage, requests, settings};

/// A bot that is asked on Mezon and asks Payman.
fn bot(stage: &Stage) -> (greenroom::bot::BotBuilder, PaymanClient) {
    let mut mezon = greenroom::mezon::Settings::new("1000000000000000001", "sim-mezon-key");
    mezon.base_url = stage.mezon().url().parse().unwrap();
    let payman = Payman::new(settings());
    let client = payman.client();
    (
        Bot::builder("payer")
            .platform(Mezon::new(mezon))
            .platform(payman),
        client,
    )
}

#[test]
fn an_ask_survives_its_handler_and_is_made_once() {
    on_stage(async |stage| {
        let (bot, client) = bot(&stage);
        let attempts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&attempts);
        let bot = bot.on("pay", async move |message: Event<ChatMessage>| {
            if message.is_own {
                return Ok(());
            }
            let ask = client.ask(Ask::new("!slow 3000").once_for(&message));
            if counted.fetch_add(1, Ordering::Relaxed) == 0 {
                // The handler dies while the agent is at it.
                let _ = tokio::time::timeout(SECOND, ask).await;
                panic!("a handler with a defect");
            }
            message.reply(ask.await?.text()).await?;
            Ok(())
        });
        let bot = stage.start(bot).await;
        stage.say("alice", "general", "pay");
        bot.expect_reply("echo: !slow 3000").await;
        assert_eq!(attempts.load(Ordering::Relaxed), 2);
        assert_eq!(requests(&stage, TASKS).len(), 1);
    });
}

#[test]
fn a_stream_survives_its_handler_and_is_made_once() {
    on_stage(async |stage| {
        let (bot, client) = bot(&stage);
        let attempts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&attempts);
        let bot = bot.on("pay", async move |message: Event<ChatMessage>| {
            if message.is_own {
                return Ok(());
            }
            let mut stream = client.stream(Ask::new("!hold").once_for(&message)).await?;
            if counted.fetch_add(1, Ordering::Relaxed) == 0 {
                stream.next().await;
                panic!("a handler with a defect");
            }
            message
                .reply(stream.finish().await?.formatted()?.text())
                .await?;
            Ok(())
        });
        let bot = stage.start(bot).await;
        stage.say("alice", "general", "pay");
        stage
            .until("the second attempt", 10 * SECOND, || {
                attempts.load(Ordering::Relaxed) == 2
            })
            .await;
        stage
            .payman()
            .emit("artifact_update", json!({"text": "paid"}));
        stage.payman().emit(
            "status_update",
            json!({"state": "completed", "final": true}),
        );
        bot.expect_reply("paid").await;
        assert_eq!(requests(&stage, TASKS).len(), 1);
    });
}

#[test]
fn an_event_whose_ask_may_have_been_carried_out_is_not_handled_again() {
    on_stage(async |stage| {
        let (bot, client) = bot(&stage);
        let attempts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&attempts);
        let bot = bot.on("pay", async move |message: Event<ChatMessage>| {
            counted.fetch_add(1, Ordering::Relaxed);
            // Without a key: what protects here is that the error says what may have happened.
            client.ask(&*message.text).await?;
            Ok(())
        });
        let bot = stage.start(bot).await;
        stage
            .payman()
            .fault(Fault::new(FaultKind::Disconnect).path(TASKS));
        stage.say("alice", "general", "pay");
        stage
            .until("a dead letter", 10 * SECOND, || {
                bot.running().report().dead_letters == 1
            })
            .await;
        stage.advance(60 * SECOND).await;
        assert_eq!(
            (
                attempts.load(Ordering::Relaxed),
                requests(&stage, TASKS).len()
            ),
            (1, 1)
        );
        // Where nothing was sent, it is.
        stage
            .payman()
            .fault(Fault::new(FaultKind::Http).status(400).path(TASKS));
        stage.say("alice", "general", "pay");
        stage
            .until("the second attempt", 10 * SECOND, || {
                attempts.load(Ordering::Relaxed) == 3
            })
            .await;
    });
}

#[test]
fn pay30_answers_are_events_and_can_be_shown_while_they_come() {
    on_stage(async |stage| {
        let (bot, client) = bot(&stage);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (parts, states) = (Arc::clone(&heard), Arc::clone(&heard));
        let bot = bot
            .on_artifact_update("parts", async move |event| {
                assert!(event.payman().is_some());
                parts
                    .lock()
                    .unwrap()
                    .push(event.artifacts[0].content.clone());
                Ok(())
            })
            .on_status_update("states", async move |event| {
                states
                    .lock()
                    .unwrap()
                    .push(serde_json::to_string(&event.progress.state).unwrap());
                Ok(())
            })
            .on("ask", async move |message: Event<ChatMessage>| {
                if message.is_own {
                    return Ok(());
                }
                let mut stream = client
                    .stream(Ask::new(&message.text).once_for(&message))
                    .await?;
                while let Some(event) = stream.next().await {
                    if let AskEvent::Artifact(update) = event {
                        message.reply(update.artifacts[0].delta.as_str()).await?;
                    }
                }
                stream.finish().await?;
                Ok(())
            });
        let bot = stage.start(bot).await;
        stage.say("alice", "general", "flow");
        bot.expect_reply("echo: ").await;
        bot.expect_reply("flow").await;
        stage
            .until("all events", SECOND, || heard.lock().unwrap().len() == 4)
            .await;
        let mut heard = heard.lock().unwrap().clone();
        heard.sort();
        assert_eq!(
            heard,
            ["\"completed\"", "\"working\"", "echo: ", "echo: flow"]
        );
    });
}

#[test]
fn pay30_a_shutdown_closes_open_streams_within_a_second() {
    on_stage(async |stage| {
        let (bot, client) = bot(&stage);
        let bot = bot.on("ask", async move |message: Event<ChatMessage>| {
            let mut stream = client.stream(&*message.text).await?;
            while stream.next().await.is_some() {}
            stream.finish().await?;
            Ok(())
        });
        let bot = stage.start(bot).await;
        stage.say("alice", "general", "!hold");
        stage
            .until("the stream", 10 * SECOND, || {
                stage.payman().health()["held"] == 1
            })
            .await;
        let begun = greenroom::actors::clock::now();
        let closed = async {
            stage
                .until("its end", 10 * SECOND, || {
                    stage.payman().health()["held"] == 0
                })
                .await;
            begun.elapsed()
        };
        let (report, closed) = futures::join!(bot.stop(), closed);
        assert!(closed <= SECOND, "{closed:?}");
        assert!(begun.elapsed() < 10 * SECOND);
        assert!(report.shutdown.is_some());
    });
}

#[test]
fn pay30_a_stuck_ask_holds_up_no_other_actor() {
    on_stage(async |stage| {
        let (bot, client) = bot(&stage);
        let bot = bot
            .on("stuck", async move |message: Event<ChatMessage>| {
                if message.text == "stick" {
                    client.ask("!slow 20000").await?;
                }
                Ok(())
            })
            .on("echo", async |message: Event<ChatMessage>| {
                if !message.is_own {
                    message.reply(message.text.as_str()).await?;
                }
                Ok(())
            });
        let bot = stage.start(bot).await;
        stage.say("alice", "general", "stick");
        bot.expect_reply("stick").await;
        let begun = greenroom::actors::clock::now();
        stage.say("alice", "general", "go on");
        bot.expect_reply("go on").await;
        assert!(begun.elapsed() < SECOND);
    });
}

#[test]
fn a_bot_is_connected_with_payman_as_soon_as_it_can_ask() {
    on_stage(async |stage| {
        let bot = stage
            .start(Bot::builder("payer").platform(Payman::new(settings().code(super::CODE))))
            .await;
        assert!(bot.running().health().ready);
        assert_eq!(
            requests(&stage, super::TOKEN).len(),
            1,
            "the code is exchanged"
        );
        bot.stop().await;
        let wrong = Bot::builder("payer").platform(Payman::new(settings().code("nonsense")));
        let error = stage.try_start(wrong).await.unwrap_err().to_string();
        assert!(
            error.contains("400") && !error.contains("nonsense"),
            "{error}"
        );
    });
}
