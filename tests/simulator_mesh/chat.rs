//! Chat, keys and commitments over HTTP.

use futures::StreamExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Rig, error};

#[actix_rt::test]
async fn a_chat_needs_a_user_who_is_registered() {
    let rig = Rig::start().await;
    let a = "/api/v1/chat/completions";
    let unknown = rig.chat(a, "Hello").await;
    assert_eq!(
        (unknown.status, unknown.body),
        (404, error("User not found"))
    );
    rig.mesh("GET", "/v1/mesh/auth/profile", Value::Null).await;
    for path in [a, "/v1/mesh/chat", "/api/v1/completions"] {
        let said = rig.chat(path, "Hello").await;
        assert_eq!(
            said.body["choices"][0]["message"]["content"],
            "[openai/gpt-4] Hello"
        );
    }
    let credits = rig
        .mesh("GET", "/api/v1/users/auth0%7Csim-user/credits", Value::Null)
        .await;
    assert_eq!(credits.body["credits"], 997);
    rig.control("mesh/say", json!({"from": "model", "text": "as you wish"}))
        .await;
    assert_eq!(
        rig.chat(a, "Hello").await.body["choices"][0]["message"]["content"],
        "as you wish"
    );
    rig.control(
        "mesh/emit",
        json!({"event": "user.delete", "data": {"id": "auth0|sim-user"}}),
    )
    .await;
    assert_eq!(rig.chat(a, "Hello").await.status, 404);
    rig.control(
        "mesh/emit",
        json!({"event": "user.credits", "data": {"credits": 0}}),
    )
    .await;
    let broke = rig.chat(a, "Hello").await;
    assert_eq!(
        (broke.status, broke.body),
        (402, error("Insufficient credits"))
    );
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn a_chat_comes_as_events() {
    let rig = Rig::start().await;
    rig.mesh("GET", "/api/v1/auth/profile", Value::Null).await;
    let ask = || {
        let request = rig
            .http
            .post(format!("{}/api/v1/chat/completions", rig.mesh));
        request
            .bearer_auth(&rig.token)
            .send_json(&json!({"prompt": "one two", "stream": true}))
    };
    let mut stream = ask().await.unwrap();
    assert_eq!(
        stream.headers().get("content-type").unwrap(),
        "text/event-stream"
    );
    let mut text = String::new();
    while let Some(piece) = stream.next().await {
        text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
    }
    let events: Vec<&str> = text.split_terminator("\n\n").collect();
    assert_eq!((events.len(), events[3]), (4, "data: [DONE]"));
    let said: String = events[..3]
        .iter()
        .map(|event| {
            let event: Value = serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
            event["choices"][0]["delta"]["content"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(said, "[openai/gpt-4] one two");
    rig.control("mesh/emit", json!({"event": "user.delete"}))
        .await;
    assert_eq!(ask().await.unwrap().status(), 404);
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn a_commitment_is_proved_against_a_challenge() {
    let rig = Rig::start().await;
    let made = rig
        .send(
            "POST",
            &format!("{}/v1/mesh/users", rig.mesh),
            "",
            json!({"id": "user123"}),
        )
        .await
        .unwrap();
    assert_eq!(
        (made.status, &made.body["user"]["credits"]),
        (200, &json!(1000))
    );
    let sha256 = |text: String| {
        let digest = Sha256::digest(text);
        digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let nullifier = sha256("api_key:secret_value".to_owned());
    let commitment = sha256(format!("secret_value:{nullifier}"));
    assert!(commitment.starts_with("6772012b"));
    let body = json!({"userId": "user123", "keyName": "api_key", "commitment": commitment});
    assert_eq!(
        rig.mesh("POST", "/api/v1/storeKeyZKP", body).await.status,
        200
    );
    for (joint, verified) in [("", true), (":", false)] {
        let query = "/api/v1/getChallenge?userId=user123&keyName=api_key";
        let challenge = rig.mesh("GET", query, Value::Null).await.body["challenge"].clone();
        let challenge = challenge.as_str().unwrap();
        let proof = sha256([&nullifier, challenge, &commitment].join(joint));
        let body = json!({"userId": "user123", "keyName": "api_key", "proof": proof, "nullifier": nullifier, "challenge": challenge, "clientCommitment": commitment});
        let answer = rig.mesh("POST", "/api/v1/verifyProof", body.clone()).await;
        assert_eq!(answer.body, json!({"success": true, "verified": verified}));
        assert_eq!(
            rig.mesh("POST", "/api/v1/verifyProof", body).await.status,
            400
        );
    }
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn the_newer_path_can_be_missing() {
    let rig = Rig::start().await;
    rig.mesh("GET", "/api/v1/auth/profile", Value::Null).await;
    let disable = json!({"event": "route.disable", "data": {"path": "/api/v1/chat/completions"}});
    rig.control("mesh/emit", disable).await;
    let missing = rig.chat("/api/v1/chat/completions", "x").await;
    assert_eq!(
        (missing.status, missing.body),
        (404, json!("Cannot POST /api/v1/chat/completions"))
    );
    assert!(missing.kind.starts_with("text/html"), "{}", missing.kind);
    assert_eq!(rig.chat("/v1/mesh/chat", "x").await.status, 200);
    rig.control("mesh/emit", json!({"event": "route.enable"}))
        .await;
    assert_eq!(rig.chat("/api/v1/chat/completions", "x").await.status, 200);
    rig.simulator.stop().await;
}
