//! MESH-29: the table of errors, and what is tried again.

use std::time::Duration;

use greenroom::mesh::ErrorKind;
use serde_json::{Value, json};

use super::script::{Plan, Script};
use super::{CHAT, PROFILE, SECOND, on_stage, settings};

/// What comes of a chat, and to how many requests.
async fn failed(plan: Plan) -> (Value, usize) {
    let script = Script::chats(move |_, _| plan.clone());
    let error = script.client(settings()).chat("x").await.unwrap_err();
    (
        serde_json::to_value(error).unwrap(),
        script.paths().len() - 1,
    )
}

#[test]
fn each_status_is_one_error_after_one_request() {
    on_stage(async |_| {
        // D-11: the peer sends six.
        for status in [400, 402, 409, 500, 502, 504] {
            let (error, requests) = failed(Plan::json(
                status,
                json!({"success": false, "error": "why"}),
            ))
            .await;
            assert_eq!(
                (error["error"].as_str().unwrap(), requests),
                (format!("Request failed: {status}").as_str(), 1)
            );
            assert_eq!(error["details"]["error"], "why");
            assert_eq!(error["url"], format!("http://mesh.test{CHAT}"));
            assert_eq!(error["status"], status);
        }
        let (error, _) = failed(Plan::text(500, "<html>")).await;
        assert_eq!(error["details"], json!({"text": "<html>"}));
        let (error, requests) = failed(Plan::text(200, "garbage")).await;
        assert_eq!(
            (error["error"].as_str(), requests),
            (Some("invalid response"), 1)
        );
        for (words, sentence) in [
            ("jwt malformed", "format"),
            ("Invalid token", "invalid"),
            ("Token expired", "expired"),
        ] {
            let (error, requests) =
                failed(Plan::json(401, json!({"success": false, "error": words}))).await;
            assert_eq!(
                (error["error"].as_str(), requests),
                (Some("Authentication failed: 401"), 1)
            );
            assert_eq!(error["details"]["error"], words);
            assert_eq!(
                error["details"]["help"],
                "Run 'mesh-auth' to authenticate manually"
            );
            assert!(
                error["details"]["details"]
                    .as_str()
                    .unwrap()
                    .contains(sentence)
            );
        }
    });
}

#[test]
fn a_lost_connection_is_tried_again_three_times() {
    on_stage(async |_| {
        for lost in [Plan::Lose, Plan::Refuse] {
            let once = lost.clone();
            let script = Script::chats(move |_, before| match before {
                0 => once.clone(),
                _ => Plan::said("fine"),
            });
            assert_eq!(
                script.client(settings()).chat("x").await.unwrap().text(),
                "fine"
            );
            let wait = script.seen()[2].at - script.seen()[1].at;
            assert!(
                (800 * Duration::from_millis(1)..1_300 * Duration::from_millis(1)).contains(&wait),
                "{wait:?}"
            );
            let (error, requests) = failed(lost).await;
            assert_eq!(requests, 4);
            assert!(
                error["error"]
                    .as_str()
                    .unwrap()
                    .starts_with("Request failed: ")
            );
        }
    });
}

/// What may have been paid for is not said twice, and its event is not handled twice.
#[test]
fn a_chat_that_is_too_late_is_not_said_again_and_a_question_is() {
    on_stage(async |_| {
        let script = Script::chats(|_, _| Plan::Silence);
        let error = script.client(settings()).chat("x").await.unwrap_err();
        assert_eq!(
            (error.kind(), script.paths().len()),
            (ErrorKind::Timeout, 2)
        );
        assert!(error.may_have_run());
        let script = Script::new(|_, before| match before {
            0 => Plan::Silence,
            _ => Plan::json(200, json!({"keys": []})),
        });
        script
            .client(settings())
            .list_keys(Some("u"))
            .await
            .unwrap();
        assert_eq!(script.paths().len(), 2);
        let script = Script::new(|_, before| match before {
            0 => Plan::text(502, "x"),
            _ => Plan::json(200, json!({"keys": []})),
        });
        script
            .client(settings())
            .list_keys(Some("u"))
            .await
            .unwrap();
    });
}

/// D-15: calls about keys end in time; what may have changed something is not repeated.
#[test]
fn a_key_that_is_not_stored_in_time_is_not_stored_again() {
    on_stage(async |_| {
        let script = Script::new(|_, _| Plan::Silence);
        let client = script.client(settings());
        let began = tokio::time::Instant::now();
        let error = client.store_key("k", "v", Some("u")).await.unwrap_err();
        assert_eq!(
            (error.kind(), began.elapsed().as_secs()),
            (ErrorKind::Timeout, 30)
        );
        assert!(error.may_have_run());
        assert_eq!(script.paths(), ["/api/v1/storeKey"]);
        let mut hasty = settings();
        hasty.timeout = 2 * SECOND;
        let began = tokio::time::Instant::now();
        let client = script.client(hasty);
        client.store_key_zkp(Some("u"), "k", "v").await.unwrap_err();
        assert_eq!(
            began.elapsed().as_secs(),
            4,
            "to make the user, and to store"
        );
    });
}

#[test]
fn a_server_that_asks_for_patience_gets_it() {
    on_stage(async |_| {
        for status in [429, 503] {
            let patient = move |wait: u32| {
                move |_: &super::script::Seen, before: usize| match before {
                    0 => Plan::Answer(status, "{}".to_owned(), Some(wait * SECOND)),
                    _ => Plan::said("fine"),
                }
            };
            let script = Script::chats(patient(7));
            script.client(settings()).chat("x").await.unwrap();
            assert!(script.seen()[2].at - script.seen()[1].at >= 7 * SECOND);
            let script = Script::chats(patient(31));
            assert!(script.client(settings()).chat("x").await.is_err());
            assert_eq!(script.paths(), [PROFILE, CHAT]);
        }
    });
}

#[test]
fn errors_of_usage_and_models_have_their_words() {
    on_stage(async |_| {
        let script = Script::new(|_, _| Plan::json(400, json!({"error": "no"})));
        let client = script.client(settings());
        for error in [
            client.usage().await.unwrap_err(),
            client.models().await.unwrap_err(),
        ] {
            assert_eq!(error.to_string(), "Failed to get usage data: 400");
        }
    });
}
