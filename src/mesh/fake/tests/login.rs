//! Logging in: who asks, and the device flow.

use super::*;

#[test]
fn the_configuration_names_the_tenant_without_a_scheme() {
    let mut rig = Rig::new();
    let config = json!({"domain": "127.0.0.1:4000", "client_id": "sim-mesh-client", "audience": "https://sim-mesh-audience.example"});
    assert_eq!(
        rig.mesh("GET", "/api/v1/auth/config", "", Value::Null),
        (200, config.clone())
    );
    assert_eq!(
        rig.mesh("GET", "/auth/config?flow=device", "", Value::Null),
        (200, config)
    );
}

#[test]
fn the_device_flow_approves_itself_after_the_second_poll() {
    let mut rig = Rig::new();
    let begun = rig.begin(SCOPE);
    assert_eq!(
        (&begun["interval"], &begun["expires_in"]),
        (&json!(1), &json!(900))
    );
    let user_code = begun["user_code"].as_str().unwrap().to_owned();
    let page = format!("http://127.0.0.1:4000/activate?user_code={user_code}");
    assert_eq!(begun["verification_uri_complete"], page.as_str());
    assert_eq!(begun["verification_uri"], "http://127.0.0.1:4000/activate");
    let (status, shown) = rig.auth0(
        "GET",
        &format!("/activate?user_code={user_code}"),
        Value::Null,
    );
    assert!(status == 200 && shown.as_str().unwrap().contains("all set"));
    assert_eq!(
        rig.auth0("GET", "/activate?user_code=X", Value::Null).0,
        400
    );
    assert_eq!(rig.auth0("GET", "/activate", Value::Null).0, 200);
    for _ in 0..2 {
        assert_eq!(code_of(&rig.poll(&begun)), (400, "authorization_pending"));
    }
    let (status, tokens) = rig.poll(&begun);
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(
        (
            &tokens["expires_in"],
            &tokens["token_type"],
            &tokens["scope"]
        ),
        (&json!(86_400), &json!("Bearer"), &json!(SCOPE))
    );
    for name in ["access_token", "refresh_token", "id_token"] {
        assert!(tokens[name].is_string(), "{name}");
    }
    assert_eq!(
        code_of(&rig.poll(&begun)),
        (400, "invalid_grant"),
        "it works once"
    );
    let access = tokens["access_token"].as_str().unwrap();
    let payload = access.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    assert_eq!(
        (&claims["sub"], &claims["exp"], &claims["aud"]),
        (
            &json!("auth0|sim-user"),
            &json!(rig.now.unix + 86_400),
            &json!("a")
        )
    );
    let (status, profile) = rig.mesh("GET", "/api/v1/auth/profile", access, Value::Null);
    assert_eq!(
        (status, &profile["profile"]["id"]),
        (200, &json!("auth0|sim-user"))
    );
}

#[test]
fn a_device_flow_goes_as_it_is_planned() {
    let mut rig = Rig::new();
    for (data, answers) in [
        (
            json!({"outcome": "deny", "pending_polls": 0}),
            vec![(400, "access_denied")],
        ),
        (
            json!({"outcome": "expire", "pending_polls": 1, "pending_status": 403}),
            vec![(403, "authorization_pending"), (403, "expired_token")],
        ),
        (
            json!({"slow_down_on": [1], "pending_polls": 2, "pending_status": 403}),
            vec![(429, "slow_down"), (403, "authorization_pending")],
        ),
        (
            json!({"slow_down_on": [2], "pending_polls": 1, "slow_down_status": 400}),
            vec![(400, "authorization_pending"), (400, "slow_down")],
        ),
        (
            json!({"outcome": "never", "pending_polls": 0}),
            vec![(400, "authorization_pending"); 5],
        ),
        (json!({"expires_in": 0}), vec![(400, "expired_token")]),
    ] {
        rig.emit_at_tenant("device", data.clone()).unwrap();
        let begun = rig.begin(SCOPE);
        for expected in answers {
            assert_eq!(code_of(&rig.poll(&begun)), expected, "{data}");
        }
    }
    rig.emit_at_tenant("device", json!({"interval": 7, "pending_polls": 0}))
        .unwrap();
    let begun = rig.begin("openid");
    assert_eq!(begun["interval"], 7);
    let (status, tokens) = rig.poll(&begun);
    assert!(
        status == 200 && tokens.get("refresh_token").is_none(),
        "{tokens}"
    );
    for (data, part) in [
        (json!({"outcome": "maybe"}), "approve"),
        (json!({"pending_status": 200}), "400 to 599"),
        (json!({"speed": 1}), "speed"),
        (json!({"expires_in": u64::MAX}), "too many"),
    ] {
        let refused = rig.emit_at_tenant("device", data).unwrap_err();
        assert!(refused.contains(part), "{refused}");
    }
}

#[test]
fn requests_for_tokens_are_checked() {
    let mut rig = Rig::new();
    let begin = |id: &str| json!({"client_id": id, "scope": "openid"});
    let refused = rig.auth0("POST", "/oauth/device/code", begin("x"));
    assert_eq!(code_of(&refused), (403, "unauthorized_client"));
    for (body, expected) in [
        (json!({}), (400, "invalid_request")),
        (json!({"grant_type": DEVICE}), (400, "invalid_request")),
        (
            json!({"grant_type": DEVICE, "client_id": "x"}),
            (403, "unauthorized_client"),
        ),
        (
            json!({"grant_type": DEVICE, "client_id": "sim-mesh-client"}),
            (400, "invalid_request"),
        ),
        (
            json!({"grant_type": "password", "client_id": "sim-mesh-client"}),
            (403, "unsupported_grant_type"),
        ),
        (json!({"grant_type": 7}), (400, "invalid_request")),
        (json!([]), (400, "invalid_request")),
        (json!("{broken"), (400, "invalid_request")),
    ] {
        assert_eq!(
            code_of(&rig.auth0("POST", "/oauth/token", body.clone())),
            expected,
            "{body}"
        );
    }
    assert_eq!(
        code_of(&rig.grant(DEVICE, "device_code", "x")),
        (400, "invalid_grant")
    );
    assert_eq!(
        code_of(&rig.grant("refresh_token", "refresh_token", "x")),
        (403, "invalid_grant")
    );
    assert_eq!(
        rig.auth0("GET", "/oauth/token", Value::Null),
        (404, json!("Cannot GET /oauth/token"))
    );
    // A form is as good as JSON.
    let mut form = request(
        "POST",
        "/oauth/device/code",
        "",
        &json!("client_id=sim-mesh-client&scope=openid+email"),
    );
    form.headers[0].1 = "application/x-www-form-urlencoded".to_owned();
    assert_eq!(rig.auth0.call(rig.now, &form).0.status, 200);
}

#[test]
fn a_client_with_a_secret_must_show_it() {
    let mut rig = Rig::with("[mesh]\nclient_id = \"shop\"\nclient_secret = \"s3\"\n");
    assert_eq!(
        rig.mesh("GET", "/api/v1/auth/config", "", Value::Null).1["client_secret"],
        "s3"
    );
    let body = |secret: &str| json!({"client_id": "shop", "client_secret": secret, "grant_type": DEVICE, "device_code": "x"});
    let refused = rig.auth0("POST", "/oauth/token", body("no"));
    assert_eq!(code_of(&refused), (401, "access_denied"));
    let refused = rig.auth0("POST", "/oauth/token", body("s3"));
    assert_eq!(code_of(&refused), (400, "invalid_grant"));
    let mut basic = request(
        "POST",
        "/oauth/token",
        "",
        &json!({"grant_type": DEVICE, "device_code": "x"}),
    );
    basic
        .headers
        .push(("authorization".to_owned(), "Basic c2hvcDpzMw==".to_owned()));
    let refused = read(&rig.auth0.call(rig.now, &basic).0);
    assert_eq!(code_of(&refused), (400, "invalid_grant"));
}

#[test]
fn another_user_can_log_in() {
    let mut rig = Rig::new();
    rig.emit_at_tenant("login", json!({"id": "auth0|bob", "email": "bob@x.test"}))
        .unwrap();
    let code = rig.browse("")[0].1.clone();
    let tokens = rig.exchange(&code, CALLBACK).1;
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(
        rig.mesh("GET", "/api/v1/auth/profile", access, Value::Null)
            .1["profile"]["id"],
        "auth0|bob"
    );
    for (event, data) in [
        ("login", json!({})),
        ("login", json!({"id": ""})),
        ("fly", json!({})),
    ] {
        assert!(rig.emit_at_tenant(event, data).is_err());
    }
    assert!(
        rig.emit("fly", json!({}))
            .unwrap_err()
            .contains("known are commitment.hide")
    );
    assert!(
        rig.emit("user.credits", json!({}))
            .unwrap_err()
            .contains("credits is required")
    );
    assert!(
        rig.emit("form", json!({"usage": "x"}))
            .unwrap_err()
            .contains("usage")
    );
}
