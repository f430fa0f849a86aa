//! The simulated Payman over real sockets, as foreign clients and tests see it.

use std::time::Duration;

use awc::Client;
use futures::StreamExt;
use greenroom::simulator::Simulator;
use serde_json::{Value, json};

use super::{CLIENT, SECRET, secrets};

struct Rig {
    simulator: Simulator,
    http: Client,
    payman: String,
    token: String,
}

impl Rig {
    async fn start() -> Self {
        secrets::log_everything();
        let simulator = Simulator::builder().seed(1).start().await.unwrap();
        let payman = simulator.url("payman").unwrap();
        let http = Client::builder().timeout(Duration::from_secs(10)).finish();
        let url = format!("{payman}/api/oauth2/token?grant_type=client_credentials");
        let mut answer = http
            .post(url)
            .basic_auth(CLIENT, SECRET)
            .send()
            .await
            .unwrap();
        let token: Value = answer.json().await.unwrap();
        Self {
            simulator,
            http,
            payman,
            token: token["accessToken"].as_str().unwrap().to_owned(),
        }
    }

    async fn control(&self, command: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/payman/{command}", self.simulator.control_url());
        let mut answer = self.http.post(url).send_json(&body).await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn journal(&self) -> Vec<Value> {
        let url = format!("{}/payman/journal?since=0", self.simulator.control_url());
        self.http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    fn request(&self, path: &str) -> awc::ClientRequest {
        self.http
            .post(format!("{}{path}", self.payman))
            .insert_header(("x-payman-access-token", self.token.as_str()))
    }

    async fn ask(&self, prompt: &str) -> Result<(u16, Option<String>, String), String> {
        let sent = self
            .request("/api/a2a/tasks/send")
            .send_json(&ask(prompt))
            .await;
        let mut answer = sent.map_err(|error| error.to_string())?;
        let retry_after = answer
            .headers()
            .get("retry-after")
            .map(|value| value.to_str().unwrap().to_owned());
        let body = answer.body().await.map_err(|error| error.to_string())?;
        Ok((
            answer.status().as_u16(),
            retry_after,
            String::from_utf8(body.to_vec()).unwrap(),
        ))
    }
}

fn ask(prompt: &str) -> Value {
    let message = json!({"role": "user", "parts": [{"type": "text", "text": prompt}]});
    json!({"jsonrpc": "2.0", "id": "req-1", "method": "tasks.send", "params": {"id": "tsk-1", "message": message, "sessionId": "ses-1"}})
}

#[actix_rt::test]
async fn pay32_the_ready_line_names_it_and_the_journal_has_one_form() {
    let rig = Rig::start().await;
    let ready: Value = serde_json::from_str(&rig.simulator.ready()).unwrap();
    assert_eq!(ready["payman"], rig.payman.as_str());
    rig.ask("hello").await.unwrap();
    let mut stream = rig
        .request("/api/a2a/tasks/sendSubscribe")
        .send_json(&ask("flow"))
        .await
        .unwrap();
    assert_eq!(
        stream.headers().get("content-type").unwrap(),
        "text/event-stream"
    );
    let mut text = Vec::new();
    while let Some(piece) = stream.next().await {
        text.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(
        String::from_utf8(text).unwrap().matches("data: {").count(),
        4
    );
    let journal = rig.journal().await;
    let token = &journal[0];
    assert_eq!(
        (
            &token["direction"],
            &token["kind"],
            &token["method"],
            &token["body"]
        ),
        (&json!("in"), &json!("http"), &json!("POST"), &Value::Null)
    );
    assert_eq!(
        token["path"],
        "/api/oauth2/token?grant_type=client_credentials"
    );
    let asked = journal
        .iter()
        .find(|entry| entry["path"] == "/api/a2a/tasks/send")
        .unwrap();
    assert_eq!(
        asked["body"]["params"]["message"]["parts"][0]["text"],
        "hello"
    );
    let events: Vec<_> = journal
        .iter()
        .filter(|entry| {
            entry["direction"] == "out"
                && entry["path"] == "/api/a2a/tasks/sendSubscribe"
                && !entry["body"].is_null()
        })
        .collect();
    assert_eq!(events.len(), 4);
    assert_eq!(events[3]["body"]["result"]["final"], true);
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn faults_befall_the_next_requests() {
    let rig = Rig::start().await;
    let (status, body) = rig.control("fault", json!({"kind": "explode"})).await;
    assert_eq!(status, 400);
    for kind in ["http", "delay", "disconnect", "stall", "garbage"] {
        assert!(body["error"].as_str().unwrap().contains(kind), "{body}");
    }
    rig.control(
        "fault",
        json!({"kind": "http", "status": 429, "ms": 1500, "count": 2}),
    )
    .await;
    for _ in 0..2 {
        let (status, retry_after, body) = rig.ask("x").await.unwrap();
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (status, retry_after.as_deref(), &body["errorCode"]),
            (429, Some("2"), &json!("fault"))
        );
        assert!(
            body["traceId"].is_string()
                && body["timestamp"].is_string()
                && body["context"].is_object()
        );
    }
    assert_eq!(rig.ask("x").await.unwrap().0, 200);
    rig.control(
        "fault",
        json!({"kind": "http", "status": 500, "path": "/api/oauth2"}),
    )
    .await;
    assert_eq!(rig.ask("x").await.unwrap().0, 200, "it waits for its path");
    rig.control("fault", json!({"kind": "garbage"})).await;
    assert_eq!(rig.ask("x").await.unwrap().2, "not json {");
    rig.control("fault", json!({"kind": "disconnect", "count": 2}))
        .await;
    rig.ask("x").await.unwrap_err();
    rig.ask("x").await.unwrap_err();
    assert_eq!(rig.ask("x").await.unwrap().0, 200);
    rig.control("fault", json!({"kind": "delay", "ms": 300}))
        .await;
    let begun = greenroom::actors::clock::now();
    let (delayed, quick) = futures::join!(rig.ask("slow"), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        rig.ask("quick").await.unwrap();
        begun.elapsed()
    });
    assert!(begun.elapsed() >= Duration::from_millis(300) && quick < Duration::from_millis(300));
    assert_eq!(delayed.unwrap().0, 200);
    rig.control("fault", json!({"kind": "stall", "ms": 0}))
        .await;
    let silent = tokio::time::timeout(Duration::from_millis(300), rig.ask("x")).await;
    assert!(silent.is_err());
    assert_eq!(rig.ask("x").await.unwrap().0, 200);
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn held_streams_hear_what_is_emitted_and_are_cut() {
    let rig = Rig::start().await;
    let open = async || {
        rig.request("/api/a2a/tasks/sendSubscribe")
            .send_json(&ask("!hold"))
            .await
            .unwrap()
    };
    let mut stream = open().await;
    let first = stream.next().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("Holding"));
    let (_, emitted) = rig
        .control(
            "emit",
            json!({"event": "artifact_update", "data": {"text": "a", "task_id": "tsk-1"}}),
        )
        .await;
    assert_eq!(emitted["delivered"], 1);
    assert!(
        String::from_utf8_lossy(&stream.next().await.unwrap().unwrap()).contains("\"artifact\"")
    );
    rig.control("emit", json!({"event": "error", "data": {"code": -32000}}))
        .await;
    assert!(String::from_utf8_lossy(&stream.next().await.unwrap().unwrap()).contains("-32000"));
    assert!(stream.next().await.is_none(), "it ends");
    let mut stream = open().await;
    stream.next().await.unwrap().unwrap();
    rig.control("fault", json!({"kind": "garbage"})).await;
    let mut garbled = rig
        .request("/api/a2a/tasks/sendSubscribe")
        .send_json(&ask("x"))
        .await
        .unwrap();
    let first = garbled.next().await.unwrap().unwrap();
    assert!(first.starts_with(b"data: not json {\n\n"), "{first:?}");
    rig.control("fault", json!({"kind": "disconnect"})).await;
    let rest = tokio::time::timeout(Duration::from_secs(5), stream.next())
        .await
        .unwrap();
    assert!(!matches!(rest, Some(Ok(_))), "{rest:?}");
    assert_eq!(
        rig.ask("x").await.unwrap().0,
        200,
        "only the streams were cut"
    );
    // A client that leaves is noticed, at the latest with the next event.
    let mut stream = open().await;
    stream.next().await.unwrap().unwrap();
    drop(stream);
    let mut delivered = json!(1);
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let (_, emitted) = rig
            .control(
                "emit",
                json!({"event": "artifact_update", "data": {"text": "a"}}),
            )
            .await;
        delivered = emitted["delivered"].clone();
        if delivered == 0 {
            break;
        }
    }
    assert_eq!(delivered, 0);
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn a_world_file_has_other_applications() {
    let world = "[payman]\nreplace = true\nexpires_in = 30\n[[payman.client]]\nid = \"shop\"\nsecret = \"s\"\ncode = \"c\"\n";
    let world = greenroom::simulator::World::parse(world).unwrap();
    let simulator = Simulator::builder().world(world).start().await.unwrap();
    let url = format!(
        "{}/api/oauth2/token?grant_type=authorization_code&code=c",
        simulator.url("payman").unwrap()
    );
    let http = Client::default();
    let token: Value = http
        .post(&url)
        .basic_auth("shop", "s")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(token["expiresIn"], 30);
    assert_eq!(
        http.post(&url)
            .basic_auth(CLIENT, SECRET)
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
    simulator.stop().await;
    let wrong =
        greenroom::simulator::World::parse("[payman]\ncolour = 1\n[[payman.client]]\nid = \"x\"\n")
            .unwrap();
    let error = Simulator::builder()
        .world(wrong)
        .start()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("line 2") && error.contains("line 3"),
        "{error}"
    );
}
