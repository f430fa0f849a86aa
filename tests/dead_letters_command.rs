//! `greenroom dead-letters`, and what `greenroom run` makes of what the last run left over.
#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use greenroom::actors::event::Origin;
use greenroom::actors::router::{Router, closure};
use greenroom::actors::store::Store;
use greenroom::actors::supervisor::Root;
use greenroom::chat::Author;
use greenroom::prelude::*;
use greenroom::simulator::{Platform, Simulator};
use serde_json::Value;

fn greenroom(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command
        .args(arguments)
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command of `greenroom dead-letters` on a thread of its own, since servers may live on this one.
async fn letters(arguments: &[&str]) -> Output {
    let mut command = greenroom(&["dead-letters"]);
    command.args(arguments);
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
    tokio::time::timeout(Duration::from_secs(30), ended)
        .await
        .unwrap()
        .unwrap()
}

/// Returns the exit code, the lines of standard output, and standard error.
fn told(output: &Output) -> (i32, Vec<String>, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let lines = text(&output.stdout).lines().map(str::to_owned).collect();
    (output.status.code().unwrap(), lines, text(&output.stderr))
}

fn json(output: &Output) -> Vec<Value> {
    let (_, lines, errors) = told(output);
    let parsed = lines.iter().map(|line| serde_json::from_str(line));
    parsed
        .collect::<Result<_, _>>()
        .unwrap_or_else(|_| panic!("{lines:?} {errors}"))
}

/// Fills a store as a bot would: three messages that its handler `ping` could not handle, and with `left` two that it did not get to.
async fn fill(path: &Path, left: bool) {
    let store = Store::open(path).unwrap();
    let router = Router::default();
    router.keep_in(&store).unwrap();
    let origin = Origin::new("mezon", "greenroom", &router);
    let ping = closure("ping", async |message: Event<ChatMessage>| {
        match message.text.as_str() {
            "!ping" => Err(HandlerError::permanent("the kitchen is closed")),
            _ => std::future::pending().await,
        }
    });
    let ping = ping.supervised(|child| child.shutdown_within(Duration::ZERO));
    let supervisor = Supervisor::new("handlers", Strategy::OneForOne);
    let root = Root::start(supervisor.child(ping.register(&router)));
    let publish = async |number: i64, text: &str| {
        let message = ChatMessage {
            id: number.into(),
            author: Author {
                id: 4_000_000_000_000_000_001.into(),
                name: "alice".to_owned(),
                display: "Alice".to_owned(),
            },
            text: text.to_owned(),
            ..ChatMessage::default()
        };
        let general = ChannelKey::new(2_000_000_000_000_000_001, 3_000_000_000_000_000_001);
        let event = Event::new(&origin, number, general, message);
        router.topic().publish(event).await;
    };
    for number in 1..=3 {
        publish(number, "!ping").await;
    }
    while router.dead_letters().total() < 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    if left {
        publish(4, "wait").await;
        publish(5, "!ping").await;
    }
    router.stop();
    root.shutdown().await;
    router.give_up();
    assert_eq!(router.dead_letters().kept().leftovers, 2 * u64::from(left));
    store.flush().await.unwrap();
}

#[actix_rt::test]
async fn letters_are_listed_shown_and_purged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = path.to_str().unwrap();
    for look in [&["list"][..], &["show", "1"], &["purge", "--all"]] {
        let none = letters(&[look, &["--store", store]].concat()).await;
        let (code, lines, errors) = told(&none);
        assert_eq!((code, lines.len()), (1, 0), "{errors}");
        assert!(errors.contains(&format!("there is no store at {store}")));
    }
    assert!(!path.exists(), "a look makes no store");
    fill(&path, false).await;

    let all = json(&letters(&["list", "--store", store, "--json"]).await);
    assert_eq!(all.len(), 3);
    for (letter, id) in all.iter().zip(["1", "2", "3"]) {
        assert_eq!(
            (letter["handler"].as_str(), letter["id"].as_str()),
            (Some("ping"), Some(id))
        );
        assert_eq!(letter["reason"]["failed"], "the kitchen is closed");
        assert_eq!(letter["payload"]["text"], "!ping");
        let trace = letter["trace"].as_str().unwrap();
        assert!(
            trace.len() == 16 && u64::from_str_radix(trace, 16).is_ok(),
            "{trace}"
        );
    }
    let number = |place: usize| all[place]["number"].to_string();
    let (code, lines, _) = told(&letters(&["list", "--store", store]).await);
    assert_eq!((code, lines.len()), (0, 3));
    assert!(
        lines[0].contains("ping") && lines[0].contains("the kitchen is closed"),
        "{lines:?}"
    );
    for (arguments, count) in [
        (["--handler", "ping"], 3),
        (["--handler", "pong"], 0),
        (["--event", "ChatMessage"], 3),
        (["--reason", "kitchen"], 3),
        (["--reason", "overflow"], 0),
        (["--since", "1h"], 3),
        (["--since", "99999999999"], 0),
        (["--limit", "2"], 2),
        (["--offset", "2"], 1),
    ] {
        let mut command = vec!["list", "--store", store, "--json"];
        command.extend(arguments);
        assert_eq!(json(&letters(&command).await).len(), count, "{arguments:?}");
    }

    let shown = letters(&["show", &number(1), "--store", store]).await;
    let (code, lines, _) = told(&shown);
    assert_eq!(code, 0);
    for part in [
        "ping",
        "ChatMessage 2",
        "the kitchen is closed",
        "\"!ping\"",
        "greenroom on mezon",
    ] {
        assert!(
            lines.iter().any(|line| line.contains(part)),
            "{part}: {lines:?}"
        );
    }
    let (code, _, errors) = told(&letters(&["show", "99", "--store", store]).await);
    assert_eq!(code, 1, "{errors}");
    let message = format!("there is no dead letter 99 in {store}");
    assert!(errors.contains(&message), "{errors}");

    let (code, _, errors) = told(&letters(&["purge", "--store", store]).await);
    assert_eq!(code, 2, "{errors}");
    let purged = letters(&["purge", &number(0), "--store", store, "--json"]).await;
    assert_eq!(json(&purged)[0]["purged"], 1);
    let purged = letters(&["purge", "--older-than", "1h", "--store", store, "--json"]).await;
    assert_eq!(json(&purged)[0]["purged"], 0);
    let purged = letters(&["purge", "--all", "--store", store, "--json"]).await;
    assert_eq!(json(&purged)[0]["purged"], 2);
    let (code, lines, errors) = told(&letters(&["list", "--store", store]).await);
    assert_eq!((code, lines.len()), (0, 0));
    let message = format!("no dead letters in {store}");
    assert!(errors.contains(&message), "{errors}");
    let (code, _, errors) = told(&letters(&["replay", "--all", "--store", store]).await);
    assert_eq!(code, 0, "{errors}");
    let (code, _, errors) = told(&letters(&["replay", "7", "--store", store]).await);
    assert_eq!(code, 1, "{errors}");
}

#[actix_rt::test]
async fn what_a_shutdown_left_over_can_be_looked_at_and_purged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = ["--leftovers", "--json", "--store", path.to_str().unwrap()];
    fill(&path, true).await;
    let list = async || json(&letters(&[&["list"], &store[..]].concat()).await);
    let left = list().await;
    let texts: Vec<_> = left.iter().map(|one| &one["payload"]["text"]).collect();
    assert_eq!(texts, ["wait", "!ping"]);
    let number = left[0]["number"].to_string();
    let shown = json(&letters(&[&["show", &number], &store[..]].concat()).await);
    assert_eq!(shown, left[..1]);
    let purged = letters(&[&["purge", &number], &store[..]].concat()).await;
    assert_eq!(json(&purged)[0]["purged"], 1);
    assert_eq!(list().await, left[1..]);
    let dead = letters(&["list", "--json", "--store", path.to_str().unwrap()]).await;
    assert_eq!(json(&dead).len(), 3, "the dead letters stay");
    let running = ["--leftovers", "--url", "http://127.0.0.1:9"];
    let running = letters(&[&["list"], &running[..]].concat()).await;
    assert_eq!(told(&running).0, 2);
}

#[actix_rt::test]
async fn a_look_at_a_damaged_store_leaves_it_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    fill(&path, false).await;
    std::fs::write(path.join("conf"), "segment_size: nonsense").unwrap();
    let kept = std::fs::read(path.join("db")).unwrap();
    for look in [&["list"][..], &["show", "1"], &["replay", "--all"]] {
        let store = ["--store", path.to_str().unwrap()];
        let (code, _, errors) = told(&letters(&[look, &store[..]].concat()).await);
        assert_eq!(code, 1);
        assert!(errors.contains("is damaged"), "{errors}");
    }
    assert_eq!(
        std::fs::read(path.join("conf")).unwrap(),
        b"segment_size: nonsense"
    );
    assert_eq!(std::fs::read(path.join("db")).unwrap(), kept);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[actix_rt::test]
async fn who_says_where_the_letters_are_needs_no_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    fill(&path, false).await;
    let config = folder.path().join("greenroom.toml");
    std::fs::write(&config, "[bto]\n").unwrap();
    for config in [config, folder.path().join("missing.toml")] {
        let config = ["--config", config.to_str().unwrap()];
        let store = ["--store", path.to_str().unwrap(), "--json"];
        let list = letters(&[&["list"], &store[..], &config[..]].concat()).await;
        assert_eq!(json(&list).len(), 3);
        let url = ["--url", "http://127.0.0.1:9"];
        let list = letters(&[&["list"], &url[..], &config[..]].concat()).await;
        assert_eq!(told(&list).0, 5, "nobody is there");
        assert_eq!(
            told(&letters(&[&["list"], &config[..]].concat()).await).0,
            3
        );
    }
}

/// `greenroom run` against the simulator.
struct Bot {
    child: Child,
    url: String,
}

impl Bot {
    async fn run(mezon: &Arc<dyn Platform>, store: &str, folder: &Path) -> Self {
        let config = folder.join("greenroom.toml");
        std::fs::write(&config, "[[handlers]]\nkind = \"ping\"\n").unwrap();
        let arguments = ["run", "--json", "--endpoint", "127.0.0.1:0", "--config"];
        let mut child = greenroom(&arguments)
            .arg(config)
            .env("GREENROOM__MEZON__BASE_URL", mezon.url())
            .env("GREENROOM__MEZON__CLIENT_ID", "1000000000000000001")
            .env("GREENROOM__MEZON__API_KEY", "sim-mezon-key")
            .env("GREENROOM__CACHE__ENABLED", "false")
            .env("GREENROOM__STORE__PATH", store)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).unwrap();
            line
        });
        let line: Value = serde_json::from_str(&line.await.unwrap()).unwrap();
        let url = line["endpoint"].as_str().unwrap().to_owned();
        Self { child, url }
    }

    async fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        let ended = tokio::task::spawn_blocking(move || self.child.wait().unwrap().code());
        assert_eq!(ended.await.unwrap(), Some(0));
    }
}

fn pongs(mezon: &Arc<dyn Platform>) -> usize {
    let journal = mezon.journal(0);
    let said = journal.iter().map(|entry| entry.to_json());
    said.filter(|entry| {
        let content = entry["body"]["channel_message_send"]["content"].as_str();
        entry["direction"] == "in" && content.is_some_and(|content| content.contains("pong"))
    })
    .count()
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}

#[actix_rt::test]
async fn a_bot_takes_up_what_was_left_and_replays_what_was_asked_for() {
    let simulator = Simulator::builder().start().await.unwrap();
    let mezon = simulator.platform("mezon").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = path.to_str().unwrap();
    fill(&path, true).await;
    let all = json(&letters(&["list", "--store", store, "--json"]).await);
    let number = |place: usize| all[place]["number"].to_string();
    let marked = letters(&["replay", &number(0), "--store", store, "--json"]).await;
    assert_eq!(json(&marked)[0]["marked"], 1);

    // One of the two leftovers asks, and so does the letter.
    let bot = Bot::run(&mezon, store, folder.path()).await;
    until("the leftover and the letter are answered", || {
        pongs(&mezon) == 2
    })
    .await;

    let (code, _, errors) = told(&letters(&["list", "--store", store]).await);
    assert_eq!(code, 1);
    assert!(
        errors.contains("in use") && errors.contains("--url"),
        "{errors}"
    );
    let url = ["--url", &bot.url, "--json"];
    let list = async || json(&letters(&[&["list"], &url[..]].concat()).await);
    until_listed(&list, 2).await;
    let shown = json(&letters(&[&["show", &number(1)], &url[..]].concat()).await);
    assert_eq!(shown[0]["payload"]["text"], "!ping");
    let unknown = letters(&[&["show", "99"], &url[..]].concat()).await;
    let (code, _, errors) = told(&unknown);
    assert_eq!(code, 1);
    assert!(errors.contains("there is no dead letter 99"), "{errors}");

    let replayed = letters(&[&["replay", &number(1)], &url[..]].concat()).await;
    assert_eq!(json(&replayed)[0]["replayed"][0].to_string(), number(1));
    until("the second letter is answered", || pongs(&mezon) == 3).await;
    until_listed(&list, 1).await;
    let again = letters(&[&["replay", &number(1)], &url[..]].concat()).await;
    assert_eq!(told(&again).0, 1, "it is not there any more");
    let purged = letters(&[&["purge", "--all"], &url[..]].concat()).await;
    assert_eq!(json(&purged)[0]["purged"], 1);
    bot.stop().await;

    let bot = Bot::run(&mezon, store, folder.path()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(pongs(&mezon), 3, "nothing comes twice");
    bot.stop().await;
    simulator.stop().await;
}

async fn until_listed(list: &impl AsyncFn() -> Vec<Value>, number: usize) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while list().await.len() != number {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "{number} letters are left");
}
