//! Commands and dialogues on a platform, over real sockets and the real wire.
#![cfg(all(feature = "mezon", feature = "simulator"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use std::sync::Arc;
use std::time::Duration;

use greenroom::actors::store::Store;
use greenroom::bot::BotBuilder;
use greenroom::handlers::FixedReply;
use greenroom::prelude::*;
use greenroom::simulator::Simulator;
use greenroom_proto::mezon::Wire;
use serde::{Deserialize, Serialize};
use stage::{Stage, settings};

#[derive(Deserialize)]
struct Tip {
    who: Mention,
    amount: u64,
    note: Option<Rest>,
}

const BOT: &str = "1000000000000000001";
const BOB: &str = "4000000000000000002";
const USAGE: &str = "Usage: `!tip <who> <amount> [note ...]`";

fn commands() -> Commands {
    let tip = Command::new("tip", async |call: Call, tip: Tip| {
        let note = tip
            .note
            .map_or(String::new(), |note| format!(", {}", note.0));
        let text = format!("{} for {} ({}){note}", tip.amount, tip.who.name, tip.who.id);
        call.reply(text).await?;
        Ok(())
    });
    let secret = Command::new("secret", async |call: Call, ()| {
        call.say("told").await?;
        Ok(())
    });
    let slow = Command::new("slow", async |call: Call, ()| {
        call.say("done").await?;
        Ok(())
    });
    Commands::new("!")
        .when_mentioned()
        .command(
            tip.about("Gives tokens to somebody")
                .example("!tip @bob 10"),
        )
        .command(secret.check(Check::in_direct()))
        .command(slow.cooldown(Duration::from_secs(600)))
}

/// Waits until the bot has said each of these, and nothing else.
async fn until_said(stage: &Stage, expected: &[&str]) {
    let what = format!("{expected:?}");
    stage
        .until(20, &what, |stage| {
            expected.iter().all(|text| stage.said().contains_key(*text))
        })
        .await;
    assert_eq!(stage.said().len(), expected.len(), "{:?}", stage.said());
}

#[actix_rt::test]
async fn a_person_tips_another_on_both_wires() {
    for wire in [Wire::V1, Wire::V2] {
        let stage = Stage::open(wire, |bot| bot.commands("commands", commands())).await;
        let mut expected = Vec::new();
        let tip = format!("10 for bob ({BOB}), for the soup");
        let help = "`!tip <who> <amount> [note ...]`\nGives tokens to somebody\n\
            - `who`: somebody, such as `@bob`\n- `amount`: a whole number of 0 or more\n\
            - `note`, optional: a text\nFor example: `!tip @bob 10`";
        let bad = format!("`amount` must be a whole number of 0 or more, not `ten`.\n{USAGE}");
        let negative = format!("`amount` must not be negative, and `-1` is.\n{USAGE}");
        let missing =
            format!("`amount` is missing: it must be a whole number of 0 or more.\n{USAGE}");
        stage.mention("!tip @bob 10 for the soup", &[("bob", BOB, 5)]);
        expected.push(tip.as_str());
        until_said(&stage, &expected).await;
        for (text, answer) in [
            ("!tip @nobody 3", "3 for nobody (0)"),
            ("!help tip", help),
            ("!tip @bob ten", bad.as_str()),
            ("!tip @bob -1", negative.as_str()),
            ("!tip @bob", missing.as_str()),
            ("!secret", "This works in a direct conversation only."),
            ("!slow", "done"),
            ("!slow", "Not so fast: please wait 10 min."),
        ] {
            stage.say(text);
            expected.push(answer);
            until_said(&stage, &expected).await;
        }
        stage.mention(
            "@greenroom tip @bob 4",
            &[("greenroom", BOT, 0), ("bob", BOB, 15)],
        );
        let mentioned = format!("4 for bob ({BOB})");
        expected.push(&mentioned);
        until_said(&stage, &expected).await;
        assert_eq!(stage.bot.report().dead_letters, 0);
        stage.close().await;
    }
}

#[derive(Serialize, Deserialize)]
enum Coffee {
    Begin,
    Size,
    Sugar { size: String },
}

/// A bot that takes orders of coffee; a size of `crash` brings the handler down at its first attempt.
fn coffee(bot: BotBuilder, store: &Store) -> BotBuilder {
    let dialogue = Dialogue::new("coffee", async |message: Event<ChatMessage>, state| {
        let answer = message.text.clone();
        Ok(match state {
            Coffee::Begin => {
                message.reply("Which size?").await?;
                Next::To(Coffee::Size)
            }
            Coffee::Size => {
                assert!(answer != "crash" || message.attempt() > 1, "on purpose");
                message.reply("How much sugar?").await?;
                Next::To(Coffee::Sugar { size: answer })
            }
            Coffee::Sugar { size } => {
                message.reply(format!("{size}, {answer} sugar")).await?;
                Next::Done
            }
        })
    });
    // It is kept in the store of the bot.
    let dialogue = dialogue.begins(|message| message.command("!coffee").map(|_| Coffee::Begin));
    bot.dialogue(dialogue).open_store(store)
}

#[actix_rt::test]
async fn a_dialogue_goes_on_after_a_crash_and_after_a_restart_of_the_bot() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let mezon = simulator.platform("mezon").unwrap();
    let start = |store: Store| {
        let bot = Bot::builder("test")
            .seed(1)
            .platform(Mezon::new(settings(&mezon.url(), Wire::V2)));
        coffee(bot, &store).build().unwrap().start()
    };
    let first = start(Store::open(folder.path()).unwrap());
    first.connected().await.unwrap();
    let stage = Stage::new(simulator, Arc::clone(&mezon), first);
    stage.say("!coffee");
    until_said(&stage, &["Which size?"]).await;
    stage.say("crash");
    until_said(&stage, &["Which size?", "How much sugar?"]).await;
    let report = stage.bot.shutdown().await;
    assert_eq!(
        (
            report.dead_letters,
            report.tree.children[1].children[0].restarts
        ),
        (0, 1)
    );

    let Stage { simulator, bot, .. } = stage;
    drop(bot);
    let second = start(Store::open(folder.path()).unwrap());
    second.connected().await.unwrap();
    let stage = Stage::new(simulator, Arc::clone(&mezon), second);
    stage.say("no");
    until_said(
        &stage,
        &["Which size?", "How much sugar?", "crash, no sugar"],
    )
    .await;
    stage.close().await;
}

#[actix_rt::test]
async fn a_command_waits_for_the_next_message_of_the_same_person() {
    let ask = Command::new("name", async |call: Call, ()| {
        let answer = call.next_by_speaker(Duration::from_secs(20));
        call.reply("What is your name?").await?;
        let name = answer.await?.text.clone();
        call.say(format!("Hello {name}")).await?;
        Ok(())
    });
    let stage = Stage::open(Wire::V2, |bot| {
        bot.commands("commands", Commands::new("!").command(ask))
    })
    .await;
    stage.say("!name");
    until_said(&stage, &["What is your name?"]).await;
    stage.say("Alice");
    until_said(&stage, &["What is your name?", "Hello Alice"]).await;
    stage.close().await;
}

#[test]
fn commands_that_are_wrong_keep_a_bot_from_being_built() {
    let twice = || Command::new("tip", async |_: Call, ()| Ok(()));
    let commands = Commands::new("!").command(twice()).command(twice());
    let error = Bot::builder("test")
        .commands("commands", commands)
        .build()
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "the commands are wrong:\ntwo commands are named `tip`"
    );
}

#[actix_rt::test]
async fn fixed_replies_are_commands_without_code() {
    let rules = FixedReply {
        name: "rules".to_owned(),
        aliases: vec!["law".to_owned()],
        about: "Says the rules".to_owned(),
        reply: "Be kind, {name}. {args}".to_owned(),
        cooldown: Duration::from_secs(60),
    };
    let stage = Stage::open(Wire::V2, |bot| {
        bot.commands("commands", rules.add_to(Commands::new("!")))
    })
    .await;
    let mut expected = Vec::new();
    for (text, answer) in [
        ("!rules", "Be kind, Alice. "),
        ("!law", "Not so fast: please wait 1 min."),
        (
            "!help",
            "`!rules [args ...]`: Says the rules\n`!help <command>` says more about one of them.",
        ),
    ] {
        stage.say(text);
        expected.push(answer);
        until_said(&stage, &expected).await;
    }
    stage.close().await;
}
