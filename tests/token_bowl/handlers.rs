//! The ready-made programs.

use actix::{Actor, Context, Handler};
use greenroom::handlers::{Echo, Mentioned};
use greenroom::simulator::FaultKind;
use greenroom::testing::{Stage, run};
use greenroom::token_bowl::{MessageLog, OnTokenBowl};
use serde_json::Value;

use super::*;

fn mentioned(name: &str, stage: &Stage) -> BotBuilder {
    Bot::builder(name)
        .platform(TokenBowl::new(settings(stage, "greenroom")))
        .handler(
            Registration::new("mentioned", || Mentioned::new("You called, {name}?"))
                .on::<ChatMessage>(),
        )
}

#[test]
fn tbc_28_a_chat_bot_answers_who_names_it_where_it_was_named() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let bot = stage.start(mentioned("greenroom", &stage)).await;
        let alice = User::new(&stage, "alice").await;
        let bob = User::new(&stage, "bob").await;
        platform.say("alice", "room", "hello GREENROOM!");
        alice.hears(&stage, 1).await;
        assert_eq!(alice.heard.message(0).content, "You called, alice?");
        platform.say("bob", "@greenroom", "psst, greenroom");
        bob.hears(&stage, 3).await;
        let answer = bob.heard.message(2);
        assert_eq!(answer.to_username.as_deref(), Some("bob"));
        platform.say("alice", "room", "nobody in particular");
        platform.say("greenroom", "room", "I am greenroom");
        stage.advance(10 * SECOND).await;
        assert_eq!(
            bot.replies().len(),
            3,
            "two answers, and what was put into its mouth"
        );
    });
}

#[test]
fn what_is_ready_made_for_all_platforms_works_here() {
    run(async |stage: Stage| {
        #[derive(serde::Deserialize)]
        struct Two {
            a: i64,
            b: i64,
        }
        let add = Command::new("add", async |call: Call, two: Two| {
            call.reply(format!("{}", two.a + two.b)).await?;
            Ok(())
        });
        let commands = Commands::new("!").when_mentioned().command(add);
        let bot = Bot::builder("greenroom")
            .platform(TokenBowl::new(settings(&stage, "greenroom")))
            .handler(Registration::new("echo", || Echo::new("!echo")).on::<ChatMessage>())
            .commands("commands", commands);
        let _bot = stage.start(bot).await;
        let alice = User::new(&stage, "alice").await;
        alice
            .client
            .send_message("!echo again 🦊", None)
            .await
            .unwrap();
        alice.hears(&stage, 1).await;
        for (text, to) in [
            ("!add 2 3", Some("greenroom")),
            ("@greenroom add 4 5", None),
        ] {
            let before = alice.heard.texts().len();
            alice.client.send_message(text, to).await.unwrap();
            alice.hears(&stage, before + 1).await;
        }
        assert_eq!(alice.heard.texts(), ["again 🦊", "5", "9"]);
    });
}

#[test]
fn tbc_29_the_log_has_a_line_for_each_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("messages.jsonl");
    let file = path.clone();
    run(async move |stage: Stage| {
        let log = Registration::new("message log", move || MessageLog::new(&file, false));
        let bot = Bot::builder("bob")
            .platform(TokenBowl::new(settings(&stage, "bob")))
            .handler(log.on::<Message>());
        let _bot = stage.start(bot).await;
        let platform = stage.platform("token_bowl");
        platform.say("alice", "room", "one");
        platform.fault(FaultKind::Disconnect);
        platform.say("alice", "@bob", "two");
        stage.advance(10 * SECOND).await;
    });
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["type"].as_str(),
                line["to"].as_str(),
                line["content"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (Some("room"), None, Some("one")),
            (Some("direct"), Some("bob"), Some("two")),
        ]
    );
}

/// Counts for each account, and keeps what it has heard.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<Vec<(String, String)>>>);

impl Actor for Counts {
    type Context = Context<Self>;
}

impl Handler<Event<Message>> for Counts {
    type Result = Outcome;

    fn handle(&mut self, message: Event<Message>, _: &mut Context<Self>) -> Outcome {
        let label = message.token_bowl().map(|client| client.label().to_owned());
        assert_eq!(label.as_deref(), Some(message.envelope().origin.bot()));
        let heard = (label.unwrap_or_default(), message.content.clone());
        self.0.lock().unwrap().push(heard);
        Ok(())
    }
}

#[test]
fn tbc_18_and_30_one_object_hears_for_ten_accounts() {
    run(async |stage: Stage| {
        let accounts = (0..10).map(|number: i32| {
            let user = ["alice", "bob", "greenroom"][number as usize % 3];
            (format!("account {number}"), settings(&stage, user))
        });
        let platform = TokenBowl::accounts(accounts);
        let clients = platform.clients();
        let counts = Counts::default();
        let handler = counts.clone();
        let bot = Bot::builder("monitor").platform(platform);
        let bot = bot.handler(Registration::new("counts", move || handler.clone()).on::<Message>());
        let _bot = stage.start(bot).await;
        stage
            .until("all connections", 10 * SECOND, || {
                clients.iter().all(TokenBowlClient::is_connected)
            })
            .await;
        stage.platform("token_bowl").say("admin", "room", "hello");
        stage.advance(SECOND).await;
        let mut heard = counts.0.lock().unwrap().clone();
        heard.sort();
        let expected: Vec<_> = (0..10)
            .map(|number: i32| (format!("account {number}"), "hello".to_owned()))
            .collect();
        assert_eq!(heard, expected);
    });
}

#[test]
fn accounts_need_labels_of_their_own() {
    run(async |stage: Stage| {
        let one = || settings(&stage, "bob");
        for labels in [["a", "a"], ["a", ""]] {
            let platform = TokenBowl::accounts(labels.map(|label| (label, one())));
            let bot = Bot::builder("twice").platform(platform);
            assert!(matches!(
                stage.try_start(bot).await,
                Err(BotError::Assembly { .. })
            ));
        }
    });
}

#[test]
fn tbc_15_messages_outlive_their_client() {
    let heard = Heard::default();
    let kept = heard.clone();
    run(async move |stage: Stage| {
        let bot = Bot::builder("bob").platform(TokenBowl::new(settings(&stage, "bob")));
        let bot = stage.start(heard.on(bot)).await;
        stage.platform("token_bowl").say("alice", "room", "kept");
        stage.advance(SECOND).await;
        bot.stop().await;
    });
    assert_eq!(kept.message(0).content, "kept");
}
