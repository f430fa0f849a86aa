//! The defects of the platform's own client (section 7 of its specification), each with the better behaviour.

use futures::future::join_all;
use greenroom::payman::{
    Ask, AskEvent, ErrorKind, OutputFormat, PaymanClient, Settings, TaskState, TokenInfo,
};
use serde_json::{Value, json};

use super::script::{Plan, Script};
use super::{CODE, SECOND, TASKS, TOKEN, client, completed, on_stage, requests, settings};

#[test]
fn d01_a_users_token_is_never_replaced_by_the_applications() {
    on_stage(async |stage| {
        let user = client(&stage, settings().code(CODE)).await;
        for _ in 0..3 {
            stage
                .payman()
                .fault(greenroom::simulator::FaultKind::Expire);
            user.ask("pay").await.unwrap();
        }
        stage
            .payman()
            .fault(greenroom::simulator::FaultKind::Revoke);
        let error = user.ask("pay").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.may_have_run()),
            (ErrorKind::Auth, false)
        );
        assert!(
            requests(&stage, TOKEN)
                .iter()
                .all(|one| !one["path"].as_str().unwrap().contains("client_credentials"))
        );

        // A user without a refresh token: an error, and no request.
        let script = Script::new(
            [Plan::token("at-1", 30, None)],
            [Plan::json(200, &completed("x"))],
        );
        let user = script.client(settings().code("c")).await;
        assert_eq!(
            user.ask("pay").await.unwrap_err().kind(),
            ErrorKind::TokenExpired
        );
        assert_eq!((script.seen(TOKEN).len(), script.seen(TASKS).len()), (1, 0));
    });
}

#[test]
fn d02_the_callback_is_called() {
    on_stage(async |stage| {
        let mut told = 0;
        client(&stage, settings())
            .await
            .ask_with("x", async |_| told += 1)
            .await
            .unwrap();
        assert_eq!(told, 4);
    });
}

#[test]
fn d03_raw_answers_are_given() {
    on_stage(async |stage| {
        let raw = client(&stage, settings()).await.ask_raw("x").await.unwrap();
        assert!(raw.json().text().starts_with("{\""));
    });
}

#[test]
fn d04_the_session_of_an_answer_is_read_under_both_names() {
    on_stage(async |_| {
        for name in ["sessionId", "session_id"] {
            let body =
                json!({"result": {"id": "t", name: "ses-9", "status": {"state": "completed"}}});
            let script = Script::tasks([Plan::json(200, &body)]);
            let shown =
                serde_json::to_value(script.client(settings()).await.ask("x").await.unwrap())
                    .unwrap();
            assert_eq!(
                (&shown["session_id"], &shown["sessionId"]),
                (&json!("ses-9"), &json!("ses-9"))
            );
        }
    });
}

#[test]
fn d05_a_silent_server_blocks_nobody_for_ever() {
    on_stage(async |_| {
        for (tokens, tasks) in [
            (Plan::Silence, Plan::Silence),
            (Plan::token("at-1", 3_600, None), Plan::Silence),
        ] {
            let client = Script::new([tokens], [tasks]).client(settings()).await;
            let begun = greenroom::actors::clock::now();
            assert_eq!(
                client.ask("x").await.unwrap_err().kind(),
                ErrorKind::Timeout
            );
            assert!(begun.elapsed() <= 121 * SECOND);
        }
    });
}

#[test]
fn d06_and_d07_one_request_for_any_number_of_callers() {
    on_stage(async |stage| {
        let application = client(&stage, settings()).await;
        for answer in join_all((0..10).map(|_| application.ask("x"))).await {
            answer.unwrap();
        }
        assert_eq!(requests(&stage, TOKEN).len(), 1);
        let user = client(&stage, settings().code(CODE)).await;
        stage
            .payman()
            .fault(greenroom::simulator::FaultKind::Expire);
        for answer in join_all((0..5).map(|_| user.ask("x"))).await {
            answer.unwrap();
        }
        assert_eq!(
            requests(&stage, TOKEN).len(),
            3,
            "one refresh, five successes"
        );
    });
}

#[test]
fn d08_a_refresh_token_that_is_not_sent_again_is_kept() {
    on_stage(async |_| {
        let tokens = [
            Plan::token("at-1", 30, Some("rt-1")),
            Plan::token("at-2", 30, None),
        ];
        let script = Script::new(tokens, [Plan::json(200, &completed("x"))]);
        let user = script.client(settings().code("c")).await;
        for _ in 0..3 {
            user.ask("x").await.unwrap();
        }
        let refreshed =
            script.seen("/api/oauth2/token?grant_type=refresh_token&refresh_token=rt-1");
        assert_eq!(refreshed.len(), 3);
    });
}

#[test]
fn d09_a_refresh_token_alone_is_enough() {
    on_stage(async |_| {
        let info = TokenInfo {
            refresh_token: Some("rt-1".into()),
            ..TokenInfo::default()
        };
        let mut bearer = Settings::with_token("cid", info).unwrap();
        bearer.base_url = settings().base_url;
        let script = Script::new(
            [Plan::token("at-1", 3_600, None)],
            [Plan::json(200, &completed("x"))],
        );
        let client = script.client(bearer).await;
        assert!(script.seen("/").is_empty(), "until the first use");
        client.ask("x").await.unwrap();
        let sent = script.seen(TOKEN).remove(0);
        assert!(sent.target.ends_with("&client_id=cid") && sent.header("authorization").is_none());
    });
}

#[test]
fn d10_trouble_with_the_token_endpoint_is_told_as_what_it_is() {
    on_stage(async |_| {
        for (plan, kind, status) in [
            (Plan::Refuse, ErrorKind::Connect, None),
            (Plan::Lose, ErrorKind::Transport, None),
            (
                Plan::text(503, "text/html", "<h1>down</h1>"),
                ErrorKind::Http,
                Some(503),
            ),
            (
                Plan::text(403, "text/html", "<h1>no</h1>"),
                ErrorKind::Auth,
                Some(403),
            ),
        ] {
            let error = Script::new([plan], [])
                .client(settings())
                .await
                .ask("x")
                .await
                .unwrap_err();
            assert_eq!(
                (error.kind(), error.status(), error.may_have_run()),
                (kind, status, false)
            );
        }
    });
}

// d11, nothing secret is printed: `secrets.rs`.

#[test]
fn d12_what_the_agent_says_of_the_state_is_there() {
    on_stage(async |stage| {
        let answer = client(&stage, settings())
            .await
            .ask("!state input-required Which wallet?")
            .await
            .unwrap();
        assert_eq!(
            answer.progress.status_message.as_deref(),
            Some("Which wallet?")
        );
    });
}

#[test]
fn d13_what_is_missing_does_not_lose_the_answer() {
    on_stage(async |stage| {
        let client = client(&stage, settings()).await;
        assert_eq!(client.ask("!bare").await.unwrap().artifacts, []);
        let unstamped = client.ask("!nostamp").await.unwrap();
        assert_eq!(
            (unstamped.text().as_str(), unstamped.progress.timestamp),
            ("no timestamp", None)
        );
        let parts = json!([{"type": "file", "file": {"name": "receipt.pdf"}}, {"type": "hologram"}, {"type": "text", "text": "paid"}]);
        for (result, text) in [
            (
                json!({"status": {"state": "completed"}, "artifacts": null}),
                "",
            ),
            (
                json!({"status": {}, "artifacts": [{"parts": parts}]}),
                "receipt.pdf\n\npaid",
            ),
            (
                json!({"id": 7, "status": null, "artifacts": [{"name": null, "parts": null}, 5]}),
                "\n",
            ),
        ] {
            let script = Script::tasks([Plan::json(200, &json!({"result": result}))]);
            assert_eq!(
                script
                    .client(settings())
                    .await
                    .ask("x")
                    .await
                    .unwrap()
                    .text(),
                text
            );
        }
    });
}

#[test]
fn d14_redirects_are_errors_and_no_token_goes_elsewhere() {
    on_stage(async |_| {
        for status in [301, 302, 303, 307, 308] {
            let script = Script::tasks([Plan::text(status, "text/html", "")]);
            let error = script.client(settings()).await.ask("x").await.unwrap_err();
            assert_eq!(
                (error.kind(), error.status(), script.seen(TASKS).len()),
                (ErrorKind::Http, Some(status), 1)
            );
        }
        // With real sockets: `wire.rs`.
    });
}

#[test]
fn d15_a_revoked_token_is_renewed_once() {
    on_stage(async |stage| {
        let client = client(&stage, settings()).await;
        client.ask("x").await.unwrap();
        stage.payman().emit("revoke_tokens", json!({}));
        client.ask("x").await.unwrap();
        assert_eq!(
            (requests(&stage, TOKEN).len(), requests(&stage, TASKS).len()),
            (2, 3)
        );
    });
}

#[test]
fn d16_a_server_that_is_too_busy_is_asked_again_later() {
    on_stage(async |stage| {
        let client = client(&stage, settings()).await;
        let busy = greenroom::simulator::Fault::new(greenroom::simulator::FaultKind::Http)
            .status(429)
            .lasting(2 * SECOND)
            .path(TASKS);
        stage.payman().fault(busy);
        let begun = greenroom::actors::clock::now();
        client.ask("x").await.unwrap();
        assert!(begun.elapsed() >= 2 * SECOND);
        let sent = requests(&stage, TASKS);
        assert_eq!((sent.len(), &sent[0]["body"]), (2, &sent[1]["body"]));
    });
}

#[test]
fn d17_a_life_of_zero_and_both_spellings_are_accepted() {
    on_stage(async |_| {
        let zero = Script::new(
            [Plan::json(
                200,
                &json!({"access_token": "at-1", "expires_in": 0}),
            )],
            [Plan::json(200, &completed("x"))],
        );
        let client = zero.client(settings()).await;
        client.ask("x").await.unwrap();
        assert_eq!(client.access_token().await.unwrap().expires_in, 0);
        for info in [
            json!({"accessToken": "a", "expiresIn": 0}),
            json!({"access_token": "a", "expires_in": 0}),
        ] {
            let info: TokenInfo = serde_json::from_value(info).unwrap();
            assert!(Settings::with_token("i", info).is_ok());
        }
    });
}

#[test]
fn d18_stamps_have_a_zone_and_a_step_of_the_clock_breaks_no_renewal() {
    on_stage(async |_| {
        let script = Script::new(
            [Plan::token("at-1", 3_600, None)],
            [Plan::json(200, &completed("x"))],
        );
        let client = script.client(settings()).await;
        assert!(
            client.ask("x").await.unwrap().artifacts[0]
                .timestamp
                .ends_with('Z')
        );
        for date in [0, 4_000_000_000] {
            greenroom::actors::clock::set_date(date);
            assert!(!client.is_access_token_expired());
            client.ask("x").await.unwrap();
        }
        assert_eq!(script.seen(TOKEN).len(), 1);
    });
}

#[test]
fn d19_one_constructor_takes_token_and_name() {
    on_stage(async |stage| {
        let info = TokenInfo {
            access_token: Some("at".into()),
            expires_in: Some(3_600.0),
            ..TokenInfo::default()
        };
        let mut named = Settings::with_token("id", info)
            .unwrap()
            .name("shop")
            .session_id("ses-mine");
        named.base_url = settings().base_url;
        let client = client(&stage, named).await;
        assert_eq!(
            (client.name(), client.session_id().as_str()),
            (Some("shop"), "ses-mine")
        );
    });
}

#[test]
fn d20_states_are_compared_without_regard_to_case() {
    on_stage(async |stage| {
        let client = client(&stage, settings()).await;
        assert_eq!(
            client.ask("!state COMPLETED").await.unwrap().progress.state,
            TaskState::Completed
        );
        let mut states = Vec::new();
        let streamed = client.ask_with("!state INPUT_REQUIRED", async |event| {
            if let AskEvent::Status(update) = event {
                states.push(update.progress.state);
            }
        });
        streamed.await.unwrap();
        assert_eq!(states, [TaskState::Working, TaskState::InputRequired]);
        let raw = client
            .ask_raw(Ask::new("!state COMPLETED").output_format(OutputFormat::Json))
            .await
            .unwrap();
        let raw: Value = raw.json().read().unwrap();
        assert_eq!(raw["result"]["status"]["state"], "COMPLETED");
        let _: &PaymanClient = &client;
    });
}
