//! Whatever comes over the wire, the bot goes on and says what it skipped.
#![cfg(all(feature = "mezon", feature = "simulator"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use greenroom::prelude::*;
use greenroom_proto::mezon::Wire;
use serde_json::json;
use stage::Stage;

async fn open(wire: Wire) -> Stage {
    Stage::open(wire, |bot| {
        bot.on("ping", async |message: Event<ChatMessage>| {
            if message.text == "!ping" {
                message.reply("Pong!").await?;
            }
            Ok(())
        })
    })
    .await
}

#[actix_rt::test]
async fn garbage_is_counted_and_never_ends_the_socket() {
    for wire in [Wire::V1, Wire::V2] {
        let stage = open(wire).await;
        stage.fault(json!({"kind": "garbage", "count": 50}));
        stage.say("!ping");
        stage
            .until(10, "the answer", |stage| stage.said().contains_key("Pong!"))
            .await;
        let counters = stage.bot.counters();
        assert_eq!(
            counters.malformed.get() + counters.ignored.get(),
            50,
            "{wire}"
        );
        assert_eq!(counters.connects.get(), 1, "{wire}");
        stage.close().await;
    }
}

#[actix_rt::test]
async fn text_survives_whatever_is_in_it() {
    let strange = [
        "\"quotes\" and \\",
        "line\nbreak",
        "👋🏽 עברית \u{202e}",
        "\u{0}",
        "",
    ];
    for wire in [Wire::V1, Wire::V2] {
        let stage = Stage::open(wire, |bot| {
            bot.on("mirror", async |message: Event<ChatMessage>| {
                if !message.is_own {
                    message.say(format!("<{}>", message.text)).await?;
                }
                Ok(())
            })
        })
        .await;
        for text in strange {
            stage.say(text);
        }
        stage
            .until(10, "all mirrored", |stage| {
                stage.said().len() == strange.len()
            })
            .await;
        for text in strange {
            assert!(
                stage.said().contains_key(&format!("<{text}>")),
                "{wire} {text:?}"
            );
        }
        stage.close().await;
    }
}
