//! MESH-02, MESH-38: `greenroom mesh` and `mesh-auth`.

use std::path::Path;

use serde_json::Value;
use tokio::net::TcpListener;

use super::rig::Rig;
use super::secrets::leak;
use super::{USER, token_of};

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[actix_rt::test]
async fn a_login_by_device_is_kept_and_not_made_twice() {
    let rig = Rig::start().await;
    let first = rig.auth(&["--headless"]).await;
    assert_eq!(first.code, Some(0), "{}{}", first.out, first.err);
    assert!(
        first.out.starts_with("Starting Mesh authentication...\n"),
        "{}",
        first.out
    );
    assert!(
        first.out.contains("enter the code") && first.out.ends_with("Authentication successful!\n")
    );
    #[cfg(unix)]
    assert_eq!(
        (mode(&rig.file()), mode(rig.file().parent().unwrap())),
        (0o600, 0o700)
    );
    let kept = std::fs::read(rig.file()).unwrap();
    let again = rig.mesh(&["auth"], &[], "").await;
    assert_eq!(again.code, Some(0));
    assert!(again.out.contains("Already authenticated"), "{}", again.out);
    assert_eq!(std::fs::read(rig.file()).unwrap(), kept);
    // Nobody looks at the output, so a browser is not waited for.
    let forced = rig.mesh(&["auth", "--force", "--json"], &[], "").await;
    assert_eq!(
        (forced.code, &forced.json()["authenticated"]),
        (Some(0), &Value::Bool(true))
    );
    assert_ne!(std::fs::read(rig.file()).unwrap(), kept);
    let status = rig.mesh(&["status", "--json"], &[], "").await;
    assert_eq!(status.json()["subject"], USER);
    assert_eq!(rig.auth(&["--clear"]).await.code, Some(0));
    assert!(!rig.file().exists());
    rig.simulator.stop().await;
}

/// A stored login that has ended is renewed, and needs nobody.
#[actix_rt::test]
async fn a_login_that_has_ended_is_renewed() {
    let rig = Rig::start().await;
    assert_eq!(rig.auth(&["--headless"]).await.code, Some(0));
    let mut token: Value = serde_json::from_slice(&std::fs::read(rig.file()).unwrap()).unwrap();
    token["expires_at"] = 1.into();
    std::fs::write(rig.file(), token.to_string()).unwrap();
    let renewed = rig.auth(&[]).await;
    assert_eq!(renewed.code, Some(0));
    assert!(
        renewed.out.ends_with("Authentication successful!\n") && !renewed.out.contains("code"),
        "{}",
        renewed.out
    );
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn a_busy_port_is_named() {
    let rig = Rig::start().await;
    let busy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = busy.local_addr().unwrap().port().to_string();
    let outcome = rig.auth(&["--port", &port]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.out.contains("Authentication failed.") && outcome.err.contains(&port),
        "{}",
        outcome.err
    );
    assert!(outcome.err.contains("--headless"));
    assert_eq!(
        rig.auth(&["--headless", "--port", "1"]).await.code,
        Some(2),
        "usage"
    );
    rig.simulator.stop().await;
}

/// Every command once, as a person would: the first one logs in.
#[actix_rt::test]
async fn each_command_does_its_work() {
    let rig = Rig::start().await;
    let hello = rig.mesh(&["chat", "Hello"], &[], "").await;
    assert_eq!(
        (hello.code, hello.out.as_str()),
        (Some(0), "[openai/gpt-4] Hello\n"),
        "{}",
        hello.err
    );
    let thinking = [
        "chat",
        "-",
        "--model",
        "claude-37",
        "--thinking-budget",
        "2000",
        "--json",
    ];
    let thought = rig.mesh(&thinking, &[], "deep\n").await.json();
    assert_eq!(
        thought["content"],
        "[anthropic/claude-3-7-sonnet-20250219] deep"
    );
    assert_eq!(thought["thinking"][0]["content"], "budget=2000");
    let original = rig
        .mesh(&["chat", "x", "--original-response"], &[], "")
        .await
        .json();
    assert_eq!(original["object"], "chat.completion");
    let small = rig
        .mesh(&["chat", "x", "--thinking-budget", "1000"], &[], "")
        .await;
    assert_eq!(small.code, Some(2));
    let stored = rig
        .mesh(&["keys", "store", "api_key"], &[], "sk-fake\n")
        .await;
    assert_eq!(stored.code, Some(0), "{}", stored.err);
    assert_eq!(
        rig.mesh(&["keys", "get", "api_key"], &[], "").await.out,
        "sk-fake\n"
    );
    assert_eq!(
        rig.mesh(&["keys", "get", "none"], &[], "").await.code,
        Some(1)
    );
    assert_eq!(rig.mesh(&["keys", "list"], &[], "").await.out, "api_key\n");
    let value = rig.home.path().join("value");
    std::fs::write(&value, "secret_value\n").unwrap();
    let from_file = ["zkp", "store", "k", "--value-file", value.to_str().unwrap()];
    assert_eq!(rig.mesh(&from_file, &[], "").await.code, Some(0));
    assert_eq!(
        rig.mesh(&["zkp", "verify", "k"], &[], "secret_value")
            .await
            .out,
        "Verified.\n"
    );
    let wrong = rig
        .mesh(&["zkp", "verify", "k", "--json"], &[], "wrong")
        .await;
    assert_eq!(
        (wrong.code, &wrong.json()["verified"]),
        (Some(1), &Value::Bool(false))
    );
    let credits = rig.mesh(&["credits", "--json"], &[], "").await.json();
    assert!(credits["credits"].as_f64().unwrap() < 1_000.0);
    assert!(
        rig.mesh(&["models"], &[], "")
            .await
            .out
            .contains("openai  gpt-4\n")
    );
    assert_eq!(
        rig.mesh(&["profile", "--json"], &[], "").await.json()["id"],
        USER
    );
    assert_eq!(
        rig.mesh(&["usage", "--json"], &[], "").await.json()["success"],
        true
    );
    assert_eq!(
        rig.mesh(&["register", "auth0|x", "--json"], &[], "")
            .await
            .json()["id"],
        "auth0|x"
    );
    assert_eq!(rig.mesh(&["logout"], &[], "").await.code, Some(0));
    let out = rig
        .mesh(&["--no-login", "chat", "x", "--json"], &[], "")
        .await;
    assert_eq!(
        (out.code, &out.json()["error"]),
        (Some(4), &Value::from("Authentication failed"))
    );
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn what_is_wrong_is_said_once_and_by_its_code() {
    let rig = Rig::start().await;
    let token = token_of(USER);
    let given = ("MESH_AUTH_TOKEN", token.as_str());
    let (nowhere, store) = (("MESH_API_URL", "nowhere"), ("MESH_TOKEN_STORE", "disk"));
    for (arguments, variables, code, words) in [
        (&["status"][..], &[nowhere][..], 3, "server_url"),
        (&["status"], &[store], 3, "MESH_TOKEN_STORE"),
        (&["--base-url", "nowhere", "status"], &[], 2, "server_url"),
        (
            &["keys", "store", "k", "--value-file", "/"],
            &[given],
            2,
            "cannot read /",
        ),
        (&["zkp", "store", "k"], &[given], 2, "the value is empty"),
        (&["chat"], &[given], 2, "there is nothing to say"),
    ] {
        let outcome = rig.mesh(arguments, variables, "").await;
        assert_eq!(outcome.code, Some(code), "{arguments:?}: {}", outcome.err);
        assert!(outcome.err.contains(words), "{}", outcome.err);
    }
    for arguments in [&["keys", "store", "k"][..], &["chat"]] {
        let outcome = rig.mesh(arguments, &[given], &"x".repeat(1_048_577)).await;
        assert_eq!(outcome.code, Some(2), "{arguments:?}");
        assert!(outcome.err.contains("1048576 bytes"), "{}", outcome.err);
    }
    assert!(rig.requests("mesh").await.is_empty(), "nothing was sent");
    let verify = ["zkp", "verify", "k", "--user-id", "u"];
    let unknown = rig.mesh(&verify, &[given], "v").await;
    assert_eq!(unknown.code, Some(1));
    assert_eq!(
        unknown.err.matches("Key not found").count(),
        1,
        "{}",
        unknown.err
    );
    rig.simulator.stop().await;
}

/// MESH-07, MESH-11: the environment before the file, and flags before both.
#[actix_rt::test]
async fn flags_go_before_the_environment_and_that_before_the_file() {
    let rig = Rig::start().await;
    let file = "[mesh]\nbase_url = \"http://127.0.0.1:9\"\ndefault_openai_model = \"o1\"\ntoken_store = \"memory\"\n";
    std::fs::write(rig.home.path().join("greenroom.toml"), file).unwrap();
    let token = token_of(USER);
    let given = [("MESH_AUTH_TOKEN", token.as_str())];
    let chat = |variables: Vec<(&'static str, String)>, arguments: Vec<String>| {
        let rig = &rig;
        async move {
            let variables: Vec<_> = variables
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let variables = [&given[..], &variables].concat();
            let arguments: Vec<_> = ["chat", "x"]
                .into_iter()
                .chain(arguments.iter().map(String::as_str))
                .collect();
            rig.mesh(&arguments, &variables, "").await
        }
    };
    assert_eq!(chat(vec![], vec![]).await.out, "[openai/o1] x\n");
    let from_env = vec![("DEFAULT_OPENAI_MODEL", "gpt4o".to_owned())];
    assert_eq!(chat(from_env, vec![]).await.out, "[openai/gpt-4o] x\n");
    let url = rig.simulator.url("mesh").unwrap();
    let nowhere = vec![("MESH_API_URL", "http://127.0.0.1:9".to_owned())];
    assert_eq!(
        chat(nowhere, vec!["--base-url".to_owned(), url]).await.out,
        "[openai/o1] x\n"
    );
    assert!(!rig.file().exists(), "a token that was given is not kept");
    rig.simulator.stop().await;
}

/// What is secret of requests and answers.
const MEMBERS: [&str; 8] = [
    "access_token",
    "device_code",
    "id_token",
    "keyValue",
    "nullifier",
    "proof",
    "refresh_token",
    "challenge",
];

#[actix_rt::test]
async fn the_program_prints_no_secret_at_the_finest_level() {
    let rig = Rig::start().await;
    let everything = "trace,actix_codec=trace,actix_http=trace,actix_server=trace,awc=trace,h2=trace,rustls=trace,mio=trace,actix_tls=trace";
    let loud = [
        ("RUST_LOG", everything),
        ("DEBUG", "true"),
        ("OPENAI_API_KEY", "sk-fake-openai"),
    ];
    let mut said = Vec::new();
    for (arguments, input) in [
        (&["auth", "--headless"][..], ""),
        (&["keys", "store", "api_key"], "sk-fake"),
        (&["zkp", "store", "api_key"], "secret_value"),
        (&["zkp", "verify", "api_key"], "secret_value"),
        (&["chat", "Hello"], ""),
        (&["auth", "--force"], ""),
    ] {
        let outcome = rig.mesh(arguments, &loud, input).await;
        assert_eq!(outcome.code, Some(0), "{arguments:?}: {}", outcome.err);
        assert!(
            outcome.err.contains("TRACE") && outcome.err.contains("asked"),
            "{}",
            outcome.err
        );
        for text in [&outcome.out, &outcome.err] {
            assert_eq!(leak(text), None, "{arguments:?}");
            said.push(text.clone());
        }
    }
    // All that went over the wire, whatever it looks like.
    let mut secrets = Vec::new();
    for server in ["mesh", "auth0"] {
        for entry in rig.journal(server).await {
            for name in MEMBERS {
                let value = entry["body"][name].as_str().map(str::to_owned);
                secrets.extend(value.map(|value| (name, value)));
            }
        }
    }
    for name in MEMBERS {
        assert!(secrets.iter().any(|(known, _)| *known == name), "{name}");
    }
    for (name, value) in secrets {
        assert!(!said.iter().any(|text| text.contains(&value)), "{name}");
    }
    rig.simulator.stop().await;
}
