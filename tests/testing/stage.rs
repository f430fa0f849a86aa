//! Saying, expecting, and time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use greenroom::actors::clock;
use greenroom::simulator::{Fault, FaultKind};
use greenroom::testing::{Stage, run};

use super::*;

/// Returns the words of a panic.
fn panic_of(test: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(test)).unwrap_err();
    let text = panic.downcast_ref::<String>().cloned();
    text.unwrap_or_else(|| (*panic.downcast_ref::<&str>().unwrap()).to_owned())
}

#[test]
fn a_bot_answers_in_a_few_lines() {
    run(async |world| {
        let bot = Bot::builder("b").on("ping", async |message: Event<ChatMessage>| {
            if message.text == "!ping" {
                message.reply("Pong!").await?;
            }
            Ok(())
        });
        let bot = world.start(bot).await;
        world.say("alice", "general", "!ping");
        bot.expect_reply("Pong!").await;
        world.say("bob", "general", "nothing for you");
        bot.expect_no_reply(HOUR).await;
        bot.assert_nothing_lost();
        bot.assert_restarts(0);
        bot.assert_no_dead_letters();
        bot.assert_bounded(0);
    });
}

#[test]
fn a_day_goes_by_in_no_time_and_dates_follow() {
    run(async |world| {
        let bot = world.start(world.put(answers("b"), "mezon")).await;
        let before = clock::unix_seconds();
        assert_eq!(before, 1_767_225_600);
        world.advance(24 * HOUR).await;
        assert_eq!(clock::unix_seconds() - before, 24 * 3_600);
        // The token ends after an hour, and heartbeats go on.
        let pings = world.trace().count_of("ws");
        assert!((17_200..17_400).contains(&pings), "{pings}");
        world.say("alice", "general", "x");
        let said = bot.expect_reply("re x").await;
        assert_eq!(
            (said.channel.as_str(), said.from.as_str()),
            ("general", "greenroom")
        );
        bot.assert_reconnects(0);
    });
}

#[test]
fn what_was_not_said_is_told_with_what_was() {
    let panic = panic_of(|| {
        run(async |world| {
            let bot = world.start(world.put(answers("b"), "mezon")).await;
            world.say("alice", "general", "x");
            bot.expect_reply("re y").await;
        });
    });
    for part in [
        "the reply \"re y\" did not come",
        "[\"re x\"]",
        "\"what\":\"event\"",
    ] {
        assert!(panic.contains(part), "{part}: {panic}");
    }
    let panic = panic_of(|| {
        run(async |world| {
            let bot = world.start(world.put(answers("b"), "mezon")).await;
            world.say("alice", "general", "x");
            bot.expect_no_reply(SECOND).await;
        });
    });
    assert!(panic.contains("\"re x\" was"), "{panic}");
}

#[test]
fn checks_fail_when_they_should() {
    let failing = |check: fn(&greenroom::testing::TestBot)| {
        panic_of(|| {
            run(async |world| {
                let bot = Bot::builder("b").on("fail", async |_: Event<ChatMessage>| {
                    Err(HandlerError::permanent("no"))
                });
                let bot = world.start(bot).await;
                world.mezon().fault(FaultKind::Lose);
                world.say("alice", "general", "lost");
                world.say("alice", "general", "kept");
                world.advance(SECOND).await;
                check(&bot);
            });
        })
    };
    assert!(failing(|bot| bot.assert_nothing_lost()).contains("1 were lost: [\"lost\"]"));
    assert!(failing(|bot| bot.assert_no_dead_letters()).contains("1 dead letters"));
    assert!(failing(|bot| bot.assert_restarts(1)).contains("0 restarts in place of 1"));
    assert!(failing(|bot| bot.assert_reconnects(1)).contains("0 reconnects in place of 1"));
    assert!(failing(|bot| bot.assert_said(["x"])).contains("1 texts were not said: [\"x\"]"));
    assert!(failing(|bot| bot.assert_order(["x"])).contains("\"x\" was not said in its turn"));
}

#[test]
fn a_handler_that_panics_is_restarted_and_its_event_answered() {
    run(async |world| {
        let tries = Arc::new(AtomicU32::new(0));
        let bot = Bot::builder("b").on("frail", async move |message: Event<ChatMessage>| {
            assert!(
                tries.fetch_add(1, Ordering::Relaxed) > 0,
                "the first try fails"
            );
            if !message.is_own {
                message.say("recovered").await?;
            }
            Ok(())
        });
        let bot = world.start(bot).await;
        world.say("alice", "general", "x");
        bot.expect_reply("recovered").await;
        bot.assert_restarts(1);
        assert_eq!(world.trace().count_of("restarted"), 1);
    });
}

#[test]
fn order_is_checked_and_replies_are_counted() {
    run(async |world| {
        let bot = world.start(answers("b")).await;
        for text in ["a", "b", "c"] {
            world.say("alice", "general", text);
        }
        bot.expect_reply("re c").await;
        bot.expect_reply("re a").await;
        bot.assert_order(["re a", "re b", "re c"]);
        bot.assert_said(["re c", "re b", "re a"]);
    });
}

#[test]
fn a_bot_that_cannot_log_in_fails_to_start() {
    run(async |world| {
        let refuse = Fault::new(FaultKind::Refuse).count(9);
        world.mezon().fault(refuse);
        let error = world.try_start(answers("b")).await.unwrap_err();
        assert!(error.to_string().contains("401"), "{error}");
    });
}

#[test]
fn nobody_is_reached_outside_the_stage() {
    use greenroom::mezon::{Mezon, Settings};

    run(async |world| {
        let mut settings = Settings::new("1", "x");
        settings.base_url = "http://127.0.0.1:9".parse().unwrap();
        let bot = answers("b").platform(Mezon::new(settings));
        let error = world.try_start(bot).await.unwrap_err();
        assert!(
            error.to_string().contains("nobody listens at 127.0.0.1"),
            "{error}"
        );
    });
}

#[test]
fn the_result_of_a_test_is_returned() {
    let seed = Stage::builder()
        .seed(7)
        .run(async |world: Stage| world.seed());
    assert_eq!(seed, 7);
}
