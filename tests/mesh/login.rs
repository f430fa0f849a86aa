//! The device flow, and logging in by oneself.

use std::sync::{Arc, Mutex};

use greenroom::mesh::{ErrorKind, Login, Prompt};
use serde_json::json;

use super::script::{Plan, Script};
use super::{CHAT, PROFILE, SECOND, USER, asked, client, on_stage, requests, unauthenticated};

const CODE: &str = "POST /oauth/device/code";
const POLL: &str = "POST /oauth/token";

fn interactive() -> greenroom::mesh::Settings {
    let mut settings = unauthenticated();
    settings.interactive = true;
    settings
}

/// MESH-01, MESH-03: the sequence of the vectors.
#[test]
fn the_first_chat_logs_in_by_device() {
    on_stage(async |stage| {
        let client = client(&stage, interactive());
        let answer = client.chat("Hello").await.unwrap();
        assert_eq!(answer.text(), "[openai/gpt-4] Hello");
        assert_eq!(asked(stage.auth0()), [CODE, POLL, POLL, POLL]);
        let config = "GET /api/v1/auth/config";
        assert_eq!(
            asked(stage.mesh()),
            [config, &format!("GET {PROFILE}"), &format!("POST {CHAT}")]
        );
        let bodies = requests(stage.auth0());
        assert_eq!(
            bodies[0]["body"],
            json!({"client_id": "sim-mesh-client", "scope": "openid profile email offline_access",
                "audience": "https://sim-mesh-audience.example"})
        );
        let grant = "urn:ietf:params:oauth:grant-type:device_code";
        assert_eq!(bodies[1]["body"]["grant_type"], grant);
        assert!(bodies[1]["body"].get("client_secret").is_none());
        assert_eq!(
            client.login_state().await.unwrap().subject.as_deref(),
            Some(USER)
        );
    });
}

/// A client in an actor system does not wait for a person: the error comes at once.
#[test]
fn a_client_that_is_not_interactive_says_so_at_once() {
    on_stage(async |stage| {
        let client = client(&stage, unauthenticated());
        let error = client.chat("Hello").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth);
        let object = serde_json::to_value(&error).unwrap();
        assert_eq!(object["error"], "Authentication failed");
        assert!(object["details"].as_str().unwrap().contains("mesh-auth"));
        let keys = serde_json::to_value(client.list_keys(None).await.unwrap_err()).unwrap();
        assert_eq!(keys["details"], "Could not authenticate with Auth0");
        assert!(asked(stage.mesh()).is_empty() && asked(stage.auth0()).is_empty());
        // A login is something that it can be told.
        client.login(Login::Device).await.unwrap();
        client.chat("Hello").await.unwrap();
    });
}

/// D-03, D-12: the statuses of the real Auth0, and a slow_down that adds five seconds for good.
#[test]
fn pending_is_pending_whatever_its_status() {
    on_stage(async |stage| {
        for status in [400, 403] {
            let plan = json!({"pending_polls": 2, "pending_status": status, "slow_down_on": [1], "slow_down_status": 429});
            stage.auth0().emit("device", plan);
            let (client, began) = (client(&stage, interactive()), tokio::time::Instant::now());
            client.authenticate().await.unwrap();
            assert!(
                began.elapsed() >= 13 * SECOND,
                "1 s, then twice 6 s: {:?}",
                began.elapsed()
            );
        }
    });
}

#[test]
fn a_login_that_is_declined_or_too_late_stops_at_once() {
    on_stage(async |stage| {
        for (outcome, words) in [("deny", "declined"), ("expire", "device code expired")] {
            stage.auth0().emit("device", json!({"outcome": outcome}));
            let error = client(&stage, interactive())
                .authenticate()
                .await
                .unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            assert_eq!(error.kind(), ErrorKind::Auth);
        }
        // What is said of a chat that was to log in by itself.
        stage.auth0().emit("device", json!({"outcome": "deny"}));
        let error = client(&stage, interactive()).chat("x").await.unwrap_err();
        let object = serde_json::to_value(&error).unwrap();
        assert_eq!(object["error"], "Authentication failed");
        let details = object["details"].as_str().unwrap();
        assert!(
            details.starts_with("Could not authenticate with Auth0: The login was declined")
                && details.contains("'mesh-auth'"),
            "{details}"
        );
        assert!(!asked(stage.mesh()).contains(&format!("POST {CHAT}")));
        stage
            .auth0()
            .emit("device", json!({"outcome": "never", "expires_in": 30}));
        let error = client(&stage, interactive())
            .authenticate()
            .await
            .unwrap_err();
        assert!(error.to_string().contains("device code expired"), "{error}");
    });
}

#[test]
fn a_person_is_told_what_to_open() {
    on_stage(async |stage| {
        let client = client(&stage, unauthenticated());
        let told = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&told);
        client.on_prompt(move |prompt| keep.lock().unwrap().push(prompt.clone()));
        client.login(Login::Device).await.unwrap();
        let told = told.lock().unwrap();
        let [
            Prompt::Device {
                verification_uri,
                user_code,
                verification_uri_complete,
                ..
            },
        ] = told.as_slice()
        else {
            panic!("{told:?}");
        };
        assert!(
            verification_uri_complete.contains(user_code.as_str()) && !verification_uri.is_empty()
        );
    });
}

#[test]
fn what_is_missing_of_the_tenant_is_named() {
    on_stage(async |_| {
        let script = Script::new(|_, _| Plan::json(200, json!({"domain": "x", "client_id": ""})));
        let mut settings = interactive();
        settings.auth0_domain = None;
        let error = script
            .client(settings)
            .login(Login::Device)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "Invalid Auth0 configuration: missing client_id, audience"
        );
    });
}
