//! What a bot has kept can be looked at, carried elsewhere and back as soon as the bot has ended.
#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use greenroom::mezon::{CacheOptions, Mezon};
use greenroom::prelude::*;
use greenroom::simulator::Simulator;
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
