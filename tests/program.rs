//! The program as a user meets it: exit codes, signals, the demo.
#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::prelude::*;
use greenroom::simulator::Simulator;
use greenroom_proto::mezon::Wire;
use serde_json::{Value, json};
use stage::{Stage, object};

fn greenroom(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the bot at `url` to its end, on a thread of its own, since the simulator lives on this one.
async fn run_at(url: &str, key: &str) -> Output {
    let variables = [
        ("GREENROOM__MEZON__BASE_URL", url),
        ("GREENROOM__MEZON__CLIENT_ID", "1000000000000000001"),
        ("GREENROOM__MEZON__API_KEY", key),
        ("GREENROOM__CACHE__ENABLED", "false"),
        ("GREENROOM__STORE__ENABLED", "false"),
    ];
    let mut command = greenroom(&["run"], &variables);
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
    tokio::time::timeout(Duration::from_secs(30), ended)
        .await
        .unwrap()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[actix_rt::test]
async fn a_refused_key_is_exit_code_4_and_a_sentence_without_the_key() {
    let simulator = Simulator::builder().start().await.unwrap();
    let url = simulator.url("mezon").unwrap();
    let output = run_at(&url, "a-wrong-key").await;
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.lines().last().unwrap().starts_with("error: "),
        "{said}"
    );
    assert!(!said.contains("a-wrong-key") && !text(&output.stdout).contains("a-wrong-key"));
    let logins = simulator.platform("mezon").unwrap().journal(0);
    let logins = logins
        .iter()
        .filter(|entry| entry.to_json()["direction"] == "in")
        .count();
    assert_eq!(logins, 1, "nothing hammers the login");
    simulator.stop().await;
}

#[actix_rt::test]
async fn a_port_that_nobody_listens_on_is_exit_code_5() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let output = run_at(&url, "key").await;
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
}

#[actix_rt::test]
async fn a_login_that_answers_nonsense_is_exit_code_5_and_says_what_came() {
    for (fault, word) in [
        (json!({"kind": "http", "status": 500, "count": 50}), "500"),
        (
            json!({"kind": "http", "status": 404, "count": 50, "body": "<html>not here</html>"}),
            "404",
        ),
        (
            json!({"kind": "http", "status": 200, "count": 50, "body": "<html>hello</html>"}),
            "login",
        ),
        (
            json!({"kind": "http", "status": 200, "count": 50, "body": ""}),
            "login",
        ),
    ] {
        let simulator = Simulator::builder().start().await.unwrap();
        let mezon = simulator.platform("mezon").unwrap();
        let parsed =
            greenroom::simulator::Fault::parse(object(fault.clone()), mezon.faults()).unwrap();
        mezon.fault(parsed).unwrap();
        let output = run_at(&mezon.url(), "sim-mezon-key").await;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{fault}: {said}");
        assert!(
            said.lines().last().unwrap().contains(word),
            "{fault}: {said}"
        );
        simulator.stop().await;
    }
}

#[actix_rt::test]
async fn the_endpoint_says_where_it_is_and_a_taken_port_is_exit_code_5() {
    let simulator = Simulator::builder().start().await.unwrap();
    let url = simulator.url("mezon").unwrap();
    let variables = [
        ("GREENROOM__MEZON__BASE_URL", url.as_str()),
        ("GREENROOM__MEZON__CLIENT_ID", "1000000000000000001"),
        ("GREENROOM__MEZON__API_KEY", "sim-mezon-key"),
        ("GREENROOM__CACHE__ENABLED", "false"),
        ("GREENROOM__STORE__ENABLED", "false"),
    ];
    let arguments = ["run", "--json", "--endpoint", "127.0.0.1:0"];
    let mut bot = greenroom(&arguments, &variables).spawn().unwrap();
    let stdout = bot.stdout.take().unwrap();
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
        line
    });
    let line: Value = serde_json::from_str(&line.await.unwrap()).unwrap();
    let address = line["endpoint"].as_str().unwrap();
    let address = address.strip_prefix("http://").unwrap().to_owned();
    let drawn = greenroom(&["graph", "--url", &format!("http://{address}")], &[])
        .output()
        .unwrap();
    assert!(
        text(&drawn.stdout).contains("connection"),
        "{}",
        text(&drawn.stderr)
    );
    let second = greenroom(&["run", "--endpoint", &address], &variables)
        .output()
        .unwrap();
    let said = text(&second.stderr);
    assert_eq!(second.status.code(), Some(5), "{said}");
    assert!(said.lines().last().unwrap().contains(&address), "{said}");
    let killed = Command::new("kill")
        .args(["-TERM", &bot.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let code = tokio::task::spawn_blocking(move || bot.wait().unwrap().code());
    assert_eq!(code.await.unwrap(), Some(0));
    simulator.stop().await;
}

#[test]
fn the_graph_is_drawn_without_a_key_and_without_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("greenroom.toml");
    let settings =
        "[bot]\nname = \"door\"\n[mezon]\nclient_id = \"7\"\n[[handlers]]\nkind = \"ping\"\n";
    std::fs::write(&config, settings).unwrap();
    let config = config.to_str().unwrap();
    for (format, part) in [
        ("text", "ChatMessage  connection 0 → ping 0"),
        ("json", "\"id\":\"door/handlers/ping\""),
        ("mermaid", "flowchart LR"),
        ("dot", "digraph bot {"),
        ("svg", "<svg "),
    ] {
        let arguments = ["graph", "--config", config, "--format", format];
        let output = greenroom(&arguments, &[]).output().unwrap();
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(said.contains(part), "{said}");
        let file = folder.path().join(format);
        let arguments = [&arguments[..], &["--output", file.to_str().unwrap()]].concat();
        let output = greenroom(&arguments, &[]).output().unwrap();
        assert_eq!(text(&output.stdout), "");
        assert_eq!(std::fs::read_to_string(file).unwrap(), said);
    }
    let nobody = ["graph", "--url", "http://127.0.0.1:1"];
    let output = greenroom(&nobody, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
    let wrong = ["graph", "--url", "ftp://127.0.0.1"];
    let output = greenroom(&wrong, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

/// Which handler leads to which, before anything has happened.
#[test]
fn the_graph_of_the_concierge_shows_who_leads_to_whom() {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/concierge.toml");
    let draw = |format: &str| {
        let arguments = ["graph", "--config", config, "--format", format];
        let output = greenroom(&arguments, &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let graph = draw("text");
    for (event, edge) in [
        ("Answered", "assistant 0 → robot 0"),
        ("Payment", "wallet 0 → robot 0"),
    ] {
        let mut lines = graph.lines();
        let is_it = |line: &str| line.starts_with(event) && line.contains(edge);
        assert!(lines.any(is_it), "{event}: {graph}");
    }
    let mermaid = draw("mermaid");
    let svg = draw("svg");
    for part in [
        "assistant",
        "wallet",
        "robot",
        "Answered",
        "Payment",
        "ChatMessage",
    ] {
        assert!(mermaid.contains(part), "{part}: {mermaid}");
        assert!(svg.contains(part), "{part}: {svg}");
    }
}

#[test]
fn the_demo_ends_well_and_sums_up() {
    let arguments = ["demo", "--once", "--json", "--speed", "20", "--seed", "7"];
    let output = greenroom(&arguments, &[]).output().unwrap();
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}{errors}");
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let summary = &lines.last().unwrap()["summary"];
    assert_eq!(
        (&summary["lost"], &summary["missing"]),
        (&json!(0), &json!(0)),
        "{said}"
    );
    assert_eq!(summary["platforms"], 5);
    // One of each chat platform, one crash, and nothing paid twice.
    assert_eq!(summary["reconnects"], 2);
    assert_eq!(
        (&summary["restarts"], &summary["payments"]),
        (&json!(1), &json!(4))
    );
    assert!(summary["replies"].as_u64().unwrap() >= 20);
    for event in [
        "said",
        "pressed",
        "ordered",
        "reply",
        "cut",
        "disconnected",
        "reconnecting",
        "connected",
        "restarted",
    ] {
        assert!(
            lines.iter().any(|line| line["event"] == event),
            "{event}: {said}"
        );
    }
}

#[actix_rt::test]
async fn sigterm_under_load_loses_nothing_that_was_taken_in() {
    let simulator = Simulator::builder().start().await.unwrap();
    let mezon = simulator.platform("mezon").unwrap();
    let url = mezon.url();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("greenroom.toml");
    std::fs::write(&config, "[[handlers]]\nkind = \"echo\"\nprefix = \"\"\n").unwrap();
    let variables = [
        ("GREENROOM__MEZON__BASE_URL", url.as_str()),
        ("GREENROOM__MEZON__CLIENT_ID", "1000000000000000001"),
        ("GREENROOM__MEZON__API_KEY", "sim-mezon-key"),
        ("GREENROOM__CACHE__ENABLED", "false"),
        ("GREENROOM__STORE__ENABLED", "false"),
    ];
    let mut bot = greenroom(&["run", "--config", config.to_str().unwrap()], &variables)
        .spawn()
        .unwrap();
    let bot_id = bot.id().to_string();
    let ended = tokio::task::spawn_blocking(move || {
        let status = bot.wait().unwrap();
        (
            status.code(),
            std::io::read_to_string(bot.stderr.take().unwrap()).unwrap(),
        )
    });
    let say = |number: usize| {
        let words = json!({"from": "alice", "channel": "general", "text": format!("n{number}")});
        mezon.say(object(words)).unwrap()["delivered"]
            .as_u64()
            .unwrap()
    };
    let mut number = 0;
    while say(number) == 0 {
        number += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..40 {
        number += 1;
        say(number);
    }
    assert!(
        Command::new("kill")
            .args(["-TERM", &bot_id])
            .status()
            .unwrap()
            .success()
    );
    let (code, log) = tokio::time::timeout(Duration::from_secs(30), ended)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(code, Some(0), "{log}");
    let (mut asked, mut acknowledged) = (0, 0);
    for entry in mezon.journal(0) {
        let entry = entry.to_json();
        asked += usize::from(
            entry["direction"] == "in" && entry["body"]["channel_message_send"].is_object(),
        );
        acknowledged += usize::from(
            entry["direction"] == "out" && entry["body"]["channel_message_ack"].is_object(),
        );
    }
    assert!(
        asked > 0 && asked == acknowledged,
        "{asked} sent, {acknowledged} acknowledged"
    );
    assert!(log.contains("dead_letters=0"), "{log}");
    simulator.stop().await;
}

#[actix_rt::test]
async fn shutdown_handles_every_event_that_was_received_and_sends_every_reply() {
    let handled = Arc::new(Mutex::new(0_usize));
    let log = Arc::clone(&handled);
    let stage = Stage::open(Wire::V2, |bot| {
        bot.on("slow", async move |message: Event<ChatMessage>| {
            if !message.is_own {
                tokio::time::sleep(Duration::from_millis(5)).await;
                *log.lock().unwrap() += 1;
                message.reply(message.text.as_str()).await?;
            }
            Ok(())
        })
    })
    .await;
    for number in 0..150 {
        stage.say(&number.to_string());
    }
    stage
        .until(10, "some answers", |stage| stage.said().len() > 10)
        .await;
    let report = stage.bot.shutdown().await;
    let handled = *handled.lock().unwrap();
    assert_eq!(handled, 150, "every message that was received was handled");
    assert_eq!(
        stage.said().len(),
        handled,
        "every handled message was answered"
    );
    assert_eq!(report.dead_letters, 0, "{report:?}");
    stage.simulator.stop().await;
}
