//! What commands promise, each promise one test.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod chat;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chat::{Said, Stage};
use greenroom_actors::command::{Call, Check, Command, Commands, Refusal, Rest};
use greenroom_actors::connection::RequestError;
use greenroom_actors::router::{Delivery, HandlerError, Outcome};
use greenroom_actors::utterance::{Mention, Scope, Utterance};
use serde::Deserialize;

#[derive(Deserialize)]
struct Tip {
    who: Mention,
    amount: u64,
    note: Option<Rest>,
}

#[derive(Deserialize)]
struct Song {
    title: Rest,
}

async fn say(call: &Call<Said>, text: impl Into<String>) -> Outcome {
    call.saying(Said::answer(call, text.into())).await?;
    Ok(())
}

fn tip() -> Command<Said> {
    Command::new("tip", async |call: Call<Said>, tip: Tip| {
        let note = tip
            .note
            .map_or(String::new(), |note| format!(": {}", note.0));
        say(&call, format!("{} for {}{note}", tip.amount, tip.who.name)).await
    })
    .about("Gives tokens to somebody.\nThey are yours no more.")
    .alias("give")
    .argument("amount", "how many tokens")
    .example("!tip @bob 10")
}

fn queue() -> Command<Said> {
    let add = Command::new("add", async |call: Call<Said>, song: Song| {
        say(&call, format!("added {}", song.title.0)).await
    });
    let next = Command::new("next", async |call: Call<Said>, ()| {
        say(&call, "next").await
    });
    Command::group("queue")
        .about("Plays songs")
        .command(add)
        .command(next)
}

fn stage(commands: Commands<Said>) -> Stage {
    let registration = commands.register("commands").unwrap();
    Stage::new(|router| vec![registration.register(router)])
}

#[actix_rt::test]
async fn a_command_is_called_with_its_arguments() {
    tokio::time::pause();
    let stage = stage(Commands::new("!").command(tip()).command(queue()));
    for (text, answer) in [
        ("!tip @bob 10", "10 for bob"),
        (
            "  !tip\n@bob \"10\" thank you, \"Bob\"",
            "10 for bob: thank you, \"Bob\"",
        ),
        ("!give @bob 1", "1 for bob"),
        ("!queue add a song", "added a song"),
        ("!queue next", "next"),
    ] {
        assert_eq!(stage.say(1, text).await, [answer], "{text}");
    }
    for text in [
        "tip @bob 10",
        "!",
        "! tip @bob 10",
        "!tips",
        "!TIP @bob 10",
        "hello",
        "",
        "!tip\u{301} @bob 1",
    ] {
        assert_eq!(stage.say(1, text).await, [""; 0], "{text:?}");
    }
    let own = Said {
        text: "!tip @bob 10".to_owned(),
        is_own: true,
        ..Said::default()
    };
    stage.publish(1, own).await;
    assert_eq!(stage.answers_within(Duration::from_secs(1)).await, [""; 0]);
    assert_eq!(stage.dead(), [""; 0]);
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn what_a_person_does_wrong_is_answered_and_no_error() {
    tokio::time::pause();
    let stage = stage(
        Commands::new("!")
            .command(tip())
            .command(queue())
            .suggestions(),
    );
    let usage = "Usage: `!tip <who> <amount> [note ...]`";
    for (text, answer) in [
        (
            "!tip",
            format!("`who` is missing: it must be somebody, such as `@bob`.\n{usage}"),
        ),
        (
            "!tip @bob",
            format!("`amount` is missing: it must be a whole number of 0 or more.\n{usage}"),
        ),
        (
            "!tip @bob ten",
            format!("`amount` must be a whole number of 0 or more, not `ten`.\n{usage}"),
        ),
        (
            "!tip @bob -5",
            format!("`amount` must not be negative, and `-5` is.\n{usage}"),
        ),
        (
            "!tip @bob 99999999999999999999",
            format!(
                "`amount` must be from 0 to 18446744073709551615, not `99999999999999999999`.\n{usage}"
            ),
        ),
        (
            "!give bob 1",
            "`who` must be somebody, such as `@bob`, not `bob`.\n".to_owned() + usage,
        ),
        (
            "!queue next one",
            "`one` is one word too many.\nUsage: `!queue next`".to_owned(),
        ),
        (
            "!tpi @bob 10",
            "There is no `!tpi`. Did you mean `!tip`?".to_owned(),
        ),
        (
            "!queue nxet",
            "There is no `!queue nxet`. Did you mean `!queue next`?\nUsage: `!queue <add|next>`"
                .to_owned(),
        ),
        (
            "!queue dance",
            "There is no `!queue dance`.\nUsage: `!queue <add|next>`".to_owned(),
        ),
    ] {
        assert_eq!(stage.say(1, text).await, [answer], "{text}");
    }
    assert_eq!(stage.say(1, "!dance").await, [""; 0]);
    assert_eq!(stage.dead(), [""; 0]);
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn help_is_written_from_the_commands() {
    tokio::time::pause();
    let hidden = Command::new("secret", async |_: Call<Said>, ()| Ok(())).hidden();
    let tip = tip().cooldown(Duration::from_secs(10));
    let stage = stage(
        Commands::new("!")
            .command(tip)
            .command(queue())
            .command(hidden),
    );
    let list = "`!tip <who> <amount> [note ...]`: Gives tokens to somebody.\n\
        `!queue <add|next>`: Plays songs\n\
        `!help <command>` says more about one of them.";
    assert_eq!(stage.say(1, "!help").await, [list]);
    let page = "`!tip <who> <amount> [note ...]`\nGives tokens to somebody.\nThey are yours no more.\n\
        - `who`: somebody, such as `@bob`\n\
        - `amount`: how many tokens: a whole number of 0 or more\n\
        - `note`, optional: a text\n\
        Other names: `give`\nOnce in 10 s for each user\nFor example: `!tip @bob 10`";
    assert_eq!(stage.say(1, "!help tip").await, [page]);
    assert_eq!(stage.say(1, "!help !give").await, [page]);
    let group = "`!queue <add|next>`\nPlays songs\n- `!queue add <title ...>`\n- `!queue next`";
    assert_eq!(stage.say(1, "!queue").await, [group]);
    assert_eq!(stage.say(1, "!help queue").await, [group]);
    assert_eq!(
        stage.say(1, "!help queue add").await,
        ["`!queue add <title ...>`\n- `title`: a text"]
    );
    let unknown = ["There is no `!help tpi`. Did you mean `!tip`?"];
    assert_eq!(stage.say(1, "!help tpi").await, unknown);
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn long_help_is_said_in_several_messages() {
    tokio::time::pause();
    let commands = (0..100).fold(Commands::new("!"), |commands, number| {
        let command = Command::new(&format!("command-{number}"), async |_: Call<Said>, ()| {
            Ok(())
        });
        commands.command(command.about("Does what the others do, and a little more"))
    });
    let stage = stage(commands);
    let said = stage.say(1, "!help").await;
    assert!(
        said.len() > 2 && said.iter().all(|text| text.len() <= 1_900),
        "{}",
        said.len()
    );
    assert_eq!(said.join("\n").lines().count(), 101);
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn prefixes_mentions_and_case_are_chosen() {
    tokio::time::pause();
    let commands = Commands::new("!")
        .prefix("hey bot ")
        .when_mentioned()
        .ignore_case();
    let stage = stage(commands.command(tip()).help("hilfe"));
    for text in ["!TIP @bob 1", "hey bot tip @bob 1", "hey bot   Tip @bob 1"] {
        assert_eq!(stage.say(1, text).await, ["1 for bob"], "{text}");
    }
    assert_eq!(stage.say(1, "!help").await, [""; 0]);
    assert_eq!(stage.say(1, "!hilfe").await.len(), 1);
    let me = |place, is_me| Mention {
        name: "the bot".to_owned(),
        place,
        is_me,
        ..Mention::default()
    };
    for (text, mention, answers) in [
        ("@the bot tip @bob 1", me(Some((0, 8)), true), 1),
        ("@the bot: tip @bob 1", me(Some((0, 8)), true), 1),
        ("@the bot tip @bob 1", me(Some((0, 8)), false), 0),
        ("so @the bot tip @bob 1", me(Some((3, 11)), true), 0),
    ] {
        let said = Said {
            text: text.to_owned(),
            mentions: vec![mention],
            ..Said::default()
        };
        stage.publish(1, said).await;
        let answered = stage.answers_within(Duration::from_millis(10)).await;
        assert_eq!(answered.len(), answers, "{text}: {answered:?}");
    }
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn checks_say_who_may_and_where() {
    tokio::time::pause();
    let plain =
        |name: &str| Command::new(name, async |call: Call<Said>, ()| say(&call, "done").await);
    let asked = Arc::new(AtomicU32::new(0));
    let asks = Arc::clone(&asked);
    let permission = Check::future(
        "Only the crew may do this.",
        async move |call: Call<Said>| {
            // The first question gets no answer: the message is tried again.
            match asks.fetch_add(1, Ordering::Relaxed) {
                0 => Err(HandlerError::transient("nobody there")),
                _ => Ok(*call.speaker() == 1),
            }
        },
    );
    let stage = stage(
        Commands::new("!")
            .command(plain("direct").check(Check::in_direct()))
            .command(plain("space").check(Check::in_space()))
            .command(plain("alice").check(Check::users([1]).otherwise("Alice only.")))
            .command(plain("here").check(Check::channels([1])))
            .command(plain("crew").check(permission))
            .command(
                Command::group("admin")
                    .check(Check::users([1]))
                    .command(plain("stop")),
            ),
    );
    for (channel, user, text, answer) in [
        (1, 1, "!direct", "This works in a direct conversation only."),
        (1, 1, "!space", "done"),
        (1, 1, "!alice", "done"),
        (1, 2, "!alice", "Alice only."),
        (1, 2, "!here", "done"),
        (2, 2, "!here", "This does not work here."),
        (1, 1, "!admin stop", "done"),
        (1, 2, "!admin stop", "You may not do this."),
        (1, 2, "!alice too many words", "Alice only."),
    ] {
        assert_eq!(stage.say_in(channel, user, text).await, [answer], "{text}");
    }
    let direct = Said {
        text: "!direct".to_owned(),
        is_direct: true,
        ..Said::default()
    };
    stage.publish(1, direct).await;
    assert_eq!(
        stage.answers_within(Duration::from_millis(10)).await,
        ["done"]
    );
    let mut said = stage.say(1, "!crew").await;
    said.extend(stage.answers_within(Duration::from_secs(10)).await);
    assert_eq!(said, ["done"]);
    assert_eq!(stage.say(2, "!crew").await, ["Only the crew may do this."]);
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn cooldowns_are_kept_by_user_by_channel_and_for_all() {
    tokio::time::pause();
    let paced = |name: &str, scope, uses| {
        Command::new(name, async |call: Call<Said>, _: Tip| {
            say(&call, "done").await
        })
        .cooldown_per(scope, uses, Duration::from_secs(60))
    };
    let stage = stage(
        Commands::new("!")
            .command(paced("user", Scope::User, 1))
            .command(paced("channel", Scope::Channel, 2))
            .command(paced("all", Scope::Everybody, 1)),
    );
    let wait = "Not so fast: please wait 1 min.";
    for (channel, user, command, answer) in [
        (1, 1, "!user", "done"),
        (2, 1, "!user", wait),
        (1, 2, "!user", "done"),
        (1, 1, "!channel", "done"),
        (1, 2, "!channel", "done"),
        (1, 3, "!channel", wait),
        (2, 3, "!channel", "done"),
        (1, 1, "!all", "done"),
        (2, 2, "!all", wait),
    ] {
        let text = format!("{command} @bob 1");
        assert_eq!(
            stage.say_in(channel, user, &text).await,
            [answer],
            "{channel} {user} {command}"
        );
    }
    // Whoever mistypes does not pay for it.
    assert!(stage.say(9, "!user bob").await[0].starts_with("`who` must be"));
    assert_eq!(stage.say(9, "!user @bob 1").await, ["done"]);
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(
        stage.say(9, "!user @bob 1").await,
        ["Not so fast: please wait 30 s."]
    );
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(stage.say(9, "!user @bob 1").await, ["done"]);
    stage.root.shutdown().await;
}

/// How a command ends on its first attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Error,
    Panic,
    TimeOut,
    Unsaid,
}

#[actix_rt::test]
async fn nobody_is_answered_twice_and_a_further_attempt_costs_no_cooldown() {
    tokio::time::pause();
    for end in [End::Error, End::Panic, End::TimeOut, End::Unsaid] {
        for speaks_first in [true, false] {
            let attempts = Arc::new(AtomicU32::new(0));
            let tried = Arc::clone(&attempts);
            let command = Command::new("try", async move |call: Call<Said>, ()| {
                if tried.fetch_add(1, Ordering::Relaxed) > 0 {
                    return say(&call, "again").await;
                }
                if speaks_first {
                    say(&call, "first").await?;
                }
                match end {
                    End::Error => Err(HandlerError::transient("on purpose")),
                    End::Panic => panic!("on purpose"),
                    End::TimeOut => std::future::pending().await,
                    End::Unsaid => {
                        call.saying(async { Err::<(), _>(RequestError::QueueFull) })
                            .await?;
                        Ok(())
                    }
                }
            });
            let commands = Commands::new("!").command(command.cooldown(Duration::from_secs(3_600)));
            let stage = stage(commands.delivery(Delivery::default()));
            let mut said = stage.say(1, "!try").await;
            said.extend(stage.answers_within(Duration::from_secs(300)).await);
            let case = format!("{end:?} {speaks_first}");
            match speaks_first {
                true => {
                    assert_eq!(
                        (said, attempts.load(Ordering::Relaxed)),
                        (vec!["first".to_owned()], 1),
                        "{case}"
                    );
                    let cause = match end {
                        End::Error | End::Panic => "on purpose",
                        End::TimeOut => "took longer than",
                        End::Unsaid => "too many requests",
                    };
                    let reason = &stage.dead()[0];
                    assert!(
                        reason.contains("answered") && reason.contains(cause),
                        "{case}: {reason}"
                    );
                }
                false => {
                    assert_eq!(
                        (said, stage.dead().len()),
                        (vec!["again".to_owned()], 0),
                        "{case}"
                    );
                }
            }
            stage.root.shutdown().await;
        }
    }
}

#[actix_rt::test]
async fn a_replayed_command_is_carried_out_within_its_cooldown() {
    tokio::time::pause();
    let attempts = AtomicU32::new(0);
    let command = Command::new("try", async move |call: Call<Said>, ()| {
        match attempts.fetch_add(1, Ordering::Relaxed) {
            0 => Err(HandlerError::permanent("on purpose")),
            _ => say(&call, "done").await,
        }
    });
    let stage = stage(Commands::new("!").command(command.cooldown(Duration::from_secs(3_600))));
    assert_eq!(stage.say(1, "!try").await, [""; 0]);
    let letter = stage.router.dead_letters().list().remove(0);
    stage.router.replay(letter.number).unwrap();
    let said = stage.answers_within(Duration::from_secs(1)).await;
    assert_eq!((said, stage.dead().len()), (vec!["done".to_owned()], 0));
    // Others still wait.
    assert_eq!(
        stage.say(1, "!try").await,
        ["Not so fast: please wait 59 min 59 s."]
    );
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn what_is_said_of_refusals_can_be_put_in_other_words() {
    tokio::time::pause();
    let commands = Commands::new("!")
        .command(tip())
        .words(|_, refusal| match refusal {
            Refusal::Argument { error, .. } => Some(format!("Falsch: {}", error.argument)),
            _ => None,
        });
    let stage = stage(commands.command(tip_of("never").check(Check::users(["nobody"]))));
    assert_eq!(stage.say(1, "!tip @bob x").await, ["Falsch: amount"]);
    assert_eq!(stage.say(1, "!never @bob 1").await, [""; 0]);
    stage.root.shutdown().await;
}

fn tip_of(name: &str) -> Command<Said> {
    Command::new(name, async |_: Call<Said>, _: Tip| Ok(()))
}

#[test]
fn what_is_wrong_with_commands_is_said_all_at_once() {
    #[derive(Deserialize)]
    struct Nested {
        #[expect(dead_code, reason = "only its shape counts")]
        pair: (u8, u8),
    }
    let commands = Commands::<Said>::new("")
        .command(tip_of("tip"))
        .command(tip_of("give").alias("tip"))
        .command(tip_of("two words"))
        .command(tip_of("described").argument("nobody", "what?"))
        .command(Command::new("nested", async |_: Call<Said>, _: Nested| {
            Ok(())
        }))
        .command(Command::group("empty"))
        .command(
            Command::group("group")
                .command(tip_of("a"))
                .command(tip_of("a")),
        );
    let faults = commands.register("commands").err().unwrap();
    assert_eq!(
        faults.to_string(),
        "a prefix must not be empty\n\
        two commands are named `tip`\n\
        command `two words`: `two words` is no name: it must be one word\n\
        command `described`: there is no argument `nobody` to describe\n\
        command `nested`: `pair`: an argument must be one value; structs, tuples and maps cannot be nested\n\
        command `empty`: the group has no commands\n\
        two commands are named `a` in group"
    );
}
