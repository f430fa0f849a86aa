//! Logging in at the tenant, and what the API makes of the tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::{Rig, error};

const SCOPE: &str = "openid profile email offline_access";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

impl Rig {
    async fn begin(&self) -> Value {
        let body = json!({"client_id": "sim-mesh-client", "scope": SCOPE, "audience": "https://sim-mesh-audience.example"});
        let begun = self.auth0("POST", "/oauth/device/code", body).await;
        assert_eq!(begun.status, 200, "{begun:?}");
        begun.body
    }

    async fn poll(&self, begun: &Value) -> (u16, Value) {
        let body = json!({"client_id": "sim-mesh-client", "device_code": begun["device_code"], "grant_type": DEVICE});
        let polled = self.auth0("POST", "/oauth/token", body).await;
        (polled.status, polled.body)
    }
}

#[actix_rt::test]
async fn the_ready_line_has_both_and_the_configuration_leads_to_the_tenant() {
    let rig = Rig::start().await;
    let ready: Value = serde_json::from_str(&rig.simulator.ready()).unwrap();
    assert_eq!(
        (&ready["mesh"], &ready["auth0"]),
        (&json!(rig.mesh), &json!(rig.auth0))
    );
    let config = rig
        .mesh("GET", "/api/v1/auth/config", Value::Null)
        .await
        .body;
    assert_eq!(
        format!("http://{}", config["domain"].as_str().unwrap()),
        rig.auth0
    );
    let health = format!("{}/health", rig.simulator.control_url());
    let health = rig.send("GET", &health, "", Value::Null).await.unwrap();
    for server in ["mesh", "auth0"] {
        assert!(health.body["platforms"][server].is_object(), "{server}");
    }
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn a_device_waits_twice_and_its_tokens_are_good() {
    let rig = Rig::start().await;
    let begun = rig.begin().await;
    let page = begun["verification_uri_complete"].as_str().unwrap();
    let page = rig.send("GET", page, "", Value::Null).await.unwrap();
    assert!(
        page.status == 200 && page.kind.starts_with("text/html"),
        "{page:?}"
    );
    for _ in 0..2 {
        let (status, refused) = rig.poll(&begun).await;
        assert_eq!(
            (status, &refused["error"]),
            (400, &json!("authorization_pending"))
        );
    }
    let (status, tokens) = rig.poll(&begun).await;
    assert_eq!(status, 200);
    let token = |tokens: &Value| tokens["access_token"].as_str().unwrap().to_owned();
    let profile = format!("{}/api/v1/auth/profile", rig.mesh);
    let ask = async |token: &str| rig.send("GET", &profile, token, Value::Null).await.unwrap();
    assert_eq!(
        ask(&token(&tokens)).await.body["profile"]["id"],
        super::USER
    );
    let info = format!("{}/userinfo", rig.auth0);
    let info = rig
        .send("GET", &info, &token(&tokens), Value::Null)
        .await
        .unwrap();
    assert_eq!((info.status, &info.body["sub"]), (200, &json!(super::USER)));
    rig.control("mesh/emit", json!({"event": "token.revoke", "data": {}}))
        .await;
    let refused = ask(&token(&tokens)).await;
    assert_eq!(
        (refused.status, refused.body),
        (401, error("Invalid token"))
    );
    let body = json!({"refresh_token": tokens["refresh_token"]});
    let renewed = rig.mesh("POST", "/auth/refresh-token", body.clone()).await;
    assert_eq!(renewed.status, 200);
    assert_eq!(ask(&token(&renewed.body)).await.status, 200);
    let again = rig.mesh("POST", "/api/v1/auth/exchange-token", body).await;
    assert_eq!(
        (again.status, &again.body["error"]),
        (403, &json!("invalid_grant"))
    );
    rig.control("auth0/fault", json!({"kind": "expire"})).await;
    assert_eq!(
        ask(&token(&renewed.body)).await.body,
        error("Token expired")
    );
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn a_test_decides_what_the_user_does() {
    let rig = Rig::start().await;
    let plan = json!({"outcome": "deny", "pending_polls": 1, "pending_status": 403, "slow_down_on": [1], "interval": 3});
    let done = rig
        .control("auth0/emit", json!({"event": "device", "data": plan}))
        .await;
    assert_eq!((done.0, &done.1["ok"]), (200, &json!(true)));
    let begun = rig.begin().await;
    assert_eq!(begun["interval"], 3);
    let (status, refused) = rig.poll(&begun).await;
    assert_eq!((status, &refused["error"]), (429, &json!("slow_down")));
    let (status, refused) = rig.poll(&begun).await;
    assert_eq!((status, &refused["error"]), (403, &json!("access_denied")));
    for (server, body, part) in [
        ("mesh", json!({"event": "fly"}), "known are"),
        ("auth0", json!({"event": "fly"}), "known are"),
        (
            "auth0",
            json!({"event": "device", "data": {"outcome": "x"}}),
            "approve",
        ),
        (
            "mesh",
            json!({"event": "route.disable", "data": []}),
            "object",
        ),
        ("mesh", json!({}), "event is required"),
    ] {
        let (status, refused) = rig.control(&format!("{server}/emit"), body).await;
        assert!(
            status == 400 && refused["error"].as_str().unwrap().contains(part),
            "{refused}"
        );
    }
    assert_eq!(rig.control("auth0/say", json!({"text": "x"})).await.0, 400);
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn a_browser_is_led_back_with_a_code() {
    let rig = Rig::start().await;
    let callback = "http://localhost:18765/callback";
    let body = json!({"redirect_uri": callback, "scope": SCOPE, "state": "s&1"});
    let url = rig
        .mesh("POST", "/api/v1/auth/get-auth-url", body)
        .await
        .body["auth_url"]
        .clone();
    assert!(url.as_str().unwrap().starts_with(&rig.auth0));
    let led = async |url: &str| {
        let answer = rig.send("GET", url, "", Value::Null).await.unwrap();
        assert_eq!(answer.status, 302, "{answer:?}");
        Url::parse(&answer.location.unwrap()).unwrap()
    };
    let back = led(url.as_str().unwrap()).await;
    let pairs: Vec<(String, String)> = back.query_pairs().into_owned().collect();
    assert_eq!(pairs[1], ("state".to_owned(), "s&1".to_owned()));
    let body = json!({"code": pairs[0].1, "redirect_uri": callback});
    let tokens = rig.mesh("POST", "/api/v1/auth/exchange-token", body).await;
    assert_eq!((tokens.status, &tokens.body["scope"]), (200, &json!(SCOPE)));
    // Without the API: with a challenge, at the tenant.
    let verifier = "0123456789-._~abcdefghijklmnopqrstuvwxyzABCDEFG";
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let url = url.as_str().unwrap();
    let url = format!("{url}&code_challenge={challenge}&code_challenge_method=S256");
    let back = led(&url).await;
    let (_, code) = back.query_pairs().next().unwrap();
    let mut body = json!({"client_id": "sim-mesh-client", "grant_type": "authorization_code", "code": code, "redirect_uri": callback, "code_verifier": "x"});
    let refused = rig.auth0("POST", "/oauth/token", body.clone()).await;
    assert_eq!(
        (refused.status, &refused.body["error"]),
        (403, &json!("invalid_grant"))
    );
    body["code_verifier"] = verifier.into();
    assert_eq!(rig.auth0("POST", "/oauth/token", body).await.status, 200);
    rig.simulator.stop().await;
}
