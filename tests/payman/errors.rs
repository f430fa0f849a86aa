//! What goes wrong with asks, what is tried again, and whether the agent may have acted.

use std::time::Duration;

use greenroom::payman::{ErrorBody, ErrorKind, PaymanError};
use serde_json::{Value, json};

use super::script::{Piece, Plan, Script, piece};
use super::{SECOND, TASKS, completed, facts, on_stage, settings};

/// Asks once and returns the error, with how often it was sent and how long it took.
async fn failed(tasks: impl IntoIterator<Item = Plan>) -> (PaymanError, usize, Duration) {
    let script = Script::tasks(tasks);
    let client = script.client(settings()).await;
    let begun = greenroom::actors::clock::now();
    let error = client.ask("x").await.unwrap_err();
    (error, script.seen(TASKS).len(), begun.elapsed())
}

fn page(status: u16) -> Plan {
    Plan::text(status, "text/html", "<h1>no</h1>")
}

#[test]
fn pay24_errors_carry_status_and_body() {
    on_stage(async |_| {
        let (error, ..) = failed([page(500)]).await;
        assert_eq!(facts(&error), (ErrorKind::Http, Some(500), true));
        assert_eq!(
            error.body(),
            Some(&ErrorBody::Text("<h1>no</h1>".to_owned()))
        );
        let body = json!({"status": 403, "errorCode": "not_allowed", "errorMessage": "no such scope", "context": {}, "traceId": "tr-9"});
        let (error, ..) = failed([Plan::json(403, &body)]).await;
        assert_eq!(facts(&error), (ErrorKind::Http, Some(403), false));
        assert_eq!(
            (
                error.error_code().unwrap(),
                error.error_message().unwrap(),
                error.trace_id().unwrap()
            ),
            ("not_allowed".into(), "no such scope".into(), "tr-9".into())
        );
        let shown = serde_json::to_value(&error).unwrap();
        assert_eq!(
            shown,
            json!({"kind": "http", "message": "the server answered HTTP 403", "status": 403, "code": null, "body": body, "retry_after": null, "may_have_run": false})
        );
    });
}

#[test]
fn what_was_not_sent_is_sent_again_up_to_three_times() {
    on_stage(async |_| {
        let script = Script::tasks([Plan::Refuse, Plan::Refuse, Plan::json(200, &completed("x"))]);
        script.client(settings()).await.ask("x").await.unwrap();
        let sent = script.seen(TASKS);
        assert_eq!(sent.len(), 3);
        assert!(
            sent.iter().all(|one| one.body == sent[0].body),
            "the same ids"
        );
        let (error, sent, took) = failed([Plan::Refuse]).await;
        assert_eq!(
            (facts(&error), sent),
            ((ErrorKind::Connect, None, false), 3)
        );
        assert!(
            (Duration::from_millis(375)..Duration::from_millis(800)).contains(&took),
            "{took:?}"
        );
    });
}

#[test]
fn what_may_have_been_carried_out_is_sent_once() {
    on_stage(async |_| {
        for (plan, kind, status) in [
            (Plan::Lose, ErrorKind::Transport, None),
            (Plan::Silence, ErrorKind::Timeout, None),
            (page(500), ErrorKind::Http, Some(500)),
            (page(502), ErrorKind::Http, Some(502)),
            (page(503), ErrorKind::Http, Some(503)),
            (page(504), ErrorKind::Http, Some(504)),
            (page(200), ErrorKind::Decode, None),
            (
                Plan::text(200, "application/json", "[]"),
                ErrorKind::Decode,
                None,
            ),
            (
                Plan::json(200, &json!({"result": null})),
                ErrorKind::NoResponse,
                None,
            ),
            (
                Plan::json(200, &json!({"error": {"code": -32603, "message": "no"}})),
                ErrorKind::Agent,
                None,
            ),
        ] {
            let (error, sent, _) = failed([plan.clone(), Plan::json(200, &completed("x"))]).await;
            assert_eq!((facts(&error), sent), ((kind, status, true), 1), "{plan:?}");
        }
        for status in [301, 302, 307, 308, 400, 404, 405, 409, 422] {
            let (error, sent, _) = failed([page(status)]).await;
            assert_eq!(
                (facts(&error), sent),
                ((ErrorKind::Http, Some(status), false), 1)
            );
        }
        let cut = Plan::stream([piece("{\"jsonrpc\":"), Piece::Lost]);
        let (error, sent, _) = failed([cut]).await;
        assert_eq!(
            (facts(&error), sent),
            ((ErrorKind::Transport, None, true), 1)
        );
    });
}

#[test]
fn a_server_that_puts_off_is_obeyed_for_half_a_minute() {
    on_stage(async |_| {
        for put_off in [
            page(429).retry_after(7 * SECOND),
            page(503).retry_after(7 * SECOND),
        ] {
            let script = Script::tasks([
                put_off.clone(),
                put_off.clone(),
                Plan::json(200, &completed("x")),
            ]);
            let client = script.client(settings()).await;
            let begun = greenroom::actors::clock::now();
            client.ask("x").await.unwrap();
            assert_eq!(
                (script.seen(TASKS).len(), begun.elapsed().as_secs()),
                (3, 14)
            );
            let (error, sent, _) = failed([put_off]).await;
            assert_eq!((sent, error.retry_after()), (3, Some(7 * SECOND)));
        }
        let (error, sent, took) = failed([page(429)]).await;
        assert_eq!(
            (facts(&error), sent),
            ((ErrorKind::Http, Some(429), false), 3)
        );
        assert!(took < SECOND, "back-off without advice: {took:?}");
        for status in [429, 503] {
            let (error, sent, took) = failed([page(status).retry_after(31 * SECOND)]).await;
            assert_eq!(
                (sent, error.retry_after(), took < SECOND),
                (1, Some(31 * SECOND), true)
            );
            assert_eq!(error.may_have_run(), status == 503);
        }
    });
}

#[test]
fn an_ask_takes_so_long_in_all_and_no_longer() {
    on_stage(async |_| {
        let (_, _, took) = failed([Plan::Silence]).await;
        assert_eq!(took.as_secs(), 120);
        let dripping = (0..200).flat_map(|_| [piece("{"), Piece::Pause(SECOND)]);
        let (error, _, took) = failed([Plan::Answer(super::script::Reply {
            status: 200,
            kind: "application/json",
            retry_after: None,
            after: Duration::ZERO,
            pieces: dripping.collect(),
        })])
        .await;
        assert_eq!(
            (facts(&error), took.as_secs()),
            ((ErrorKind::Timeout, None, true), 120)
        );
        let mut short = settings();
        short.timeout = 2 * SECOND;
        let script = Script::tasks([page(429).retry_after(5 * SECOND)]);
        let error = script.client(short).await.ask("x").await.unwrap_err();
        assert_eq!(
            facts(&error),
            (ErrorKind::Http, Some(429), false),
            "a wait that is too long is not begun"
        );
    });
}

#[test]
fn an_error_of_the_agent_is_one_in_both_forms() {
    on_stage(async |_| {
        let error = json!({"code": -32603, "message": "Internal error", "data": {"x": 1}});
        let script = Script::tasks([Plan::json(
            200,
            &json!({"jsonrpc": "2.0", "id": "r", "error": error, "result": {"id": 1}}),
        )]);
        let client = script.client(settings()).await;
        for failed in [
            client.ask("x").await.map(drop),
            client.ask_raw("x").await.map(drop),
        ] {
            let failed = failed.unwrap_err();
            assert_eq!(
                (failed.kind(), failed.code()),
                (ErrorKind::Agent, Some(-32603))
            );
            let shown = serde_json::to_value(&failed).unwrap();
            assert_eq!(
                (&shown["message"], &shown["body"]),
                (&json!("Internal error"), &error)
            );
        }
        let null = Script::tasks([Plan::json(
            200,
            &json!({"error": null, "result": completed("x")["result"]}),
        )]);
        assert_eq!(
            null.client(settings()).await.ask("x").await.unwrap().text(),
            "x"
        );
    });
}

#[test]
fn a_body_that_quotes_a_secret_is_shown_without_it() {
    on_stage(async |_| {
        let quoting = json!({"error": "token at-script of sim-payman-secret is bad"});
        let (error, ..) = failed([Plan::json(400, &quoting)]).await;
        let shown: Value = serde_json::to_value(&error).unwrap();
        assert_eq!(
            shown["body"]["error"],
            "token [redacted] of [redacted] is bad"
        );
    });
}
