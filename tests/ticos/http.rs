//! What the device answers over HTTP, byte by byte.

use serde_json::{Value, json};

use super::agent::{Agent, ask, get};
use super::{Device, settings, stored, wait_for};

#[actix_rt::test]
async fn health_is_fifteen_bytes() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let address = device.client.address().unwrap();
    let health = get(address, "/health").await;
    assert_eq!((health.status, &*health.body), (200, r#"{"status":"ok"}"#));
    assert_eq!(health.header("content-type"), Some("application/json"));
    assert_eq!(health.header("content-length"), Some("15"));
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let refused = ask(address, method, "/health", "").await;
        let body = r#"{"detail":"Method Not Allowed"}"#;
        assert_eq!((refused.status, &*refused.body), (405, body), "{method}");
        assert_eq!(refused.header("allow"), Some("GET"));
    }
    let head = ask(address, "HEAD", "/health", "").await;
    assert_eq!((head.status, &*head.body), (405, ""));
    let slash = get(address, "/health/").await;
    assert_eq!(
        (slash.status, slash.header("location")),
        (307, Some("/health"))
    );
    for target in ["/", "/nowhere", "/realtime", "/healthy"] {
        let unknown = get(address, target).await;
        assert_eq!(
            (unknown.status, &*unknown.body),
            (404, r#"{"detail":"Not Found"}"#)
        );
    }
    device.stop().await;
}

#[actix_rt::test]
async fn web_pages_from_anywhere_may_ask() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let address = device.client.address().unwrap();
    let plain = get(address, "/health").await;
    assert_eq!(plain.header("access-control-allow-origin"), None);
    let asked = ask(address, "GET", "/health", "Origin: http://a.example\r\n").await;
    assert_eq!(asked.header("access-control-allow-origin"), Some("*"));
    assert_eq!(
        asked.header("access-control-allow-credentials"),
        Some("true")
    );
    let headers = "Origin: http://a.example\r\nAccess-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: x-a, x-b\r\n";
    let preflight = ask(address, "OPTIONS", "/anything", headers).await;
    assert_eq!((preflight.status, &*preflight.body), (200, "OK"));
    for (name, value) in [
        ("content-type", "text/plain; charset=utf-8"),
        ("access-control-allow-origin", "http://a.example"),
        (
            "access-control-allow-methods",
            "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
        ),
        ("access-control-max-age", "600"),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-headers", "x-a, x-b"),
        ("vary", "Origin"),
    ] {
        assert_eq!(preflight.header(name), Some(value), "{name}");
    }
    device.stop().await;
}

#[actix_rt::test]
async fn agents_come_in_by_one_path_only() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let address = device.client.address().unwrap();
    for target in ["/", "/other", "/realtime/", "/health"] {
        assert_eq!(
            Agent::dial(address, target).await.err(),
            Some(403),
            "{target}"
        );
    }
    let headers = "Origin: http://a.example\r\nSec-WebSocket-Protocol: realtime\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
    assert!(
        Agent::dial_with(address, "/realtime?any=thing", headers)
            .await
            .is_ok()
    );
    device.stop().await;
}

#[actix_rt::test]
async fn a_secret_keeps_strangers_out() {
    // Defect 28.
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path()).agent_token("open sesame")).await;
    let address = device.client.address().unwrap();
    for (target, headers) in [
        ("/realtime", ""),
        ("/realtime?terminal_secret=open", ""),
        ("/realtime", "Authorization: Bearer open\r\n"),
    ] {
        assert_eq!(
            Agent::dial_with(address, target, headers).await.err(),
            Some(403)
        );
    }
    let by_query = Agent::dial(address, "/realtime?terminal_secret=open%20sesame").await;
    assert!(by_query.is_ok());
    let header = "Authorization: Bearer open sesame\r\n";
    assert!(Agent::dial_with(address, "/realtime", header).await.is_ok());
    device.stop().await;
}

#[actix_rt::test]
async fn history_is_paged_newest_first_also_within_a_second() {
    // Defect 11.
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(stored(home.path())).await;
    let address = device.client.address().unwrap();
    let mut agent = device.agent().await;
    for number in 0..25 {
        let message = json!({"message_id": format!("m{number}"), "role": "user", "content": format!("text {number}")});
        agent.send(&message).await;
        device.names(2).await;
    }
    let page = get(address, "/messages").await.json();
    let object = page.as_object().unwrap();
    let mut fields: Vec<_> = object.keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        ["data", "limit", "message", "offset", "status", "total"]
    );
    assert_eq!(
        (&page["status"], &page["total"], &page["limit"]),
        (&json!("success"), &json!(25), &json!(10))
    );
    let texts = |page: &Value| -> Vec<String> {
        let rows = page["data"].as_array().unwrap().iter();
        rows.map(|row| row["content"].as_str().unwrap().to_owned())
            .collect()
    };
    let expected: Vec<String> = (15..25).rev().map(|n| format!("text {n}")).collect();
    assert_eq!(texts(&page), expected);
    let mut columns: Vec<_> = page["data"][0]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    columns.sort_unstable();
    assert_eq!(
        columns,
        ["content", "datetime", "id", "item_id", "role", "user_id"]
    );
    let page = get(address, "/messages?offset=23&limit=5&desc=false")
        .await
        .json();
    assert_eq!(texts(&page), ["text 23", "text 24"]);
    for target in [
        "/messages?offset=25",
        "/messages?limit=0",
        "/messages?offset=99999999999999999999",
    ] {
        let page = get(address, target).await.json();
        assert_eq!(
            (&page["data"], &page["total"]),
            (&json!([]), &json!(25)),
            "{target}"
        );
    }
    for target in [
        "/messages?limit=-1",
        "/messages?limit=100001",
        "/memories?offset=x",
        "/messages?desc=1",
    ] {
        let refused = get(address, target).await;
        assert_eq!(refused.status, 422, "{target}");
        assert!(refused.json()["detail"].is_string());
    }
    let latest = get(address, "/memories/latest?count=2").await.json();
    assert_eq!(
        latest,
        json!([{"role": "user", "content": "text 23"}, {"role": "user", "content": "text 24"}])
    );
    let rows = |latest: Value| latest.as_array().unwrap().len();
    assert_eq!(rows(get(address, "/memories/latest").await.json()), 4);
    assert_eq!(
        rows(get(address, "/memories/latest?count=0").await.json()),
        1
    );
    assert_eq!(
        rows(get(address, "/memories/latest?count=1000").await.json()),
        25
    );
    device.stop().await;
}

#[actix_rt::test]
async fn without_a_store_there_is_no_history_but_there_are_figures() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let address = device.client.address().unwrap();
    for target in ["/messages", "/memories", "/memories/latest"] {
        let refused = get(address, target).await;
        let body = r#"{"detail":"Storage service not available"}"#;
        assert_eq!((refused.status, &*refused.body), (503, body));
    }
    let mut agent = device.agent().await;
    agent.text("nonsense").await;
    agent
        .send(&json!({"name": "motion", "arguments": {}}))
        .await;
    device.names(2).await;
    let stats = get(address, "/stats").await.json();
    let mut stats = stats.as_object().unwrap().clone();
    assert!(stats.remove("uptime_s").unwrap().is_u64());
    let expected = json!({"connections": 1, "received": 2, "dispatched": 2, "bad": 1, "stored": 0, "handler_errors": 0});
    assert_eq!(Value::Object(stats), expected);
    drop(agent);
    wait_for(|| (device.client.stats().unwrap().connections == 0).then_some(())).await;
    device.stop().await;
}

#[actix_rt::test]
async fn foreign_pages_do_not_read_the_history() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(stored(home.path())).await;
    let address = device.client.address().unwrap();
    let refused = ask(
        address,
        "GET",
        "/messages",
        "Origin: http://evil.example\r\n",
    )
    .await;
    assert_eq!(
        (refused.status, &*refused.body),
        (403, r#"{"detail":"Forbidden"}"#)
    );
    let near = ask(
        address,
        "GET",
        "/messages",
        "Origin: http://localhost:3000\r\n",
    )
    .await;
    assert_eq!(near.status, 200);
    assert_eq!(ask(address, "POST", "/messages", "").await.status, 405);
    device.stop().await;
}
