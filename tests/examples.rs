//! The examples do what their first lines say: each runs as a program of its own against the program's simulator.
#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use greenroom_actors::clock;
use serde_json::{Value, json};

const WAIT: Duration = Duration::from_secs(30);
const ALICE: &str = "4000000000000000001";

/// A program that is ended with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    fn start(command: &mut Command) -> (Self, BufReader<ChildStdout>) {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        (Self(child), out)
    }

    /// Tells it to stop, and returns its exit code.
    async fn stop(&mut self) -> Option<i32> {
        let id = self.0.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().unwrap();
        until("the program to end", async || self.0.try_wait().unwrap())
            .await
            .code()
    }
}

/// An example that runs, the simulator that it is connected with, and what asks both.
struct Stage {
    example: Program,
    out: Option<BufReader<ChildStdout>>,
    sim: Program,
    control: String,
    http: awc::Client,
    folder: tempfile::TempDir,
}

/// Waits until `find` finds something.
async fn until<T>(what: &str, mut find: impl AsyncFnMut() -> Option<T>) -> T {
    let end = clock::now() + WAIT;
    loop {
        if let Some(found) = find().await {
            return found;
        }
        assert!(clock::now() < end, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Finds an example, which is built with all tests; if only this test is, now.
fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests
        .ancestors()
        .nth(2)
        .unwrap()
        .join("examples")
        .join(name);
    if !path.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--example", name]);
        if cfg!(feature = "sqlite-import") {
            // The same features as this test has, so that nothing is compiled for a second time.
            build.args(["--features", "sqlite-import"]);
        }
        assert!(build.status().unwrap().success());
    }
    path
}

/// Opens the stage for an example on Mezon, and waits until it is connected.
async fn open(name: &str, variables: &[(&str, &str)]) -> Stage {
    let stage = start(name, variables);
    stage
        .seen("clan_join", "in", |joined| joined["clan_id"].is_string())
        .await;
    stage
}

/// Opens the stage for an example on Token Bowl Chat, and waits until it has so many connections.
async fn open_token_bowl(name: &str, variables: &[(&str, &str)], connections: u64) -> Stage {
    let stage = start(name, variables);
    let health = format!("{}/health", stage.control);
    until("the connections", async || {
        let (_, health) = stage.get(&health).await;
        let sockets = &health["platforms"]["token_bowl"]["sockets"];
        (*sockets == connections).then_some(())
    })
    .await;
    stage
}

fn start(name: &str, variables: &[(&str, &str)]) -> Stage {
    let mut sim = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    let (sim, mut ready) = Program::start(sim.args(["sim", "--seed", "1"]));
    let mut line = String::new();
    ready.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let at = |name: &str| ready[name].as_str().unwrap();
    let (mezon, control) = (at("mezon"), at("control"));
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(example(name));
    command
        .current_dir(folder.path())
        .env("GREENROOM__MEZON__BASE_URL", mezon)
        .env("GREENROOM__MEZON__MMN_API_URL", format!("{mezon}/mmn-api/"))
        .env("GREENROOM__MEZON__ZK_API_URL", format!("{mezon}/zk-api/"))
        .env("GREENROOM__MEZON__CLIENT_ID", "1000000000000000001")
        .env("GREENROOM__MEZON__API_KEY", "sim-mezon-key")
        .env("TOKEN_BOWL_CHAT_BASE_URL", at("token_bowl"))
        .env("MESH_API_URL", at("mesh"))
        .env("MESH_TOKEN_STORE", "memory")
        .env("HEADLESS", "1")
        .env("PAYMAN_BASE_URL", at("payman"))
        .env("PAYMAN_CLIENT_ID", "sim-payman-client")
        .env("PAYMAN_CLIENT_SECRET", "sim-payman-secret")
        .envs(variables.iter().copied());
    let (example, out) = Program::start(&mut command);
    Stage {
        example,
        out: Some(out),
        sim,
        control: control.to_owned(),
        http: awc::Client::builder().timeout(WAIT).finish(),
        folder,
    }
}

impl Stage {
    async fn get(&self, url: &str) -> (u16, Value) {
        match self.http.get(url).send().await {
            Ok(mut answer) => {
                let body = answer.json().limit(16 << 20).await.unwrap_or_default();
                (answer.status().as_u16(), body)
            }
            Err(_) => (0, Value::Null),
        }
    }

    async fn post(&self, path: &str, body: Value) {
        self.post_to("mezon", path, body).await;
    }

    async fn post_to(&self, platform: &str, path: &str, body: Value) {
        let url = format!("{}/{platform}/{path}", self.control);
        let answer = self.http.post(url).send_json(&body).await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path} {body}");
    }

    async fn say(&self, text: &str) {
        self.post(
            "say",
            json!({"from": "alice", "channel": "general", "text": text}),
        )
        .await;
    }

    /// Waits for a frame that has a field which fits.
    async fn seen(&self, field: &str, direction: &str, fits: impl Fn(&Value) -> bool) -> Value {
        until(field, async || {
            let (_, rows) = self.get(&format!("{}/mezon/journal", self.control)).await;
            let rows = rows.as_array()?.iter();
            let bodies = rows
                .filter(|row| row["direction"] == direction)
                .map(|row| &row["body"][field]);
            bodies
                .filter(|body| body.is_object())
                .find(|body| fits(body))
                .cloned()
        })
        .await
    }

    /// Waits until the bot says something that begins like this.
    async fn said(&self, text: &str) -> Value {
        let content = |sent: &Value| {
            serde_json::from_str::<Value>(sent["content"].as_str().unwrap_or_default())
        };
        let fits = |sent: &Value| {
            content(sent).is_ok_and(|content| {
                content["t"]
                    .as_str()
                    .is_some_and(|said| said.starts_with(text))
            })
        };
        let sent = self.seen("channel_message_send", "in", fits).await;
        content(&sent).unwrap()
    }

    /// Lets somebody speak on Token Bowl Chat.
    async fn say_there(&self, from: &str, channel: &str, text: &str) {
        let words = json!({"from": from, "channel": channel, "text": text});
        self.post_to("token_bowl", "say", words).await;
    }

    /// Waits for what the example sends to Token Bowl Chat with this content.
    async fn said_there(&self, content: &str) -> Value {
        let journal = format!("{}/token_bowl/journal", self.control);
        until(content, async || {
            let (_, rows) = self.get(&journal).await;
            let rows = rows.as_array()?.iter();
            let mut bodies = rows
                .filter(|row| row["direction"] == "in")
                .map(|row| &row["body"]);
            bodies.find(|body| body["content"] == content).cloned()
        })
        .await
    }

    /// Reads what the example prints until all of `lines` were there, in any order.
    async fn prints(&mut self, lines: &[&str]) {
        let mut missing: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        let mut out = self.out.take().unwrap();
        let read = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            while !missing.is_empty() && out.read_line(&mut line).unwrap() > 0 {
                missing.retain(|wanted| wanted != line.trim_end());
                line.clear();
            }
            (out, missing)
        });
        let (out, missing) = tokio::time::timeout(WAIT, read).await.unwrap().unwrap();
        assert!(missing.is_empty(), "not printed: {missing:?}");
        self.out = Some(out);
    }

    /// Waits for an example that ends by itself.
    async fn ends(mut self) {
        let ended = until("the example to end", async || {
            self.example.0.try_wait().unwrap()
        })
        .await;
        assert_eq!(ended.code(), Some(0));
        assert_eq!(self.sim.stop().await, Some(0));
    }

    async fn close(mut self) {
        assert_eq!(self.example.stop().await, Some(0), "it stops in order");
        assert_eq!(self.sim.stop().await, Some(0));
    }
}

#[actix_rt::test]
async fn mezon_echo_repeats_what_is_said() {
    let stage = open("mezon_echo", &[]).await;
    stage.say("hello \u{1F44B}").await;
    let sent = stage.said("Alice said: hello \u{1F44B}").await;
    assert!(sent.is_object());
    stage.close().await;
}

#[actix_rt::test]
async fn mezon_events_prints_every_event() {
    let mut stage = open("mezon_events", &[]).await;
    for (tag, name) in greenroom_proto::mezon::events() {
        // What a server answers to requests is no event that somebody waits for, and tokens must stay good.
        if tag != 96 {
            stage.post("emit", json!({"event": name, "data": {}})).await;
        }
    }
    stage
        .post(
            "emit",
            json!({"event": "give_coffee_event", "data": {"sender_id": ALICE, "token_count": 77}}),
        )
        .await;
    let mut out = stage.out.take().unwrap();
    let lines = tokio::task::spawn_blocking(move || {
        let mut lines = Vec::new();
        for line in (&mut out).lines().map_while(Result::ok) {
            let is_last = line.contains("77");
            lines.push(line);
            if is_last {
                break;
            }
        }
        (out, lines)
    });
    let (out, lines) = tokio::time::timeout(WAIT, lines).await.unwrap().unwrap();
    // It may go on printing, and would complain if nobody could read it.
    stage.out = Some(out);
    for (tag, name) in greenroom_proto::mezon::events() {
        let printed = lines
            .iter()
            .any(|line| line.starts_with(&format!("{name} {{")));
        assert!(printed || tag == 96, "{name} is missing in {lines:#?}");
    }
    assert!(lines[0].starts_with("connected"));
    stage.close().await;
}

#[actix_rt::test]
async fn mezon_buttons_shows_buttons_and_says_who_pressed() {
    let stage = open("mezon_buttons", &[]).await;
    stage.say("!menu").await;
    let menu = stage.said("What would you like?").await;
    assert_eq!(menu["components"][0]["components"][1]["id"], "pie");
    assert_eq!(menu["embed"][0]["title"], "Today");
    let press = json!({"channel_id": "3000000000000000001", "button_id": "pie", "user_id": ALICE});
    stage
        .post(
            "emit",
            json!({"event": "message_button_clicked", "data": press}),
        )
        .await;
    stage.said("Alice takes pie").await;
    stage.close().await;
}

#[actix_rt::test]
async fn mezon_tip_sends_tokens_and_says_what_is_wrong() {
    let stage = open("mezon_tip", &[]).await;
    stage.say("!tip 5 for the soup").await;
    stage.said("sent 5: sim-tx-1").await;
    let sent = stage.seen("token_sent_event", "out", |_| true).await;
    assert_eq!(
        (&sent["amount"], &sent["note"], &sent["receiver_id"]),
        (&json!(5), &json!("for the soup"), &json!(ALICE))
    );
    stage.say("!tip everything").await;
    stage.said("say !tip and a number").await;
    stage.close().await;
}

#[actix_rt::test]
async fn mezon_web_answers_while_the_bot_works_and_stops_with_it() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let address = format!("127.0.0.1:{port}");
    let stage = open("mezon_web", &[("WEB_ADDRESS", &address)]).await;
    let health = until("health", async || {
        let (status, body) = stage.get(&format!("http://{address}/health")).await;
        (status == 200).then_some(body)
    });
    assert_eq!(health.await["bot"], "1000000000000000001");
    let voices = format!("http://{address}/clan/2000000000000000001/voice-users");
    let (status, users) = stage.get(&voices).await;
    assert_eq!(
        (status, &users[0]["user_id"]),
        (200, &json!(ALICE)),
        "{users}"
    );
    assert_eq!(
        stage
            .get(&format!("http://{address}/clan/x/voice-users"))
            .await
            .0,
        400
    );
    stage.say("!ping").await;
    stage.said("pong").await;
    stage.close().await;
    assert!(
        std::net::TcpStream::connect(&address).is_err(),
        "the web server has stopped as well"
    );
}

#[actix_rt::test]
async fn token_bowl_bot_answers_who_names_it() {
    let key = [("TOKEN_BOWL_CHAT_API_KEY", "sim-greenroom-key")];
    let stage = open_token_bowl("token_bowl_bot", &key, 1).await;
    stage.say_there("alice", "room", "hello greenroom").await;
    let sent = stage.said_there("You called, alice?").await;
    assert!(sent["to_username"].is_null(), "{sent}");
    stage
        .say_there("bob", "@greenroom", "psst, greenroom")
        .await;
    let sent = stage.said_there("You called, bob?").await;
    assert_eq!(sent["to_username"], "bob");
    stage.close().await;
}

#[actix_rt::test]
async fn token_bowl_log_writes_a_line_for_each_message() {
    let key = [("TOKEN_BOWL_CHAT_API_KEY", "sim-bob-key")];
    let mut stage = open_token_bowl("token_bowl_log", &key, 1).await;
    stage.say_there("alice", "room", "to all").await;
    stage.say_there("alice", "@bob", "to one").await;
    stage
        .prints(&["[room] alice: to all", "[direct] alice: to one"])
        .await;
    let written = std::fs::read_to_string(stage.folder.path().join("messages.jsonl")).unwrap();
    let lines: Vec<Value> = written
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [all, one] = lines.as_slice() else {
        panic!("{written}")
    };
    assert_eq!(
        (&all["content"], &all["to"]),
        (&json!("to all"), &json!(null))
    );
    assert_eq!(
        (&one["content"], &one["to"]),
        (&json!("to one"), &json!("bob"))
    );
    stage.close().await;
}

#[actix_rt::test]
async fn token_bowl_monitor_watches_as_several_users() {
    let keys = [("KEYS", "alice=sim-alice-key bob=sim-bob-key")];
    let mut stage = open_token_bowl("token_bowl_monitor", &keys, 2).await;
    stage.say_there("admin", "room", "good morning").await;
    stage
        .prints(&[
            "[alice] connected",
            "[bob] connected",
            "[alice 1] admin (room): good morning",
            "[bob 1] admin (room): good morning",
        ])
        .await;
    stage.close().await;
}

#[actix_rt::test]
async fn mesh_chat_asks_models_and_keeps_a_key() {
    let mut stage = start("mesh_chat", &[]);
    stage
        .prints(&[
            "[openai/gpt-4] What can you do?",
            "it thought: budget=2000",
            "and said:   [anthropic/claude-3-7-sonnet-20250219] What can you do?",
            "keys:       example",
            "verified:   false",
        ])
        .await;
    stage.ends().await;
}

#[actix_rt::test]
async fn mesh_assistant_takes_part_in_conversations() {
    // Of the simulator's user, until the year 2096, signed by nobody.
    let token = "e30.eyJzdWIiOiJhdXRoMHxzaW0tdXNlciIsImV4cCI6NDAwMDAwMDAwMH0.sig";
    let mut stage = open("mesh_assistant", &[("MESH_AUTH_TOKEN", token)]).await;
    stage.say("!ask why?").await;
    stage.said("[openai/gpt-4] why?").await;
    stage.prints(&["gpt-4 answered 19 characters"]).await;
    stage.close().await;
}

#[actix_rt::test]
async fn payman_ask_shows_an_answer_while_it_comes() {
    let mut stage = start("payman_ask", &[]);
    stage
        .prints(&["echo: What can you do?", "What can you do?"])
        .await;
    stage.ends().await;
}

#[actix_rt::test]
async fn payman_bot_pays_when_it_is_told_to() {
    let stage = open("payman_bot", &[]).await;
    stage.say("!pay alice 5").await;
    let changed = |sent: &Value| sent["content"].to_string().contains("echo: alice 5");
    stage.seen("channel_message_update", "in", changed).await;
    stage.close().await;
}

#[actix_rt::test]
async fn ticos_quick_start_calls_its_handlers() {
    let home = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let variables = [("PORT", &*port), ("HOME", home.path().to_str().unwrap())];
    let mut stage = start("ticos_quick_start", &variables);
    let address = format!("127.0.0.1:{port}");
    until("the device", async || {
        std::net::TcpStream::connect(&address).ok()
    })
    .await;
    let url = json!({"url": format!("ws://{address}/realtime")});
    stage.post_to("ticos", "connect", url).await;
    for (name, tag) in [("motion", "hug"), ("emotion", "joy"), ("dance", "waltz")] {
        let call = json!({"name": name, "arguments": {"tag": tag}});
        stage.post_to("ticos", "send", call).await;
    }
    let words = json!({"from": "alice", "text": "hello"});
    stage.post_to("ticos", "say", words).await;
    stage
        .prints(&[
            "message: {\"arguments\":{\"tag\":\"hug\"},\"name\":\"motion\"}",
            "motion: {\"tag\":\"hug\"}",
            "emotion: {\"tag\":\"joy\"}",
            "function dance: {\"tag\":\"waltz\"}",
            "user: hello",
        ])
        .await;
    // It cleans up on Ctrl-C.
    let id = stage.example.0.id().to_string();
    Command::new("kill").args(["-INT", &id]).status().unwrap();
    let ended = until("the example to end", async || {
        stage.example.0.try_wait().unwrap()
    })
    .await;
    assert_eq!(ended.code(), Some(0));
    assert_eq!(stage.sim.stop().await, Some(0));
}
