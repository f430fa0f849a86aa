//! The promises of `greenroom mezon`: a person sees every event and can say something.
#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use greenroom::simulator::{Platform, Simulator};
use greenroom_proto::mezon::events;
use serde_json::{Map, Value, json};

const GENERAL: &str = "3000000000000000001";
const CLAN: &str = "2000000000000000001";
const DIRECT: &str = "5000000000000000001";
const WIRES: [&str; 2] = ["v1", "v2"];

/// A simulated Mezon, and the program.
struct Stage {
    simulator: Simulator,
    mezon: Arc<dyn Platform>,
    wire: &'static str,
}

struct Outcome {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Outcome {
    fn lines(&self) -> Vec<Value> {
        let lines = self.out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn greenroom(url: &str, key: &str, wire: &str, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_greenroom"))
        .args(["mezon", "--client-id", "1000000000000000001"])
        .args(["--base-url", url, "--wire", wire])
        .args(arguments)
        .env_clear()
        .env("GREENROOM__MEZON__API_KEY", key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for the end of the program on a thread of its own, since the simulator lives on this one.
async fn ended(mut child: Child, input: &'static str) -> Outcome {
    let ended = tokio::task::spawn_blocking(move || {
        // Who does not read it may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    });
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await;
    let output = ended.unwrap().unwrap();
    Outcome {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Stage {
    async fn open(wire: &'static str) -> Self {
        let simulator = Simulator::builder().seed(1).start().await.unwrap();
        let mezon = simulator.platform("mezon").unwrap();
        Self {
            simulator,
            mezon,
            wire,
        }
    }

    fn start(&self, arguments: &[&str]) -> Child {
        greenroom(&self.mezon.url(), "sim-mezon-key", self.wire, arguments)
    }

    async fn run(&self, arguments: &[&str]) -> Outcome {
        ended(self.start(arguments), "").await
    }

    /// Starts `greenroom mezon listen` and waits until it has joined its clan and its direct conversations.
    async fn listen(&self, arguments: &[&str]) -> Child {
        let child = self.start(&[&["listen"], arguments].concat());
        let joined = || {
            let journal = self.mezon.journal(0);
            let out = journal.iter().map(|entry| entry.to_json());
            out.filter(|entry| {
                entry["direction"] == "out" && entry["body"]["clan_join"].is_object()
            })
            .count()
                >= 2
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), async {
            while !joined() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        assert!(waited.await.is_ok(), "it did not join");
        child
    }

    fn say(&self, channel: &str, text: &str) {
        let words = json!({"from": "alice", "channel": channel, "text": text});
        self.mezon.say(object(words)).unwrap();
    }

    fn emit(&self, event: &str, data: &Value) {
        let answer = self
            .mezon
            .emit(object(json!({"event": event, "data": data})));
        assert_eq!(answer.unwrap()["delivered"], 1, "{event}");
    }

    /// Lists what the bot has sent.
    fn sent(&self) -> Vec<Value> {
        let journal = self.mezon.journal(0);
        let sent = journal.iter().map(|entry| entry.to_json());
        let sent = sent.filter(|entry| entry["direction"] == "in");
        sent.map(|entry| entry["body"]["channel_message_send"].clone())
            .filter(Value::is_object)
            .collect()
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other} is no object"),
    }
}

fn signal(child: &Child, signal: &str) {
    let killed = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
}

#[actix_rt::test]
async fn every_event_is_told_by_its_name() {
    for wire in WIRES {
        let stage = Stage::open(wire).await;
        let names: Vec<_> = events()
            .filter(|(tag, _)| wire == "v2" || *tag < 90)
            // New tokens must be real ones.
            .filter(|(_, name)| *name != "refresh_session_event")
            .map(|(_, name)| name)
            .collect();
        let count = names.len().to_string();
        let child = stage.listen(&["--count", &count]).await;
        for name in &names {
            stage.emit(name, &json!({}));
        }
        let outcome = ended(child, "").await;
        assert_eq!(outcome.code, Some(0), "{wire} {}", outcome.err);
        let told: Vec<_> = outcome
            .lines()
            .iter()
            .map(|line| line["event"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(told, names, "{wire}");
        stage.simulator.stop().await;
    }
}

#[actix_rt::test]
async fn a_message_is_told_with_its_channel_and_all_of_its_data() {
    for wire in WIRES {
        let stage = Stage::open(wire).await;
        let child = stage.listen(&["--count", "1"]).await;
        stage.say("general", "hello\n\"there\"");
        let outcome = ended(child, "").await;
        let lines = outcome.lines();
        let line = &lines[0];
        assert_eq!(lines.len(), 1);
        assert_eq!(line["event"], "channel_message");
        assert_eq!(line["channel"], GENERAL);
        assert_eq!(line["clan"], CLAN);
        assert!(line["at"].as_u64().unwrap() > 1_700_000_000, "{line}");
        let data = &line["data"];
        assert_eq!(data["channel_id"], GENERAL);
        assert_eq!(data["sender_id"], "4000000000000000001");
        assert_eq!(data["mentions"], json!([]));
        let content: Value = serde_json::from_str(data["content"].as_str().unwrap()).unwrap();
        assert_eq!(content["t"], "hello\n\"there\"");
        stage.simulator.stop().await;
    }
}

#[actix_rt::test]
async fn only_what_is_asked_for_is_told_in_the_order_in_which_it_came() {
    for wire in WIRES {
        let stage = Stage::open(wire).await;
        let place = format!("{CLAN}/{GENERAL}");
        let arguments = ["--event", "CHANNEL_MESSAGE", "--channel", &place, "--count"];
        let child = stage.listen(&[&arguments[..], &["20"]].concat()).await;
        for number in 0..20 {
            stage.emit(
                "message_typing_event",
                &json!({"clan_id": CLAN, "channel_id": GENERAL}),
            );
            stage.say("backstage", "psst");
            stage.say("general", &number.to_string());
        }
        let outcome = ended(child, "").await;
        let told: Vec<_> = outcome
            .lines()
            .iter()
            .map(|line| line["data"]["content"].as_str().unwrap().to_owned())
            .collect();
        let expected: Vec<_> = (0..20)
            .map(|n| json!({"t": n.to_string()}).to_string())
            .collect();
        assert_eq!(told, expected, "{wire}");
        stage.simulator.stop().await;
    }
}

#[actix_rt::test]
async fn a_signal_ends_it_well() {
    for (wire, name) in WIRES.into_iter().zip(["-INT", "-TERM"]) {
        let stage = Stage::open(wire).await;
        let mut child = stage.listen(&[]).await;
        for number in 0..50 {
            stage.say("general", &number.to_string());
        }
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let reading = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            for _ in 0..50 {
                line.clear();
                out.read_line(&mut line).unwrap();
            }
            (line, out)
        });
        let reading = tokio::time::timeout(Duration::from_secs(30), reading).await;
        let (last, mut out) = reading.unwrap().unwrap();
        let last: Value = serde_json::from_str(&last).unwrap();
        assert_eq!(last["data"]["content"], r#"{"t":"49"}"#);
        signal(&child, name);
        let outcome = ended(child, "").await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.err);
        assert_eq!(outcome.err, "connected; Ctrl-C ends it\n");
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        stage.simulator.stop().await;
    }
}

#[actix_rt::test]
async fn what_is_said_arrives_and_its_id_is_printed() {
    for wire in WIRES {
        let stage = Stage::open(wire).await;
        let outcome = stage.run(&["send", "--channel", GENERAL, "hi all"]).await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.err);
        let id: i64 = outcome.out.trim().parse().unwrap();
        assert!(id > 0);
        let sent = stage.sent();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0]["clan_id"], CLAN);
        assert_eq!(sent[0]["content"], r#"{"t":"hi all"}"#);

        // To a direct conversation, from standard input, as JSON.
        let child = stage.start(&["send", "--json", "--channel", DIRECT]);
        let outcome = ended(child, "two\nlines\n").await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.err);
        assert_eq!(outcome.lines()[0]["channel_id"], DIRECT);
        assert_eq!(stage.sent()[1]["content"], r#"{"t":"two\nlines"}"#);
        assert_eq!(stage.sent()[1]["mode"], 4);

        let id = id.to_string();
        let outcome = stage
            .run(&["send", "--channel", GENERAL, "--reply-to", &id, "indeed"])
            .await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.err);
        let reference = &stage.sent()[2]["references"][0];
        assert_eq!(reference["message_ref_id"], id);
        if wire == "v2" {
            assert_eq!(reference["content"], r#"{"t":"hi all"}"#);
            assert_eq!(reference["message_sender_id"], "1000000000000000001");
        }
        stage.simulator.stop().await;
    }
}

#[actix_rt::test]
async fn each_way_to_fail_has_its_exit_code() {
    for wire in WIRES {
        let stage = Stage::open(wire).await;
        let unknown = stage.run(&["send", "--channel", "77", "hi"]).await;
        assert_eq!(unknown.code, Some(1));
        assert_eq!(unknown.err, "error: there is no channel 77\n");
        let elsewhere = format!("9/{GENERAL}");
        let elsewhere = stage.run(&["send", "--channel", &elsewhere, "hi"]).await;
        assert_eq!(elsewhere.code, Some(1), "{}", elsewhere.err);
        let long = "x".repeat(5_000);
        let long = stage.run(&["send", "--channel", GENERAL, &long]).await;
        assert_eq!(long.code, Some(1));
        assert!(long.err.contains("4000"), "{}", long.err);
        for arguments in [
            &["send", "--channel", "general", "hi"][..],
            &["send", "--channel", GENERAL, "  "],
            &["send", "--channel", GENERAL, "-"],
            &["listen", "--event", "no_such_event"],
        ] {
            let wrong = stage.run(arguments).await;
            assert_eq!(wrong.code, Some(2), "{arguments:?} {}", wrong.err);
        }
        assert_eq!(stage.sent(), [json!(null); 0]);

        let url = stage.mezon.url();
        stage.simulator.stop().await;
        for arguments in [&["listen"][..], &["send", "--channel", GENERAL, "hi"]] {
            let absent = greenroom(&url, "key", wire, arguments);
            let absent = ended(absent, "").await;
            assert_eq!(absent.code, Some(5), "{}", absent.err);
            let unset = greenroom(&url, "", wire, arguments);
            let unset = ended(unset, "").await;
            assert_eq!(unset.code, Some(3), "{}", unset.err);
        }
    }
}

#[actix_rt::test]
async fn a_refused_key_is_exit_code_4() {
    let stage = Stage::open("auto").await;
    for arguments in [&["listen"][..], &["send", "--channel", GENERAL, "hi"]] {
        let refused = greenroom(&stage.mezon.url(), "a-wrong-key", "auto", arguments);
        let refused = ended(refused, "").await;
        assert_eq!(refused.code, Some(4), "{}", refused.err);
        assert!(!refused.err.contains("a-wrong-key"), "{}", refused.err);
    }
    stage.simulator.stop().await;
}
