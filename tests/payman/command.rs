//! The promises of `greenroom payman run`.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use greenroom::simulator::Simulator;
use serde_json::{Map, Value, json};

use super::{CLIENT, CODE, SECRET};

pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) lines: Vec<Value>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the program in a folder of its own.
pub(crate) async fn run(
    arguments: &[&str],
    variables: &[(&str, &str)],
    dotenv: Option<&str>,
    input: &str,
) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    if let Some(text) = dotenv {
        std::fs::write(folder.path().join(".env"), text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command
        .args(["payman", "run"])
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(folder.path());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let input = input.to_owned();
    // On a thread of its own, since the simulator lives on this one.
    let ended = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        // Who does not read it may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    });
    let output = tokio::time::timeout(Duration::from_secs(60), ended)
        .await
        .unwrap()
        .unwrap();
    drop(folder);
    let out = String::from_utf8(output.stdout).unwrap();
    Outcome {
        code: output.status.code(),
        lines: out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
        out,
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn body(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

#[actix_rt::test]
async fn pay31_every_operation_has_its_line() {
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let url = simulator.url("payman").unwrap();
    let arguments = [
        "--base-url",
        &url,
        "--client-id",
        CLIENT,
        "--client-secret",
        SECRET,
        "--name",
        "shop",
        "--session-id",
        "ses-mine",
        "--retry-base-ms",
        "1",
    ];
    let input = [
        json!({"op": "is_access_token_expired"}),
        json!({"op": "get_client_name"}),
        json!({"op": "get_session_id"}),
        json!({"op": "get_refresh_token"}),
        json!({"op": "ask", "text": "hi", "options": {"metadata": {"n": 1, "z": null}}}),
        json!({"op": "ask", "text": "hi", "raw": true}),
        json!({"op": "ask", "text": "hi", "options": {"output_format": "json"}}),
        json!({"op": "ask", "text": "flow", "options": {"stream": true}}),
        json!({"op": "ask", "text": "flow", "raw": true, "options": {"stream": true}}),
        json!({"op": "ask", "text": "!stream 50", "options": {"stream": true, "cancel_after_events": 2}}),
        json!({"op": "ask", "text": "x", "options": {"new_session": true}}),
        json!({"op": "all", "ops": [{"op": "ask", "text": "a"}, {"op": "fly"}, {"op": "sleep", "ms": 1}]}),
        json!({"op": "get_access_token"}),
        json!({"op": "ask", "text": "!error -32603 no luck"}),
        json!({"op": "ask"}),
        json!({"op": "ask", "text": "x", "options": {"output_format": "xml"}}),
    ];
    let input: String = input
        .iter()
        .map(|line| format!("{line}\n"))
        .collect::<String>()
        + "not json\n\n[]\n";
    let outcome = run(&arguments, &[], None, &input).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    let mut lines = outcome.lines.into_iter();
    let mut next = || lines.next().unwrap();
    assert_eq!(next(), json!({"ok": true}));
    assert_eq!(next(), json!({"ok": "shop"}));
    assert_eq!(next(), json!({"ok": "ses-mine"}));
    assert_eq!(next(), json!({"ok": null}));
    let answer = next()["ok"].clone();
    assert_eq!(
        (&answer["artifacts"][0]["content"], &answer["sessionId"]),
        (&json!("echo: hi"), &json!("ses-mine"))
    );
    for _ in 0..2 {
        assert_eq!(
            next()["ok"]["result"]["artifacts"][0]["parts"][0]["text"],
            "echo: hi"
        );
    }
    let kinds: Vec<_> = (0..4).map(|_| next()["event"]["type"].clone()).collect();
    assert_eq!(
        kinds,
        [
            "status_update",
            "artifact_update",
            "artifact_update",
            "status_update"
        ]
    );
    assert_eq!(next()["ok"]["artifacts"][0]["content"], "echo: flow");
    for _ in 0..4 {
        assert_eq!(next()["event"]["jsonrpc"], "2.0");
    }
    assert_eq!(
        next()["ok"]["result"]["artifacts"][0]["parts"][0]["text"],
        "echo: flow"
    );
    assert!(next().get("event").is_some() && next().get("event").is_some());
    let cancelled = next()["err"].clone();
    let keys: Vec<&String> = cancelled.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "body",
            "code",
            "kind",
            "may_have_run",
            "message",
            "retry_after",
            "status"
        ]
    );
    assert_eq!(
        (&cancelled["kind"], &cancelled["may_have_run"]),
        (&json!("cancelled"), &json!(true))
    );
    let fresh = next()["ok"]["session_id"].as_str().unwrap().to_owned();
    assert!(fresh.starts_with("ses-") && fresh != "ses-mine");
    let all = next()["ok"].clone();
    assert_eq!(
        (
            &all[0]["ok"]["artifacts"][0]["content"],
            &all[1]["err"]["kind"],
            &all[2]
        ),
        (
            &json!("echo: a"),
            &json!("validation"),
            &json!({"ok": null})
        )
    );
    let token = next()["ok"].clone();
    assert!(
        token["accessToken"].as_str().unwrap().starts_with("at-")
            && token["expiresIn"].as_u64().unwrap() > 3_500
    );
    let error = next()["err"].clone();
    assert_eq!(
        (
            &error["kind"],
            &error["code"],
            &error["message"],
            &error["body"]["message"]
        ),
        (
            &json!("agent"),
            &json!(-32603),
            &json!("no luck"),
            &json!("no luck")
        )
    );
    for wrong in [
        "text is required",
        "xml",
        "line 17 is not JSON",
        "line 19 is no operation",
    ] {
        let error = next()["err"].clone();
        assert_eq!(error["kind"], "validation");
        assert!(
            error["message"].as_str().unwrap().contains(wrong),
            "{error}"
        );
    }
    assert!(lines.next().is_none());
    simulator.stop().await;
}

#[actix_rt::test]
async fn pay25_credentials_come_from_flags_the_process_and_the_file() {
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let url = simulator.url("payman").unwrap();
    let ask = "{\"op\":\"ask\",\"text\":\"x\"}\n";
    let good = ("PAYMAN_CLIENT_SECRET", SECRET);
    let file = format!(
        "# ours\nexport PAYMAN_CLIENT_ID='{CLIENT}'\nPAYMAN_CLIENT_SECRET=\"{SECRET}\" # ours\nPAYMAN_BASE_URL={url}\n"
    );
    let of_process = run(
        &["--base-url", &url],
        &[("PAYMAN_CLIENT_ID", CLIENT), good],
        Some("PAYMAN_CLIENT_SECRET=wrong"),
        ask,
    )
    .await;
    assert!(
        of_process.lines[0].get("ok").is_some(),
        "{}",
        of_process.out
    );
    let of_file = run(&[], &[], Some(&file), ask).await;
    assert!(of_file.lines[0].get("ok").is_some(), "{}", of_file.out);
    let mixed = run(&["--client-secret", "wrong"], &[], Some(&file), ask).await;
    assert_eq!(
        (
            &mixed.lines[0]["err"]["kind"],
            &mixed.lines[0]["err"]["status"],
            mixed.code
        ),
        (&json!("auth"), &json!(401), Some(0))
    );
    let config = format!("[payman]\nclient_id = \"{CLIENT}\"\nbase_url = \"{url}\"\n");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bot.toml");
    std::fs::write(&path, config).unwrap();
    let configured = run(&["--config", path.to_str().unwrap()], &[good], None, ask).await;
    assert!(
        configured.lines[0].get("ok").is_some(),
        "{}",
        configured.out
    );
    for (arguments, variables, wrong) in [
        (&[][..], &[][..], "client_id"),
        (&["--client-id", "x"], &[], "client_secret"),
        (
            &["--client-id", ""],
            &[("PAYMAN_CLIENT_ID", CLIENT), good],
            "client_id",
        ),
        (
            &["--client-secret", ""],
            &[("PAYMAN_CLIENT_ID", CLIENT), good],
            "client_secret",
        ),
        (
            &[
                "--client-id",
                "x",
                "--client-secret",
                "y",
                "--environment",
                "MOON",
            ],
            &[],
            "LIVE",
        ),
        (
            &[
                "--client-id",
                "x",
                "--client-secret",
                "y",
                "--auth-code",
                " ",
            ],
            &[],
            "code",
        ),
        (
            &["--client-id", "x", "--access-token", "y"],
            &[],
            "expiresIn",
        ),
        (
            &[
                "--client-id",
                "x",
                "--client-secret",
                "y",
                "--base-url",
                "nowhere",
            ],
            &[],
            "base_url",
        ),
    ] {
        let outcome = run(arguments, variables, None, ask).await;
        assert_eq!(
            (outcome.code, outcome.lines.len()),
            (Some(1), 1),
            "{arguments:?}: {}",
            outcome.out
        );
        let error = &outcome.lines[0]["err"];
        assert_eq!(error["kind"], "validation");
        assert!(
            error["message"].as_str().unwrap().contains(wrong),
            "{error}"
        );
    }
    simulator.stop().await;
}

#[actix_rt::test]
async fn clients_are_made_with_tokens_and_codes() {
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let url = simulator.url("payman").unwrap();
    let base = [
        "--base-url",
        &url,
        "--client-id",
        CLIENT,
        "--client-secret",
        SECRET,
    ];
    let user = run(
        &[&base[..], &["--auth-code", CODE]].concat(),
        &[],
        None,
        "{\"op\":\"get_refresh_token\"}\n{\"op\":\"get_access_token\"}\n",
    )
    .await;
    let refresh = user.lines[0]["ok"].as_str().unwrap().to_owned();
    let access = user.lines[1]["ok"]["accessToken"]
        .as_str()
        .unwrap()
        .to_owned();
    let ask = "{\"op\":\"ask\",\"text\":\"x\"}\n";
    let given = run(
        &[
            "--base-url",
            &url,
            "--client-id",
            CLIENT,
            "--access-token",
            &access,
            "--expires-in",
            "3600",
        ],
        &[],
        None,
        ask,
    )
    .await;
    assert!(given.lines[0].get("ok").is_some(), "{}", given.out);
    let old = run(
        &[
            "--base-url",
            &url,
            "--client-id",
            CLIENT,
            "--access-token",
            &access,
            "--expires-in",
            "0",
        ],
        &[],
        None,
        ask,
    )
    .await;
    assert_eq!(
        (&old.lines[0]["err"]["kind"], old.code),
        (&json!("token_expired"), Some(0))
    );
    let refreshed = run(
        &[
            "--base-url",
            &url,
            "--client-id",
            CLIENT,
            "--refresh-token",
            &refresh,
        ],
        &[],
        None,
        ask,
    )
    .await;
    assert!(refreshed.lines[0].get("ok").is_some(), "{}", refreshed.out);
    let wrong = run(
        &[&base[..], &["--auth-code", "nonsense"]].concat(),
        &[],
        None,
        ask,
    )
    .await;
    assert_eq!(
        (
            wrong.code,
            &wrong.lines[0]["err"]["kind"],
            &wrong.lines[0]["err"]["status"]
        ),
        (Some(1), &json!("auth"), &json!(400))
    );
    simulator.stop().await;
}

#[actix_rt::test]
async fn limits_are_those_of_the_flags() {
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let payman = simulator.platform("payman").unwrap();
    let url = simulator.url("payman").unwrap();
    let fault = |path: &str| {
        let fault = json!({"kind": "stall", "ms": 0, "path": path});
        payman
            .fault(greenroom::simulator::Fault::parse(body(fault), payman.faults()).unwrap())
            .unwrap();
    };
    fault("/api/a2a/tasks/send");
    let base = [
        "--base-url",
        &url,
        "--client-id",
        CLIENT,
        "--client-secret",
        SECRET,
    ];
    let limits = [
        "--timeout-ms",
        "300",
        "--idle-timeout-ms",
        "300",
        "--connect-timeout-ms",
        "2000",
    ];
    let input = "{\"op\":\"ask\",\"text\":\"x\"}\n{\"op\":\"ask\",\"text\":\"!hold\",\"options\":{\"stream\":true}}\n";
    let outcome = run(&[&base[..], &limits[..]].concat(), &[], None, input).await;
    assert_eq!(
        (
            &outcome.lines[0]["err"]["kind"],
            &outcome.lines[0]["err"]["may_have_run"]
        ),
        (&json!("timeout"), &json!(true))
    );
    assert_eq!(outcome.lines[1]["event"]["state"], "working");
    assert_eq!(outcome.lines[2]["err"]["kind"], "timeout");
    simulator.stop().await;
}
