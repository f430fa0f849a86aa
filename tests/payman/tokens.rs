//! Tokens: got once, renewed in time, and always the same identity.

use futures::future::join_all;
use greenroom::payman::{ErrorKind, PaymanClient, Settings, TokenInfo};
use secrecy::ExposeSecret;
use serde_json::json;

use super::script::{Plan, Script};
use super::{CODE, SECOND, TASKS, TOKEN, client, completed, facts, on_stage, requests, settings};

fn token(access: Option<(&str, f64)>, refresh: Option<&str>) -> TokenInfo {
    TokenInfo {
        access_token: access.map(|(token, _)| token.into()),
        expires_in: access.map(|(_, life)| life),
        refresh_token: refresh.map(Into::into),
    }
}

fn bearer(info: TokenInfo) -> Settings {
    let settings = Settings::with_token("sim-payman-client", info).unwrap();
    settings.base_url("http://payman.test".parse().unwrap())
}

#[test]
fn pay02_a_code_is_exchanged_once_and_at_once() {
    on_stage(async |stage| {
        let user = client(&stage, settings().code(CODE)).await;
        let sent = requests(&stage, "/");
        assert_eq!(sent.len(), 1);
        assert_eq!(
            sent[0]["path"],
            "/api/oauth2/token?grant_type=authorization_code&code=sim-auth-code"
        );
        user.ask("x").await.unwrap();
        assert_eq!(requests(&stage, TOKEN).len(), 1);
        let odd =
            PaymanClient::connect_over(settings().code("code with space&=/+é"), stage.network())
                .await;
        let error = odd.unwrap_err();
        assert_eq!(facts(&error), (ErrorKind::Auth, Some(400), false));
        let path = requests(&stage, TOKEN)[1]["path"].clone();
        assert_eq!(
            path,
            "/api/oauth2/token?grant_type=authorization_code&code=code+with+space%26%3D%2F%2B%C3%A9"
        );
        let body = serde_json::to_value(&error).unwrap();
        assert_eq!(body["body"]["error"], "invalid_grant");
    });
}

#[test]
fn pay03_a_token_that_was_given_is_used_and_never_replaced() {
    on_stage(async |_| {
        let script = Script::new([], [Plan::json(200, &completed("x"))]);
        let given = script
            .client(bearer(token(Some(("at-given", 61.0)), None)))
            .await;
        assert!(!given.is_access_token_expired());
        given.ask("x").await.unwrap();
        assert_eq!(
            script.seen(TASKS)[0].header("x-payman-access-token"),
            Some("at-given")
        );
        tokio::time::sleep(SECOND).await;
        assert!(given.is_access_token_expired());
        let error = given.ask("x").await.unwrap_err();
        assert_eq!(facts(&error), (ErrorKind::TokenExpired, None, false));
        assert_eq!((script.seen(TASKS).len(), script.seen(TOKEN).len()), (1, 0));
        let old = script
            .client(bearer(token(Some(("at-old", 0.0)), None)))
            .await;
        assert_eq!(
            old.ask("x").await.unwrap_err().kind(),
            ErrorKind::TokenExpired
        );
        assert!(old.access_token().await.is_none());
    });
}

#[test]
fn pay04_a_token_is_renewed_before_each_ask_only_if_it_must_be() {
    on_stage(async |_| {
        for (life, wanted) in [(30, 3), (60, 3), (61, 1), (90, 1)] {
            let script = Script::new(
                [Plan::token("at-1", life, None)],
                [Plan::json(200, &completed("x"))],
            );
            let client = script.client(settings()).await;
            for _ in 0..3 {
                client.ask("x").await.unwrap();
            }
            assert_eq!(script.seen(TOKEN).len(), wanted, "life of {life} s");
        }
        let script = Script::new(
            [
                Plan::token("at-1", 3_600, None),
                Plan::token("at-2", 3_600, None),
            ],
            [Plan::json(200, &completed("x"))],
        );
        let client = script.client(settings()).await;
        client.ask("x").await.unwrap();
        tokio::time::sleep(3_539 * SECOND).await;
        assert!(!client.is_access_token_expired());
        tokio::time::sleep(SECOND).await;
        assert!(client.is_access_token_expired());
        client.ask("x").await.unwrap();
        let used: Vec<_> = script
            .seen(TASKS)
            .iter()
            .map(|seen| seen.header("x-payman-access-token").unwrap().to_owned())
            .collect();
        assert_eq!(used, ["at-1", "at-2"]);
    });
}

#[test]
fn pay20_and_pay21_the_token_can_be_looked_at() {
    on_stage(async |_| {
        let script = Script::new(
            [Plan::token("at-1", 90, Some("rt-1"))],
            [Plan::json(200, &completed("x"))],
        );
        let client = script.client(settings()).await;
        assert!(client.is_access_token_expired() && client.refresh_token().is_none());
        assert_eq!(script.seen("/").len(), 0);
        let info = client.access_token().await.unwrap();
        assert_eq!(
            (info.access_token.expose_secret(), info.expires_in),
            ("at-1", 90)
        );
        tokio::time::sleep(SECOND / 2).await;
        assert_eq!(client.access_token().await.unwrap().expires_in, 89);
        assert_eq!(client.refresh_token().unwrap().expose_secret(), "rt-1");
        assert_eq!(script.seen(TOKEN).len(), 1);
        let broken = Script::new([Plan::json(401, &json!({"error": "invalid_client"}))], []);
        assert!(
            broken
                .client(settings())
                .await
                .access_token()
                .await
                .is_none()
        );
    });
}

#[test]
fn pay27_refresh_tokens_are_rotated_and_kept_if_not_sent_again() {
    on_stage(async |stage| {
        let user = client(&stage, settings().code(CODE)).await;
        let first = user.refresh_token().unwrap();
        stage.payman().emit("revoke_tokens", json!({}));
        user.ask("x").await.unwrap();
        let second = user.refresh_token().unwrap();
        assert_ne!(first.expose_secret(), second.expose_secret());
        let grants: Vec<_> = requests(&stage, TOKEN)
            .iter()
            .map(|one| {
                one["path"]
                    .as_str()
                    .unwrap()
                    .split('&')
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert_eq!(
            grants,
            [
                "/api/oauth2/token?grant_type=authorization_code",
                "/api/oauth2/token?grant_type=refresh_token"
            ]
        );

        // Without the application's secret the id is a parameter.
        let bare = client(&stage, bearer(token(None, Some(second.expose_secret())))).await;
        assert_eq!(bare.ask("x").await.unwrap().text(), "echo: x");
        let last = requests(&stage, TOKEN).pop().unwrap();
        assert!(
            last["path"]
                .as_str()
                .unwrap()
                .ends_with("&client_id=sim-payman-client")
        );
        assert!(last["headers"].get("authorization").is_none());
    });
}

#[test]
fn pay28_arguments_are_checked_before_anything_is_sent() {
    on_stage(async |stage| {
        for wrong in [
            Settings::new("", "s"),
            Settings::new("i", ""),
            settings().code(""),
            settings().code("   "),
            Settings::new("i", "").code("c"),
            settings().session_id(""),
        ] {
            let made = PaymanClient::connect_over(wrong, stage.network()).await;
            assert_eq!(
                facts(&made.unwrap_err()),
                (ErrorKind::Validation, None, false)
            );
        }
        for wrong in [
            token(None, None),
            token(Some(("", 5.0)), None),
            token(Some(("at", f64::NAN)), None),
        ] {
            assert_eq!(
                Settings::with_token("i", wrong).unwrap_err().kind(),
                ErrorKind::Validation
            );
        }
        let no_life = TokenInfo {
            access_token: Some("at".into()),
            ..TokenInfo::default()
        };
        assert!(Settings::with_token("i", no_life).is_err());
        assert!(requests(&stage, "/").is_empty());
    });
}

#[test]
fn pay29_any_number_of_callers_share_one_token_request() {
    on_stage(async |_| {
        let slow = Plan::token("at-1", 3_600, None).after(SECOND / 5);
        let script = Script::new([slow], [Plan::json(200, &completed("x"))]);
        let client = script.client(settings()).await;
        let begun = greenroom::actors::clock::now();
        for answer in join_all((0..10).map(|_| client.ask("x"))).await {
            answer.unwrap();
        }
        assert_eq!(
            (script.seen(TOKEN).len(), script.seen(TASKS).len()),
            (1, 10)
        );
        assert!(begun.elapsed() < SECOND / 4, "nobody waits for another one");

        let refused = Plan::json(401, &json!({"error": "invalid_client"})).after(SECOND);
        let script = Script::new([refused], []);
        let client = script.client(settings()).await;
        for answer in join_all((0..10).map(|_| client.ask("x"))).await {
            assert_eq!(
                facts(&answer.unwrap_err()),
                (ErrorKind::Auth, Some(401), false)
            );
        }
        assert_eq!((script.seen(TOKEN).len(), script.seen(TASKS).len()), (1, 0));
        client.ask("x").await.unwrap_err();
        assert_eq!(
            script.seen(TOKEN).len(),
            2,
            "whoever asks later makes another try"
        );
    });
}

#[test]
fn a_401_is_cured_by_one_renewal_for_all_who_met_it() {
    on_stage(async |stage| {
        let client = client(&stage, settings()).await;
        client.ask("x").await.unwrap();
        stage.payman().emit("revoke_tokens", json!({}));
        for answer in join_all((0..5).map(|_| client.ask("x"))).await {
            answer.unwrap();
        }
        assert_eq!(requests(&stage, TOKEN).len(), 2);
        let sent = requests(&stage, TASKS);
        assert_eq!(
            sent.len(),
            11,
            "one, five that were refused, and the same five again"
        );
        for ask in &sent[1..6] {
            let again = sent[6..]
                .iter()
                .filter(|other| other["body"] == ask["body"])
                .count();
            assert_eq!(again, 1, "the same body");
        }
    });
}

#[test]
fn a_second_401_and_one_that_cannot_be_cured_are_errors() {
    on_stage(async |_| {
        let refused = Plan::json(
            401,
            &json!({"status": 401, "errorCode": "not_authorized", "errorMessage": "no", "traceId": "tr-1"}),
        );
        let script = Script::tasks([refused.clone()]);
        let error = script.client(settings()).await.ask("x").await.unwrap_err();
        assert_eq!(facts(&error), (ErrorKind::Auth, Some(401), false));
        assert_eq!((script.seen(TASKS).len(), script.seen(TOKEN).len()), (2, 2));
        assert_eq!(
            (
                error.error_code().as_deref(),
                error.error_message().as_deref(),
                error.trace_id().as_deref()
            ),
            (Some("not_authorized"), Some("no"), Some("tr-1"))
        );
        let script = Script::new([], [refused]);
        let given = script
            .client(bearer(token(Some(("at-given", 3_600.0)), None)))
            .await;
        assert_eq!(
            facts(&given.ask("x").await.unwrap_err()),
            (ErrorKind::Auth, Some(401), false)
        );
        assert_eq!((script.seen(TASKS).len(), script.seen(TOKEN).len()), (1, 0));
    });
}

#[test]
fn a_refused_refresh_token_falls_back_only_to_the_same_identity() {
    on_stage(async |_| {
        let invalid = Plan::json(400, &json!({"error": "invalid_grant"}));
        let tokens = [
            Plan::token("at-1", 30, Some("rt-1")),
            invalid.clone(),
            Plan::token("at-2", 3_600, None),
        ];
        let script = Script::new(tokens, [Plan::json(200, &completed("x"))]);
        let application = script.client(settings()).await;
        application.ask("x").await.unwrap();
        application.ask("x").await.unwrap();
        let grants: Vec<_> = script
            .seen(TOKEN)
            .iter()
            .map(|seen| seen.target.clone())
            .collect();
        assert_eq!(
            grants,
            [
                "/api/oauth2/token?grant_type=client_credentials",
                "/api/oauth2/token?grant_type=refresh_token&refresh_token=rt-1",
                "/api/oauth2/token?grant_type=client_credentials",
            ]
        );
        assert!(application.refresh_token().is_none());

        let script = Script::new(
            [Plan::token("at-1", 30, Some("rt-1")), invalid],
            [Plan::json(200, &completed("x"))],
        );
        let user = script.client(settings().code("c")).await;
        user.ask("x").await.unwrap_err();
        let error = user.ask("x").await.unwrap_err();
        assert_eq!(facts(&error), (ErrorKind::Auth, Some(400), false));
        assert_eq!(script.seen(TASKS).len(), 0);
        assert!(
            script
                .seen(TOKEN)
                .iter()
                .all(|seen| !seen.target.contains("client_credentials"))
        );
    });
}

#[test]
fn token_requests_are_repeated_where_that_can_do_no_harm() {
    on_stage(async |_| {
        let good = || Plan::token("at-1", 3_600, None);
        let page = |status| Plan::text(status, "text/html", "<h1>no</h1>");
        for trouble in [
            Plan::Refuse,
            Plan::Lose,
            page(500),
            page(502),
            page(504),
            page(503),
            page(429).retry_after(SECOND),
        ] {
            let script = Script::new(
                [trouble.clone(), trouble, good()],
                [Plan::json(200, &completed("x"))],
            );
            script.client(settings()).await.ask("x").await.unwrap();
            assert_eq!(script.seen(TOKEN).len(), 3);
        }
        let script = Script::new([Plan::Silence, good()], [Plan::json(200, &completed("x"))]);
        let begun = greenroom::actors::clock::now();
        script.client(settings()).await.ask("x").await.unwrap();
        assert!(begun.elapsed() >= 30 * SECOND && begun.elapsed() < 31 * SECOND);
        for (trouble, kind, status) in [
            (page(500), ErrorKind::Http, Some(500)),
            (page(429), ErrorKind::Http, Some(429)),
            (Plan::Refuse, ErrorKind::Connect, None),
            (Plan::Lose, ErrorKind::Transport, None),
        ] {
            let script = Script::new([trouble], []);
            let error = script.client(settings()).await.ask("x").await.unwrap_err();
            assert_eq!(facts(&error), (kind, status, false));
            assert_eq!(script.seen(TOKEN).len(), 3);
        }
        // A code or a rotating refresh token may be used up.
        for trouble in [Plan::Lose, page(500), page(502)] {
            let script = Script::new([trouble, good()], []);
            PaymanClient::connect_over(settings().code("c"), script.clone())
                .await
                .unwrap_err();
            assert_eq!(script.seen(TOKEN).len(), 1);
        }
        let script = Script::new([Plan::Refuse, page(503), good()], []);
        PaymanClient::connect_over(settings().code("c"), script.clone())
            .await
            .unwrap();
        let long = Script::new([page(429).retry_after(31 * SECOND)], []);
        let error = long.client(settings()).await.ask("x").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.retry_after(), long.seen(TOKEN).len()),
            (ErrorKind::Http, Some(31 * SECOND), 1)
        );
        let odd = Script::new([page(200)], []);
        assert_eq!(
            facts(&odd.client(settings()).await.ask("x").await.unwrap_err()),
            (ErrorKind::Decode, None, false)
        );
    });
}
