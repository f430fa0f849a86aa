//! The requests of the published package, byte for byte, and what is answered.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Rig;

/// Sends a request as it stands; returns the head and the body of the answer.
async fn exchange(rig: &Rig, head: &str, body: &str) -> (String, String) {
    let address = rig.mesh.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let lines = format!("{head}\nHost: {address}\nConnection: close\n\n").replace('\n', "\r\n");
    stream.write_all(lines.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[actix_rt::test]
async fn the_requests_of_the_package_are_read() {
    let rig = Rig::start().await;
    let token = &rig.token;
    let body =
        r#"{"userId": "auth0|alice", "keyName": "auth0|alice_api_key", "keyValue": "sk-fake"}"#;
    assert_eq!(body.len(), 82);
    let head = format!(
        "POST /api/v1/storeKey HTTP/1.1\nContent-Type: application/json\nAuthorization: Bearer {token}\nContent-Length: 82"
    );
    let (head, answer) = exchange(&rig, &head, body).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["keyName"], "auth0|alice_api_key");
    let head = format!(
        "GET /api/v1/getKey?userId=auth0%7Calice&keyName=auth0%7Calice_api_key HTTP/1.1\nAccept: */*\nContent-Type: application/json\nAuthorization: Bearer {token}"
    );
    let (head, answer) = exchange(&rig, &head, "").await;
    assert!(
        head.to_lowercase()
            .contains("content-type: application/json"),
        "{head}"
    );
    assert_eq!(answer, r#"{"keyValue":"sk-fake","success":true}"#);
    rig.mesh("GET", "/api/v1/auth/profile", Value::Null).await;
    let body = r#"{"prompt": "Hello, w\u00f6rld!", "provider": "openai", "model": "gpt-4", "messages": [{"role": "user", "content": "Hello, w\u00f6rld!"}], "temperature": 0.7}"#;
    assert_eq!(body.len(), 157);
    let head = format!(
        "POST /api/v1/chat/completions HTTP/1.1\nContent-Type: application/json\nContent-Length: 157\nAuthorization: Bearer {token}"
    );
    let (_, answer) = exchange(&rig, &head, body).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        answer["choices"][0]["message"]["content"],
        "[openai/gpt-4] Hello, wörld!"
    );
    let refused = "GET /api/v1/getKey?userId=auth0%7Calice&keyName=auth0%7Calice_api_key HTTP/1.1\nAuthorization: Bearer header.payload.sig";
    let (head, answer) = exchange(&rig, refused, "").await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    assert_eq!(answer, r#"{"error":"Invalid token","success":false}"#);
    let (head, answer) = exchange(&rig, "POST /x?y=1 HTTP/1.1\nContent-Length: 0", "").await;
    assert!(
        head.starts_with("HTTP/1.1 404 ")
            && head.to_lowercase().contains("content-type: text/html")
    );
    assert_eq!(answer, "Cannot POST /x");
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn the_journal_tells_requests_as_they_came() {
    let rig = Rig::start().await;
    let query = "/api/v1/getKey?userId=auth0%7Calice&keyName=auth0%7Calice_a+b";
    rig.mesh("GET", query, Value::Null).await;
    rig.auth0(
        "POST",
        "/oauth/device/code",
        json!({"client_id": "sim-mesh-client", "scope": "openid"}),
    )
    .await;
    let journal = rig.journal("mesh").await;
    assert_eq!(journal.len(), 2);
    let authorization = format!("Bearer {}", rig.token);
    assert_eq!(
        (
            &journal[0]["direction"],
            &journal[0]["kind"],
            &journal[0]["path"],
            &journal[0]["headers"]["authorization"]
        ),
        (
            &json!("in"),
            &json!("http"),
            &json!(query),
            &json!(authorization)
        )
    );
    assert_eq!(
        (
            &journal[1]["direction"],
            &journal[1]["status"],
            &journal[1]["body"]
        ),
        (&json!("out"), &json!(404), &super::error("Key not found"))
    );
    let journal = rig.journal("auth0").await;
    assert_eq!(
        journal[0]["body"],
        json!({"client_id": "sim-mesh-client", "scope": "openid"})
    );
    assert_eq!(journal[1]["body"]["interval"], 1);
    rig.simulator.stop().await;
}
