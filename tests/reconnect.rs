//! What survives when the connection is cut, over real sockets and the real wire.
#![cfg(all(feature = "mezon", feature = "simulator"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use greenroom::prelude::*;
use greenroom_proto::mezon::Wire;
use serde_json::json;
use stage::Stage;

type Handled = Arc<Mutex<BTreeMap<String, usize>>>;

/// A bot that answers every message once, and writes down what it has handled.
async fn open(wire: Wire) -> (Stage, Handled) {
    let handled = Handled::default();
    let log = Arc::clone(&handled);
    let stage = Stage::open(wire, |bot| {
        bot.on("answer", async move |message: Event<ChatMessage>| {
            if !message.is_own {
                *log.lock().unwrap().entry(message.text.clone()).or_default() += 1;
                message.reply(format!("re {}", message.text)).await?;
            }
            Ok(())
        })
    })
    .await;
    (stage, handled)
}

#[actix_rt::test]
async fn a_thousand_events_over_ten_cuts_are_each_handled_and_answered_once() {
    let (stage, handled) = open(Wire::V2).await;
    for number in 0..1_000 {
        if number % 100 == 50 {
            stage.fault(json!({"kind": "disconnect"}));
        }
        stage.say(&number.to_string());
        if number % 100 == 99 {
            let reached = number / 2;
            stage
                .until(60, "half of the answers", |stage| {
                    stage.said().len() >= reached
                })
                .await;
        }
    }
    stage
        .until(60, "all answers", |stage| stage.said().len() >= 1_000)
        .await;
    let report = stage.bot.shutdown().await;
    let expected: BTreeMap<_, _> = (0..1_000).map(|number| (number.to_string(), 1)).collect();
    assert_eq!(*handled.lock().unwrap(), expected, "each handled once");
    let answers: BTreeMap<_, _> = (0..1_000)
        .map(|number| (format!("re {number}"), 1))
        .collect();
    assert_eq!(stage.said(), answers, "each answered once");
    assert_eq!(report.counters["greenroom_reconnects_total"], 10);
    assert_eq!(report.dead_letters, 0);
    stage.simulator.stop().await;
}

#[actix_rt::test]
async fn on_the_older_wire_nothing_is_handled_or_answered_twice() {
    let (stage, handled) = open(Wire::V1).await;
    let mut expected = BTreeMap::new();
    for round in 0..5 {
        for number in 0..10 {
            let text = format!("{round} {number}");
            stage.say(&text);
            expected.insert(text, 1);
        }
        stage
            .until(20, "the answers", |stage| {
                stage.said().len() == expected.len()
            })
            .await;
        stage.fault(json!({"kind": "disconnect"}));
        let reconnects = round + 1;
        stage
            .until(10, "the reconnect", |stage| {
                stage.bot.counters().reconnects.get() == reconnects
            })
            .await;
    }
    assert_eq!(*handled.lock().unwrap(), expected);
    assert!(stage.said().values().all(|times| *times == 1));
    stage.close().await;
}

#[actix_rt::test]
async fn what_the_bot_says_while_it_is_cut_off_leaves_later_in_order() {
    let stage = Stage::open(Wire::V2, |bot| {
        bot.on("count", async |message: Event<ChatMessage>| {
            if message.text == "count" {
                for number in 0..5 {
                    message.say(format!("number {number}")).await?;
                }
            }
            Ok(())
        })
    })
    .await;
    stage.say("count");
    stage.fault(json!({"kind": "disconnect"}));
    stage
        .until(20, "five numbers", |stage| stage.said().len() >= 5)
        .await;
    let said = stage.said();
    assert_eq!(said.len(), 5);
    assert!(said.values().all(|times| *times == 1), "{said:?}");
    stage.close().await;
}
