//! The wallet in chat: confirmations, limits, and money that moves once whatever happens meanwhile.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::actors::store::Store;
use greenroom::bot::BotBuilder;
use greenroom::chat::{Payment, PaymentOutcome};
use greenroom::payman::{Amount, Limits, Payman, Wallet};
use greenroom::prelude::*;
use greenroom::simulator::{Fault, FaultKind};
use greenroom::testing::{Stage, TestBot};
use serde_json::{Value, json};

use super::{SECOND, TASKS, on_stage, requests, settings};

const ALICE: &str = "4000000000000000001";
const BOB: &str = "4000000000000000002";
const GENERAL: &str = "3000000000000000001";

/// What became of payments, in the order in which it was told to other handlers.
type Told = Arc<Mutex<Vec<PaymentOutcome>>>;

/// A bot on two platforms with a wallet of 25 a day, 10 a payment.
fn bot(stage: &Stage) -> (BotBuilder, Told) {
    bot_with(stage, |wallet| wallet)
}

fn bot_with(stage: &Stage, change: fn(Wallet) -> Wallet) -> (BotBuilder, Told) {
    let payman = Payman::new(settings());
    let limits = Limits {
        payment: Amount::whole(10),
        day: Amount::whole(25),
        payments: 4,
    };
    let wallet = change(Wallet::new(payman.client()).limits(limits));
    let told = Told::default();
    let heard = Arc::clone(&told);
    let bot = stage.put(Bot::builder("payer"), "mezon");
    let bot = stage
        .put(bot, "token_bowl")
        .platform(payman)
        .stored_handler("wallet", move |store| wallet.register("wallet", store))
        .on("heard", async move |payment: Event<Payment>| {
            heard.lock().unwrap().push(payment.outcome);
            Ok(())
        });
    (bot, told)
}

/// What Payman was asked.
fn orders(stage: &Stage) -> Vec<String> {
    let asked = requests(stage, TASKS).into_iter();
    asked
        .map(|request| {
            let parts = &request["body"]["params"]["message"]["parts"];
            parts[0]["text"].as_str().unwrap_or_default().to_owned()
        })
        .collect()
}

/// The id of a button of the newest message of the bot that has some.
fn button(stage: &Stage, place: usize) -> String {
    let journal = stage.mezon().journal();
    let contents = journal.iter().rev().map(|entry| {
        let entry = entry.to_json();
        let content = entry["body"]["channel_message_send"]["content"].clone();
        serde_json::from_str::<Value>(content.as_str().unwrap_or_default()).unwrap_or_default()
    });
    let mut rows = contents.map(|content| content["components"][0]["components"].clone());
    let row = rows.find(Value::is_array).expect("no buttons were sent");
    row[place]["id"].as_str().unwrap().to_owned()
}

fn press(stage: &Stage, user: &str, button: &str) {
    let data = json!({"channel_id": GENERAL, "user_id": user, "button_id": button});
    stage.mezon().emit("message_button_clicked", data);
}

async fn expect(bot: &TestBot, words: &str) {
    bot.expect_where(words, |said| said.text.contains(words))
        .await;
}

#[test]
fn a_button_confirms_and_only_for_who_has_asked() {
    on_stage(async |stage| {
        let (bot, told) = bot(&stage);
        let bot = stage.start(bot).await;
        stage.say("alice", "general", "Pay bob 2.50");
        expect(&bot, "pay 2.5 USD to bob? Press").await;
        let yes = button(&stage, 0);
        press(&stage, BOB, &yes);
        expect(&bot, "not yours to answer").await;
        // Where there are buttons, a word in passing is no consent.
        stage.say("alice", "general", "yes");
        bot.expect_no_reply(5 * SECOND).await;
        assert!(orders(&stage).is_empty());
        press(&stage, ALICE, &yes);
        expect(
            &bot,
            "Paid 2.5 USD to bob. Payman says: echo: Pay 2.5 USD to bob",
        )
        .await;
        press(&stage, ALICE, &yes);
        expect(&bot, "no longer open").await;
        assert_eq!(orders(&stage), ["Pay 2.5 USD to bob"]);
        assert_eq!(*told.lock().unwrap(), [PaymentOutcome::Paid]);

        stage.say("alice", "general", "pay bob 3");
        expect(&bot, "pay 3 USD to bob?").await;
        press(&stage, ALICE, &button(&stage, 1));
        expect(&bot, "nothing is paid to bob").await;
        assert_eq!(orders(&stage).len(), 1);
    });
}

#[test]
fn words_confirm_where_there_are_no_buttons() {
    on_stage(async |stage| {
        let (bot, told) = bot(&stage);
        let bot = stage.start(bot).await;
        let room = stage.token_bowl();
        room.say("alice", "room", "pay attention, everybody");
        room.say("bob", "room", "yes");
        bot.expect_no_reply(SECOND).await;
        room.say("alice", "room", "pay bob 10");
        expect(&bot, "pay 10 USD to bob? Say yes or no").await;
        room.say("bob", "room", "yes");
        room.say("alice", "room", "let me think");
        bot.expect_no_reply(SECOND).await;
        assert!(orders(&stage).is_empty());
        room.say("alice", "room", "Yes!");
        expect(&bot, "Paid 10 USD to bob.").await;
        room.say("alice", "room", "pay bob 1");
        expect(&bot, "pay 1 USD to bob?").await;
        room.say("alice", "room", "no");
        expect(&bot, "nothing is paid to bob").await;
        assert_eq!(orders(&stage), ["Pay 10 USD to bob"]);
        assert_eq!(
            *told.lock().unwrap(),
            [PaymentOutcome::Paid, PaymentOutcome::Declined]
        );
    });
}

#[test]
fn a_question_expires_and_a_new_one_takes_its_place() {
    on_stage(async |stage| {
        let (bot, _) = bot(&stage);
        let bot = stage.start(bot).await;
        let room = stage.token_bowl();
        room.say("alice", "room", "pay bob 1");
        expect(&bot, "pay 1 USD").await;
        stage.advance(Duration::from_secs(121)).await;
        room.say("alice", "room", "yes");
        expect(&bot, "too late").await;
        room.say("alice", "room", "pay bob 2");
        expect(&bot, "pay 2 USD").await;
        room.say("alice", "room", "pay carol 3");
        expect(&bot, "pay 3 USD").await;
        room.say("alice", "room", "yes");
        expect(&bot, "Paid 3 USD to carol").await;
        room.say("alice", "room", "yes");
        bot.expect_no_reply(SECOND).await;
        assert_eq!(orders(&stage), ["Pay 3 USD to carol"]);
    });
}

#[test]
fn limits_outlive_the_program_and_what_was_not_paid_does_not_count() {
    on_stage(async |stage| {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        let room = stage.token_bowl();
        let pay = async |bot: &TestBot, amount: &str| {
            room.say("alice", "room", &format!("pay bob {amount}"));
            expect(bot, &format!("pay {amount} USD to bob?")).await;
            room.say("alice", "room", "yes");
        };
        let first = stage.start(bot(&stage).0.open_store(&store)).await;
        room.say("alice", "room", "pay bob 10.01");
        expect(&first, "one payment may be 10 USD").await;
        // Refused before the agent could act.
        stage
            .payman()
            .fault(Fault::new(FaultKind::Http).status(400).path(TASKS));
        pay(&first, "9").await;
        expect(&first, "Not paid: 9 USD to bob.").await;
        pay(&first, "10").await;
        expect(&first, "Paid 10 USD").await;
        room.say("alice", "room", "pay bob 7");
        expect(&first, "pay 7 USD to bob?").await;
        first.stop().await;

        let second = stage.start(bot(&stage).0.open_store(&store)).await;
        // The question is still open.
        room.say("alice", "room", "yes");
        expect(&second, "Paid 7 USD").await;
        room.say("alice", "room", "pay bob 8.000001");
        expect(&second, "8 USD are left for today").await;
        // Somebody else has limits of their own, and tomorrow is another day.
        room.say("bob", "room", "pay alice 9");
        expect(&second, "bob, pay 9 USD to alice?").await;
        stage.advance(Duration::from_secs(86_400)).await;
        pay(&second, "9").await;
        expect(&second, "Paid 9 USD").await;
    });
}

#[test]
fn a_crash_in_the_middle_pays_once() {
    on_stage(async |stage| {
        let (bot, told) = bot(&stage);
        let bot = stage.start(bot).await;
        let room = stage.token_bowl();
        stage
            .payman()
            .fault(Fault::new(FaultKind::Delay).lasting(3 * SECOND).path(TASKS));
        room.say("alice", "room", "pay bob 5");
        expect(&bot, "pay 5 USD to bob?").await;
        // The question has arrived: before that, nobody knows, and nothing is said twice.
        stage.advance(SECOND).await;
        bot.crash("handlers/wallet");
        room.say("alice", "room", "yes");
        stage
            .until("the order", 10 * SECOND, || !orders(&stage).is_empty())
            .await;
        bot.crash("handlers/wallet");
        expect(&bot, "Paid 5 USD to bob.").await;
        bot.expect_no_reply(60 * SECOND).await;
        assert_eq!(orders(&stage).len(), 1);
        assert_eq!(*told.lock().unwrap(), [PaymentOutcome::Paid]);
        bot.assert_restarts(2);
        bot.assert_no_dead_letters();
    });
}

#[test]
fn an_outcome_that_is_unknown_is_told_and_not_repeated() {
    on_stage(async |stage| {
        let (bot, told) = bot(&stage);
        let bot = stage.start(bot).await;
        let room = stage.token_bowl();
        stage
            .payman()
            .fault(Fault::new(FaultKind::Disconnect).path(TASKS));
        room.say("alice", "room", "pay bob 10");
        expect(&bot, "pay 10 USD to bob?").await;
        room.say("alice", "room", "yes");
        expect(&bot, "I do not know whether 10 USD was paid to bob").await;
        room.say("alice", "room", "yes");
        bot.expect_no_reply(60 * SECOND).await;
        assert_eq!(orders(&stage).len(), 1);
        assert_eq!(*told.lock().unwrap(), [PaymentOutcome::Unknown]);
        // It counts as spent.
        room.say("alice", "room", "pay bob 10");
        expect(&bot, "pay 10 USD to bob?").await;
        room.say("alice", "room", "yes");
        expect(&bot, "Paid 10 USD").await;
        room.say("alice", "room", "pay bob 6");
        expect(&bot, "5 USD are left for today").await;
    });
}

#[test]
fn what_a_run_leaves_without_an_outcome_is_told_by_the_next() {
    on_stage(async |stage| {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        let first = stage.start(bot(&stage).0.open_store(&store)).await;
        let room = stage.token_bowl();
        room.say("alice", "room", "pay bob 5");
        expect(&first, "pay 5 USD to bob?").await;
        stage
            .payman()
            .fault(Fault::new(FaultKind::Stall).path(TASKS));
        room.say("alice", "room", "yes");
        stage
            .until("the order", 10 * SECOND, || !orders(&stage).is_empty())
            .await;
        // Nobody waits so long for an answer.
        first.stop().await;

        let (second, told) = bot(&stage);
        let second = stage.start(second.open_store(&store)).await;
        expect(&second, "I do not know whether 5 USD was paid to bob").await;
        second.expect_no_reply(60 * SECOND).await;
        assert_eq!(orders(&stage).len(), 1);
        assert_eq!(*told.lock().unwrap(), [PaymentOutcome::Unknown]);
    });
}

#[test]
fn an_outcome_that_could_not_be_told_is_told_when_the_platform_is_back() {
    on_stage(async |stage| {
        let (bot, told) = bot(&stage);
        let bot = stage.start(bot).await;
        stage.say("alice", "general", "pay bob 5");
        expect(&bot, "pay 5 USD to bob?").await;
        stage
            .payman()
            .fault(Fault::new(FaultKind::Delay).lasting(2 * SECOND).path(TASKS));
        press(&stage, ALICE, &button(&stage, 0));
        stage
            .until("the order", 10 * SECOND, || !orders(&stage).is_empty())
            .await;
        stage.mezon().fault(FaultKind::Disconnect);
        expect(&bot, "Paid 5 USD to bob.").await;
        bot.expect_no_reply(60 * SECOND).await;
        assert_eq!(orders(&stage).len(), 1);
        assert_eq!(*told.lock().unwrap(), [PaymentOutcome::Paid]);
    });
}

#[test]
fn only_those_listed_are_paid_and_a_command_is_explained() {
    on_stage(async |stage| {
        let (bot, _) = bot_with(&stage, |wallet| {
            wallet.prefix("!send").payees(["bob"]).currency("")
        });
        let bot = stage.start(bot).await;
        let room = stage.token_bowl();
        room.say("alice", "room", "!send mallory 1");
        expect(&bot, "I pay nobody but bob.").await;
        room.say("alice", "room", "!send");
        expect(&bot, "Say it like this: `!send bob 10`").await;
        room.say("alice", "room", "!send bob and 9 to mallory 1");
        expect(&bot, "I do not understand that.").await;
        room.say("alice", "room", "!send bob 1");
        expect(&bot, "pay 1 to bob?").await;
        room.say("alice", "room", "yes");
        expect(&bot, "Paid 1 to bob.").await;
        assert_eq!(orders(&stage), ["Pay 1 to bob"]);
    });
}
