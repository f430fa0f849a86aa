//! Plain asks: what is sent, and what comes back.

use std::collections::BTreeSet;

use greenroom::payman::{
    Answer, ArtifactKind, Ask, Environment, ErrorKind, FormattedTaskResponse, OutputFormat,
    PaymanClient, TaskState, TaskStatus,
};
use serde_json::{Value, json};

use super::script::{Plan, Script};
use super::{SECOND, TASKS, TOKEN, client, completed, on_stage, requests, settings};

#[test]
fn pay01_and_pay07_an_ask_is_a_token_request_and_a_task() {
    on_stage(async |stage| {
        let client = client(&stage, settings()).await;
        assert!(
            requests(&stage, "/").is_empty(),
            "nothing is sent before the first ask"
        );
        let answer = client.ask("Héllo \"wörld\" 😀\n/").await.unwrap();
        let token = &requests(&stage, TOKEN)[0];
        assert_eq!(
            token["path"],
            "/api/oauth2/token?grant_type=client_credentials"
        );
        assert_eq!(
            token["headers"]["authorization"],
            "Basic c2ltLXBheW1hbi1jbGllbnQ6c2ltLXBheW1hbi1zZWNyZXQ="
        );
        assert_eq!(
            (&token["headers"]["content-type"], &token["body"]),
            (&json!("application/json"), &Value::Null)
        );
        let task = &requests(&stage, TASKS)[0];
        assert_eq!(task["path"], "/api/a2a/tasks/send");
        assert!(task["headers"].get("authorization").is_none());
        assert!(
            task["headers"]["x-payman-access-token"]
                .as_str()
                .unwrap()
                .starts_with("at-")
        );
        assert!(
            task["headers"]["user-agent"]
                .as_str()
                .unwrap()
                .starts_with("greenroom/")
        );
        let body = &task["body"];
        assert_eq!(
            (&body["jsonrpc"], &body["method"]),
            (&json!("2.0"), &json!("tasks.send"))
        );
        let part = &body["params"]["message"]["parts"][0];
        assert_eq!(part["text"], "Héllo \"wörld\" 😀\n/");
        assert_eq!(answer.text(), "echo: Héllo \"wörld\" 😀\n/");
        assert_eq!(answer.ids.request_id, body["id"].as_str().unwrap());
        assert_eq!(answer.ids.task_id, body["params"]["id"].as_str().unwrap());
        assert_eq!(
            (
                answer.progress.status,
                answer.progress.state,
                answer.progress.is_final
            ),
            (TaskStatus::Completed, TaskState::Completed, true)
        );
        assert_eq!(
            answer.progress.status_message.as_deref(),
            Some("Processing completed successfully")
        );
        let artifact = &answer.artifacts[0];
        assert_eq!(
            (artifact.name.as_str(), artifact.kind, artifact.index),
            ("response", ArtifactKind::Text, 0)
        );
        assert_eq!(
            artifact.description.as_deref(),
            Some("AI Assistant Response")
        );
        assert!(
            artifact.timestamp.starts_with("2026-01-01T00:00:0")
                && artifact.timestamp.ends_with('Z')
        );
        client.ask("again").await.unwrap();
        assert_eq!(requests(&stage, TOKEN).len(), 1);
    });
}

#[test]
fn pay08_a_raw_answer_is_what_the_server_sent() {
    on_stage(async |_| {
        let body = r#"{ "jsonrpc":"2.0", "id":"req-z", "extra":{"b":1,"a":[ 1.50, 123456789012345678901234567890 ]},
            "result":{"id":"t","status":{"state":"COMPLETED"},"history":[],"odd":null} }"#;
        let script = Script::tasks([Plan::text(200, "application/json", body)]);
        let client = script.client(settings()).await;
        let answer = client.ask_raw("x").await.unwrap();
        assert_eq!(
            answer.json().text(),
            r#"{"jsonrpc":"2.0","id":"req-z","extra":{"b":1,"a":[1.50,123456789012345678901234567890]},"result":{"id":"t","status":{"state":"COMPLETED"},"history":[],"odd":null}}"#
        );
        assert_eq!(
            (answer.jsonrpc().as_deref(), answer.id().as_deref()),
            (Some("2.0"), Some("req-z"))
        );
        assert_eq!(
            (answer.state(), answer.error()),
            (TaskState::Completed, None)
        );
        let by_format = client
            .answer(Ask::new("x").output_format(OutputFormat::Json))
            .await
            .unwrap();
        assert!(matches!(by_format, Answer::Raw(_)));
        assert_eq!(
            by_format.formatted().unwrap_err().kind(),
            ErrorKind::Validation
        );
    });
}

#[test]
fn pay13_to_pay18_sessions_are_made_kept_renewed_and_resumed() {
    on_stage(async |stage| {
        let first = client(&stage, settings()).await;
        let session = first.session_id();
        assert!(
            requests(&stage, "/").is_empty(),
            "to look at it sends nothing"
        );
        let answer = first.ask("one").await.unwrap();
        let shown = serde_json::to_value(&answer).unwrap();
        assert_eq!(
            (&shown["session_id"], &shown["sessionId"]),
            (&json!(session), &json!(session))
        );
        let read: FormattedTaskResponse = serde_json::from_value(shown).unwrap();
        assert_eq!((read, &answer.ids.session_id), (answer.clone(), &session));
        first.ask("two").await.unwrap();
        let new = first
            .ask(Ask::new("three").new_session())
            .await
            .unwrap()
            .ids
            .session_id;
        assert_ne!(new, session);
        assert_eq!(first.session_id(), new, "it stays");
        first.ask("four").await.unwrap();
        let sent: Vec<_> = requests(&stage, TASKS)
            .iter()
            .map(|one| one["body"]["params"]["sessionId"].clone())
            .collect();
        assert_eq!(sent, [&*session, &*session, &*new, &*new]);
        let second = client(&stage, settings().session_id(&session)).await;
        assert_eq!(second.session_id(), session);
        assert_eq!(second.ask("!recall").await.unwrap().text(), "one\ntwo");
        let other = client(&stage, settings()).await;
        assert_eq!(
            other
                .ask("What did we talk about earlier?")
                .await
                .unwrap()
                .text(),
            "(nothing)"
        );
    });
}

#[test]
fn pay13_no_two_clients_share_a_session() {
    on_stage(async |stage| {
        let mut seen = BTreeSet::new();
        for _ in 0..1_000 {
            let client = client(&stage, settings()).await;
            assert!(seen.insert(client.session_id()));
            client.close().await;
        }
    });
}

#[test]
fn pay19_metadata_go_to_three_places_as_they_are() {
    on_stage(async |stage| {
        let client = client(&stage, settings()).await;
        let given =
            json!({"source": "web-app", "n": 1, "z": null, "deep": {"a": [1, {"b": null}]}});
        let ask = Ask::new("Hi")
            .metadata(&given)
            .part_metadata(json!({"currency": "USD"}))
            .message_metadata(json!({"priority": "high"}));
        let answer = client.ask(ask).await.unwrap();
        let params = requests(&stage, TASKS)[0]["body"]["params"].clone();
        assert_eq!(params["metadata"], given);
        assert_eq!(
            params["message"]["parts"][0]["metadata"],
            json!({"currency": "USD"})
        );
        assert_eq!(params["message"]["metadata"], json!({"priority": "high"}));
        let metadata: Value = answer.metadata.read().unwrap();
        assert_eq!(
            (&metadata["agentId"], &metadata["source"]),
            (&json!("ai-sim"), &json!("web-app"))
        );
        client.ask("Hi").await.unwrap();
        let params = requests(&stage, TASKS)[1]["body"]["params"].clone();
        for absent in [
            &params["metadata"],
            &params["message"]["metadata"],
            &params["message"]["parts"][0]["metadata"],
        ] {
            assert_eq!(*absent, Value::Null);
        }
        assert!(params.as_object().unwrap().contains_key("metadata"));
    });
}

#[test]
fn pay22_every_state_of_the_agent_is_an_answer() {
    on_stage(async |stage| {
        let client = client(&stage, settings()).await;
        for (wire, state, status, is_final) in [
            ("working", "working", "in_progress", false),
            ("INPUT_REQUIRED", "input-required", "in_progress", true),
            ("AUTH-REQUIRED", "auth-required", "in_progress", true),
            ("Failed", "failed", "failed", true),
            ("CANCELLED", "canceled", "failed", true),
            ("rejected", "rejected", "failed", true),
            ("on_holiday", "unknown", "in_progress", false),
        ] {
            let answer = client.ask(format!("!state {wire} so it is")).await.unwrap();
            let shown = serde_json::to_value(&answer).unwrap();
            assert_eq!(
                (&shown["state"], &shown["status"], &shown["is_final"]),
                (&json!(state), &json!(status), &json!(is_final))
            );
            assert_eq!(
                (&shown["status_message"], &shown["artifacts"]),
                (&json!("so it is"), &json!([]))
            );
        }
        let raw = client.ask_raw("!state on_holiday").await.unwrap();
        assert!(raw.json().text().contains("on_holiday"));
        let several = client.ask("!artifacts 3").await.unwrap();
        let names: Vec<_> = several
            .artifacts
            .iter()
            .map(|one| (one.name.as_str(), one.index))
            .collect();
        assert_eq!(
            names,
            [("artifact-1", 0), ("artifact-2", 1), ("artifact-3", 2)]
        );
        let data = client.ask("!data {\"x\": 1}").await.unwrap();
        assert_eq!(
            (data.text().as_str(), data.artifacts[0].kind),
            ("data follows\n{\"x\":1}", ArtifactKind::Mixed)
        );
    });
}

#[test]
fn pay05_and_pay06_environment_and_name() {
    on_stage(async |stage| {
        assert_eq!(settings().server(), "http://payman.test");
        let test = greenroom::payman::Settings::new("i", "s").environment(Environment::Test);
        assert_eq!(test.server(), "https://agent.payman.dev");
        let named = client(&stage, settings().name("shop")).await;
        assert_eq!(named.name(), Some("shop"));
        assert_eq!(client(&stage, settings()).await.name(), None);
        assert!(requests(&stage, "/").is_empty());
    });
}

#[test]
fn tasks_can_be_looked_at_and_cancelled() {
    on_stage(async |stage| {
        let client = client(&stage, settings()).await;
        let done = client.ask("x").await.unwrap();
        let task = client.task(&done.ids.task_id).await.unwrap();
        assert_eq!(task.state(), TaskState::Completed);
        let error = client.cancel_task(&done.ids.task_id).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code(), error.may_have_run()),
            (ErrorKind::Agent, Some(-32002), false)
        );
        assert_eq!(
            client.task("tsk-none").await.unwrap_err().code(),
            Some(-32001)
        );
        let held = client.ask("!hold").await.unwrap();
        assert_eq!(
            client.cancel_task(&held.ids.task_id).await.unwrap().state(),
            TaskState::Canceled
        );
    });
}

#[test]
fn one_slow_answer_holds_up_no_other() {
    on_stage(async |stage| {
        let client = client(&stage, settings()).await;
        let begun = greenroom::actors::clock::now();
        let (slow, quick) = futures::join!(client.ask("!slow 11000"), async {
            client.ask("quick").await.unwrap();
            greenroom::actors::clock::now() - begun
        });
        assert_eq!(slow.unwrap().text(), "echo: !slow 11000");
        assert!(quick < SECOND, "{quick:?}");
        client.close().await;
        assert_eq!(
            client.ask("too late").await.unwrap_err().kind(),
            ErrorKind::Cancelled
        );
    });
}

#[test]
fn whoever_drops_the_future_of_an_ask_does_not_stop_the_ask() {
    on_stage(async |_| {
        let script = Script::tasks([Plan::json(200, &completed("done")).after(2 * SECOND)]);
        let client = script.client(settings()).await;
        let _ = tokio::time::timeout(SECOND, client.ask(Ask::new("pay").once("k"))).await;
        assert_eq!(
            client.ask(Ask::new("pay").once("k")).await.unwrap().text(),
            "done"
        );
        assert_eq!(script.seen(TASKS).len(), 1);
        let _: &PaymanClient = &client;
    });
}
