//! What goes wrong on demand, on either port.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Rig, error};

const MODELS: &str = "/api/v1/models";

impl Rig {
    async fn fault(&self, server: &str, body: Value) {
        let (status, done) = self.control(&format!("{server}/fault"), body).await;
        assert_eq!(status, 200, "{done}");
    }

    async fn try_mesh(&self, path: &str) -> Result<super::Answer, String> {
        self.send(
            "GET",
            &format!("{}{path}", self.mesh),
            &self.token,
            Value::Null,
        )
        .await
    }
}

#[actix_rt::test]
async fn faults_are_met_one_by_one_in_their_order() {
    let rig = Rig::start().await;
    rig.fault("mesh", json!({"kind": "http", "status": 500, "count": 2}))
        .await;
    rig.fault("mesh", json!({"kind": "garbage"})).await;
    rig.fault("mesh", json!({"kind": "disconnect"})).await;
    rig.fault(
        "mesh",
        json!({"kind": "http", "status": 402, "body": {"error": {"message": "no"}}}),
    )
    .await;
    for _ in 0..2 {
        let answer = rig.try_mesh(MODELS).await.unwrap();
        assert_eq!((answer.status, answer.body), (500, error("injected 500")));
    }
    let garbage = rig.try_mesh(MODELS).await.unwrap();
    assert_eq!(
        (
            garbage.status,
            garbage.kind.as_str(),
            garbage.body.is_string()
        ),
        (200, "application/json", true)
    );
    rig.try_mesh(MODELS).await.unwrap_err();
    let answer = rig.try_mesh(MODELS).await.unwrap();
    assert_eq!(
        (answer.status, answer.body),
        (402, json!({"error": {"message": "no"}}))
    );
    assert_eq!(rig.try_mesh(MODELS).await.unwrap().status, 200);
    // Before anything else is looked at: the path need not exist, nor the token be good.
    rig.fault(
        "mesh",
        json!({"kind": "http", "status": 418, "path": "/no"}),
    )
    .await;
    assert_eq!(
        rig.try_mesh(MODELS).await.unwrap().status,
        200,
        "it waits for its path"
    );
    let nowhere = format!("{}/nowhere", rig.mesh);
    assert_eq!(
        rig.send("GET", &nowhere, "", Value::Null)
            .await
            .unwrap()
            .status,
        418
    );
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn each_port_has_faults_of_its_own() {
    let rig = Rig::start().await;
    rig.fault("auth0", json!({"kind": "http", "status": 429, "ms": 1500}))
        .await;
    assert_eq!(rig.try_mesh(MODELS).await.unwrap().status, 200);
    let answer = rig.auth0("POST", "/oauth/token", json!({})).await;
    assert_eq!((answer.status, answer.body), (429, error("injected 429")));
    rig.fault("auth0", json!({"kind": "refuse"})).await;
    assert_eq!(
        rig.auth0("GET", "/activate", Value::Null).await.status,
        200,
        "no login"
    );
    let refused = rig.auth0("POST", "/oauth/token", json!({})).await;
    assert_eq!(
        (refused.status, &refused.body["error"]),
        (401, &json!("access_denied"))
    );
    rig.fault("mesh", json!({"kind": "maintenance"})).await;
    assert_eq!(rig.try_mesh(MODELS).await.unwrap().status, 503);
    rig.fault("mesh", json!({"kind": "maintenance", "ms": 0}))
        .await;
    rig.fault("mesh", json!({"kind": "truncate"})).await;
    rig.try_mesh(MODELS).await.unwrap_err();
    let soon = greenroom::actors::clock::date() + Duration::from_secs(60);
    let soon = soon.duration_since(std::time::UNIX_EPOCH).unwrap();
    let token = super::signed(json!({"sub": super::USER, "exp": soon.as_secs()}));
    let url = format!("{}{MODELS}", rig.mesh);
    let models = async || rig.send("GET", &url, &token, Value::Null).await.unwrap();
    assert_eq!(models().await.status, 200);
    rig.fault("mesh", json!({"kind": "skew", "ms": 61_000}))
        .await;
    assert_eq!(models().await.body, error("Token expired"));
    rig.fault("auth0", json!({"kind": "revoke"})).await;
    assert_eq!(
        rig.try_mesh(MODELS).await.unwrap().body,
        error("Invalid token"),
        "they share the tokens"
    );
    let (status, refused) = rig.control("mesh/fault", json!({"kind": "explode"})).await;
    assert_eq!(status, 400);
    for kind in ["http", "delay", "disconnect", "stall", "garbage"] {
        assert!(
            refused["error"].as_str().unwrap().contains(kind),
            "{refused}"
        );
    }
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn a_stall_never_answers_and_a_delay_does() {
    let rig = Rig::start().await;
    rig.fault("mesh", json!({"kind": "delay", "ms": 200})).await;
    rig.fault("mesh", json!({"kind": "stall"})).await;
    let begun = greenroom::actors::clock::now();
    assert_eq!(rig.try_mesh(MODELS).await.unwrap().status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(200));
    let stalled = tokio::time::timeout(Duration::from_millis(300), rig.try_mesh(MODELS)).await;
    assert!(stalled.is_err());
    assert_eq!(rig.try_mesh(MODELS).await.unwrap().status, 200);
    rig.simulator.stop().await;
}
