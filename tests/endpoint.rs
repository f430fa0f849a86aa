//! The endpoint tells the truth about a running bot, to those who may know it.
#![cfg(all(feature = "endpoint", feature = "mezon", feature = "simulator"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use greenroom::prelude::*;
use greenroom_proto::mezon::Wire;
use serde_json::{Value, json};
use stage::Stage;

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Asks on the thread of the caller, with a client that knows nothing of ours.
fn ask_now(address: SocketAddr, request: &str, headers: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let host = match headers.contains("Host:") {
        true => "",
        false => "Host: localhost\r\n",
    };
    let text = format!("{request} HTTP/1.1\r\nConnection: close\r\n{host}{headers}\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

async fn ask(address: SocketAddr, request: &str, headers: &str) -> Answer {
    let (request, headers) = (request.to_owned(), headers.to_owned());
    tokio::task::spawn_blocking(move || ask_now(address, &request, &headers))
        .await
        .unwrap()
}

async fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, &format!("GET {path}"), "").await
}

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

#[actix_rt::test]
async fn a_bot_is_ready_while_every_platform_is_connected_and_not_otherwise() {
    let stage = Stage::open(Wire::V2, |bot| bot.endpoint(anywhere())).await;
    let address = stage.bot.endpoint().unwrap();
    for path in ["/health", "/health/ready", "/health/live"] {
        let answer = get(address, path).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let health = answer.json();
        assert_eq!(
            (&health["status"], &health["live"], &health["ready"]),
            (&json!("ready"), &json!(true), &json!(true))
        );
        assert_eq!(health["connections"][0]["state"], "live");
        assert_eq!(health["reasons"], json!([]));
    }
    stage.fault(json!({"kind": "http", "status": 503, "count": 3}));
    stage.fault(json!({"kind": "disconnect"}));
    let mut seen = get(address, "/health/ready").await;
    for _ in 0..500 {
        if seen.status == 503 {
            break;
        }
        seen = get(address, "/health/ready").await;
    }
    let health = seen.json();
    assert_eq!((seen.status, &health["status"]), (503, &json!("degraded")));
    assert!(
        health["reasons"][0]
            .as_str()
            .unwrap()
            .starts_with("mezon: "),
        "{health}"
    );
    assert_eq!(get(address, "/health/live").await.status, 200);
    stage
        .until(20, "a reconnect", |stage| stage.bot.health().ready)
        .await;
    let health = get(address, "/health/ready").await.json();
    assert_eq!(health["connections"][0]["reconnects"], 1);
    stage.close().await;
}

#[actix_rt::test]
async fn the_graph_and_the_metrics_come_in_the_form_that_is_asked_for() {
    let stage = Stage::open(Wire::V2, |bot| {
        bot.endpoint(anywhere())
            .on("ping", async |message: Event<ChatMessage>| {
                if !message.is_own {
                    message.reply("pong").await?;
                }
                Ok(())
            })
    })
    .await;
    let address = stage.bot.endpoint().unwrap();
    stage.say("!ping");
    stage
        .until(10, "the reply", |stage| {
            let tree = stage.bot.tree();
            tree.find("ping").unwrap().figures.handled >= 1
        })
        .await;
    for (path, accept, media_type, part) in [
        ("/graph", "", "application/json", "{\"version\":1,"),
        ("/graph", "Accept: text/plain\r\n", "text/plain", "ping "),
        ("/graph", "Accept: image/*\r\n", "image/svg+xml", "<svg "),
        ("/graph.json", "", "application/json", "\"kind\":\"says\""),
        ("/graph.txt", "", "text/plain", "replies "),
        ("/graph.svg", "", "image/svg+xml", "ChatMessage"),
        ("/graph.mmd", "", "text/vnd.mermaid", "flowchart LR"),
        ("/graph.dot", "", "text/vnd.graphviz", "digraph bot {"),
        (
            "/metrics",
            "",
            "text/plain; version=0.0.4",
            "greenroom_connection_live{platform=\"mezon\",bot=\"test\"} 1\n",
        ),
    ] {
        let answer = ask(address, &format!("GET {path}"), accept).await;
        let found = answer.header("content-type").unwrap();
        assert!(found.starts_with(media_type), "{path} {found}");
        assert!(answer.body.contains(part), "{path} {}", answer.body);
        assert!(!answer.body.contains("sim-mezon-key"));
    }
    let graph = get(address, "/graph.json").await.json();
    let edge = |from: &str, to: &str| {
        let edges = graph["edges"].as_array().unwrap();
        let found = edges
            .iter()
            .find(|edge| edge["from"] == from && edge["to"] == to);
        found.map(|edge| edge["count"].clone())
    };
    let connection = "test/platforms/mezon/connection";
    let published = edge(connection, "event:ChatMessage").unwrap();
    assert!(published.as_u64().unwrap() >= 1, "{graph}");
    assert_eq!(
        edge("event:ChatMessage", "test/handlers/ping"),
        Some(published)
    );
    assert_eq!(
        edge("test/handlers/ping", "test/platforms/mezon/channels"),
        Some(json!(1))
    );
    assert_eq!(
        edge("test/platforms/mezon/channels", connection),
        Some(Value::Null)
    );
    stage.close().await;
}

#[actix_rt::test]
async fn while_it_stops_a_bot_says_so() {
    let (go_on, gate) = tokio::sync::watch::channel(false);
    let stage = Stage::open(Wire::V2, move |bot| {
        bot.endpoint(anywhere())
            .on("slow", async move |message: Event<ChatMessage>| {
                if !message.is_own {
                    let _ = gate.clone().wait_for(|open| *open).await;
                }
                Ok(())
            })
    })
    .await;
    let address = stage.bot.endpoint().unwrap();
    stage.say("hello");
    stage
        .until(10, "the message in the handler's hands", |stage| {
            let tree = stage.bot.tree();
            tree.find("slow").unwrap().figures.depth > 0
        })
        .await;
    let bot = stage.bot.clone();
    let shutdown = actix_rt::spawn(async move { bot.shutdown().await });
    stage
        .until(10, "the beginning of the end", |stage| {
            !stage.bot.health().ready
        })
        .await;
    let answer = get(address, "/health/ready").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["status"], "stopping");
    assert_eq!(answer.json()["reasons"][0], "stopping");
    assert_eq!(get(address, "/health/live").await.status, 200);
    go_on.send(true).unwrap();
    let report = shutdown.await.unwrap();
    assert_eq!(report.dead_letters, 0);
    assert!(
        TcpStream::connect(address)
            .and_then(|mut stream| {
                stream.set_read_timeout(Some(Duration::from_secs(5)))?;
                stream.write_all(b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")?;
                stream.read_exact(&mut [0])
            })
            .is_err(),
        "nobody answers any more"
    );
    stage.simulator.stop().await;
}

#[actix_rt::test]
async fn a_thread_that_is_blocked_is_not_live() {
    let (enter, entered) = std::sync::mpsc::channel();
    let (unblock, blocked) = std::sync::mpsc::channel();
    let blocked = std::sync::Mutex::new(blocked);
    let stage = Stage::open(Wire::V2, move |bot| {
        bot.endpoint(anywhere())
            .on("blocking", async move |message: Event<ChatMessage>| {
                if message.text == "block" && !message.is_own {
                    enter.send(()).unwrap();
                    blocked.lock().unwrap().recv().unwrap();
                }
                Ok(())
            })
    })
    .await;
    let address = stage.bot.endpoint().unwrap();
    let asked = tokio::task::spawn_blocking(move || {
        entered.recv().unwrap();
        let answer = ask_now(address, "GET /health/live", "");
        let metrics = ask_now(address, "GET /metrics", "").status;
        unblock.send(()).unwrap();
        (answer, metrics)
    });
    stage.say("block");
    let (answer, metrics) = asked.await.unwrap();
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["status"], "failed");
    assert_eq!(metrics, 200, "figures need nobody's thread");
    stage.close().await;
}

#[actix_rt::test]
async fn what_is_not_there_is_refused_with_a_reason() {
    let stage = Stage::open(Wire::V2, |bot| bot.endpoint(anywhere())).await;
    let address = stage.bot.endpoint().unwrap();
    for (request, headers, status, kind) in [
        ("GET /nothing", "", 404, "not_found"),
        ("GET /graph.exe", "", 404, "not_found"),
        ("POST /health", "Content-Length: 0\r\n", 405, "wrong_method"),
        ("DELETE /metrics", "", 405, "wrong_method"),
        ("GET /graph", "Accept: video/mp4\r\n", 406, "not_acceptable"),
        ("GET /metrics", "Host: evil.example\r\n", 403, "forbidden"),
        (
            "GET /metrics",
            "Host: 127.0.0.1\r\nOrigin: http://evil.example\r\n",
            403,
            "forbidden",
        ),
    ] {
        let answer = ask(address, request, headers).await;
        assert_eq!(answer.status, status, "{request} {answer:?}");
        assert_eq!(answer.json()["error"]["kind"], kind, "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    let refused = ask(address, "PUT /health", "Content-Length: 0\r\n").await;
    assert_eq!(refused.header("allow"), Some("GET, HEAD"));
    let head = ask(address, "HEAD /health", "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let page = get(address, "/").await;
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(!page.body.contains("http://") && !page.body.contains("https://"));
    stage.close().await;
}

#[actix_rt::test]
async fn a_port_in_use_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind(anywhere()).unwrap();
    let address = taken.local_addr().unwrap();
    let error = Bot::builder("late").endpoint(address).build().unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("endpoint") && text.contains(&address.to_string()),
        "{text}"
    );
}
