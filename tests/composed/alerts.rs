//! `kind = "alerts"`: the bot tells when it is in trouble itself.

use greenroom::prelude::*;
use greenroom::testing::{TestBot, run};

use super::*;

const ALERTS: &str = r#"
[[handlers]]
kind = "alerts"
to = [{ platform = "token_bowl" }, { platform = "mezon", channel = "backstage" }]
"#;

/// A bot with alerts, and a handler that does what it is told.
fn obedient(options: &str) -> BotBuilder {
    let bot = bot(&format!("{ALERTS}{options}"));
    bot.on(
        "obedient",
        async |message: Event<ChatMessage>| match message.text.as_str() {
            "panic" => panic!("as told"),
            "fail" => Err(HandlerError::permanent("as told")),
            "sleep" => {
                tokio::time::sleep(20 * SECOND).await;
                Ok(())
            }
            _ => Ok(()),
        },
    )
}

fn told(bot: &TestBot) -> Vec<String> {
    said(bot, "token_bowl")
}

#[test]
fn a_platform_that_is_away_is_told_on_another_one() {
    run(async |stage: Stage| {
        let bot = stage.start(obedient("")).await;
        outage(&stage.mezon(), 5 * MINUTE);
        stage.advance(20 * SECOND).await;
        assert!(told(&bot).is_empty(), "not yet");
        stage.advance(20 * SECOND).await;
        assert_eq!(told(&bot).len(), 1, "{:?}", told(&bot));
        assert!(
            told(&bot)[0].contains("mezon (greenroom) is not connected for 3"),
            "{:?}",
            told(&bot)
        );
        stage.advance(10 * MINUTE).await;
        assert_eq!(
            told(&bot)[1..],
            ["All clear: mezon (greenroom) is connected again"]
        );

        // The first room is on the platform that is away: so it is told in the other one.
        outage(&stage.token_bowl(), 2 * MINUTE);
        stage.advance(40 * SECOND).await;
        let elsewhere = said(&bot, "mezon");
        assert!(
            elsewhere[0].contains("token_bowl (greenroom) is not connected"),
            "{elsewhere:?}"
        );
        stage.advance(5 * MINUTE).await;
        assert_eq!(said(&bot, "mezon").len() + told(&bot).len(), 4);
    });
}

#[test]
fn with_nobody_to_tell_an_alert_waits() {
    run(async |stage: Stage| {
        let alone = "[[handlers]]\nkind = \"alerts\"\nto = [{ platform = \"token_bowl\" }]\n";
        let bot = stage.start(bot(alone)).await;
        outage(&stage.token_bowl(), 5 * MINUTE);
        stage.advance(10 * MINUTE).await;
        let told = told(&bot);
        assert!(told[0].contains("is not connected for 3"), "{told:?}");
        assert_eq!(
            told[1..],
            ["All clear: token_bowl (greenroom) is connected again"]
        );
        bot.assert_no_dead_letters();
    });
}

#[test]
fn restarts_and_dead_letters_are_told_once_and_their_end_too() {
    run(async |stage: Stage| {
        let bot = stage.start(obedient("restarts = 2\n")).await;
        stage.mezon().say("alice", "general", "fail");
        stage.advance(10 * SECOND).await;
        assert_eq!(told(&bot), ["an event became a dead letter at `obedient`"]);
        stage.mezon().say("alice", "general", "fail");
        stage.advance(10 * SECOND).await;
        assert_eq!(told(&bot).len(), 1, "it is known");
        // Three attempts, each of which ends it.
        stage.mezon().say("alice", "general", "panic");
        stage.advance(30 * SECOND).await;
        assert!(
            told(&bot).contains(&"`obedient` was started again 3 times within 60 s".to_owned()),
            "{:?}",
            told(&bot)
        );
        stage.advance(5 * MINUTE).await;
        let mut over: Vec<_> = told(&bot)
            .into_iter()
            .filter(|text| text.starts_with("All clear"))
            .collect();
        over.sort();
        assert_eq!(
            over,
            [
                "All clear: `obedient` works without restarts again",
                "All clear: no more dead letters at `obedient`",
            ]
        );
    });
}

#[test]
fn a_queue_that_fills_is_told() {
    run(async |stage: Stage| {
        let bot = stage
            .start(obedient("waiting = 5\nall_clear = false\n"))
            .await;
        stage.mezon().say("alice", "general", "sleep");
        for number in 0..8 {
            stage.mezon().say("alice", "general", &format!("{number}"));
        }
        stage.advance(10 * SECOND).await;
        assert_eq!(told(&bot).len(), 1, "{:?}", told(&bot));
        assert!(
            told(&bot)[0].ends_with("events wait for `obedient`"),
            "{:?}",
            told(&bot)
        );
        stage.advance(5 * MINUTE).await;
        assert_eq!(told(&bot).len(), 1, "nobody wants to hear that it is over");
    });
}

#[test]
fn what_goes_wrong_with_its_own_words_is_no_alert() {
    run(async |stage: Stage| {
        let nowhere = "[[handlers]]\nkind = \"alerts\"\nto = [{ platform = \"mezon\", channel = \"nowhere\" }]\n";
        let bot = bot(nowhere).on("failing", async |_: Event<ChatMessage>| {
            Err(HandlerError::permanent("always"))
        });
        let bot = stage.start(bot).await;
        stage.mezon().say("alice", "general", "x");
        stage.advance(30 * MINUTE).await;
        let letters = bot.running().router().dead_letters().total();
        assert_eq!(letters, 3, "the event, the alert, and that it is over");
        assert!(bot.replies().is_empty());
    });
}

#[test]
fn what_is_wrong_with_alerts_is_told() {
    let faults = read("[token_bowl]\napi_key = \"k\"\n[[handlers]]\nkind = \"alerts\"\nlost = 5\ncooldown_ms = 1\n").unwrap_err();
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert_eq!(faults[0], "handlers[0].to: is required");
    assert!(
        faults.contains(&"handlers[0].lost: is unknown: did you mean `lost_ms`?".to_owned()),
        "{faults:?}"
    );
    assert!(
        faults.contains(
            &"handlers[0].cooldown_ms: says nothing here: `alerts` listens to nobody".to_owned()
        ),
        "{faults:?}"
    );
}
