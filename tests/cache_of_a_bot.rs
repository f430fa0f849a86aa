//! What a bot has kept can be looked at, carried elsewhere and back, by another process too while the bot runs.
#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use greenroom::mezon::{CacheOptions, Mezon};
use greenroom::prelude::*;
use greenroom::simulator::Simulator;
use greenroom::token_bowl::{self, TokenBowl};
use greenroom_proto::mezon::Wire;
use serde_json::{Value, json};
use stage::{object, settings};

/// Runs `greenroom cache` in a folder, in which it must succeed.
async fn cache(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command
        .arg("cache")
        .args(arguments)
        .env_clear()
        .current_dir(folder);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

#[actix_rt::test]
async fn what_a_bot_has_kept_can_be_seen_on_both_wires() {
    for wire in [Wire::V1, Wire::V2] {
        let folder = tempfile::tempdir().unwrap();
        let simulator = Simulator::builder().seed(1).start().await.unwrap();
        let mezon = simulator.platform("mezon").unwrap();
        let platform = Mezon::new(settings(&mezon.url(), wire))
            .cached(CacheOptions::new(folder.path().join("mezon-cache")));
        let bot = Bot::builder("test").platform(platform).build().unwrap();
        let bot = bot.start();
        bot.connected().await.unwrap();
        for text in ["first", "second", "third"] {
            let words = json!({"from": "alice", "channel": "general", "text": text});
            mezon.say(object(words)).unwrap();
        }
        let kept = async {
            while bot.counters().cached.get() < 3 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let kept = tokio::time::timeout(Duration::from_secs(30), kept).await;
        assert!(kept.is_ok(), "{}", bot.tree());
        bot.shutdown().await;
        drop(bot);
        simulator.stop().await;

        let folder = folder.path();
        let list = cache(folder, &["list"]).await;
        assert!(
            list.contains("3 messages") && list.contains("general"),
            "{list}"
        );
        let general = ["--channel", "3000000000000000001"];
        let show = cache(folder, &[&["show", "--json"], &general[..]].concat()).await;
        let told = show.lines().map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            (text("text"), text("name"), text("sender_id"))
        });
        let expected = ["third", "second", "first"].map(|text| {
            let alice = "4000000000000000001".to_owned();
            (text.to_owned(), "Alice".to_owned(), alice)
        });
        assert_eq!(told.collect::<Vec<_>>(), expected, "{wire}");

        let lines = cache(folder, &["export"]).await;
        assert!(
            lines.lines().all(|line| line.contains("\"content\"")),
            "{lines}"
        );
        cache(folder, &["export", "all.jsonl"]).await;
        cache(folder, &["clear", "--all", "--yes"]).await;
        assert_eq!(cache(folder, &["count"]).await, "0\n");
        cache(folder, &["import", "all.jsonl"]).await;
        assert_eq!(cache(folder, &["export"]).await, lines, "{wire}");
    }
}

#[actix_rt::test]
async fn what_a_bot_keeps_can_be_seen_and_changed_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let mezon = simulator.platform("mezon").unwrap();
    let path = folder.path().join("mezon-cache");
    let socket = folder.path().join("mezon-cache.sock");
    // What a killed process has left is in nobody's way.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let platform =
        Mezon::new(settings(&mezon.url(), Wire::V2)).cached(CacheOptions::new(path.clone()));
    let bot = Bot::builder("test").platform(platform).build().unwrap();
    let bot = bot.start();
    bot.connected().await.unwrap();
    assert!(!path.exists(), "nothing is made before the first message");
    for number in 0..450 {
        let words =
            json!({"from": "alice", "channel": "general", "text": format!("word {number}")});
        mezon.say(object(words)).unwrap();
    }
    let kept = async {
        while bot.counters().cached.get() < 450 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let kept = tokio::time::timeout(Duration::from_secs(30), kept).await;
    assert!(kept.is_ok(), "{}", bot.tree());
    let mode = std::os::unix::fs::PermissionsExt::mode(&socket.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    let general = ["--channel", "3000000000000000001"];
    let list = cache(folder.path(), &["list"]).await;
    assert!(list.contains("450 messages"), "{list}");
    let show = |flags: Vec<&'static str>| {
        let folder = folder.path().to_owned();
        async move {
            let lines = cache(
                &folder,
                &[&["show", "--json"], &general[..], &flags].concat(),
            )
            .await;
            lines.lines().map(text_of).collect::<Vec<_>>()
        }
    };
    assert_eq!(
        show(vec!["--limit", "2", "--offset", "1"]).await,
        ["word 448", "word 447"]
    );
    let all = show(vec!["--limit", "1000"]).await;
    assert_eq!(
        (all.len(), all[449].as_str()),
        (450, "word 0"),
        "more than one page"
    );
    let lines = cache(folder.path(), &["export"]).await;
    assert_eq!(lines.lines().count(), 450);
    let first = "7000000000000000001";
    let get = cache(folder.path(), &[&["get"], &general[..], &[first]].concat()).await;
    assert!(get.contains("word 0"), "{get}");

    // The bot itself sees what another process changes.
    cache(
        folder.path(),
        &[&["delete"], &general[..], &[first]].concat(),
    )
    .await;
    assert_eq!(cache(folder.path(), &["count"]).await, "449\n");
    std::fs::write(folder.path().join("all.jsonl"), &lines).unwrap();
    cache(folder.path(), &["import", "all.jsonl"]).await;
    assert_eq!(cache(folder.path(), &["export"]).await, lines);
    let words = json!({"from": "bob", "channel": "general", "text": "after"});
    mezon.say(object(words)).unwrap();
    let kept = async {
        while bot.counters().cached.get() < 451 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), kept)
        .await
        .unwrap();
    assert_eq!(cache(folder.path(), &["count"]).await, "451\n");

    bot.shutdown().await;
    drop(bot);
    assert!(!socket.exists(), "the door is closed with the bot");
    assert_eq!(cache(folder.path(), &["count"]).await, "451\n");
    simulator.stop().await;
}

#[actix_rt::test]
async fn messages_of_both_platforms_are_looked_at_together() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let [mezon, token_bowl] = ["mezon", "token_bowl"].map(|name| simulator.platform(name).unwrap());
    let on_mezon = Mezon::new(settings(&mezon.url(), Wire::V2))
        .cached(CacheOptions::new(folder.path().join("mezon-cache")));
    let on_token_bowl = TokenBowl::new(token_bowl::Settings {
        base_url: token_bowl.url().parse().unwrap(),
        ..token_bowl::Settings::new("sim-bob-key")
    })
    .cached(CacheOptions::new(folder.path().join("token-bowl-cache")));
    let bot = Bot::builder("test").platform(on_mezon);
    let bot = bot.platform(on_token_bowl).build().unwrap().start();
    bot.connected().await.unwrap();
    let words = |text: &str| object(json!({"from": "alice", "channel": "general", "text": text}));
    mezon.say(words("over there")).unwrap();
    for text in ["first", "second"] {
        token_bowl.say(words(text)).unwrap();
    }
    let direct = object(json!({"from": "alice", "to": "bob", "text": "psst"}));
    token_bowl.say(direct).unwrap();
    let kept = async {
        while bot.counters().cached.get() < 4 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let kept = tokio::time::timeout(Duration::from_secs(30), kept).await;
    assert!(kept.is_ok(), "{}", bot.tree());

    let folder = folder.path();
    let look = async || {
        let list = cache(folder, &["list"]).await;
        assert!(
            list.contains("general") && list.contains("/@alice"),
            "{list}"
        );
        assert_eq!(cache(folder, &["count"]).await, "4\n");
        assert_eq!(cache(folder, &["count", "--channel", "room"]).await, "2\n");
        let show = cache(folder, &["show", "--json", "--channel", "room"]).await;
        assert_eq!(
            show.lines().map(text_of).collect::<Vec<_>>(),
            ["second", "first"]
        );
        cache(folder, &["export"]).await
    };
    let lines = look().await;
    bot.shutdown().await;
    drop(bot);
    simulator.stop().await;
    assert_eq!(look().await, lines, "without the bot as well");

    let show = cache(folder, &["show", "--json", "--channel", "@alice"]).await;
    let direct: Value = serde_json::from_str(&show).unwrap();
    assert_eq!(
        (
            &direct["username"],
            &direct["message_type"],
            &direct["to_username"]
        ),
        (&json!("alice"), &json!("direct"), &json!("bob"))
    );
    let get = ["get", "--channel", "@alice", direct["id"].as_str().unwrap()];
    let get = cache(folder, &get).await;
    assert!(
        get.contains("psst") && get.contains("to          bob"),
        "{get}"
    );
    cache(folder, &["export", "all.jsonl"]).await;
    cache(folder, &["clear", "--all", "--yes"]).await;
    assert_eq!(cache(folder, &["count"]).await, "0\n");
    cache(folder, &["import", "all.jsonl"]).await;
    assert_eq!(look().await, lines);
    let own = cache(folder, &["count", "--path", "token-bowl-cache"]).await;
    assert_eq!(
        own, "3\n",
        "each message is back in the folder of its platform"
    );
}

fn text_of(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap();
    line["text"].as_str().unwrap().to_owned()
}
