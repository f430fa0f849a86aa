//! The promises of `greenroom cache`: what is kept can be seen, carried elsewhere and removed, without a network.
#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use greenroom::prelude::{ChannelKey, Id};
use greenroom_actors::cache::{Cache, Record, Settings};
use greenroom_proto::mezon::{Wire, api::ChannelMessage, encode};
use serde_json::{Value, json};

/// A folder in which the program runs; the cache is in its folder `kept`.
struct Place(tempfile::TempDir);

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

    /// Returns the standard output of a command that must have succeeded.
    fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self
    }
}

impl Place {
    fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Keeps messages of two clans, as the adapter does, and one of a format that nobody knows.
    async fn filled() -> Self {
        let place = Self::empty();
        let cache = place.open();
        let mut records: Vec<_> = (1..=5).map(|id| message(2, 30, id)).collect();
        records.push(message(2, 31, 6));
        records.push(message(9, 31, 7));
        records.push(Record {
            channel: ChannelKey::new(0, "lobby"),
            id: Id::from(8),
            at: 8,
            format: 200,
            body: "raw".into(),
        });
        cache.save(records).await.unwrap();
        cache.close().await.unwrap();
        place
    }

    fn open(&self) -> Cache {
        let cache = Cache::new(Settings::new(self.path("kept")).shards(1));
        cache.start();
        cache
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Outcome {
        self.run_all(&[&["--path", "kept"], arguments].concat(), input)
    }

    fn run_all(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut child = Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .arg("cache")
            .args(arguments)
            .env_clear()
            .env("GREENROOM__CACHE__PATH", "kept")
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Outcome {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn message(clan_id: i64, channel_id: i64, message_id: i64) -> Record {
    let message = ChannelMessage {
        clan_id,
        channel_id,
        message_id,
        sender_id: 4,
        username: "alice".to_owned(),
        display_name: "Alice".to_owned(),
        channel_label: "general".to_owned(),
        content: json!({"t": format!("line {message_id}\nand more")}).to_string(),
        references: r#"[{"message_ref_id":"1"}]"#.into(),
        create_time_seconds: 1_700_000_000,
        ..Default::default()
    };
    Record {
        channel: ChannelKey::new(clan_id, channel_id),
        id: Id::from(message_id),
        at: 1_700_000_000,
        // Both wires are kept as they come.
        format: if message_id % 2 == 0 { 1 } else { 2 },
        body: match message_id % 2 {
            0 => encode(Wire::V1, &message).into(),
            _ => encode(Wire::V2, &message).into(),
        },
    }
}

fn ids(outcome: &Outcome) -> Vec<String> {
    let lines = outcome.lines().into_iter();
    lines
        .map(|line| line["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_store_that_does_not_exist_is_empty_and_stays_absent() {
    let place = Place::empty();
    for (arguments, code) in [
        (&["list"][..], 0),
        (&["show", "--channel", "30"], 0),
        (&["count"], 0),
        (&["count", "--channel", "30"], 0),
        (&["clear", "--all", "--yes"], 0),
        (&["export"], 0),
        (&["import"], 0),
        (&["path"], 0),
        (&["get", "--channel", "30", "1"], 1),
        (&["delete", "--channel", "30", "1"], 1),
    ] {
        let outcome = place.run_all(arguments, "");
        assert_eq!(outcome.code, Some(code), "{arguments:?} {}", outcome.err);
    }
    assert_eq!(place.run_all(&["count"], "").out, "0\n");
    let path = place.run(&["path", "--json"]).lines().remove(0);
    assert_eq!(path["exists"], false);
    assert!(path["path"].as_str().unwrap().ends_with("/kept"));
    assert_eq!(std::fs::read_dir(place.0.path()).unwrap().count(), 0);

    std::fs::write(place.path("kept"), "a file").unwrap();
    assert_eq!(place.run(&["list"]).code, Some(1));
}

#[actix_rt::test]
async fn channels_and_messages_are_listed_for_people_and_programs() {
    let place = Place::filled().await;
    let list = place.run(&["list"]).ok().out;
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 4, "{list}");
    assert!(
        lines[1].starts_with("2/30     5 messages  "),
        "aligned: {list}"
    );
    assert!(
        lines[1].ends_with("2023-11-14 22:13:20Z  general"),
        "{list}"
    );

    let list = place.run(&["list", "--json"]).ok().lines();
    let told = |line: &Value| (line["channel_id"].clone(), line["messages"].clone());
    assert_eq!(told(&list[0]), (json!("lobby"), json!(1)));
    assert_eq!(told(&list[1]), (json!("30"), json!(5)));
    assert_eq!(list[1]["oldest"], "1");

    let show = place
        .run(&["show", "--channel", "30", "--limit", "1"])
        .ok()
        .out;
    assert_eq!(
        show,
        "2023-11-14 22:13:20Z  5  Alice  line 5\\nand more (reply to 1)\n"
    );
    let show = place.run(&["show", "--channel", "30", "--json"]).ok();
    let first = show.lines().remove(0);
    assert_eq!(first["text"], "line 5\nand more");
    assert_eq!(first["sender_id"], "4");
    assert_eq!(first["references"][0]["message_ref_id"], "1");
    assert_eq!(ids(&show), ["5", "4", "3", "2", "1"]);

    for (arguments, expected) in [
        (["--limit", "2", "--offset", "1"], ["4", "3"]),
        (["--before", "4", "--limit", "2"], ["3", "2"]),
        (["--after", "3", "--limit", "9"], ["5", "4"]),
    ] {
        let arguments = [&["show", "--channel", "2/30", "--json"], &arguments[..]].concat();
        assert_eq!(ids(&place.run(&arguments).ok()), expected);
    }
}

#[actix_rt::test]
async fn one_message_is_found_by_its_id() {
    let place = Place::filled().await;
    let get = place.run(&["get", "--channel", "2/31", "6"]).ok().out;
    assert!(
        get.contains("from        Alice (alice, 4)\n") && get.contains("\n            and more"),
        "{get}"
    );
    let raw = place.run(&["get", "--channel", "lobby", "8"]).ok().out;
    assert!(raw.contains("cmF3"), "{raw}");
    let raw = place.run(&["get", "--channel", "lobby", "8", "--json"]);
    let expected = json!({"clan_id": "0", "channel_id": "lobby", "id": "8", "at": 8, "format": 200, "body": "cmF3"});
    assert_eq!(raw.ok().lines(), [expected]);
    let missing = place.run(&["get", "--channel", "30", "99"]);
    assert_eq!(
        (missing.code, missing.err.as_str()),
        (Some(1), "error: no message 99 of channel 30 is kept\n")
    );
}

#[actix_rt::test]
async fn an_id_in_two_clans_needs_the_clan() {
    let place = Place::filled().await;
    let both = place.run(&["count", "--channel", "31"]);
    assert_eq!(both.code, Some(2));
    assert!(both.err.contains("2/31, 9/31"), "{}", both.err);
    assert_eq!(place.run(&["count", "--channel", "9/31"]).ok().out, "1\n");
    assert_eq!(place.run(&["count", "--channel", "30"]).ok().out, "5\n");
    assert_eq!(place.run(&["count"]).ok().out, "8\n");
}

#[actix_rt::test]
async fn deleting_takes_what_is_named_and_asks_before_more() {
    let place = Place::filled().await;
    place.run(&["delete", "--channel", "30", "3"]).ok();
    assert_eq!(place.run(&["delete", "--channel", "30", "3"]).code, Some(1));
    let refused = place.run_with(&["clear", "--all"], "y\n");
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    assert_eq!(place.run(&["count"]).ok().out, "7\n");

    let cleared = place.run(&["clear", "--channel", "30", "--yes"]).ok();
    assert_eq!(cleared.out, "deleted 4 messages\n");
    let cleared = place.run(&["clear", "--all", "--yes", "--json"]).ok();
    assert_eq!(cleared.lines(), [json!({"deleted": 3})]);
    assert_eq!(place.run(&["count"]).ok().out, "0\n");
}

#[actix_rt::test]
async fn what_was_exported_can_be_imported() {
    let place = Place::filled().await;
    let all = place.run(&["export"]).ok();
    assert_eq!(all.lines().len(), 8);
    let content = all.lines()[1]["content"]["content"].clone();
    assert!(content.as_str().unwrap().contains("line 1"), "{content}");
    let file = place.run(&["export", "all.jsonl"]).ok();
    assert_eq!(file.out, "exported 8 messages to all.jsonl\n");
    let written = std::fs::read_to_string(place.path("all.jsonl")).unwrap();
    assert_eq!(written, all.out);
    let one = place.run(&["export", "--channel", "9/31"]).ok();
    assert_eq!(ids(&one), ["7"]);

    let copy = ["--path", "copy"];
    let other = Place::empty();
    other.run_with(&["import"], &all.out).ok();
    assert_eq!(other.run(&["export"]).ok().out, all.out, "stdin");
    let imported = place.run(&[&["import", "all.jsonl", "--json"], &copy[..]].concat());
    assert_eq!(imported.ok().lines(), [json!({"imported": 8})]);

    let wrong = format!("{}nonsense\n", one.out);
    let wrong = Place::empty().run_with(&["import"], &wrong);
    assert_eq!(wrong.code, Some(1));
    assert!(
        wrong.err.contains("line 2 is not a message"),
        "{}",
        wrong.err
    );
}

#[test]
fn a_place_that_was_named_and_has_no_cache_is_exit_code_1() {
    let place = Place::empty();
    for command in [
        &["count"][..],
        &["list"],
        &["export"],
        &["show", "--channel", "1"],
        &["clear", "--all", "--yes"],
    ] {
        let refused = place.run(command);
        assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""));
        assert!(
            refused.err.contains("there is no cache at kept"),
            "{}",
            refused.err
        );
    }
    place.run(&["path"]).ok();
    assert!(!place.path("kept").exists(), "a look makes nothing");
}

#[actix_rt::test]
async fn a_store_in_use_is_exit_code_1_and_a_sentence() {
    let place = Place::filled().await;
    let cache = place.open();
    cache.open().await.unwrap();
    let refused = place.run(&["list"]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""));
    assert!(
        refused.err.contains("in use by a running bot"),
        "{}",
        refused.err
    );
    let refused = place.run(&["list", "--json"]);
    let error: Value = serde_json::from_str(&refused.err).unwrap();
    assert_eq!(error["error"]["kind"], "failed");
    cache.close().await.unwrap();
    place.run(&["list"]).ok();
}

#[test]
fn a_database_cannot_be_read_by_a_program_without_the_feature() {
    if cfg!(feature = "sqlite-import") {
        return;
    }
    let outcome = Place::empty().run(&["import", "--from-sqlite", "old.db"]);
    assert_eq!(outcome.code, Some(2), "{}", outcome.err);
    assert!(outcome.err.contains("sqlite-import"), "{}", outcome.err);
}

#[cfg(feature = "sqlite-import")]
mod sqlite {
    use rusqlite::{Connection, params};

    use super::*;

    /// The table as the Python client makes it, and as the JavaScript client does.
    const KEYS: [&str; 2] = ["id, channel_id", "clan_id, channel_id, id"];

    fn database(place: &Place, key: &str) -> Connection {
        let database = Connection::open(place.path("old.db")).unwrap();
        let sql = format!(
            "CREATE TABLE messages (id TEXT NOT NULL, channel_id TEXT NOT NULL, clan_id TEXT, sender_id TEXT, content TEXT,
                mentions TEXT, attachments TEXT, reactions TEXT, msg_references TEXT, topic_id TEXT, create_time_seconds INTEGER,
                PRIMARY KEY ({key}));
             CREATE INDEX idx_messages_channel_id ON messages(channel_id);"
        );
        database.execute_batch(&sql).unwrap();
        database
    }

    fn insert(database: &Connection, id: &str, content: &str, mentions: &str) {
        let sql = "INSERT INTO messages VALUES (?, '30', '2', '4', ?, ?, '[]', '[]', ?, NULL, 1700000000)";
        let references = r#"[{"message_ref_id": "1", "message_sender_id": "4"}]"#;
        database
            .execute(sql, params![id, content, mentions, references])
            .unwrap();
    }

    #[test]
    fn messages_of_other_clients_come_in_once() {
        for key in KEYS {
            let place = Place::empty();
            let database = database(&place, key);
            database.execute_batch("BEGIN").unwrap();
            for number in 1..=1_200 {
                let content = json!({"t": format!("line {number}")}).to_string();
                insert(
                    &database,
                    &number.to_string(),
                    &content,
                    r#"[{"user_id": "4", "s": 0, "e": 4}]"#,
                );
            }
            insert(&database, "9001", "no JSON at all", "[]");
            insert(&database, "9002", "\"a text as JSON\"", "null");
            insert(&database, "x", "{}", "[]");
            insert(&database, "9003", "{}", "{broken");
            insert(&database, "9004", "{}", "7");
            database
                .execute("INSERT INTO messages (id, channel_id, clan_id, create_time_seconds) VALUES ('9005', 'y', '2', 1)", [])
                .unwrap();
            database.execute_batch("COMMIT").unwrap();
            drop(database);
            let import = ["import", "--from-sqlite", "old.db", "--json"];
            let first = &place.run(&import).ok().lines()[0];
            let reasons = json!({"with a list that is no JSON": 2, "without a number as channel_id": 1, "without a number as id": 1});
            assert_eq!(
                *first,
                json!({"imported": 1_202, "known": 0, "skipped": 4, "reasons": reasons})
            );
            let again = &place.run(&import).ok().lines()[0];
            assert_eq!(
                (&again["imported"], &again["known"]),
                (&json!(0), &json!(1_202))
            );
            let told = place.run(&["import", "--from-sqlite", "old.db"]).ok().out;
            assert!(
                told.contains(
                    "imported 0 messages, 1202 were kept already, skipped 4: 2 with a list"
                ),
                "{told}"
            );

            let show = ["show", "--channel", "2/30", "--json", "--limit"];
            let shown = place.run(&[&show[..], &["3"]].concat()).ok().lines();
            let texts: Vec<_> = shown
                .iter()
                .map(|line| line["text"].as_str().unwrap())
                .collect();
            assert_eq!(texts, ["a text as JSON", "no JSON at all", "line 1200"]);
            assert_eq!(shown[2]["mentions"][0]["user_id"], "4");
            assert_eq!(shown[2]["references"][0]["message_ref_id"], "1");
            assert_eq!(
                (&shown[2]["sender_id"], &shown[2]["at"]),
                (&json!("4"), &json!(1_700_000_000))
            );
        }
    }

    #[test]
    fn what_is_kept_already_stays_as_it_is() {
        let place = Place::empty();
        let database = database(&place, KEYS[0]);
        insert(&database, "3", r#"{"t": "poorer"}"#, "[]");
        drop(database);
        place.run_with(&["import"], &line_of(3)).ok();
        place.run(&["import", "--from-sqlite", "old.db"]).ok();
        let got = place.run(&["get", "--channel", "30", "3", "--json"]).ok();
        assert_eq!(got.lines()[0]["username"], "alice");
    }

    fn line_of(id: i64) -> String {
        greenroom_actors::cache::to_line(&message(2, 30, id), |_| None)
    }

    #[test]
    fn wrong_files_are_named() {
        let place = Place::empty();
        std::fs::write(place.path("text.db"), "hello ".repeat(1_000)).unwrap();
        let other = Connection::open(place.path("other.db")).unwrap();
        other
            .execute_batch("CREATE TABLE notes (id INTEGER, body TEXT)")
            .unwrap();
        drop(other);
        for (file, words) in [
            ("none.db", "No such file"),
            ("text.db", "is not a SQLite database"),
            (
                "other.db",
                "channel_id, content, create_time_seconds is needed",
            ),
            (".", "cannot read"),
        ] {
            let outcome = place.run(&["import", "--from-sqlite", file]);
            assert_eq!(outcome.code, Some(1), "{file}: {}", outcome.err);
            assert!(
                outcome.err.contains(file) && outcome.err.contains(words),
                "{file}: {}",
                outcome.err
            );
            assert!(
                !place.path("kept").exists(),
                "nothing is made for a wrong file"
            );
        }
        let both = place.run(&["import", "lines.jsonl", "--from-sqlite", "x.db"]);
        assert_eq!(both.code, Some(2), "{}", both.err);
    }
}
