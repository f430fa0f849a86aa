//! `greenroom token-bowl`: each command against the simulator, over real sockets.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use greenroom::simulator::{Platform, Simulator};
use serde_json::{Value, json};

struct Outcome {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Outcome {
    fn json(&self) -> Value {
        let line = self.out.lines().next().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|_| panic!("{} {}", self.out, self.err))
    }
}

fn program(url: &str, folder: &Path, key: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command
        .arg("token-bowl")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("TOKEN_BOWL_CHAT_BASE_URL", url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if !key.is_empty() {
        command.env("TOKEN_BOWL_CHAT_API_KEY", key);
    }
    command.spawn().unwrap()
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

struct Stage {
    simulator: Simulator,
    platform: Arc<dyn Platform>,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn open() -> Self {
        let simulator = Simulator::builder().seed(1).start().await.unwrap();
        Self {
            platform: simulator.platform("token_bowl").unwrap(),
            simulator,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    async fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_as("sim-alice-key", arguments, "").await
    }

    async fn run_as(&self, key: &str, arguments: &[&str], input: &'static str) -> Outcome {
        let child = program(&self.platform.url(), self.folder.path(), key, arguments);
        ended(child, input).await
    }

    fn say(&self, text: &str) {
        let words = json!({"from": "bob", "text": text});
        let Value::Object(words) = words else { return };
        self.platform.say(words).unwrap();
    }
}

#[actix_rt::test]
async fn tbx_12_calls_over_http() {
    let stage = Stage::open().await;
    let made = stage.run_as("", &["register", "carol", "--json"], "").await;
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert_eq!(made.json()["username"], "carol");
    assert!(made.json()["api_key"].as_str().unwrap().len() >= 32);
    let taken = stage.run_as("", &["register", "carol"], "").await;
    assert_eq!(taken.code, Some(1));
    assert!(taken.err.contains("already taken"), "{}", taken.err);

    let info = stage.run(&["info"]).await;
    assert!(
        info.out.contains("alice") && !info.out.contains("sim-alice-key"),
        "{}",
        info.out
    );
    let flag = stage
        .run_as("", &["info", "-k", "sim-bob-key", "--json"], "")
        .await;
    assert_eq!(flag.json()["username"], "bob");

    let sent = stage.run(&["messages", "send", "hello", "--json"]).await;
    assert_eq!(sent.json()["content"], "hello");
    let sent = stage
        .run(&["messages", "send", "psst", "--to", "bob"])
        .await;
    assert!(sent.out.starts_with("sent to bob: "), "{}", sent.out);
    let piped = stage.run_as(
        "sim-alice-key",
        &["messages", "send", "-", "--json"],
        " two\nlines\n",
    );
    assert_eq!(piped.await.json()["content"], " two\nlines");
    let list = stage.run(&["messages", "list", "-n", "1"]).await;
    assert!(
        list.out.contains("alice") && list.err.contains("--offset 1"),
        "{}",
        list.err
    );
    let list = stage.run(&["messages", "list", "-d", "--json"]).await;
    assert_eq!(list.json()["to_username"], "bob");

    let users = stage.run(&["users", "list"]).await;
    assert_eq!(users.out.lines().count(), 5, "{}", users.out);
    let online = stage.run(&["users", "list", "-o"]).await;
    assert!(online.out.is_empty() && online.err.contains("0 in all"));
    let hint = stage.run(&["users", "update"]).await;
    assert_eq!((hint.code, hint.out.as_str()), (Some(0), ""));
    let renamed = stage
        .run(&["users", "update", "-u", "alicia", "--clear-webhook"])
        .await;
    assert!(renamed.out.contains("alicia"), "{}", renamed.err);

    let unread = stage
        .run_as("sim-bob-key", &["unread", "count", "--json"], "")
        .await;
    assert_eq!(unread.json()["total_unread"], 3);
    let hint = stage
        .run_as("sim-bob-key", &["unread", "mark-read"], "")
        .await;
    assert_eq!((hint.code, hint.out.as_str()), (Some(0), ""));
    let marked = stage
        .run_as("sim-bob-key", &["unread", "mark-read", "--all"], "")
        .await;
    assert_eq!(marked.out, "3 messages marked as read\n", "D-16");
    stage.simulator.stop().await;
}

#[actix_rt::test]
async fn tbx_12_over_the_websocket() {
    let stage = Stage::open().await;
    let sent = stage.run(&["send", "hello", "--to", "bob", "--json"]).await;
    assert_eq!(sent.json()["to_username"], "bob", "{}", sent.err);
    let sent = stage
        .run(&["send", "hello", "--protocol", "centrifugo"])
        .await;
    assert_eq!(sent.code, Some(0), "{}", sent.err);

    let listening = program(
        &stage.platform.url(),
        stage.folder.path(),
        "sim-alice-key",
        &["live", "monitor", "--count", "2"],
    );
    let ended = ended(listening, "");
    let talk = async {
        while stage.platform.health()["sockets"] == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stage.say("one");
        stage.say("two");
    };
    let (heard, ()) = futures::join!(ended, talk);
    assert_eq!(heard.code, Some(0), "{}", heard.err);
    let texts: Vec<_> = heard
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["data"]["content"].clone())
        .collect();
    assert_eq!(texts, ["one", "two"]);
    assert!(heard.err.contains("2 messages"), "{}", heard.err);

    let chat = stage
        .run_as(
            "sim-alice-key",
            &["live", "chat"],
            "hi all\n@bob hi bob\n/quit\n",
        )
        .await;
    assert_eq!(chat.code, Some(0), "{}", chat.err);
    let said: Vec<_> = chat
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["data"]["content"].clone())
        .collect();
    assert_eq!(said.last(), Some(&json!("hi bob")), "{}", chat.out);
    assert!(said.contains(&json!("hi all")));
    stage.simulator.stop().await;
}

#[actix_rt::test]
async fn tbc_03_the_key_comes_from_the_environment_or_a_file() {
    let stage = Stage::open().await;
    let none = stage.run_as("", &["info"], "").await;
    assert_eq!(none.code, Some(4));
    assert!(none.err.contains("API key required."), "{}", none.err);
    std::fs::write(
        stage.folder.path().join(".env"),
        "# the key\nTOKEN_BOWL_CHAT_API_KEY='sim-bob-key'\n",
    )
    .unwrap();
    let file = stage.run_as("", &["info", "--json"], "").await;
    assert_eq!(file.json()["username"], "bob", "{}", file.err);
    let set = stage.run(&["info", "--json"]).await;
    assert_eq!(set.json()["username"], "alice", "what is set wins");
    let flag = stage
        .run(&["info", "--json", "--api-key", "sim-admin-key"])
        .await;
    assert_eq!(flag.json()["username"], "admin", "what is given wins");
    stage.simulator.stop().await;
}

#[actix_rt::test]
async fn each_way_to_fail_has_its_exit_code() {
    let stage = Stage::open().await;
    for arguments in [&["info"][..], &["send", "x"], &["listen"]] {
        let refused = stage.run_as("a-wrong-key", arguments, "").await;
        assert_eq!(refused.code, Some(4), "{arguments:?} {}", refused.err);
        assert!(!refused.err.contains("a-wrong-key"), "{}", refused.err);
    }
    let unknown = stage.run(&["send", "x", "--to", "nobody"]).await;
    assert_eq!(unknown.code, Some(1));
    assert!(
        unknown.err.contains("User nobody not found"),
        "{}",
        unknown.err
    );
    for arguments in [
        &["messages", "send", ""][..],
        &["messages", "list", "-n", "0"],
        &["nonsense"],
    ] {
        let wrong = stage.run(arguments).await;
        assert_eq!(wrong.code, Some(2), "{arguments:?} {}", wrong.err);
    }
    let base = stage.run(&["info", "--base-url", "ftp://h"]).await;
    assert_eq!(base.code, Some(3), "{}", base.err);
    let (url, folder) = (stage.platform.url(), stage.folder);
    stage.simulator.stop().await;
    for arguments in [&["info"][..], &["send", "x"]] {
        let absent = ended(program(&url, folder.path(), "sim-alice-key", arguments), "").await;
        assert_eq!(absent.code, Some(5), "{arguments:?} {}", absent.err);
    }
}

#[actix_rt::test]
async fn tbc_23_an_interrupt_ends_it_in_order() {
    let stage = Stage::open().await;
    let listening = program(
        &stage.platform.url(),
        stage.folder.path(),
        "sim-alice-key",
        &["listen"],
    );
    let id = listening.id().to_string();
    let ended = ended(listening, "");
    let interrupt = async {
        while stage.platform.health()["sockets"] == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Command::new("kill").args(["-INT", &id]).status().unwrap();
    };
    let (ended, ()) = futures::join!(ended, interrupt);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let journal = stage.platform.journal(0);
    let frames = journal.iter().filter(|entry| {
        entry.http.is_none() && entry.direction == greenroom::simulator::Direction::In
    });
    let last = frames.last().unwrap().body.to_json();
    assert_eq!(last, json!({"code": 1_000, "reason": ""}));
    stage.simulator.stop().await;
}

#[actix_rt::test]
async fn d22_it_says_the_version_that_it_is_and_brings_only_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    for flag in ["--version", "-V", "-v"] {
        let said = ended(program("", folder.path(), "", &[flag]), "").await;
        let version = env!("CARGO_PKG_VERSION");
        assert!(said.out.trim_end().ends_with(version), "{}", said.out);
    }
    let package: toml::Table = toml::from_str(include_str!("../../Cargo.toml")).unwrap();
    let features = package["features"].as_table().unwrap();
    let mut reached = vec!["token-bowl"];
    let mut libraries = Vec::new();
    let mut next = 0;
    while let Some(feature) = reached.get(next) {
        for needed in features[*feature].as_array().unwrap() {
            let needed = needed.as_str().unwrap();
            match needed.strip_prefix("dep:") {
                Some(library) => libraries.push(library),
                None if needed.contains('/') || reached.contains(&needed) => {}
                None => reached.push(needed),
            }
        }
        next += 1;
    }
    assert_eq!(reached, ["token-bowl", "client"], "no other platform");
    for others in ["actix-web", "clap", "prost", "rusqlite", "sled"] {
        assert!(!libraries.contains(&others), "{libraries:?}");
    }
}
