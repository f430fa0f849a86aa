use super::*;

fn token(payload: &str) -> String {
    format!("e30.{}.sig", TOLERANT.encode(payload))
}

fn session(login: api::Session, wire: Wire, base: &str) -> MezonSession {
    let settings = Settings {
        base_url: base.parse().unwrap(),
        ..Settings::new("1", "key")
    };
    let api_url = origin(&settings.base_url);
    let mut session = MezonSession {
        wire,
        token: SecretString::default(),
        refresh_token: SecretString::default(),
        id_token: SecretString::default(),
        user_id: Id::NONE,
        ws_url: socket_origin("", &api_url, base.starts_with("https")),
        api_url,
        expires_at: None,
        refresh_expires_at: None,
        created_at: 0,
    };
    session.take(
        Login {
            wire,
            session: login,
        },
        &settings,
        7,
    );
    session
}

#[test]
fn claims_are_read_where_there_are_any() {
    let both = token(r#"{"exp": 1700000000, "uid": 1000000000000000001}"#);
    let claims = Claims::read(&both);
    assert_eq!(
        (claims.exp, claims.uid),
        (Some(1_700_000_000), Id::from(1_000_000_000_000_000_001))
    );
    let odd = token(r#"{"exp": "17.5", "uid": "42", "x": "???>>>"}"#);
    assert_eq!(
        Claims::read(&odd),
        Claims {
            exp: None,
            uid: Id::from(42)
        }
    );
    let float = Claims::read(&token(r#"{"exp": 1700000000.5}"#));
    assert_eq!(float.exp, Some(1_700_000_000));
    for text in [
        "",
        ".",
        "aaa.bbb.ccc",
        "a.e30.c",
        "a.W10.c",
        "a.\u{1F44B}.c",
    ] {
        assert_eq!(Claims::read(text), Claims::default(), "{text}");
    }
}

#[test]
fn d21_claims_are_read_in_either_alphabet() {
    let url_safe = "e30.eyJ4IjoiPz8_Pj4-IiwiZXhwIjoxfQ.s";
    assert_eq!(Claims::read(url_safe).exp, Some(1));
    let plain = url_safe.replace('_', "/").replace('-', "+");
    assert_eq!(Claims::read(&plain.replace(".s", "=.s")).exp, Some(1));
}

#[test]
fn d27_a_new_login_names_the_socket_anew() {
    let login = |ws_url: &str| api::Session {
        token: "t".to_owned(),
        ws_url: ws_url.to_owned(),
        ..Default::default()
    };
    let first = session(login("ws://127.0.0.1:1"), Wire::V2, "http://127.0.0.1:7350");
    let settings = Settings::new(42, "key");
    let next = first.pushed(login("127.0.0.1:2"), &settings, 0);
    assert_eq!(first.ws_url, "ws://127.0.0.1:1");
    assert!(
        next.socket_url()
            .expose_secret()
            .contains("127.0.0.1:2/ws?")
    );
}

#[test]
fn addresses_follow_the_answer_and_else_the_login() {
    let cases = [
        (
            Wire::V1,
            "http://127.0.0.1:1",
            "http://127.0.0.1:7350/path",
            "ignored:1",
            "http://127.0.0.1:7350",
            "ws://127.0.0.1:7350",
        ),
        (
            Wire::V1,
            "https://gw.mezon.ai",
            "https://api.mezon.ai",
            "",
            "https://api.mezon.ai",
            "wss://api.mezon.ai",
        ),
        (
            Wire::V2,
            "http://127.0.0.1:1",
            "http://127.0.0.1:7350",
            "127.0.0.1:7351",
            "http://127.0.0.1:7350",
            "ws://127.0.0.1:7351",
        ),
        (
            Wire::V2,
            "https://gw.mezon.ai",
            "https://api.mezon.ai",
            "sock.mezon.ai",
            "https://api.mezon.ai",
            "wss://sock.mezon.ai",
        ),
        (
            Wire::V2,
            "https://gw.mezon.ai",
            "https://api.mezon.ai",
            "ws://sock.mezon.ai:80/x",
            "https://api.mezon.ai",
            "ws://sock.mezon.ai",
        ),
        (
            Wire::V2,
            "http://127.0.0.1:1",
            "http://127.0.0.1:2",
            "wss://s",
            "http://127.0.0.1:2",
            "wss://s",
        ),
        (
            Wire::V2,
            "http://127.0.0.1:1",
            "http://127.0.0.1:2",
            "",
            "http://127.0.0.1:2",
            "ws://127.0.0.1:2",
        ),
        (
            Wire::V2,
            "http://127.0.0.1:1",
            "",
            "",
            "http://127.0.0.1:1",
            "ws://127.0.0.1:1",
        ),
        (
            Wire::V2,
            "http://127.0.0.1:1",
            "::nonsense::",
            "also bad::",
            "http://127.0.0.1:1",
            "ws://127.0.0.1:1",
        ),
        (
            Wire::V2,
            "http://http.example:1",
            "",
            "",
            "http://http.example:1",
            "ws://http.example:1",
        ),
    ];
    for (wire, base, api_url, ws_url, api, socket) in cases {
        let login = api::Session {
            api_url: api_url.to_owned(),
            ws_url: ws_url.to_owned(),
            ..Default::default()
        };
        let session = session(login, wire, base);
        assert_eq!(
            (session.api_url.as_str(), session.ws_url.as_str()),
            (api, socket),
            "{base} {api_url} {ws_url}"
        );
    }
}

#[test]
fn a_session_survives_its_file_and_shows_no_secret() {
    let login = api::Session {
        token: token(r#"{"exp": 100}"#),
        refresh_token: token(r#"{"exp": 200}"#),
        id_token: "an id token".to_owned(),
        user_id: 42,
        ..Default::default()
    };
    let first = session(login.clone(), Wire::V2, "http://127.0.0.1:1");
    let text = serde_json::to_string(&first).unwrap();
    let second: MezonSession = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&second).unwrap(), text);
    assert_eq!(second.token.expose_secret(), login.token);
    assert_eq!(
        (second.is_expired(100), second.is_expired(101)),
        (false, true)
    );
    assert_eq!(
        (
            second.is_refresh_expired(200),
            second.is_refresh_expired(201)
        ),
        (false, true)
    );
    let shown = format!("{second:?}");
    for secret in [&login.token, &login.refresh_token, &login.id_token] {
        assert!(!shown.contains(secret.as_str()), "{shown}");
    }
}

#[test]
fn pushed_tokens_replace_the_old_ones_but_not_the_user() {
    let login = api::Session {
        token: "old".to_owned(),
        refresh_token: "kept".to_owned(),
        user_id: 42,
        ..Default::default()
    };
    let first = session(login, Wire::V2, "http://127.0.0.1:1");
    let pushed = api::Session {
        token: token(r#"{"exp": 100}"#),
        user_id: 43,
        ..Default::default()
    };
    let second = first.pushed(pushed, &Settings::new("1", "key"), 9);
    assert_eq!(
        (second.user_id, second.expires_at, second.created_at),
        (Id::from(42), Some(100), 9)
    );
    assert_eq!(second.refresh_token.expose_secret(), "kept");
}

#[test]
fn the_token_is_escaped_in_the_url() {
    let login = api::Session {
        token: "a.b+/=&c".to_owned(),
        ..Default::default()
    };
    let session = session(login, Wire::V1, "http://127.0.0.1:1");
    let url = session.socket_url();
    let expected = "ws://127.0.0.1:1/ws?lang=en&status=true&token=a.b%2B%2F%3D%26c&format=protobuf";
    assert_eq!(url.expose_secret(), expected);
}
