//! Where tokens come from, and how they are renewed.

use futures::future::join_all;
use greenroom::mesh::{ErrorKind, Login};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::script::{Plan, Script};
use super::{
    CHAT, PROFILE, SECOND, USER, asked, client, on_stage, settings, stored, token_file, token_of,
    unauthenticated,
};

const REFRESH: &str = "POST /auth/refresh-token";

fn count(all: &[String], one: &str) -> usize {
    all.iter().filter(|asked| *asked == one).count()
}

/// MESH-06, D-07: a token that was given is used at once, and the login that is kept stays as it is.
#[test]
fn a_given_token_is_used_and_never_stored() {
    on_stage(async |stage| {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("token.json");
        std::fs::write(&file, r#"{"access_token":"kept"}"#).unwrap();
        let client = client(
            &stage,
            stored(&file).auth_token(format!("  {} \n", token_of("auth0|given"))),
        );
        assert_eq!(client.profile().await.unwrap().id, "auth0|given");
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            r#"{"access_token":"kept"}"#
        );
        assert!(asked(stage.auth0()).is_empty());
    });
}

/// D-16: blanks around a token are taken off once, for every request.
#[test]
fn a_token_goes_out_without_the_blanks_around_it() {
    on_stage(async |_| {
        let script = Script::chats(|_, _| Plan::said("fine"));
        let settings = unauthenticated().auth_token("\t header.payload.sig \n");
        script.client(settings).chat("x").await.unwrap();
        let bearers: Vec<_> = script.seen().into_iter().map(|seen| seen.bearer).collect();
        let bearer = Some("Bearer header.payload.sig".to_owned());
        assert_eq!(bearers, [bearer.clone(), bearer]);
    });
}

/// MESH-08: a login lasts over runs, with all that other clients put into the file.
#[test]
fn a_login_is_kept_for_the_next_client() {
    on_stage(async |stage| {
        let home = tempfile::tempdir().unwrap();
        let file = token_file(&stage, home.path(), 80_000).await;
        let mut token: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        token["expires_at"] = json!(token["expires_at"].as_f64().unwrap() + 0.5);
        std::fs::write(&file, token.to_string()).unwrap();
        let polls = asked(stage.auth0()).len();
        client(&stage, stored(&file)).chat("Hello").await.unwrap();
        assert_eq!(asked(stage.auth0()).len(), polls, "no login");
        assert_eq!(count(&asked(stage.mesh()), REFRESH), 0);
    });
}

/// MESH-10, D-06: 299 seconds are too few, 310 are enough; what the answer leaves out is kept.
#[test]
fn a_token_is_renewed_before_it_is_used() {
    on_stage(async |stage| {
        for (left, refreshes) in [(299, 1), (310, 0), (-10, 1)] {
            let home = tempfile::tempdir().unwrap();
            let file = token_file(&stage, home.path(), left).await;
            let before = asked(stage.mesh()).len();
            let mut settings = stored(&file);
            settings.auto_refresh = false;
            client(&stage, settings).chat("Hello").await.unwrap();
            let asked = asked(stage.mesh())[before..].to_vec();
            assert_eq!(count(&asked, REFRESH), refreshes, "{left}: {asked:?}");
            assert_eq!(asked.last().unwrap(), &format!("POST {CHAT}"));
        }
    });
}

#[test]
fn eight_calls_at_once_renew_a_token_once() {
    on_stage(async |stage| {
        let home = tempfile::tempdir().unwrap();
        let file = token_file(&stage, home.path(), 100).await;
        let before = asked(stage.mesh()).len();
        let client = client(&stage, stored(&file));
        for answer in join_all((0..8).map(|_| client.chat("Hello"))).await {
            answer.unwrap();
        }
        let asked = asked(stage.mesh())[before..].to_vec();
        assert_eq!(count(&asked, REFRESH), 1);
        assert_eq!(
            count(&asked, &format!("GET {PROFILE}")),
            1,
            "and register once"
        );
        assert_eq!(count(&asked, &format!("POST {CHAT}")), 8);
    });
}

/// A server may give tokens that live shorter than the margin: whoever waited for one takes it all the same.
#[test]
fn a_token_that_has_just_come_is_not_renewed_for_the_next_call() {
    on_stage(async |stage| {
        let home = tempfile::tempdir().unwrap();
        let file = token_file(&stage, home.path(), 100).await;
        stage.auth0().emit("tokens", json!({"expires_in": 200}));
        let before = asked(stage.mesh()).len();
        let client = client(&stage, stored(&file));
        for answer in join_all((0..8).map(|_| client.chat("Hello"))).await {
            answer.unwrap();
        }
        let renewals = || count(&asked(stage.mesh())[before..], REFRESH);
        assert_eq!(renewals(), 1);
        stage.advance(59 * SECOND).await;
        assert_eq!(renewals(), 1);
        stage.advance(5 * SECOND).await;
        assert_eq!(renewals(), 2, "the timer does not hurry either");
    });
}

/// D-08, D-15: every kind of call renews a refused token once, and none more often.
#[test]
fn a_refused_token_is_renewed_once_and_the_call_made_again() {
    on_stage(async |stage| {
        let home = tempfile::tempdir().unwrap();
        let file = token_file(&stage, home.path(), 80_000).await;
        let client = client(&stage, stored(&file));
        client.chat("Hello").await.unwrap();
        stage.mesh().emit("token.revoke", json!({}));
        client.store_key("k", "v", None).await.unwrap();
        assert_eq!(count(&asked(stage.mesh()), REFRESH), 1);
        assert_eq!(count(&asked(stage.mesh()), "POST /api/v1/storeKey"), 2);
    });
}

#[test]
fn a_second_refusal_is_an_error_and_a_403_about_credits_no_matter_of_the_token() {
    on_stage(async |_| {
        let refused = Script::new(|seen, _| match seen.path() {
            "/auth/refresh-token" => {
                Plan::json(200, json!({"access_token": "new", "expires_in": 86_400}))
            }
            _ => Plan::json(401, json!({"success": false, "error": "Invalid token"})),
        });
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("token.json");
        let end = greenroom::actors::clock::unix_seconds() + 80_000;
        let token = json!({"access_token": "old", "refresh_token": "r", "expires_at": end});
        std::fs::write(&file, token.to_string()).unwrap();
        let error = refused
            .client(stored(&file))
            .list_keys(Some("u"))
            .await
            .unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Auth, Some(401)));
        assert_eq!(
            refused.paths(),
            [
                "/api/v1/listKeys",
                "/auth/refresh-token",
                "/api/v1/listKeys"
            ]
        );
        let kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(
            (&kept["access_token"], &kept["refresh_token"]),
            (&json!("new"), &json!("r")),
            "D-06"
        );
        let poor = Script::new(|_, _| Plan::json(403, json!({"error": "Insufficient credits"})));
        let error = poor
            .client(stored(&file))
            .list_keys(Some("u"))
            .await
            .unwrap_err();
        assert_eq!((poor.paths().len(), error.kind()), (1, ErrorKind::Http));
    });
}

/// The three endpoints that renew a token, each only if the one before is missing.
#[test]
fn a_token_is_renewed_where_the_server_can() {
    on_stage(async |_| {
        let script = Script::new(
            |seen, _| match (seen.path(), seen.body["grant_type"].as_str()) {
                ("/oauth/token", Some("refresh_token")) => {
                    Plan::json(200, json!({"access_token": "new"}))
                }
                ("/api/v1/auth/config", _) => Plan::json(
                    200,
                    json!({"domain": "x", "client_id": "i", "audience": "a"}),
                ),
                ("/api/v1/listKeys", _) => Plan::json(200, json!({"keys": []})),
                _ => Plan::missing(),
            },
        );
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("token.json");
        std::fs::write(
            &file,
            r#"{"access_token":"old","refresh_token":"r","expires_at":1}"#,
        )
        .unwrap();
        let client = script.client(stored(&file));
        client.list_keys(Some("u")).await.unwrap();
        assert_eq!(
            script.paths()[..3],
            [
                "/auth/refresh-token",
                "/api/v1/auth/exchange-token",
                "/api/v1/auth/config"
            ]
        );
        assert_eq!(script.seen()[4].bearer.as_deref(), Some("Bearer new"));
    });
}

#[test]
fn a_grant_that_is_refused_is_forgotten_and_a_server_that_is_away_is_not() {
    on_stage(async |_| {
        let file_of = |home: &std::path::Path| {
            let file = home.join("token.json");
            std::fs::write(
                &file,
                r#"{"access_token":"old","refresh_token":"r","expires_at":1}"#,
            )
            .unwrap();
            file
        };
        let home = tempfile::tempdir().unwrap();
        let refusing = Script::new(|_, _| Plan::json(403, json!({"error": "invalid_grant"})));
        let file = file_of(home.path());
        let client = refusing.client(stored(&file));
        assert_eq!(
            client.list_keys(None).await.unwrap_err().kind(),
            ErrorKind::Auth
        );
        assert_eq!(
            client.list_keys(None).await.unwrap_err().kind(),
            ErrorKind::Auth
        );
        assert_eq!(refusing.paths().len(), 1, "final at once");
        assert!(
            !std::fs::read_to_string(&file)
                .unwrap()
                .contains("refresh_token")
        );

        let file = file_of(home.path());
        let away = Script::new(|_, _| Plan::text(502, "bad gateway"));
        let error = away
            .client(stored(&file))
            .list_keys(None)
            .await
            .unwrap_err();
        assert_eq!((error.status(), away.paths().len()), (Some(502), 3));
        let times: Vec<_> = away.seen().iter().map(|seen| seen.at).collect();
        assert!(times[1] - times[0] >= SECOND && times[2] - times[1] >= 2 * SECOND);
        assert!(
            std::fs::read_to_string(&file)
                .unwrap()
                .contains("refresh_token")
        );

        let without_paths = Script::new(|_, _| Plan::missing());
        let client = without_paths.client(stored(&file));
        assert!(client.list_keys(None).await.is_err());
        let kept = std::fs::read_to_string(&file).unwrap();
        assert!(kept.contains("refresh_token"), "nobody has refused it");
    });
}

/// D-14: one timer renews a token that nobody asks for, a fifth of its life ahead; it can be switched off.
#[test]
fn a_token_is_renewed_in_the_background() {
    on_stage(async |stage| {
        for (auto_refresh, refreshes) in [(true, 1), (false, 0)] {
            let home = tempfile::tempdir().unwrap();
            let file = token_file(&stage, home.path(), 80_000).await;
            let before = count(&asked(stage.mesh()), REFRESH);
            let mut settings = stored(&file);
            settings.auto_refresh = auto_refresh;
            let client = client(&stage, settings);
            client.login_state().await.unwrap();
            stage.advance(62_000 * SECOND).await;
            assert_eq!(count(&asked(stage.mesh()), REFRESH), before);
            stage.advance(3_000 * SECOND).await;
            assert_eq!(count(&asked(stage.mesh()), REFRESH), before + refreshes);
            client.close().await;
        }
    });
}

#[test]
fn a_background_renewal_that_fails_is_tried_again_after_a_minute() {
    on_stage(async |_| {
        let script = Script::new(|_, before| match before {
            0..3 => Plan::text(503, "away"),
            _ => Plan::json(200, json!({"access_token": "new", "expires_in": 86_400})),
        });
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("token.json");
        let end = greenroom::actors::clock::unix_seconds() + 1_000;
        let token = json!({"access_token": "old", "refresh_token": "r", "expires_in": 86_400, "expires_at": end});
        std::fs::write(&file, token.to_string()).unwrap();
        let client = script.client(stored(&file));
        client.login_state().await.unwrap();
        tokio::time::sleep(120 * SECOND).await;
        assert_eq!(script.paths().len(), 4);
        let times: Vec<_> = script.seen().iter().map(|seen| seen.at).collect();
        assert!(times[3] - times[2] >= 60 * SECOND);
        assert!(std::fs::read_to_string(&file).unwrap().contains("\"new\""));
    });
}

/// MESH-36.
#[test]
fn after_a_logout_a_login_is_needed() {
    on_stage(async |stage| {
        let home = tempfile::tempdir().unwrap();
        let file = token_file(&stage, home.path(), 80_000).await;
        let client = client(&stage, stored(&file));
        client.chat("Hello").await.unwrap();
        client.logout().await.unwrap();
        client.logout().await.unwrap();
        assert!(!file.exists());
        assert_eq!(
            client.chat("Hello").await.unwrap_err().kind(),
            ErrorKind::Auth
        );
    });
}

/// D-22: after a login as somebody else keys are somebody else's.
#[test]
fn the_profile_goes_with_the_token() {
    on_stage(async |stage| {
        let client = client(&stage, settings());
        client.store_key("mine", "v", None).await.unwrap();
        client.login(Login::Device).await.unwrap();
        client.store_key("mine", "v", None).await.unwrap();
        let profiles = count(&asked(stage.mesh()), &format!("GET {PROFILE}"));
        assert_eq!(profiles, 1, "the same user, so the same profile");
        let other = super::client(
            &stage,
            unauthenticated().auth_token(token_of("auth0|other")),
        );
        let stored = other.store_key("mine", "w", None).await.unwrap();
        assert_eq!(stored.storage_path, "auth0|other_mine");
        let key = client.get_key("mine", None).await.unwrap().unwrap();
        assert_eq!(key.expose_secret(), "v");
        assert_eq!(client.list_keys(Some(USER)).await.unwrap(), ["mine"]);
    });
}

/// Two programs keep their login in one file, and each renewal makes the old refresh token worthless.
#[test]
fn a_login_that_another_program_has_renewed_is_taken_from_the_file() {
    on_stage(async |stage| {
        let home = tempfile::tempdir().unwrap();
        let file = token_file(&stage, home.path(), 80_000).await;
        let (one, other) = (client(&stage, stored(&file)), client(&stage, stored(&file)));
        one.list_keys(None).await.unwrap();
        other.list_keys(None).await.unwrap();
        stage.mesh().emit("token.revoke", json!({}));
        one.list_keys(None).await.unwrap();
        other.list_keys(None).await.unwrap();
        assert!(other.login_state().await.unwrap().is_renewable);
    });
}
