//! Codes and tokens.

use super::*;

#[test]
fn a_code_works_once_and_for_its_address_only() {
    let mut rig = Rig::new();
    let body = json!({"redirect_uri": CALLBACK, "scope": SCOPE, "state": "a b"});
    let (status, answer) = rig.mesh("POST", "/api/v1/auth/get-auth-url", "", body);
    assert_eq!(status, 200);
    let url = Url::parse(answer["auth_url"].as_str().unwrap()).unwrap();
    assert_eq!((url.path(), url.port()), ("/authorize", Some(4000)));
    let pairs: std::collections::BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(
        (
            pairs["redirect_uri"].as_str(),
            pairs["state"].as_str(),
            pairs["scope"].as_str()
        ),
        (CALLBACK, "a b", SCOPE)
    );
    let led = rig.browse("");
    assert_eq!(
        (led[0].0.as_str(), &led[1]),
        ("code", &("state".to_owned(), "s1".to_owned()))
    );
    let code = led[0].1.clone();
    assert_eq!(
        code_of(&rig.exchange(&code, "http://localhost:1/callback")),
        (403, "invalid_grant")
    );
    assert_eq!(
        code_of(&rig.exchange("x", CALLBACK)),
        (403, "invalid_grant")
    );
    let (status, tokens) = rig.exchange(&code, CALLBACK);
    assert!(
        status == 200 && tokens["refresh_token"].is_string(),
        "{tokens}"
    );
    assert_eq!(
        code_of(&rig.exchange(&code, CALLBACK)),
        (403, "invalid_grant")
    );
    let refused = rig.mesh("POST", "/api/v1/auth/exchange-token", "", json!({}));
    assert_eq!(code_of(&refused), (400, "invalid_request"));
    let (status, refused) = rig.mesh("POST", "/api/v1/auth/get-auth-url", "", json!({}));
    assert_eq!((status, refused), (400, error("redirect_uri is required")));
    let code = rig.browse("")[0].1.clone();
    rig.now.unix += 600;
    assert_eq!(
        code_of(&rig.exchange(&code, CALLBACK)),
        (403, "invalid_grant"),
        "it is too old"
    );
    rig.emit_at_tenant("authorize", json!({"outcome": "deny"}))
        .unwrap();
    let led = rig.browse("");
    assert_eq!(
        (led[0].0.as_str(), led[0].1.as_str(), led[2].1.as_str()),
        ("error", "access_denied", "s1")
    );
    assert!(
        rig.emit_at_tenant("authorize", json!({"outcome": "never"}))
            .is_err()
    );
}

#[test]
fn a_challenge_needs_its_verifier() {
    let mut rig = Rig::new();
    let verifier = "v".repeat(43);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    let more = format!("&code_challenge={challenge}&code_challenge_method=S256");
    let code = rig.browse(&more)[0].1.clone();
    let body = |verifier: &str| json!({"client_id": "sim-mesh-client", "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": verifier});
    assert_eq!(
        code_of(&rig.exchange(&code, CALLBACK)),
        (403, "invalid_grant")
    );
    let refused = rig.auth0("POST", "/oauth/token", body(&"w".repeat(43)));
    assert_eq!(code_of(&refused), (403, "invalid_grant"));
    let (status, tokens) = rig.auth0("POST", "/oauth/token", body(&verifier));
    assert!(status == 200 && tokens["access_token"].is_string());
    for wrong in [
        "response_type=token&client_id=sim-mesh-client&redirect_uri=http://localhost:1/",
        "response_type=code&client_id=x&redirect_uri=http://localhost:1/",
        "response_type=code&client_id=sim-mesh-client",
        "response_type=code&client_id=sim-mesh-client&redirect_uri=http://localhost:1/&code_challenge=x&code_challenge_method=S256",
        "response_type=code&client_id=sim-mesh-client&redirect_uri=http://localhost:1/&code_challenge=x&code_challenge_method=plain",
        "response_type=code&client_id=sim-mesh-client&redirect_uri=http://localhost:1/&code_challenge_method=S256",
    ] {
        let (status, page) = rig.auth0("GET", &format!("/authorize?{wrong}"), Value::Null);
        assert!(
            status == 400 && page.as_str().unwrap().contains("invalid_request"),
            "{wrong}"
        );
    }
}

#[test]
fn refresh_tokens_rotate_and_all_three_places_share_them() {
    let mut rig = Rig::new();
    let code = rig.browse("")[0].1.clone();
    let mut refresh = rig.exchange(&code, CALLBACK).1["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    for place in 0..3 {
        let body = json!({"refresh_token": refresh});
        let renew = |rig: &mut Rig| match place {
            0 => rig.mesh("POST", "/auth/refresh-token", "", body.clone()),
            1 => rig.mesh("POST", "/api/v1/auth/exchange-token", "", body.clone()),
            _ => rig.grant("refresh_token", "refresh_token", &refresh),
        };
        let (status, tokens) = renew(&mut rig);
        assert_eq!(status, 200, "{tokens}");
        assert_eq!(code_of(&renew(&mut rig)), (403, "invalid_grant"));
        refresh = tokens["refresh_token"].as_str().unwrap().to_owned();
    }
    rig.emit_at_tenant("tokens", json!({"rotate": false, "expires_in": 299}))
        .unwrap();
    for _ in 0..2 {
        let (status, tokens) = rig.grant("refresh_token", "refresh_token", &refresh);
        assert_eq!((status, &tokens["expires_in"]), (200, &json!(299)));
        assert!(tokens.get("refresh_token").is_none());
    }
    rig.hub.tokens(TokenFault::Revoke);
    assert_eq!(
        code_of(&rig.grant("refresh_token", "refresh_token", &refresh)),
        (403, "invalid_grant")
    );
}

#[test]
fn tokens_are_judged_as_the_server_does() {
    let mut rig = Rig::new();
    let path = "/api/v1/auth/profile";
    let over = signed(&json!({"sub": "auth0|a", "exp": 1_000_000_000}));
    for (token, text) in [
        ("", "No token provided"),
        ("x.y", "jwt malformed"),
        ("header.payload.sig", "Invalid token"),
        (&over, "Token expired"),
        (&signed(&json!({"exp": 4_000_000_000_u64})), "Invalid token"),
        (&signed(&json!({"sub": "a"})), "Invalid token"),
    ] {
        assert_eq!(
            rig.mesh("GET", path, token, Value::Null),
            (401, error(text)),
            "{token}"
        );
    }
    let token = jwt("auth0|bob");
    assert_eq!(
        rig.mesh("GET", path, &format!("  {token} "), Value::Null).0,
        200
    );
    rig.emit("token.revoke", json!({"token": token})).unwrap();
    assert_eq!(
        rig.mesh("GET", path, &token, Value::Null),
        (401, error("Invalid token"))
    );
    assert_eq!(rig.get(path).0, 200, "only that one");
    rig.emit("token.revoke", json!({"id": "auth0|sim-user"}))
        .unwrap();
    assert_eq!(rig.get(path).1, error("Invalid token"));
    let other = signed(&json!({"sub": "auth0|bob", "exp": 4_000_000_000_u64, "n": 1}));
    assert_eq!(rig.mesh("GET", path, &other, Value::Null).0, 200);
    rig.hub.tokens(TokenFault::Expire);
    assert_eq!(
        rig.mesh("GET", path, &other, Value::Null).1,
        error("Token expired")
    );
    rig.emit("token.revoke", json!({})).unwrap();
    assert_eq!(
        rig.mesh("GET", path, &other, Value::Null).1,
        error("Invalid token")
    );
    let soon = signed(&json!({"sub": "auth0|bob", "exp": rig.now.unix + 60}));
    assert_eq!(rig.mesh("GET", path, &soon, Value::Null).0, 200);
    rig.auth0.tokens(TokenFault::Skew(61));
    assert_eq!(
        rig.mesh("GET", path, &soon, Value::Null).1,
        error("Token expired")
    );
}

#[test]
fn userinfo_tells_whose_token_it_is() {
    let mut rig = Rig::new();
    let asked = request("GET", "/userinfo", &jwt("auth0|bob"), &Value::Null);
    let (status, info) = read(&rig.auth0.call(rig.now, &asked).0);
    assert_eq!(
        (status, &info["sub"], &info["email"]),
        (200, &json!("auth0|bob"), &json!("bob@example.invalid"))
    );
    let refused = rig.auth0("GET", "/userinfo", Value::Null);
    assert_eq!(code_of(&refused), (401, "invalid_token"));
}
