//! The promises of `greenroom bench` and `greenroom tune`: they measure real bots in processes of their own, and what they print can be relied on. Nothing here looks
//! at how fast it was.
#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;

fn greenroom(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    greenroom(arguments).output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// The blaster of the benchmarks, which serves any bot.
struct Blaster {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Blaster {
    fn start(arguments: &[&str]) -> Self {
        let mut child = greenroom(&["bench", "blaster"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        Self {
            url: ready["listening"].as_str().unwrap().to_owned(),
            child,
            lines,
        }
    }

    fn next(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }
}

impl Drop for Blaster {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn everything_that_can_be_measured_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let plot = folder.path().join("growth.svg");
    let output = run(&["bench", "all", "--quick", "--plot", plot.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let lines = lines(&output);
    let mut measured: Vec<_> = lines
        .iter()
        .map(|line| line["scenario"].as_str().unwrap())
        .collect();
    measured.dedup();
    let expected = [
        "unsubscribed",
        "handler",
        "handlers",
        "sockets",
        "cache",
        "cache-drop",
        "replies",
        "10 connections",
        "many connections",
        "json",
        "latency",
        "slow",
        "steady",
        "memory",
        "reconnect",
        "growth",
    ];
    assert_eq!(measured, expected);
    for line in &lines {
        if line["ratio"].is_number() {
            // That both have seen the same is checked by the program itself.
            for client in ["greenroom", "baseline"] {
                assert!(
                    line[client]["events_per_s"].as_f64().unwrap() > 0.0,
                    "{line}"
                );
            }
        } else {
            assert!(
                line["what"].is_string() && line["value"].is_number(),
                "{line}"
            );
        }
    }
    let of = |wire| {
        lines
            .iter()
            .find(|line| line["scenario"] == "handler" && line["wire"] == wire)
    };
    let frame = |wire| of(wire).unwrap()["frame"].as_u64().unwrap();
    assert!((340..360).contains(&frame("v1")) && (280..320).contains(&frame("v2")));
    let picture = std::fs::read_to_string(plot).unwrap();
    let picture = roxmltree::Document::parse(&picture).unwrap();
    let lines = picture
        .descendants()
        .filter(|node| node.has_tag_name("polyline"));
    assert_eq!(lines.count(), 6);
}

#[test]
fn receive_prints_one_line_and_ends() {
    for (wire, handlers) in [("v1", "1"), ("v2", "3")] {
        let mut blaster = Blaster::start(&["--wire", wire, "--events", "600"]);
        let output = run(&[
            "bench",
            "receive",
            "--url",
            &blaster.url,
            "--events",
            "500",
            "--handlers",
            handlers,
            "--wire",
            wire,
        ]);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let fields: Vec<_> = text
            .trim_end()
            .split(' ')
            .map(|field| field.split_once('=').unwrap())
            .collect();
        let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            (names.as_slice(), text.lines().count()),
            (&["events", "seconds", "sum"][..], 1)
        );
        assert_eq!(fields[0].1, "500");
        assert!(fields[1].1.parse::<f64>().unwrap() >= 0.0);
        // every content has the same length
        let sum: u64 = fields[2].1.parse().unwrap();
        assert!(sum > 500 * 50 && sum.is_multiple_of(500), "{text}");
        assert_eq!(blaster.next(), serde_json::json!({"started": true}));
    }
}

#[test]
fn receive_tells_how_it_failed_by_its_exit_code() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{nobody}");
    for (arguments, code) in [
        (vec!["--events", "1", "--url", &url], 5),
        (vec!["--events", "0", "--url", &url], 2),
        (vec!["--events", "1", "--url", "nowhere"], 2),
        (vec!["--events", "1"], 2),
    ] {
        let output = run(&[&["bench", "receive"], arguments.as_slice()].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
    // fewer events than it waits for
    let blaster = Blaster::start(&["--wire", "v1", "--events", "3"]);
    let output = run(&[
        "bench",
        "receive",
        "--url",
        &blaster.url,
        "--events",
        "4",
        "--timeout",
        "1",
    ]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("3 of 4 events are here"), "{said}");
}

#[test]
fn receive_counts_what_comes_twice_and_works_against_the_simulator() {
    let mut sim = greenroom(&["sim"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(sim.stdout.take().unwrap())
        .read_line(&mut ready)
        .unwrap();
    let ready: Value = serde_json::from_str(&ready).unwrap();
    let url = ready["mezon"].as_str().unwrap();
    let refused = greenroom(&["bench", "receive", "--url", url, "--events", "1"])
        .env("GREENROOM__MEZON__API_KEY", "wrong")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    let bot = greenroom(&[
        "bench", "receive", "--url", url, "--events", "3", "--cache", "lossless",
    ])
    .stdout(Stdio::piped())
    .spawn()
    .unwrap();
    let control = ready["control"].as_str().unwrap();
    let message = r#"{"event":"channel_message","data":{"clan_id":"2000000000000000001","channel_id":"3000000000000000001","message_id":"77","sender_id":"4000000000000000001","content":"{\"t\":\"once more\"}"}}"#;
    // The bot may not have joined yet, so it is said again until it has heard three.
    let saying = std::thread::spawn({
        let (control, message) = (control.to_owned(), message.to_owned());
        move || {
            let address = control.trim_start_matches("http://").to_owned();
            for _ in 0..600 {
                let Ok(mut stream) = std::net::TcpStream::connect(&address) else {
                    break;
                };
                let request = format!(
                    "POST /mezon/emit HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{message}",
                    message.len()
                );
                if stream.write_all(request.as_bytes()).is_err() {
                    break;
                }
                let mut answer = String::new();
                let _ = stream.read_to_string(&mut answer);
            }
        }
    });
    let output = bot.wait_with_output().unwrap();
    sim.kill().unwrap();
    sim.wait().unwrap();
    saying.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.starts_with("events=3 "),
        "{text}"
    );
    assert!(
        text.trim_end()
            .ends_with(&format!("sum={}", 3 * r#"{"t":"once more"}"#.len())),
        "{text}"
    );
}

#[test]
fn tune_writes_a_table_a_picture_and_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("greenroom.toml");
    let text = "[mezon]\nclient_id = \"1\"\n\n[cache]\npath = \"untouched\"\n\n[[handlers]]\nkind = \"counter\"\nprefix = \"!count\"\n";
    std::fs::write(&config, text).unwrap();
    let tune = |arguments: &[&str]| {
        greenroom(&[
            "tune",
            "--config",
            "greenroom.toml",
            "--quick",
            "--world",
            "world.toml",
        ])
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap()
    };
    std::fs::write(
        folder.path().join("world.toml"),
        "[mezon]\n\n[[mezon.user]]\nid = \"4000000000000000003\"\nname = \"carol\"\n",
    )
    .unwrap();
    let output = tune(&["--only", "cache.batch", "--only", "mezon.read_ahead"]);
    assert!(output.status.success(), "{output:?}");
    let mut lines = lines(&output);
    let conclusion = lines.pop().unwrap();
    assert_eq!(
        conclusion["recommended"],
        serde_json::json!([]),
        "one round shows nothing"
    );
    let tried: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["setting"].as_str().unwrap(),
                line["value"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("mezon.read_ahead", 1_024),
        ("mezon.read_ahead", 256),
        ("mezon.read_ahead", 4_096),
        ("cache.batch", 256),
        ("cache.batch", 64),
        ("cache.batch", 1_024),
    ];
    assert_eq!(tried, expected);
    assert!(
        lines
            .iter()
            .all(|line| line["events_per_s"].as_f64().unwrap() > 0.0)
    );
    let out = folder.path().join("greenroom-tune");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    assert_eq!(read("table.md").lines().count(), 2 + expected.len());
    let picture = read("plot.svg");
    roxmltree::Document::parse(&picture).unwrap();
    assert!(read("recommended.toml").contains("leave the settings as they are"));
    let checked = greenroom(&["check", "--config"])
        .arg(out.join("recommended.toml"))
        .env("GREENROOM__MEZON__API_KEY", "a-key")
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    assert!(
        !folder.path().join("untouched").exists(),
        "the bot's own folders are left alone"
    );
    let wrong = tune(&["--only", "cache.path"]);
    assert_eq!(wrong.status.code(), Some(2));
    std::fs::write(&config, "[cache]\nshards = 0\n").unwrap();
    assert_eq!(tune(&[]).status.code(), Some(3));
}
